//! Values as the text that Postgres itself would read for a column's type.
//!
//! The meaning of a value comes from the event's schema where that has one, else from what the JSON looks like
//! and from `[format.schemaless]` ([`meaning`]); then one function a family writes the text. Postgres does the
//! parsing, so what is merely out of its range passes here and is refused there.

use std::borrow::Cow;

use crate::config::SchemalessConfig;
use crate::format::schema::Field;
use crate::rows::table::PgType;

mod array;
mod bits;
mod budget;
mod bytes;
mod cut;
mod document;
mod error;
mod exact;
mod family;
mod geometry;
mod hstore;
mod iso;
mod json;
mod meaning;
mod money;
mod numbers;
mod placeholder;
mod plain;
mod quoted;
mod reading;
mod shortcut;
mod times;
mod undeclared;
mod unescaped;
mod units;
mod vectors;
mod whole;
mod zone_words;
mod zoned;

#[cfg(test)]
mod testing;

use budget::Budget;
pub use error::ValueError;
pub use exact::{check_key_text, cut_to_micros, is_moment, rounds_keys};
use family::Family;
use json::Json;
use meaning::Meaning;
pub use placeholder::Placeholder;
pub use reading::Reading;
use shortcut::Shortcut;
pub use undeclared::assumed_scale;

/// A field's value for its column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// Debezium's placeholder for an unchanged out-of-line value: the column is to be left untouched.
    Unavailable,
    /// The text that Postgres reads for the column's type.
    Text(Cow<'a, str>),
}

/// `raw` is the JSON text of one field as it stood in the message, without surrounding whitespace.
///
/// Numbers keep their own digits, and plain numbers, booleans and strings without escapes are borrowed.
///
/// A text column whose real content is the placeholder string can't be told apart from an unchanged one;
/// that is Debezium's choice of encoding.
///
/// # Errors
/// The value can't be what the column holds; or nothing tells what it means ([`ValueError::is_undeclared`]).
pub fn to_text<'a>(
    raw: &'a str,
    field: Option<&Field>,
    column: &PgType,
    reading: &Reading,
) -> Result<Value<'a>, ValueError> {
    Conversion::new(field, column, reading.schemaless).to_text(raw, field, column, reading)
}

/// How a field's values become texts of a column: what doesn't depend on the value, found once for all of them.
#[derive(Clone, Copy, Debug)]
pub struct Conversion {
    family: Family,
    shortcut: Option<Shortcut>,
    schemaless: SchemalessConfig,
}

impl Conversion {
    /// `schemaless`: what the configuration says of the column ([`Reading::schemaless_of`]).
    pub fn new(field: Option<&Field>, column: &PgType, schemaless: SchemalessConfig) -> Self {
        let family = Family::of_column(column);
        Self {
            family,
            shortcut: field.and_then(|field| Shortcut::find(field, family, column)),
            schemaless,
        }
    }

    /// The same for another field that fills the column.
    pub fn of_field(&self, field: Option<&Field>, column: &PgType) -> Self {
        Self::new(field, column, self.schemaless)
    }

