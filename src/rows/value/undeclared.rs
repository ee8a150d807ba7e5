//! Strings and objects for a column of numbers without a schema to tell how they are written.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{ValueError, malformed};
use super::family::Family;
use super::json::Json;
use super::numbers::{SCALE_MODULUS, declared_decimal, scaled_decimal};
use crate::config::DecimalForm;
use crate::rows::table::PgType;

const UNDECLARED: ValueError = ValueError::Undeclared {
    what: "how this decimal is written",
    key: "format.schemaless.decimals",
    allowed: "base64, string or number",
};

/// A string without a schema, or one whose schema says string of no kind that is known: base64 (Debezium's
/// default) or a decimal's own text (`decimal.handling.mode=string`, and everybody else).
///
/// What can't be base64 is a text. Anything else is what the configuration says: "1234" can be both, and of base64
/// nothing tells the scale, which needn't be the destination's. A wrong guess would land another number without
/// a trace.
pub(super) fn undeclared_decimal<'a>(
    json: Json<'a>,
    family: Family,
    column: &PgType,
    form: Option<DecimalForm>,
) -> Result<Cow<'a, str>, ValueError> {
    const EXPECTED: &str = "a decimal, in base64 or as its text";
    let text = json.as_string(EXPECTED)?;
    match form {
        _ if is_word(&text) => Ok(text),
        Some(DecimalForm::Base64) => base64_decimal(&text, family, column).map(Cow::Owned),
        None if decode_minimal(&text).is_some() => Err(UNDECLARED),
        // money: "$12.50"; what is no number for one of Postgres' own types is Postgres' to refuse
        _ if is_decimal(&text) || family != Family::Numeric => Ok(text),
        _ => Err(malformed(EXPECTED)),
    }
}

/// An object for a column of numbers: a numeric without precision, if it is a struct of a whole `scale` and of
/// bytes as `value` and of nothing else. Digits can be base64 and a decimal's text.
pub(super) fn undeclared_struct(
    json: Json<'_>,
    form: Option<DecimalForm>,
) -> Result<Cow<'_, str>, ValueError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Parts<'a> {
        scale: i32,
        #[serde(borrow)]
        value: &'a RawValue,
    }
    const EXPECTED: &str = "a decimal as a struct of scale and value in base64";
    let parts: Parts = json.as_struct(EXPECTED)?;
    let text = Json::from_raw(parts.value.get())?.as_string(EXPECTED)?;
    let bytes = decode_minimal(&text).ok_or(malformed(EXPECTED))?;
    match form {
        Some(DecimalForm::Base64) => {}
        None if is_decimal(&text) => return Err(UNDECLARED),
        _ if is_decimal(&text) => return Err(malformed(EXPECTED)),
        _ => {}
    }
    scaled_decimal(&bytes, parts.scale).map(Cow::Owned)
}

/// Bytes whose schema has no scale. They are never a text.
pub(super) fn undeclared_bytes<'a>(
    json: Json<'a>,
    family: Family,
    column: &PgType,
    form: Option<DecimalForm>,
) -> Result<Cow<'a, str>, ValueError> {
    match form {
        Some(DecimalForm::Base64) => undeclared_decimal(json, family, column, form),
        _ => Err(UNDECLARED),
    }
}

/// With the destination column's scale, which is declared to be the source's.
fn base64_decimal(text: &str, family: Family, column: &PgType) -> Result<String, ValueError> {
    let bytes = decode_minimal(text).ok_or(malformed("a decimal in base64"))?;
    match scale_of_column(family, column) {
        None => Err(ValueError::UndeclaredScale),
        // as the type's modifier has it
        Some(scale) if scale < 0 => declared_decimal(&bytes, scale + SCALE_MODULUS),
        Some(scale) => scaled_decimal(&bytes, scale),
    }
}

/// From the type modifier; money as Debezium sends it.
fn scale_of_column(family: Family, column: &PgType) -> Option<i32> {
    match family {
        Family::Money => return Some(2),
        Family::Integer => return Some(0),
        Family::Float => return None,
        _ => {}
    }
    let modifier = column
        .modifier
        .checked_sub(4)
        .filter(|modifier| *modifier >= 0)?;
    // The lower 11 bits, signed.
    let scale = modifier & 0x7ff;
    Some(if scale >= 1024 {
        scale - SCALE_MODULUS
    } else {
        scale
    })
}

/// The bytes of a number as Java's BigInteger writes it: some, and no leading one that only repeats the sign.
fn decode_minimal(text: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(text.as_bytes()).ok()?;
    let is_minimal = match bytes.as_slice() {
        [] => false,
        [0x00, next, ..] => *next >= 0x80,
        [0xff, next, ..] => *next < 0x80,
        _ => true,
    };
    is_minimal.then_some(bytes)
}

/// Numerics that have no digits. That they are base64, too, is a coincidence of one in 10^14.
fn is_word(text: &str) -> bool {
    matches!(text, "NaN" | "Infinity" | "-Infinity")
}

fn is_decimal(text: &str) -> bool {
    let is_digits = |part: &str| part.bytes().all(|digit| digit.is_ascii_digit());
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let has_digits = whole.len() + fraction.len() > 0 && !exponent.is_empty();
    is_word(text) || has_digits && [whole, fraction, exponent].into_iter().all(is_digits)
}

#[cfg(test)]
mod tests {
    use crate::config::{DecimalForm, SchemalessConfig};
    use crate::rows::value::ValueError;
    use crate::rows::value::testing::{check, check_declared, refused, refused_declared};

