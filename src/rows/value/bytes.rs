//! Bytes, which Connect's JSON writes in base64.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::{ValueError, malformed};
use super::family::Family;
use super::json::Json;

pub(super) fn decode_base64(json: Json<'_>, expected: &'static str) -> Result<Vec<u8>, ValueError> {
    STANDARD
        .decode(json.as_string(expected)?.as_bytes())
        .map_err(|_| malformed(expected))
}

/// Bytes for a column of another type are refused: there is no one way to read them.
pub(super) fn to_bytea<'a>(json: Json<'a>, family: Family) -> Result<Cow<'a, str>, ValueError> {
    const EXPECTED: &str = "bytes in base64";
    match (json, family) {
        // Postgres's own syntax, which no base64 can be.
        (Json::String(quoted), Family::Bytea) if quoted.starts_with("\"\\") => {
            json.as_string(EXPECTED)
        }
        (_, Family::Bytea) => Ok(Cow::Owned(to_hexadecimal(
            "\\x",
            &decode_base64(json, EXPECTED)?,
        ))),
        _ => Err(family.unfit("bytes")),
    }
}

/// `binary.handling.mode=hex`: the schema says string. Its base64 modes say so too and can look like
/// hexadecimal, so what isn't hexadecimal is refused rather than guessed at.
pub(super) fn bytea_from_hex(json: Json<'_>) -> Result<Cow<'_, str>, ValueError> {
    const EXPECTED: &str = "bytes in hexadecimal (binary.handling.mode bytes or hex)";
    let text = json.as_string(EXPECTED)?;
    if text.starts_with("\\x") {
        return Ok(text);
    }
    if text.len() % 2 == 0 && text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Ok(Cow::Owned(format!("\\x{text}")));
    }
    Err(malformed(EXPECTED))
}

pub(super) fn to_hexadecimal(prefix: &str, bytes: &[u8]) -> String {
    let digit = |nibble: u8| {
        char::from(if nibble < 10 {
            b'0' + nibble
        } else {
            b'a' - 10 + nibble
        })
    };
    let mut out = String::with_capacity(prefix.len() + 2 * bytes.len());
    out.push_str(prefix);
    for byte in bytes {
        out.push(digit(byte >> 4));
        out.push(digit(byte & 0x0f));
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::rows::value::testing::{check, refused};

    #[test]
    fn bytes_become_hexadecimal() {
        let bytes = r#"{"type":"bytes"}"#;
        let string = r#"{"type":"string"}"#;
        check(&[
            ("\"AAH+/w==\"", bytes, "bytea", "\\x0001feff"),
            ("\"AAH+\\/w==\"", bytes, "bytea", "\\x0001feff"),
            ("\"AAH+/w==\"", "", "bytea", "\\x0001feff"),
            ("\"\"", bytes, "bytea", "\\x"),
            ("\"0001feff\"", string, "bytea", "\\x0001feff"),
            ("\"\"", string, "bytea", "\\x"),
            ("\"\\\\x0001\"", string, "bytea", "\\x0001"),
            ("\"\\\\x0001\"", "", "bytea", "\\x0001"),
        ]);
    }

    #[test]
    fn bytes_that_are_cut_or_for_another_type_are_refused() {
        let bytes = r#"{"type":"bytes"}"#;
        refused("\"AAH+/w=\"", bytes, "bytea");
        refused("\"A\"", bytes, "bytea");
        refused("[1]", bytes, "bytea");
        refused("\"AAH-_w\"", r#"{"type":"string"}"#, "bytea");
        refused("\"abc\"", r#"{"type":"string"}"#, "bytea");
        let message = refused("\"AAH+/w==\"", bytes, "text").to_string();
        assert_eq!(message, "bytes can't be written to a column of type text");
        refused("\"AAH+/w==\"", bytes, "jsonb");
        refused("\"AAH+/w==\"", bytes, "uuid");
    }
}
