//! Bytes, which Connect's JSON writes in base64.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use uuid::Uuid;

use super::error::{ValueError, malformed};
use super::family::Family;
use super::json::Json;
use crate::config::BytesForm;

/// With padding or without: writers differ.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) fn decode_base64(json: Json<'_>, expected: &'static str) -> Result<Vec<u8>, ValueError> {
    STANDARD
        .decode(json.as_string(expected)?.as_bytes())
        .map_err(|_| malformed(expected))
}

/// Bytes for a bytea or, if they are 16, for a uuid. Those for a column of another type are refused: there is no one way
/// to read them.
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
        (_, Family::Uuid) => {
            let bytes = decode_base64(json, EXPECTED)?;
            let uuid = Uuid::from_slice(&bytes).map_err(|_| family.unfit("other than 16 bytes"))?;
            Ok(Cow::Owned(uuid.to_string()))
        }
        _ => Err(family.unfit("bytes")),
    }
}

/// A string for a uuid: what Postgres reads as one, or 16 bytes in base64, which it reads in no way. That is what a
/// BINARY(16) is in JSON without schemas and with `binary.handling.mode`.
pub(super) fn uuid_text(json: Json<'_>) -> Result<Cow<'_, str>, ValueError> {
    /// With its padding and without.
    const ENCODED_LENGTHS: [usize; 2] = [24, 22];
    let text = json.as_string("a uuid")?;
    if !ENCODED_LENGTHS.contains(&text.len()) {
        return Ok(text); // as nearly all
    }
    let bytes = STANDARD.decode(text.as_bytes());
    let bytes = bytes.or_else(|_| URL_SAFE.decode(text.as_bytes()));
    Ok(match bytes.map(|bytes| Uuid::from_slice(&bytes)) {
        Ok(Ok(uuid)) => Cow::Owned(uuid.to_string()),
        _ => text,
    })
}

/// Bytes in a string, without a schema or with one that says string: in base64, as Connect's JSON writes them, or as
/// `binary.handling.mode` says. Digits of hexadecimal can be both, so `form` has to tell; what can be read in one
/// way only is read so.
pub(super) fn decode_bytea(
    json: Json<'_>,
    form: Option<BytesForm>,
) -> Result<Cow<'_, str>, ValueError> {
    const EXPECTED: &str = "bytes in base64 or in hexadecimal";
    let text = json.as_string(EXPECTED)?;
    // Postgres's own syntax, which neither can be
    if text.starts_with('\\') {
        return Ok(text);
    }
    let base64 = || STANDARD.decode(text.as_bytes()).ok();
    let url_safe = || URL_SAFE.decode(text.as_bytes()).ok();
    let bytes = match form {
        Some(BytesForm::Base64) => base64(),
        Some(BytesForm::Base64UrlSafe) => url_safe(),
        Some(BytesForm::Hex) | None if text.is_empty() => Some(Vec::new()),
        Some(BytesForm::Hex) if is_hexadecimal(&text) => {
            return Ok(Cow::Owned(format!("\\x{text}")));
        }
        Some(BytesForm::Hex) => None,
        None => match (base64().or_else(url_safe), is_hexadecimal(&text)) {
            (Some(_), true) => return Err(ValueError::UndeclaredBytes),
            (None, true) => return Ok(Cow::Owned(format!("\\x{text}"))),
            (bytes, false) => bytes,
        },
    };
    let bytes = bytes.ok_or(malformed(EXPECTED))?;
    Ok(Cow::Owned(to_hexadecimal("\\x", &bytes)))
}