    /// As [`to_text`](self::to_text), of the field and for the column that the conversion was made of.
    ///
    /// # Errors
    /// As there.
    pub fn to_text<'a>(
        &self,
        raw: &'a str,
        field: Option<&Field>,
        column: &PgType,
        reading: &Reading,
    ) -> Result<Value<'a>, ValueError> {
        if let Some(text) = self.text_as_it_stands(raw, field, column, reading) {
            return Ok(Value::Text(Cow::Borrowed(text)));
        }
        self.convert_value(raw, field, column, reading)
    }

    /// The text of a value which stands in JSON as Postgres reads it, as most do; `None`: it has to be converted.
    #[inline]
    pub fn text_as_it_stands<'a>(
        &self,
        raw: &'a str,
        field: Option<&Field>,
        column: &PgType,
        reading: &Reading,
    ) -> Option<&'a str> {
        let (shortcut, json) = (self.shortcut?, Json::from_raw(raw).ok()?);
        let is_value = !reading.placeholder.is_meant(json, field, column);
        shortcut.take(json).filter(|_| is_value)
    }

    /// As [`to_text`](Self::to_text), of a value that doesn't stand there as Postgres reads it.
    ///
    /// # Errors
    /// As there.
    pub fn convert_value<'a>(
        &self,
        raw: &'a str,
        field: Option<&Field>,
        column: &PgType,
        reading: &Reading,
    ) -> Result<Value<'a>, ValueError> {
        let json = Json::from_raw(raw)?;
        if json == Json::Null {
            return Ok(Value::Null);
        }
        if reading.placeholder.is_meant(json, field, column) {
            return Ok(Value::Unavailable);
        }
        self.convert(json, field, column, 0).map(Value::Text)
    }

    /// The text of a value that is neither null nor a placeholder; `depth` counts the arrays around it.
    fn convert<'a>(
        &self,
        json: Json<'a>,
        field: Option<&Field>,
        column: &PgType,
        depth: usize,
    ) -> Result<Cow<'a, str>, ValueError> {
        let Self {
            family, schemaless, ..
        } = *self;
        let meaning = meaning::find_meaning(json, field, family, column, schemaless)?;
        if !meaning.suits_family(family) {
            return Err(family.unfit(meaning.name().unwrap_or(json.kind_name())));
        }
        let text = match meaning {
            Meaning::Plain | Meaning::Hstore => self.document_text(json, field, meaning),
            Meaning::Wrapped => whole::unwrapped(json),
            Meaning::Word => plain::word_text(json),
            Meaning::Set => array::set_literal(json),
            Meaning::UuidText => bytes::uuid_text(json),
            Meaning::JsonString => Ok(Cow::Borrowed(json.raw_text())),
            Meaning::JsonText => plain::json_text(json, family),
            Meaning::Date => times::date_text(json),
            Meaning::Time(unit) => times::time_text(json, unit, family),
            Meaning::Timestamp(unit) => times::timestamp_text(json, unit, family),
            Meaning::Iso => iso::iso_text(json, family),
            Meaning::IsoWithin(inner) => iso::iso_texts_within(json, inner),
            Meaning::Duration(unit) => times::duration_text(json, unit),
            Meaning::Decimal { scale } => numbers::decimal_text(json, scale, family),
            Meaning::VariableScaleDecimal => numbers::variable_scale_decimal(json, family),
            Meaning::UndeclaredStruct => {
                undeclared::undeclared_struct(json, family, schemaless.decimals)
            }
            Meaning::UndeclaredDecimal => {
                undeclared::undeclared_decimal(json, family, column, schemaless)
            }
            Meaning::UndeclaredBytes => {
                undeclared::undeclared_bytes(json, family, column, schemaless)
            }
            Meaning::Bytes => bytes::to_bytea(json, family),
            Meaning::EncodedBytes => bytes::decode_bytea(json, schemaless.bytes),
            Meaning::Bits { length, declared } => bits::bit_string(json, length, declared, family),
            Meaning::Array { element } => {
                array::array_literal(json, element, column, schemaless, depth)
            }
            Meaning::Vector => vectors::dense_vector(json),
            Meaning::SparseVector => vectors::sparse_vector(json),
            Meaning::Point => geometry::point_text(json),
            Meaning::Geometry => geometry::hex_ewkb(json),
        }?;
        let text = fit_family(text, json, family, column)?;
        exact::check_exact(&text, json, meaning, family, column)?;
        Ok(text)
    }

    /// A value that means what it says, or an hstore. Connect's JSON may write what is within a document in another way.
    fn document_text<'a>(
        &self,
        json: Json<'a>,
        field: Option<&Field>,
        meaning: Meaning<'_>,
    ) -> Result<Cow<'a, str>, ValueError> {
        let (family, schemaless) = (self.family, self.schemaless);
        let encoded =
            field.filter(|field| is_document(json, family) && document::holds_encoded(field));
        match (encoded, meaning) {
            (None, Meaning::Hstore) => hstore::hstore_text(json),
            (None, _) => plain::plain_text(json, family),
            (Some(field), Meaning::Hstore) => {
                let written = document::document_text(json, field, family, schemaless)?;
                hstore::hstore_text(Json::from_raw(&written)?)
                    .map(|text| Cow::Owned(text.into_owned()))
            }
            (Some(field), _) => document::document_text(json, field, family, schemaless),
        }
    }
}

