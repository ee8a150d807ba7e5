//! Java's regexes in POSIX' words, in which librdkafka subscribes: `kafka.topics`.

use crate::operator::import_connector::java_regex::{JavaRegexError, read_regex};

/// Between `^` and `$`, as Connect matches whole names. `\d`, `\w` and groups that don't capture have other
/// words there, and a lazy quantifier means the same where whole names are matched.
///
/// # Errors
/// Rust's regexes can't read it, or POSIX has no word for a part of it.
pub fn write_subscription(java: &str) -> Result<String, JavaRegexError> {
    read_regex(java)?;
    let inside = java.strip_prefix('^').unwrap_or(java);
    let inside = match inside.strip_suffix('$') {
        Some(shorter) if !shorter.ends_with('\\') => shorter,
        _ => inside,
    };
    let mut posix = String::new();
    let mut rest = inside;
    let mut in_class = false;
    while let Some(c) = rest.chars().next() {
        let (word, taken) = translate_one(rest, c, in_class).ok_or(JavaRegexError::Foreign {
            pattern: java.to_owned(),
            construct: "a part that librdkafka's POSIX regexes have no word for",
        })?;
        in_class = match c {
            '[' => true,
            ']' => false,
            _ => in_class,
        };
        posix += &word;
        rest = rest.get(taken..).unwrap_or_default();
    }
    Ok(match has_top_level_bar(&posix) {
        true => format!("^({posix})$"),
        false => format!("^{posix}$"),
    })
}

/// The word for what the rest begins with, and how many bytes it stands for.
fn translate_one(rest: &str, c: char, in_class: bool) -> Option<(String, usize)> {
    const WORDS: [(&str, &str, &str); 2] = [
        (r"\d", "[0-9]", "0-9"),
        (r"\w", "[A-Za-z0-9_]", "A-Za-z0-9_"),
    ];
    if let Some((java, alone, within)) = WORDS.iter().find(|(java, ..)| rest.starts_with(java)) {
        let word = if in_class { within } else { alone };
        return Some(((*word).to_owned(), java.len()));
    }
    if c == '\\' {
        let escaped = rest.chars().nth(1)?;
        return match (in_class, escaped) {
            (_, escaped) if escaped.is_alphanumeric() => None,
            // within brackets POSIX knows no escapes, and topics have no brackets in their names
            (true, '.' | '_') => Some((escaped.to_string(), 2)),
            (true, _) => None,
            (false, escaped) => Some((format!("\\{escaped}"), 1 + escaped.len_utf8())),
        };
    }
    if !in_class {
        let lazy = ["*?", "+?", "??", "}?"]
            .iter()
            .find(|lazy| rest.starts_with(**lazy));
        if let Some(lazy) = lazy {
            return Some((lazy.get(..1)?.to_owned(), 2));
        }
        if rest.starts_with("(?:") {
            return Some(("(".to_owned(), 3));
        }
        if rest.starts_with("(?<") || rest.starts_with("(?P<") {
            return Some(("(".to_owned(), rest.find('>')? + 1));
        }
        if rest.starts_with("(?") {
            return None;
        }
    }
    Some((c.to_string(), c.len_utf8()))
}

fn has_top_level_bar(posix: &str) -> bool {
    let mut depth = 0_usize;
    let mut in_class = false;
    let mut escaped = false;
    posix.chars().any(|c| {
        let plain = !escaped;
        escaped = c == '\\' && plain && !in_class;
        match c {
            '[' if plain => in_class = true,
            ']' => in_class = false,
            '(' if plain && !in_class => depth += 1,
            ')' if plain && !in_class => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == '|' && plain && !in_class && depth == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_matches_whole_names_in_posix_words() {
        for (java, posix) in [
            (r"shop\.public\..*", r"^shop\.public\..*$"),
            (r"^shop\.\d+$", r"^shop\.[0-9]+$"),
            ("a-.*|b-.*", "^(a-.*|b-.*)$"),
            (r"(?:a|b)\.[\w.]+?", r"^(a|b)\.[A-Za-z0-9_.]+$"),
            (r"(?<t>a)[^\.]", "^(a)[^.]$"),
            (r"a\|b", r"^a\|b$"),
        ] {
            assert_eq!(write_subscription(java).as_deref(), Ok(posix), "{java}");
        }
        assert!(write_subscription(r"a\b").is_err());
        assert!(write_subscription(r"(?i)a").is_err());
        assert!(write_subscription(r"[a\-b]").is_err());
    }
}