fn is_hexadecimal(text: &str) -> bool {
    text.len().is_multiple_of(2) && text.bytes().all(|digit| digit.is_ascii_hexdigit())
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
    use crate::config::{BytesForm, SchemalessConfig};
    use crate::rows::value::ValueError;
    use crate::rows::value::testing::{check, check_declared, refused, refused_declared};

    #[test]
    fn bytes_become_hexadecimal() {
        let bytes = r#"{"type":"bytes"}"#;
        let string = r#"{"type":"string"}"#;
        check(&[
            ("\"AAH+/w==\"", bytes, "bytea", "\\x0001feff"),
            ("\"AAH+\\/w==\"", bytes, "bytea", "\\x0001feff"),
            ("\"AAH+/w==\"", "", "bytea", "\\x0001feff"),
            ("\"\"", bytes, "bytea", "\\x"),
            ("\"\"", string, "bytea", "\\x"),
            ("\"\\\\x0001\"", string, "bytea", "\\x0001"),
            ("\"\\\\x0001\"", "", "bytea", "\\x0001"),
            ("\"0001feff\"", bytes, "bytea", "\\xd34d357de7df"),
        ]);
    }

    /// A string's encoding isn't told by a schema either that says string.
    #[test]
    fn a_string_that_is_bytes_in_one_way_only_is_read_so() {
        for schema in ["", r#"{"type":"string"}"#] {
            check(&[
                ("\"AAH+/w==\"", schema, "bytea", "\\x0001feff"),
                ("\"AAH-_w==\"", schema, "bytea", "\\x0001feff"),
                ("\"AAH-_w\"", schema, "bytea", "\\x0001feff"),
                // no base64, padded or not
                ("\"0001fe\"", schema, "bytea", "\\x0001fe"),
                (
                    "[\"AAH+/w==\",null]",
                    "",
                    "bytea[]",
                    "{\"\\\\x0001feff\",NULL}",
                ),
            ]);
            for text in ["0001feff", "abcd", "DEADBEEF", "12345678"] {
                let error = refused(&format!("\"{text}\""), schema, "bytea");
                assert_eq!(error, ValueError::UndeclaredBytes, "{text}");
                assert!(error.is_undeclared());
            }
            for text in ["AAH+/w=", "A", "abc-+def", "secret words"] {
                let error = refused(&format!("\"{text}\""), schema, "bytea");
                assert!(!error.is_undeclared(), "{text}");
            }
        }
    }

    #[test]
    fn a_string_is_bytes_as_the_configuration_says() {
        let declared = |form| SchemalessConfig {
            bytes: Some(form),
            ..SchemalessConfig::default()
        };
        let (base64, hex, url_safe) = (
            declared(BytesForm::Base64),
            declared(BytesForm::Hex),
            declared(BytesForm::Base64UrlSafe),
        );
        for schema in ["", r#"{"type":"string"}"#] {
            check_declared(
                base64,
                &[("\"0001feff\"", schema, "bytea", "\\xd34d357de7df")],
            );
            check_declared(
                url_safe,
                &[("\"0001feff\"", schema, "bytea", "\\xd34d357de7df")],
            );
            check_declared(url_safe, &[("\"AAH-_w\"", schema, "bytea", "\\x0001feff")]);
            check_declared(hex, &[("\"0001feff\"", schema, "bytea", "\\x0001feff")]);
            check_declared(hex, &[("\"\"", schema, "bytea", "\\x")]);
            refused_declared(base64, "\"AAH-_w\"", schema, "bytea");
            refused_declared(url_safe, "\"AAH+/w==\"", schema, "bytea");
            refused_declared(hex, "\"AAH+/w==\"", schema, "bytea");
        }
        // a schema that says bytes means base64 whatever is set
        let bytes = r#"{"type":"bytes"}"#;
        check_declared(hex, &[("\"abcd\"", bytes, "bytea", "\\x69b71d")]);
    }

    #[test]
    fn sixteen_bytes_are_a_uuid_however_they_are_written() {
        let (bytes, string) = (r#"{"type":"bytes"}"#, r#"{"type":"string"}"#);
        let uuid = "00ff0203-0405-0607-0809-0a0b0c0dfe00";
        check(&[
            ("\"AP8CAwQFBgcICQoLDA3+AA==\"", bytes, "uuid", uuid),
            ("\"AP8CAwQFBgcICQoLDA3+AA==\"", "", "uuid", uuid),
            ("\"AP8CAwQFBgcICQoLDA3-AA\"", string, "uuid", uuid),
            // binary.handling.mode=hex, which Postgres reads
            (
                "\"00ff02030405060708090a0b0c0dfe00\"",
                string,
                "uuid",
                "00ff02030405060708090a0b0c0dfe00",
            ),
        ]);
        check(&[(
            "\"no uuid of 24 characters\"",
            "",
            "uuid",
            "no uuid of 24 characters",
        )]);
    }

    #[test]
    fn bytes_that_are_cut_or_for_another_type_are_refused() {
        let bytes = r#"{"type":"bytes"}"#;
        refused("\"AAH+/w=\"", bytes, "bytea");
        refused("\"A\"", bytes, "bytea");
        refused("[1]", bytes, "bytea");
        let message = refused("\"AAH+/w==\"", bytes, "text").to_string();
        assert_eq!(message, "bytes can't be written to a column of type text");
        refused("\"AAH+/w==\"", bytes, "jsonb");
        let message = refused("\"AAH+/w==\"", bytes, "uuid").to_string();
        assert_eq!(
            message,
            "other than 16 bytes can't be written to a column of type uuid"
        );
    }
}
