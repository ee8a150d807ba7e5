//! One JSON value seen from outside: its kind by its first byte, its text as it stood in the message.

use std::borrow::Cow;

use memchr::memchr;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{ValueError, malformed};
use super::whole;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    /// With its quotes.
    String(&'a str),
    Array(&'a str),
    Object(&'a str),
}

impl<'a> Json<'a> {
    pub(super) fn from_raw(raw: &'a str) -> Result<Json<'a>, ValueError> {
        match raw.as_bytes().first() {
            Some(b'"') => Ok(Json::String(raw)),
            Some(b'-' | b'0'..=b'9') => Ok(Json::Number(raw)),
            Some(b'{') => Ok(Json::Object(raw)),
            Some(b'[') => Ok(Json::Array(raw)),
            _ => match raw {
                "null" => Ok(Json::Null),
                "true" => Ok(Json::Bool(true)),
                "false" => Ok(Json::Bool(false)),
                _ => Err(malformed("a json value")),
            },
        }
    }

    /// How an error names it.
    pub(super) fn kind_name(self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a json boolean",
            Json::Number(_) => "a json number",
            Json::String(_) => "a json string",
            Json::Array(_) => "a json array",
            Json::Object(_) => "a json object",
        }
    }

    /// The value's own JSON text.
    pub(super) fn raw_text(self) -> &'a str {
        match self {
            Json::Null => "null",
            Json::Bool(true) => "true",
            Json::Bool(false) => "false",
            Json::Number(raw) | Json::String(raw) | Json::Array(raw) | Json::Object(raw) => raw,
        }
    }

    pub(super) fn unexpected(self, expected: &'static str) -> ValueError {
        ValueError::Unexpected {
            expected,
            found: self.kind_name(),
        }
    }

    pub(super) fn as_integer(self, expected: &'static str) -> Result<i64, ValueError> {
        match self {
            Json::Number(digits) => digits.parse().or_else(|_| {
                let whole = whole::whole_json_number(Cow::Borrowed(digits))?;
                whole.parse().map_err(|_| malformed(expected))
            }),
            other => Err(other.unexpected(expected)),
        }
    }

    pub(super) fn as_string(self, expected: &'static str) -> Result<Cow<'a, str>, ValueError> {
        match self {
            Json::String(quoted) => unescape_string(quoted),
            other => Err(other.unexpected(expected)),
        }
    }

    /// A string's content where nothing in it is escaped.
    pub(super) fn unescaped_text(self) -> Option<&'a str> {
        match self {
            Json::String(quoted) => {
                between_quotes(quoted).filter(|inner| find_escape(inner).is_none())
            }
            _ => None,
        }
    }

    pub(super) fn as_elements(
        self,
        expected: &'static str,
    ) -> Result<Vec<&'a RawValue>, ValueError> {
        match self {
            Json::Array(raw) => serde_json::from_str(raw).map_err(|_| malformed(expected)),
            other => Err(other.unexpected(expected)),
        }
    }

    /// An object read as a struct whose fields stay JSON text.
    pub(super) fn as_struct<T: Deserialize<'a>>(
        self,
        expected: &'static str,
    ) -> Result<T, ValueError> {
        match self {
            Json::Object(raw) => serde_json::from_str(raw).map_err(|_| malformed(expected)),
            other => Err(other.unexpected(expected)),
        }
    }
}

/// What stands between the quotes: borrowed unless there is something to unescape.
fn unescape_string(quoted: &str) -> Result<Cow<'_, str>, ValueError> {
    const EXPECTED: &str = "a json string";
    let inner = between_quotes(quoted).ok_or(malformed(EXPECTED))?;
    let Some(first) = find_escape(inner) else {
        return Ok(Cow::Borrowed(inner));
    };
    if let Some(text) = unescape_short(inner, first) {
        return Ok(Cow::Owned(text));
    }
    let text: String = serde_json::from_str(quoted).map_err(|_| malformed(EXPECTED))?;
    // Refused here, since in a batch Postgres would only say that one of its thousands of texts is wrong.
    if text.as_bytes().contains(&0) {
        return Err(ValueError::ZeroCharacter);
    }
    Ok(Cow::Owned(text))
}

fn between_quotes(quoted: &str) -> Option<&str> {
    quoted.strip_prefix('"')?.strip_suffix('"')
}

fn find_escape(text: &str) -> Option<usize> {
    memchr(b'\\', text.as_bytes())
}

/// As serde_json unescapes, in a third of the time, where each escape is one of two characters: quotes in documents, ends
/// of lines. `None` where one isn't.
fn unescape_short(inner: &str, first: usize) -> Option<String> {
    let mut text = String::with_capacity(inner.len());
    let (mut rest, mut next) = (inner, Some(first));
    while let Some(at) = next {
        let (plain, escape) = rest.split_at_checked(at)?;
        text.push_str(plain);
        text.push(match escape.as_bytes().get(1)? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            _ => return None,
        });
        rest = escape.get(2..)?;
        next = find_escape(rest);
    }
    text.push_str(rest);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_as_serde_json_reads_them() {
        let whole = r#""a\"b\\c\/d\b\f\n\r\te\u00e9\ud83d\ude00é""#;
        for quoted in [whole, r#""\n""#, r#""\\\"""#, r#""é\"é""#, r#""\u0041\"""#] {
            let expected: String = serde_json::from_str(quoted).unwrap();
            assert_eq!(unescape_string(quoted).unwrap(), expected, "{quoted}");
        }
        for broken in [r#""\""#, r#""\x""#, r#""\n\u12""#, "\"", "x"] {
            unescape_string(broken).unwrap_err();
        }
        assert_eq!(
            unescape_string(r#""\n\u0000""#),
            Err(ValueError::ZeroCharacter)
        );
    }
}
