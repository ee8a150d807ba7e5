//! One entry of `kafka.topics`: a topic's name, or a pattern for names.

use regex::Regex;

use super::posix_regex::{NotPosix, rewrite_to_posix};

/// Says which names Kafka takes.
pub(super) const TOPIC_NAME: &str =
    "a topic name (letters, digits, '.', '_', '-', at most 249 of them)";

/// Why a text is neither a topic's name nor a pattern.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum TopicPatternError {
    #[error("found {0:?}; allowed: {TOPIC_NAME}, or a regex that starts with ^")]
    NoTopicName(String),
    #[error("{pattern:?} can't be rewritten for librdkafka, which subscribes to it: {why}")]
    NotPosix { pattern: String, why: NotPosix },
    #[error("{pattern:?} is not a regex: {}", describe_regex_error(error))]
    NoRegex {
        pattern: String,
        error: regex::Error,
    },
}

/// A topic to read, or a pattern of topics.
#[derive(Debug, Clone)]
pub enum TopicPattern {
    Name(String),
    /// Written with a leading `^`. The end is not anchored.
    Regex(TopicRegex),
}

/// A pattern of topics in both syntaxes. It is librdkafka that subscribes to it, so it has to mean the same in its own, POSIX's.
#[derive(Debug, Clone)]
pub struct TopicRegex {
    written: Regex,
    posix: String,
}

impl TopicPattern {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Regex(regex) => regex.written.as_str(),
        }
    }

    /// As librdkafka's subscribe takes it.
    pub fn to_posix(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Regex(regex) => &regex.posix,
        }
    }

    /// As a broker has to be given it that matches whole names (`group.protocol=consumer`), to match the same ones.
    pub fn to_whole_name(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            // the first ^ is for librdkafka, which knows patterns by it
            Self::Regex(regex) => format!("^.*({}).*", regex.posix),
        }
    }

    /// Whether the topic is meant: by its name, or by the pattern.
    pub fn matches_topic(&self, topic: &str) -> bool {
        match self {
            Self::Name(name) => name == topic,
            Self::Regex(regex) => regex.written.is_match(topic),
        }
    }

    /// What was a name or a pattern of `kafka.topics` once; `None` if it is none.
    pub fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }

    /// The error says what is wrong with the text, and what is allowed.
    pub(super) fn parse(text: &str) -> Result<Self, TopicPatternError> {
        let pattern = text.to_owned();
        if !text.starts_with('^') {
            return if is_topic_name(text) {
                Ok(Self::Name(pattern))
            } else {
                Err(TopicPatternError::NoTopicName(pattern))
            };
        }
        let written = match Regex::new(text) {
            Ok(regex) => regex,
            Err(error) => return Err(TopicPatternError::NoRegex { pattern, error }),
        };
        let posix = match is_posix(text) {
            true => pattern,
            false => match rewrite_to_posix(text) {
                Ok(posix) => posix,
                Err(why) => return Err(TopicPatternError::NotPosix { pattern, why }),
            },
        };
        Ok(Self::Regex(TopicRegex { written, posix }))
    }
}

pub(super) fn is_topic_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=249).contains(&text.len()) && text.chars().all(allowed) && text != "." && text != ".."
}

/// The one line of a regex error that says what is wrong; the others draw the place.
pub(super) fn describe_regex_error(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// Whether POSIX extended regexes read the pattern as Rust's do: `\d` is the letter d there, and a subscription would silently miss topics.
fn is_posix(pattern: &str) -> bool {
    let is_escape = |two: &[char]| matches!(two, ['\\', c] if c.is_ascii_alphanumeric());
    let is_lazy = |two: &[char]| matches!(two, ['*' | '+' | '?' | '}', '?'] | ['(', '?']);
    let is_set = |two: &[char]| matches!(two, ['&', '&'] | ['-', '-'] | ['~', '~']);
    let chars: Vec<char> = pattern.chars().collect();
    let mut rest = chars.as_slice();
    while let [first, second, ..] = rest {
        let two = &[*first, *second];
        if is_escape(two) || is_lazy(two) || is_set(two) {
            return false;
        }
        // An escaped character says nothing about what follows it.
        rest = rest
            .get(if *first == '\\' { 2 } else { 1 }..)
            .unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_matches_itself_and_a_pattern_from_its_start() {
        let name = TopicPattern::parse("shop.orders").unwrap();
        assert!(name.matches_topic("shop.orders") && !name.matches_topic("shopXorders"));
        let pattern = TopicPattern::parse(r"^shop\.[a-z]+").unwrap();
        assert!(pattern.matches_topic("shop.orders.v2") && !pattern.matches_topic("a.shop.orders"));
        assert_eq!(pattern.as_str(), r"^shop\.[a-z]+");
    }

    #[test]
    fn a_broker_that_matches_whole_names_is_asked_for_the_same_topics() {
        let topics = [
            "shop.public.orders",
            "a.shop.public.b",
            "shop.publicity",
            "b",
        ];
        for pattern in [
            r"^shop\.public\.",
            r"^shop\.public\.orders$",
            "^shop|b",
            "^b$",
        ] {
            let pattern = TopicPattern::parse(pattern).unwrap();
            let whole = Regex::new(&format!("^(?:{})$", pattern.to_whole_name())).unwrap();
            for topic in topics {
                assert_eq!(
                    whole.is_match(topic),
                    pattern.matches_topic(topic),
                    "{pattern:?} {topic}"
                );
            }
        }
        assert_eq!(TopicPattern::parse("shop").unwrap().to_whole_name(), "shop");
    }

    #[test]
    fn a_pattern_that_librdkafka_reads_otherwise_is_rewritten_for_it_and_no_other() {
        let posix = |text: &str| TopicPattern::parse(text).unwrap().to_posix().to_owned();
        assert_eq!(posix(r"^shop\d+"), "^shop[0-9]+");
        assert_eq!(posix("^(?:a|bc)+?"), "^(a|bc)+");
        for same in [
            r"^a\\?b(c|d)?\.[0-9]{2}$",
            r"^shop\.public\.",
            "^[[:alpha:]]+-x",
        ] {
            assert_eq!(posix(same), same);
        }
        assert_eq!(TopicPattern::parse(r"^\w+").unwrap().as_str(), r"^\w+");
        let error = TopicPattern::parse(r"^shop\b").unwrap_err().to_string();
        assert!(error.contains("no word boundaries"), "{error}");
    }

    #[test]
    fn an_error_says_what_is_wrong_in_one_line() {
        let error = TopicPattern::parse("^(a").unwrap_err().to_string();
        assert_eq!(error, r#""^(a" is not a regex: unclosed group"#);
        assert!(
            TopicPattern::parse("shop orders")
                .unwrap_err()
                .to_string()
                .contains("allowed: a topic name")
        );
    }
}
