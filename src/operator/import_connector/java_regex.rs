//! Java's regexes as Rust's, in which a route's groups must have names.

use regex::Regex;
use regex_syntax::ast::{Ast, GroupKind, parse::Parser};

/// Why a regex of Java's can't be taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JavaRegexError {
    #[error("{pattern:?} can't be read here: {why}")]
    Unreadable { pattern: String, why: String },
    #[error("{pattern:?} has {construct}, which reads otherwise here")]
    Foreign {
        pattern: String,
        construct: &'static str,
    },
    #[error("{replacement:?} speaks of a group that {pattern:?} doesn't have")]
    NoGroup {
        replacement: String,
        pattern: String,
    },
}

/// A part of a name: a text, or what a group captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Text(String),
    Group(String),
}

/// A regex whose groups all have names, in the order of their numbers.
#[derive(Debug, Clone)]
pub struct NamedGroups {
    /// As a `[[route]]` takes it.
    pub pattern: String,
    names: Vec<String>,
}

impl NamedGroups {
    /// Names each group that has none: `(a)(b)` becomes `(?<g1>a)(?<g2>b)`.
    ///
    /// # Errors
    /// Rust's regexes can't read it, or would read it otherwise.
    pub fn parse(java: &str) -> Result<Self, JavaRegexError> {
        let ast = read_regex(java)?;
        let mut groups = Vec::new();
        collect_groups(&ast, java, &mut groups)?;
        groups.sort_unstable();
        let mut pattern = String::with_capacity(java.len());
        let mut names = Vec::new();
        let mut written = 0;
        for (start, name) in groups {
            let number = names.len() + 1;
            names.push(match name {
                Some(name) => name,
                None => {
                    let inside = start + 1;
                    pattern += java.get(written..inside).unwrap_or_default();
                    pattern += &format!("?<g{number}>");
                    written = inside;
                    format!("g{number}")
                }
            });
        }
        pattern += java.get(written..).unwrap_or_default();
        Ok(Self { pattern, names })
    }

    /// Java's replacement: `$1` and `${name}` are groups, a backslash takes the meaning from what follows. `$0`, the
    /// whole match, is a group that isn't in the pattern: [`WHOLE`].
    ///
    /// # Errors
    /// It speaks of a group that isn't there.
    pub fn parse_replacement(&self, replacement: &str) -> Result<Vec<Part>, JavaRegexError> {
        let no_group = || JavaRegexError::NoGroup {
            replacement: replacement.to_owned(),
            pattern: self.pattern.clone(),
        };
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = replacement;
        while let Some(c) = rest.chars().next() {
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
            match c {
                '\\' => {
                    let escaped = rest.chars().next();
                    text.extend(escaped);
                    rest = rest
                        .get(escaped.map_or(0, char::len_utf8)..)
                        .unwrap_or_default();
                }
                '$' => {
                    let (group, after) = self.read_group(rest).ok_or_else(no_group)?;
                    if !text.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut text)));
                    }
                    parts.push(Part::Group(group));
                    rest = after;
                }
                c => text.push(c),
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(parts)
    }

    /// The group behind a dollar sign, and what follows it. Of several digits Java takes as many as make a group.
    fn read_group<'a>(&self, rest: &'a str) -> Option<(String, &'a str)> {
        if let Some(named) = rest.strip_prefix('{') {
            let (name, after) = named.split_once('}')?;
            let known = self.names.iter().any(|known| known == name);
            return known.then(|| (name.to_owned(), after));
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        (1..=digits).rev().find_map(|count| {
            let number: usize = rest.get(..count)?.parse().ok()?;
            let name = match number {
                0 if count == 1 => WHOLE.to_owned(),
                number => self.names.get(number.checked_sub(1)?)?.clone(),
            };
            Some((name, rest.get(count..)?))
        })
    }
}

/// What `$0` is called: a group around the whole pattern.
pub const WHOLE: &str = "whole";

