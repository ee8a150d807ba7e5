//! Patterns of topics in the syntax of librdkafka, POSIX extended regexes, which have no `\d`, no `(?:…)` and no lazy repetition. What is
//! written in Rust's syntax is rewritten, so that `kafka.topics` and `route.topic` are written in one.
//!
//! It means the same for topics' names: these have letters, digits, dots, underscores and hyphens alone, so that a class is the set of those in it.

use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};

/// All that a topic's name may have.
const NAME_BYTES: &[u8] = b"-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

/// The most that POSIX promises of a repetition.
const MOST_REPETITIONS: u32 = 255;

/// What can't be rewritten.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotPosix {
    #[error("librdkafka's POSIX regexes have no {0}")]
    Assertion(&'static str),
    #[error("a repetition of more than {MOST_REPETITIONS} times isn't POSIX")]
    TooOften,
    #[error("one of its classes has nothing that a topic's name may have")]
    NoName,
}

/// The same in POSIX syntax. `pattern` is one that Rust's regexes take.
pub(super) fn rewrite_to_posix(pattern: &str) -> Result<String, NotPosix> {
    let mut posix = String::new();
    match regex_syntax::parse(pattern) {
        Ok(parsed) => write_pattern(&parsed, &mut posix)?,
        Err(_) => posix.push_str(pattern), // it isn't one
    }
    // librdkafka knows patterns by their ^
    Ok(match posix.starts_with('^') {
        true => posix,
        false => format!("^.*({posix})"),
    })
}

fn write_pattern(pattern: &Hir, posix: &mut String) -> Result<(), NotPosix> {
    match pattern.kind() {
        HirKind::Empty => {}
        HirKind::Literal(literal) => {
            String::from_utf8_lossy(&literal.0)
                .chars()
                .for_each(|c| write_char(c, posix));
        }
        HirKind::Class(class) => write_class(class, posix)?,
        HirKind::Look(Look::Start) => posix.push('^'),
        HirKind::Look(Look::End) => posix.push('$'),
        HirKind::Look(Look::StartLF | Look::EndLF | Look::StartCRLF | Look::EndCRLF) => {
            return Err(NotPosix::Assertion("anchors of lines, (?m)"));
        }
        HirKind::Look(_) => return Err(NotPosix::Assertion("word boundaries, \\b")),
        HirKind::Repetition(repetition) => write_repetition(repetition, posix)?,
        HirKind::Capture(capture) => write_group(&capture.sub, posix)?,
        HirKind::Concat(parts) => {
            for part in parts {
                match part.kind() {
                    HirKind::Alternation(_) => write_group(part, posix)?,
                    _ => write_pattern(part, posix)?,
                }
            }
        }
        HirKind::Alternation(branches) => write_branches(branches, posix)?,
    }
    Ok(())
}

/// POSIX has no empty branch: it may be left out instead.
fn write_branches(branches: &[Hir], posix: &mut String) -> Result<(), NotPosix> {
    let is_empty = |branch: &&Hir| matches!(branch.kind(), HirKind::Empty);
    let has_empty = branches.iter().any(|branch| is_empty(&branch));
    if has_empty {
        posix.push('(');
    }
    for (at, branch) in branches
        .iter()
        .filter(|branch| !is_empty(branch))
        .enumerate()
    {
        if at > 0 {
            posix.push('|');
        }
        write_pattern(branch, posix)?;
    }
    if has_empty {
        posix.push_str(")?");
    }
    Ok(())
}

fn write_group(pattern: &Hir, posix: &mut String) -> Result<(), NotPosix> {
    posix.push('(');
    write_pattern(pattern, posix)?;
    posix.push(')');
    Ok(())
}

/// Lazy or not, what is matched as a whole is the same.
fn write_repetition(repetition: &Repetition, posix: &mut String) -> Result<(), NotPosix> {
    match repetition.sub.kind() {
        HirKind::Class(class) => write_class(class, posix)?,
        HirKind::Capture(_) => write_pattern(&repetition.sub, posix)?,
        _ => write_group(&repetition.sub, posix)?,
    }
    let (min, max) = (repetition.min, repetition.max);
    if min.max(max.unwrap_or(0)) > MOST_REPETITIONS {
        return Err(NotPosix::TooOften);
    }
    match (min, max) {
        (0, None) => posix.push('*'),
        (1, None) => posix.push('+'),
        (0, Some(1)) => posix.push('?'),
        (min, None) => *posix += &format!("{{{min},}}"),
        (min, Some(max)) if min == max => *posix += &format!("{{{min}}}"),
        (min, Some(max)) => *posix += &format!("{{{min},{max}}}"),
    }
    Ok(())
}