    fn decimals(form: DecimalForm) -> SchemalessConfig {
        SchemalessConfig {
            decimals: Some(form),
            ..SchemalessConfig::default()
        }
    }

    #[test]
    fn a_text_that_can_be_base64_stops_its_topic_and_names_the_key_to_set() {
        for column in [
            "numeric(10,2)",
            "numeric(12,4)",
            "numeric",
            "money",
            "int4",
            "int8",
            "float8",
        ] {
            for raw in ["\"BNI=\"", "\"1234\"", "\"12345678\"", "\"AA==\""] {
                let error = refused(raw, "", column);
                assert!(error.is_undeclared(), "{raw} for {column}");
                assert_eq!(
                    error.to_string(),
                    "without a schema nothing tells how this decimal is written: set \
                     format.schemaless.decimals to base64, string or number, or have the connector send schemas"
                );
            }
        }
        for column in ["numeric(10,2)[]", "int8[]"] {
            assert!(refused("[\"BNI=\"]", "", column).is_undeclared());
        }
    }

    #[test]
    fn a_text_that_can_only_be_a_decimals_is_one() {
        check(&[
            ("\"12.50\"", "", "numeric(10,2)", "12.50"),
            ("\"-1234\"", "", "numeric(10,2)", "-1234"),
            ("\"12345\"", "", "numeric(10,2)", "12345"),
            ("\"1.5e10\"", "", "numeric", "1.5e10"),
            ("\"NaN\"", "", "numeric", "NaN"),
            ("\"Infinity\"", "", "numeric", "Infinity"),
            ("\"$1,234.50\"", "", "money", "1234.50"),
            ("\"12\"", "", "int4", "12"),
            ("\"12.0\"", "", "int4", "12"),
            ("\"-1234\"", "", "int8", "-1234"),
            ("\"Infinity\"", "", "float8", "Infinity"),
            ("\"NaN\"", "", "float4", "NaN"),
            ("12.50", "", "numeric(10,2)", "12.50"),
            ("1234", "", "numeric(10,2)", "1234"),
        ]);
        for raw in ["\"twelve\"", "\"\"", "\"12,50\"", "\"1.2.3\""] {
            let error = refused(raw, "", "numeric(10,2)");
            assert!(!error.is_undeclared(), "{raw}");
        }
    }

    #[test]
    fn base64_has_the_columns_scale_if_the_configuration_says_base64() {
        check_declared(
            decimals(DecimalForm::Base64),
            &[
                ("\"BNI=\"", "", "numeric(10,2)", "12.34"),
                ("\"1234\"", "", "numeric(10,2)", "-26588.24"),
                ("\"BQ==\"", "", "numeric(5,-2)", "500"),
                ("\"BQ==\"", "", "numeric(3,5)", "0.00005"),
                ("\"BNI=\"", "", "money", "12.34"),
                ("\"BNI=\"", "", "int4", "1234"),
                (r#"{"scale":0,"value":"1234"}"#, "", "int8", "-2658824"),
                ("[\"BNI=\",null]", "", "numeric(10,2)[]", "{12.34,NULL}"),
                // numbers that have no digits
                ("\"NaN\"", "", "float4", "NaN"),
                ("\"-Infinity\"", "", "float8", "-Infinity"),
                ("\"Infinity\"", "", "numeric(10,2)", "Infinity"),
                // what is no string needs no setting
                ("12.50", "", "numeric(10,2)", "12.50"),
                (r#"{"scale":1,"value":"BNI="}"#, "", "numeric", "123.4"),
            ],
        );
        let refused =
            |raw, column| refused_declared(decimals(DecimalForm::Base64), raw, "", column);
        let error = refused("\"BNI=\"", "numeric"); // of what scale?
        assert_eq!(error, ValueError::UndeclaredScale);
        assert!(error.is_undeclared());
        assert_eq!(refused("\"BNI=\"", "float8"), ValueError::UndeclaredScale);
        for raw in ["\"12.50\"", "\"twelve\"", "\"\"", "\"AAAA\""] {
            let error = refused(raw, "numeric(10,2)");
            assert!(!error.is_undeclared(), "{raw}");
        }
    }

    #[test]
    fn a_string_is_a_decimals_text_if_the_configuration_says_string_or_number() {
        for form in [DecimalForm::String, DecimalForm::Number] {
            check_declared(
                decimals(form),
                &[
                    ("\"1234\"", "", "numeric(10,0)", "1234"),
                    ("\"1234\"", "", "numeric", "1234"),
                    ("\"12.50\"", "", "numeric(10,2)", "12.50"),
                    ("\"1234\"", "", "money", "1234"),
                    ("\"1234\"", "", "int8", "1234"),
                    ("\"1234\"", "", "float8", "1234"),
                    ("12.50", "", "numeric(10,2)", "12.50"),
                ],
            );
            let error = refused_declared(decimals(form), "\"BNI=\"", "", "numeric(10,2)");
            assert_eq!(
                error.to_string(),
                "expected a decimal, in base64 or as its text, and what is there can't be read as one"
            );
        }
    }

    #[test]
    fn bytes_without_a_scale_are_never_a_text() {
        let bytes = r#"{"type":"bytes"}"#;
        for raw in ["\"BNI=\"", "\"1234\"", "\"12.5\""] {
            assert!(refused(raw, bytes, "numeric(10,2)").is_undeclared());
            let error =
                refused_declared(decimals(DecimalForm::String), raw, bytes, "numeric(10,2)");
            assert!(error.is_undeclared());
        }
        check_declared(
            decimals(DecimalForm::Base64),
            &[("\"BNI=\"", bytes, "numeric(10,2)", "12.34")],
        );
    }
}