/// A regex that matches whole names, as Connect's do.
///
/// # Errors
/// Rust's regexes can't read it, or would read it otherwise.
pub fn whole_name(java: &str) -> Result<Regex, JavaRegexError> {
    read_regex(java)?;
    Regex::new(&format!("^(?:{java})$")).map_err(|error| unreadable(java, &error.to_string()))
}

/// What it is made of, if Rust's regexes can read it.
///
/// # Errors
/// They can't.
pub fn read_regex(java: &str) -> Result<Ast, JavaRegexError> {
    let ast = Parser::new()
        .parse(java)
        .map_err(|error| unreadable(java, &error.kind().to_string()))?;
    // whether the groups and classes are ones that Rust's have
    Regex::new(java).map_err(|error| unreadable(java, &error.to_string()))?;
    Ok(ast)
}

fn unreadable(pattern: &str, error: &str) -> JavaRegexError {
    let why = error.lines().last().unwrap_or_default();
    let why = why.strip_prefix("error: ").unwrap_or(why);
    JavaRegexError::Unreadable {
        pattern: pattern.to_owned(),
        why: why.to_owned(),
    }
}

/// Each group that captures: where it begins, and its name if it has one.
fn collect_groups(
    ast: &Ast,
    java: &str,
    groups: &mut Vec<(usize, Option<String>)>,
) -> Result<(), JavaRegexError> {
    match ast {
        Ast::Group(group) => {
            match &group.kind {
                GroupKind::CaptureIndex(_) => groups.push((group.span.start.offset, None)),
                GroupKind::CaptureName { name, .. } => {
                    groups.push((group.span.start.offset, Some(name.name.clone())));
                }
                GroupKind::NonCapturing(_) => {}
            }
            collect_groups(&group.ast, java, groups)
        }
        // Java's a++ gives nothing back; here it is a repetition of a repetition
        Ast::Repetition(outer) => match &*outer.ast {
            Ast::Repetition(_) => Err(JavaRegexError::Foreign {
                pattern: java.to_owned(),
                construct: "a possessive quantifier such as a++",
            }),
            inner => collect_groups(inner, java, groups),
        },
        Ast::Alternation(several) => several
            .asts
            .iter()
            .try_for_each(|one| collect_groups(one, java, groups)),
        Ast::Concat(several) => several
            .asts
            .iter()
            .try_for_each(|one| collect_groups(one, java, groups)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(java: &str, replacement: &str) -> (String, String) {
        let named = NamedGroups::parse(java).unwrap();
        let parts = named.parse_replacement(replacement).unwrap();
        let text = parts.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Group(name) => format!("${{{name}}}"),
        });
        (named.pattern, text.collect())
    }

    #[test]
    fn groups_get_names_and_numbers_become_those() {
        assert_eq!(
            template(r"([^.]+)\.([^.]+)\.([^.]+)", "$2_$3"),
            (
                r"(?<g1>[^.]+)\.(?<g2>[^.]+)\.(?<g3>[^.]+)".to_owned(),
                "${g2}_${g3}".to_owned()
            )
        );
        assert_eq!(
            template(r"((?:a|b)-(?<rest>\w+))[(]", "${rest}$1$22"),
            (
                r"(?<g1>(?:a|b)-(?<rest>\w+))[(]".to_owned(),
                "${rest}${g1}${rest}2".to_owned()
            )
        );
        assert_eq!(template("(.*)", r"a\$1$0").1, "a$1${whole}");
    }

    #[test]
    fn what_reads_otherwise_or_not_at_all_is_told() {
        let why = |java| NamedGroups::parse(java).unwrap_err().to_string();
        assert!(why("(?!x)a").contains("look-around"), "{}", why("(?!x)a"));
        assert!(
            why(r"(a)\1").contains("backreferences"),
            "{}",
            why(r"(a)\1")
        );
        assert!(why("a++b").contains("possessive"), "{}", why("a++b"));
        assert!(why("(a").contains("unclosed"), "{}", why("(a"));
        let named = NamedGroups::parse("(a)").unwrap();
        assert!(named.parse_replacement("$2").is_err());
        assert!(named.parse_replacement("${x}").is_err());
        assert!(named.parse_replacement("$").is_err());
    }
}
