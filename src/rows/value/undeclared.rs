//! Strings and objects for a column of numbers without a schema to tell how they are written.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{ValueError, malformed};
use super::exact::scale_of_column;
use super::family::Family;
use super::json::Json;
use super::numbers::{SCALE_MODULUS, declared_decimal, scaled_decimal};
use crate::config::{DecimalForm, SchemalessConfig};
use crate::format::schema::{Field, Kind, Logical};
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
    schemaless: SchemalessConfig,
) -> Result<Cow<'a, str>, ValueError> {
    const EXPECTED: &str = "a decimal, in base64 or as its text";
    let text = json.as_string(EXPECTED)?;
    match schemaless.decimals {
        _ if is_word(&text) => Ok(text),
        Some(DecimalForm::Base64) => {
            base64_decimal(&text, family, column, schemaless.scale).map(Cow::Owned)
        }
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
    family: Family,
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
    scaled_decimal(&bytes, parts.scale, family).map(Cow::Owned)
}

/// Bytes whose schema has no scale. They are never a text.
pub(super) fn undeclared_bytes<'a>(
    json: Json<'a>,
    family: Family,
    column: &PgType,
    schemaless: SchemalessConfig,
) -> Result<Cow<'a, str>, ValueError> {
    match schemaless.decimals {
        Some(DecimalForm::Base64) => undeclared_decimal(json, family, column, schemaless),
        _ => Err(UNDECLARED),
    }
}

/// The scale with which decimals in base64 are read for the column, where it is neither the event that tells it nor the
/// configuration: the column's own.
pub fn assumed_scale(
    field: Option<&Field>,
    column: &PgType,
    schemaless: SchemalessConfig,
) -> Option<i32> {
    if let Some(element) = &column.element {
        let inner = field.map(|field| match &field.kind {
            Kind::Array(inner) => inner,
            _ => field,
        });
        return assumed_scale(inner, element, schemaless);
    }
    let family = Family::of_column(column);
    let is_untold = field.is_none_or(|field| {
        let is_nameless = matches!(field.logical, None | Some(Logical::Other));
        let is_bytes = field.kind == Kind::Bytes && family != Family::Integer;
        is_nameless && (field.kind == Kind::Unknown || is_bytes)
    });
    let is_base64 = schemaless.decimals == Some(DecimalForm::Base64);
    let assumes = is_base64 && schemaless.scale.is_none() && is_untold;
    scale_of_column(family, column).filter(|_| assumes)
}

/// With the scale that is declared of the column, or else with the column's own, which is assumed to be the source's.
fn base64_decimal(
    text: &str,
    family: Family,
    column: &PgType,
    declared: Option<i32>,
) -> Result<String, ValueError> {
    let bytes = decode_minimal(text).ok_or(malformed("a decimal in base64"))?;
    if let Some(scale) = declared {
        return scaled_decimal(&bytes, scale, family);
    }
    match scale_of_column(family, column) {
        None => Err(ValueError::UndeclaredScale),
        // as the type's modifier has it
        Some(scale) if scale < 0 => declared_decimal(&bytes, scale + SCALE_MODULUS, family),
        Some(scale) => scaled_decimal(&bytes, scale, family),
    }
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
    use super::assumed_scale;
    use crate::config::{DecimalForm, SchemalessConfig};
    use crate::rows::value::ValueError;
    use crate::rows::value::testing::{
        check, check_declared, column_type, field, refused, refused_declared,
    };

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
    fn a_declared_scale_holds_whatever_the_columns_is() {
        let declared = SchemalessConfig {
            scale: Some(2),
            ..decimals(DecimalForm::Base64)
        };
        let bytes = r#"{"type":"bytes"}"#;
        for schema in ["", bytes] {
            check_declared(
                declared,
                &[
                    ("\"BNI=\"", schema, "numeric(12,4)", "12.34"),
                    ("\"BNI=\"", schema, "numeric", "12.34"),
                    ("\"BNI=\"", schema, "money", "12.34"),
                ],
            );
        }
        check_declared(
            declared,
            &[
                ("\"BNI=\"", "", "float8", "12.34"),
                ("[\"BNI=\"]", "", "numeric(12,4)[]", "{12.34}"),
            ],
        );
        // of what doesn't fit nothing is dropped
        refused_declared(declared, "\"BNI=\"", "", "numeric(10,1)");
        refused_declared(declared, "\"BNI=\"", "", "int4");
    }

    #[test]
    fn a_scale_is_assumed_where_nobody_declares_it_and_the_column_has_one() {
        let base64 = decimals(DecimalForm::Base64);
        let of = |column: &str, schema: &str, schemaless| {
            assumed_scale(field(schema).as_ref(), &column_type(column), schemaless)
        };
        let bytes = r#"{"type":"bytes"}"#;
        assert_eq!(of("numeric(12,4)", "", base64), Some(4));
        assert_eq!(of("numeric(12,4)[]", "", base64), Some(4));
        assert_eq!(of("numeric(12,4)", bytes, base64), Some(4));
        assert_eq!(of("money", "", base64), Some(2));
        assert_eq!(of("int8", "", base64), Some(0));
        let told = SchemalessConfig {
            scale: Some(2),
            ..base64
        };
        let decimal = r#"{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}}"#;
        for (column, schema, schemaless) in [
            ("numeric(12,4)", "", told),
            ("numeric(12,4)", "", SchemalessConfig::default()),
            ("numeric(12,4)", "", decimals(DecimalForm::String)),
            ("numeric(12,4)", decimal, base64),
            ("numeric(12,4)", r#"{"type":"string"}"#, base64),
            ("int8", r#"{"type":"int64"}"#, base64),
            ("text", "", base64),
            ("numeric", "", base64),
        ] {
            assert_eq!(of(column, schema, schemaless), None, "{column} {schema}");
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