fn write_char(c: char, posix: &mut String) {
    if r".[](){}*+?|^$\".contains(c) {
        posix.push('\\');
    }
    posix.push(c);
}

fn write_class(class: &Class, posix: &mut String) -> Result<(), NotPosix> {
    let has = |byte: u8| match class {
        Class::Unicode(class) => {
            let c = char::from(byte);
            class
                .iter()
                .any(|range| (range.start()..=range.end()).contains(&c))
        }
        Class::Bytes(class) => class
            .iter()
            .any(|range| (range.start()..=range.end()).contains(&byte)),
    };
    let members: Vec<u8> = NAME_BYTES
        .iter()
        .copied()
        .filter(|byte| has(*byte))
        .collect();
    match members.as_slice() {
        [] => return Err(NotPosix::NoName),
        [one] => write_char(char::from(*one), posix),
        all if all.len() == NAME_BYTES.len() => posix.push('.'),
        some => write_set(some, posix),
    }
    Ok(())
}

/// A hyphen comes first, where it stands for itself; the bytes are in order.
fn write_set(bytes: &[u8], posix: &mut String) {
    posix.push('[');
    let mut rest = bytes;
    while let [first, ..] = rest {
        let run = rest
            .iter()
            .zip(*first..)
            .take_while(|(byte, next)| *byte == next)
            .count();
        let last = rest.get(run - 1).copied().unwrap_or(*first);
        // '-' and '.' are neighbours, and so is nothing else that isn't a letter or a digit
        match run {
            1 | 2 => rest
                .iter()
                .take(run)
                .for_each(|byte| posix.push(char::from(*byte))),
            _ => *posix += &format!("{}-{}", char::from(*first), char::from(last)),
        }
        rest = rest.get(run..).unwrap_or_default();
    }
    posix.push(']');
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn what_posix_lacks_is_rewritten() {
        for (written, posix) in [
            (r"^shop\d+", "^shop[0-9]+"),
            (r"^\w+\.[^.]+$", r"^[0-9A-Z_a-z]+\.[-0-9A-Z_a-z]+$"),
            ("^(?:a|bc)x", "^(a|bc)x"),
            ("^a+?b{2,3}?", "^(a)+(b){2,3}"),
            ("^(?<tenant>[a-z]+)_(|old_).*", "^([a-z]+)_((old_)?).*"),
            (r"^a\.\D{2}", r"^a\.[-.A-Z_a-z]{2}"),
            ("(?i)^shop", "^[Ss][Hh][Oo][Pp]"),
            (r"^[a-z&&[^m]]", "^[a-ln-z]"),
            (r"^\d|", "^.*((^[0-9])?)"),
        ] {
            assert_eq!(rewrite_to_posix(written).unwrap(), posix, "{written}");
        }
    }

    #[test]
    fn what_is_rewritten_matches_the_same_names() {
        let names = [
            "shop1",
            "shop",
            "a.b",
            "acme_shop_orders",
            "SHOP-2",
            "ab",
            "aab",
            "b",
            "a-b.c_9",
            "_",
        ];
        for pattern in [
            r"^shop\d+",
            r"^\w+\.\w",
            "^(?:a|bc)?b",
            "^a+?b",
            r"^[^_]+_(?:shop|x)_\w+$",
            r"^(?i:shop)\W\d",
            r"^\S+\D$",
            r"^(a|)b$",
            r"^(?:(?:ab)|a)$|b",
            r"^[\w.-]{2,3}$",
            "^",
            "^$",
            r"^a?\x62",
            r"^[[:alpha:]_]+$",
        ] {
            let (own, posix) = (
                Regex::new(pattern).unwrap(),
                rewrite_to_posix(pattern).unwrap(),
            );
            let rewritten = Regex::new(&posix).unwrap();
            for name in names {
                assert_eq!(
                    own.is_match(name),
                    rewritten.is_match(name),
                    "{pattern} {posix} {name}"
                );
            }
        }
    }

    #[test]
    fn what_can_not_be_rewritten_is_named() {
        let refused = |pattern| rewrite_to_posix(pattern).unwrap_err();
        assert_eq!(
            refused(r"^shop\b"),
            NotPosix::Assertion("word boundaries, \\b")
        );
        assert_eq!(refused(r"^shop é?\s"), NotPosix::NoName);
        assert_eq!(refused("^(?:a{200}){2}b{256}"), NotPosix::TooOften);
    }
}
