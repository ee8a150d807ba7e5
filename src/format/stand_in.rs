//! What may stand for a value that the source doesn't log. Debezium fills up a column with its default, if the
//! schema has one; else with null, or with a zero of its type where the column takes no null.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::format::schema::Field;

/// A well-known binary's byte order and type, before what it holds.
const WKB_HEAD: usize = 5;

/// Whether the JSON text may stand for a value that the source doesn't log; `field` is its schema. Where there is
/// none, this may be a column's default all the same.
pub(super) fn may_stand_in(raw: &str, field: Option<&Field>) -> bool {
    let default = field.and_then(|field| field.default.as_deref());
    let takes_null = field.is_some_and(|field| field.optional);
    raw == "null"
        || default.is_some_and(|default| is_value(raw, default))
        || !takes_null && is_zero(raw)
}

/// Whether the default that the schema has may be no more than a zero of its type, which Debezium writes where the source's
/// default is a function, or where it can't read it: only for a column that takes no null.
pub fn is_default_invented(field: &Field) -> bool {
    let default = field.default.as_deref();
    !field.optional && default.is_some_and(|default| is_zero(&default.to_string()))
}

fn is_value(raw: &str, expected: &Value) -> bool {
    let Ok(value) = serde_json::from_str::<Value>(raw) else {
        return false;
    };
    // 0.10 and 0.1 are one number
    value == *expected || value.is_number() && value.as_f64() == expected.as_f64()
}

fn is_zero(raw: &str) -> bool {
    match raw.as_bytes().first() {
        Some(b'"') => is_zero_text(raw.trim_matches('"')),
        Some(b'-' | b'0'..=b'9') => is_zero_number(raw),
        Some(b'{' | b'[') => serde_json::from_str(raw).is_ok_and(|value| is_zero_value(&value)),
        _ => raw == "false",
    }
}

fn is_zero_value(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(truth) => !truth,
        Value::Number(number) => is_zero_number(&number.to_string()),
        Value::String(text) => is_zero_text(text),
        Value::Array(elements) => elements.is_empty(),
        // a point, a decimal, an empty geometry
        Value::Object(members) => members.iter().all(|(name, value)| match value {
            Value::String(text) if name == "wkb" => is_zero_geometry(text),
            value => is_zero_value(value),
        }),
    }
}

fn is_zero_number(digits: &str) -> bool {
    let mantissa = digits.split(['e', 'E']).next().unwrap_or(digits);
    !mantissa.bytes().any(|digit| matches!(digit, b'1'..=b'9'))
}

fn is_zero_geometry(base64: &str) -> bool {
    let bytes = STANDARD.decode(base64).unwrap_or_default();
    let content = bytes.get(WKB_HEAD..);
    content.is_some_and(|content| content.iter().all(|byte| *byte == 0))
}

/// An empty text, a zero, a moment of zeros, no duration, a document that is empty, bytes of zeros in base64.
fn is_zero_text(text: &str) -> bool {
    let is_nothing = |text: &str| !text.chars().any(|c| c.is_alphanumeric() && c != '0');
    let clock = text.strip_prefix("1970-01-01").unwrap_or(text);
    let clock = clock.strip_prefix('T').unwrap_or(clock);
    let is_duration = text.starts_with('P')
        && text.contains('0')
        && text.chars().all(|c| "PYMWDTHS0.".contains(c));
    let is_bytes = !text.is_empty()
        && text.len().is_multiple_of(4)
        && text.trim_end_matches('=').bytes().all(|byte| byte == b'A');
    is_nothing(clock.strip_suffix('Z').unwrap_or(clock)) || is_duration || is_bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::schema;

    fn stands_in(raw: &str, schema: &str) -> bool {
        may_stand_in(raw, Some(&schema::parse(schema).expect("a schema")))
    }

    /// As Debezium's converters fill up a column that takes no null and has no default (`JdbcValueConverters`,
    /// `PostgresValueConverter`, `MySqlValueConverters`).
    #[test]
    fn the_zero_of_each_type_may_stand_in() {
        for raw in [
            "null",
            "0",
            "0.0",
            "-0.0",
            "0E-10",
            "false",
            r#""""#,
            r#""0""#,
            r#""0.00""#,
            r#""AA==""#,
            r#""AAAA""#,
            "[]",
            "{}",
            r#""{}""#,
            r#""00:00:00Z""#,
            r#""00:00:00""#,
            r#""1970-01-01T00:00:00Z""#,
            r#""1970-01-01T00:00:00.000000Z""#,
            r#""1970-01-01Z""#,
            r#""1970-01-01""#,
            r#""P0Y0M0DT0H0M0S""#,
            r#""00000000-0000-0000-0000-000000000000""#,
            r#"{"scale":0,"value":"AA=="}"#,
            r#"{"x":0.0,"y":0.0,"wkb":"AQEAAAAAAAAAAAAAAAAAAAAAAAAA","srid":null}"#,
            r#"{"wkb":"AQcAAAAAAAAA","srid":null}"#,
            r#"{"dimensions":0,"vector":{}}"#,
        ] {
            assert!(may_stand_in(raw, None), "{raw}");
        }
    }

    #[test]
    fn what_no_type_has_for_a_zero_is_a_value() {
        for raw in [
            "7",
            "0.5",
            "-1e0",
            "true",
            r#""x""#,
            r#""P""#,
            r#""M""#,
            r#""Zoe""#,
            r#""P1D""#,
            r#""BNI=""#,
            r#""1970-01-02""#,
            r#""00:00:01Z""#,
            "[0]",
            r#"{"scale":2,"value":"AA=="}"#,
            r#"{"x":1.0,"y":0.0,"wkb":"AQEAAAAAAAAAAADwPwAAAAAAAAAA","srid":null}"#,
            r#"{"wkb":"secret","srid":null}"#,
        ] {
            assert!(!may_stand_in(raw, None), "{raw}");
        }
    }

    #[test]
    fn a_columns_default_may_stand_in_and_the_zero_of_one_that_takes_null_may_not() {
        let text = r#"{"type":"string","optional":false,"default":"new"}"#;
        assert!(stands_in(r#""new""#, text) && stands_in(r#""""#, text));
        assert!(!stands_in(r#""old""#, text));
        let number = r#"{"type":"double","optional":true,"default":0.10}"#;
        assert!(stands_in("0.1", number) && stands_in("null", number));
        assert!(!stands_in("0.0", number));
        let point = r#"{"type":"struct","optional":false,"fields":[],"default":{"x":1.0,"y":2.0}}"#;
        assert!(stands_in(r#"{"y":2.0, "x":1.0}"#, point));
        assert!(!stands_in("0", r#"{"type":"int32","optional":true}"#));
        assert!(stands_in("0", r#"{"type":"int32"}"#));
    }
}