/// The text as Postgres reads it for a type of the family.
fn fit_family<'a>(
    text: Cow<'a, str>,
    json: Json<'a>,
    family: Family,
    column: &PgType,
) -> Result<Cow<'a, str>, ValueError> {
    match (family, json) {
        (Family::Integer, Json::Number(_)) => whole::whole_json_number(text),
        (Family::Integer, _) => whole::whole_number(text, "a decimal with a fraction"),
        (Family::Money, _) => money::plain_amount(text),
        (Family::Text | Family::Other, _) => cut::whole_text(text, &column.name),
        _ => Ok(text),
    }
}

/// Whether the value goes where its values within can't be told from it any more.
fn is_document(json: Json<'_>, family: Family) -> bool {
    matches!(json, Json::Array(_) | Json::Object(_))
        && matches!(family, Family::Text | Family::Json | Family::Hstore)
}

#[cfg(test)]
mod tests {
    use super::testing::{column_type, field, text_of};
    use super::*;
    use crate::config::{BytesForm, DecimalForm, TimeUnit};

    #[test]
    fn plain_values_are_borrowed() {
        let cases = [
            ("12.50", "", "numeric(10,2)"),
            ("9223372036854775807", r#"{"type":"int64"}"#, "int8"),
            ("true", r#"{"type":"boolean"}"#, "bool"),
            ("\"some text\"", r#"{"type":"string"}"#, "text"),
            ("\"sad\"", "", "mood"),
            ("\"2024-01-01T00:00:00Z\"", "", "timestamptz"),
            (r#"{"a":1}"#, "", "jsonb"),
        ];
        for (raw, schema, column) in cases {
            let value = text_of(raw, schema, column);
            assert!(
                matches!(value, Ok(Value::Text(Cow::Borrowed(_)))),
                "{raw} for {column}"
            );
        }
    }

    #[test]
    fn null_is_null_whatever_it_is_for() {
        for column in ["text", "int4", "text[]", "hstore", "bit(8)", "jsonb"] {
            assert_eq!(text_of("null", "", column), Ok(Value::Null));
        }
    }

    /// Each kind of value with each schema for each column: an answer or an error that keeps the value to itself.
    #[test]
    fn nothing_panics_and_no_error_tells_the_value() {
        const RAWS: &[&str] = &[
            "null",
            "true",
            "4242",
            "-4242",
            "42.42",
            "-0.0",
            "4242e4242",
            "9223372036854775807",
            "-9223372036854775808",
            "18446744073709551616",
            "\"\"",
            "\"4242\"",
            "\"secret\"",
            "\"-4242-42\"",
            "\"c2VjcmV0\"",
            "\"c2VjcmV\"",
            "\"\\u0000secret\"",
            "\"\\ud800\"",
            "[]",
            "[4242]",
            "[[\"secret\"]]",
            "[null]",
            "{}",
            r#"{"secret":4242}"#,
            r#"{"scale":4242,"value":"c2VjcmV0"}"#,
            r#"{"x":4242,"y":"secret"}"#,
            r#"{"wkb":"c2VjcmV0","srid":4242}"#,
            r#"{"dimensions":4242,"vector":[[4242,"secret"]]}"#,
            // None of these leave serde_json, but nothing here relies on that.
            "",
            "\"",
            "\"secret",
            "[4242",
            "{4242",
            "-",
            "secret",
            "é",
        ];
        const TYPES: &[&str] = &[
            "int8", "int16", "int32", "int64", "float", "double", "boolean", "string", "bytes",
        ];
        const NAMES: &[&str] = &[
            "org.apache.kafka.connect.data.Decimal",
            "org.apache.kafka.connect.data.Date",
            "org.apache.kafka.connect.data.Time",
            "org.apache.kafka.connect.data.Timestamp",
            "io.debezium.time.Date",
            "io.debezium.time.MicroTime",
            "io.debezium.time.NanoTime",
            "io.debezium.time.MicroTimestamp",
            "io.debezium.time.NanoTimestamp",
            "io.debezium.time.ZonedTimestamp",
            "io.debezium.time.MicroDuration",
            "io.debezium.time.Year",
            "io.debezium.data.VariableScaleDecimal",
            "io.debezium.data.Bits",
            "io.debezium.data.Json",
            "io.debezium.data.Uuid",
            "io.debezium.data.geometry.Point",
            "io.debezium.data.geometry.Geometry",
            "io.debezium.data.DoubleVector",
            "io.debezium.data.SparseVector",
            "com.example.Row",
        ];
        const COLUMNS: &[&str] = &[
            "bool",
            "int4",
            "float8",
            "numeric",
            "numeric(10,2)",
            "numeric(5,-2)",
            "money",
            "text",
            "jsonb",
            "bytea",
            "bit(8)",
            "varbit",
            "date",
            "time",
            "time(3)",
            "timetz",
            "timestamp(0)",
            "timestamptz",
            "interval",
            "uuid",
            "hstore",
            "point",
            "geometry",
            "vector",
            "sparsevec",
            "inet",
            "text[]",
            "int4[]",
            "numeric(10,2)[]",
            "jsonb[]",
        ];
        let parameters = r#""parameters":{"scale":"4242","length":"42"}"#;
        let mut schemas = vec![String::new()];
        for kind in TYPES {
            schemas.push(format!(r#"{{"type":"{kind}"}}"#));
            schemas.push(format!(r#"{{"type":"array","items":{{"type":"{kind}"}}}}"#));
            schemas.push(format!(r#"{{"type":"map","values":{{"type":"{kind}"}}}}"#));
        }
        for name in NAMES {
            for kind in ["int32", "string", "bytes"] {
                schemas.push(format!(
                    r#"{{"type":"{kind}","name":"{name}",{parameters}}}"#
                ));
            }
            schemas.push(format!(
                r#"{{"type":"struct","fields":[],"name":"{name}"}}"#
            ));
            schemas.push(format!(
                r#"{{"type":"array","items":{{"type":"bytes","name":"{name}",{parameters}}}}}"#
            ));
        }
        let declared = SchemalessConfig {
            timestamps: Some(TimeUnit::Millis),
            times: Some(TimeUnit::Micros),
            decimals: Some(DecimalForm::Base64),
            bytes: Some(BytesForm::Hex),
            scale: None,
        };
        let columns: Vec<PgType> = COLUMNS.iter().map(|column| column_type(column)).collect();
        let readings = [SchemalessConfig::default(), declared].map(Reading::of_schemaless);
        for (schema, reading) in schemas
            .iter()
            .flat_map(|schema| readings.iter().map(move |reading| (schema, reading)))
        {
            let field = field(schema);
            for (raw, column) in RAWS
                .iter()
                .flat_map(|raw| columns.iter().map(move |column| (raw, column)))
            {
                if let Err(error) = to_text(raw, field.as_ref(), column, reading) {
                    let message = error.to_string();
                    assert!(
                        !message.contains("secret") && !message.contains("4242"),
                        "{message}"
                    );
                    assert!(
                        message.starts_with(|first: char| first.is_ascii_lowercase()),
                        "{message}"
                    );
                }
            }
        }
    }
}
