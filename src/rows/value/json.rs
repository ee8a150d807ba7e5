//! One JSON value seen from outside: its kind by its first byte, its text as it stood in the message.

use std::borrow::Cow;

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
    let inner = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .ok_or(malformed(EXPECTED))?;
    if !inner.as_bytes().contains(&b'\\') {
        return Ok(Cow::Borrowed(inner));
    }
    let text: String = serde_json::from_str(quoted).map_err(|_| malformed(EXPECTED))?;
    // Refused here, since in a batch Postgres would only say that one of its thousands of texts is wrong.
    if text.as_bytes().contains(&0) {
        return Err(ValueError::ZeroCharacter);
    }
    Ok(Cow::Owned(text))
}
