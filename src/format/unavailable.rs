//! Debezium's placeholder for an unchanged large value, as far as it has to be known before the destination's column is:
//! what isn't there can't be hashed. Its shapes by type are told apart in `rows`.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::Value;

/// What stands for a value that an event leaves out.
#[derive(Clone, Debug)]
pub struct Unavailable {
    bytes: Vec<u8>,
    /// How a text says it.
    texts: Vec<String>,
}

impl Unavailable {
    /// `setting` is `format.unavailable_placeholder`: octets in hexadecimal behind `hex:`, else the text itself.
    pub fn new(setting: &str) -> Self {
        let bytes = match setting.strip_prefix("hex:") {
            Some(octets) => read_octets(octets),
            None => setting.as_bytes().to_vec(),
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let octets: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut texts: Vec<String> = [STANDARD, URL_SAFE, URL_SAFE_NO_PAD]
            .iter()
            .map(|engine| engine.encode(&bytes))
            .collect();
        let quoted = Value::from(text.as_str());
        texts.extend([format!("{{{quoted}:{quoted}}}"), octets, text]);
        Self { bytes, texts }
    }

    /// Whether the JSON text is the placeholder, whatever the type of its column.
    pub fn is_meant(&self, raw: &str) -> bool {
        matches!(raw.as_bytes().first(), Some(b'"' | b'[' | b'{'))
            && serde_json::from_str(raw).is_ok_and(|value| self.is_said_by(&value))
    }

    fn is_said_by(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.texts.contains(text),
            Value::Array(elements) => match elements.as_slice() {
                [only] if self.is_said_by(only) => true,
                // Java's bytes have a sign
                elements => {
                    let signed = self.bytes.iter().map(|byte| i64::from(byte.cast_signed()));
                    !elements.is_empty() && elements.iter().map(Value::as_i64).eq(signed.map(Some))
                }
            },
            Value::Object(map) => {
                let mut members = map.iter();
                let says = |(name, value): (&String, &Value)| {
                    self.texts.contains(name) && self.is_said_by(value)
                };
                map.len() == 1 && members.all(says)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
}

/// What isn't a pair of digits is left out; the configuration has none.
fn read_octets(octets: &str) -> Vec<u8> {
    let pairs = octets.as_bytes().chunks(2);
    let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.filter_map(octet).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_placeholder_is_known_in_each_of_its_shapes_and_nothing_else_is_taken_for_it() {
        let unavailable = Unavailable::new("gone");
        let bytes = "[103,111,110,101]";
        for raw in [
            r#""gone""#,
            r#""go\u006ee""#,
            r#""Z29uZQ==""#,
            r#""Z29uZQ""#,
            r#""676f6e65""#,
            r#"["gone"]"#,
            bytes,
            r#"{"gone":"gone"}"#,
            r#""{\"gone\":\"gone\"}""#,
        ] {
            assert!(unavailable.is_meant(raw), "{raw}");
        }
        for raw in [
            "null",
            "7",
            r#""gone!""#,
            "[]",
            "[103]",
            "{}",
            r#"{"gone":"x"}"#,
        ] {
            assert!(!unavailable.is_meant(raw), "{raw}");
        }
        assert!(Unavailable::new("hex:676f6e65").is_meant(r#""gone""#));
    }
}
