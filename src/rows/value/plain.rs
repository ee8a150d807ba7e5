//! Values that Postgres reads as they are.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::error::ValueError;
use super::family::Family;
use super::json::Json;

pub(super) fn plain_text(json: Json<'_>, family: Family) -> Result<Cow<'_, str>, ValueError> {
    use Family as F;
    match (json, family) {
        (Json::String(_), F::Json) => document_text(json),
        (Json::String(_), _) => json.as_string("a json string"),
        (Json::Bool(truth), F::Integer | F::Float | F::Numeric | F::Bit | F::Varbit) => {
            Ok(Cow::Borrowed(if truth { "1" } else { "0" }))
        }
        (Json::Bool(_), F::Text | F::Json | F::Boolean | F::Other) => {
            Ok(Cow::Borrowed(json.raw_text()))
        }
        // Postgres would read ten as the bits "10", and digits as the bytes of their characters.
        (Json::Number("0" | "1"), F::Bit | F::Varbit) => Ok(Cow::Borrowed(json.raw_text())),
        (
            Json::Number(_),
            F::Boolean
            | F::Integer
            | F::Float
            | F::Numeric
            | F::Money
            | F::Text
            | F::Json
            | F::Other,
        ) => Ok(Cow::Borrowed(json.raw_text())),
        (Json::Array(_) | Json::Object(_), F::Text | F::Json) => Ok(Cow::Borrowed(json.raw_text())),
        _ => Err(family.unfit(json.kind_name())),
    }
}

/// A string that Debezium calls JSON: its content is the document.
pub(super) fn json_text(json: Json<'_>, family: Family) -> Result<Cow<'_, str>, ValueError> {
    match json {
        Json::String(_) => json.as_string("a json document as a string"),
        _ => plain_text(json, family),
    }
}

/// A word of MySQL's ENUM. Debezium takes the words of a change out of the table's definition, where it writes a comma
/// within one as `\,`; a snapshot has it as it is. (No word has a backslash before a comma of its own, or as good as none.)
pub(super) fn word_text(json: Json<'_>) -> Result<Cow<'_, str>, ValueError> {
    let word = json.as_string("a word of an enum")?;
    Ok(match word.contains("\\,") {
        true => Cow::Owned(word.replace("\\,", ",")),
        false => word,
    })
}

/// A string for a json column without a schema that says so: its content is the document, as Debezium writes it. A
/// text that is none is refused: where one text becomes a document and the next a string, `12` isn't what it was.
fn document_text(json: Json<'_>) -> Result<Cow<'_, str>, ValueError> {
    let content = json.as_string("a json document as a string")?;
    match serde_json::from_str::<IgnoredAny>(&content) {
        Ok(_) => Ok(content),
        Err(_) => Err(Family::Json.unfit("a text that is no json document")),
    }
}

#[cfg(test)]
mod tests {
    use crate::rows::value::testing::{Case, check, refused};

    #[test]
    fn what_postgres_reads_itself_passes_as_it_is() {
        let int64 = r#"{"type":"int64"}"#;
        let string = r#"{"type":"string"}"#;
        let double = r#"{"type":"double"}"#;
        let boolean = r#"{"type":"boolean"}"#;
        let uuid = r#"{"type":"string","name":"io.debezium.data.Uuid"}"#;
        let cases: &[Case] = &[
            ("true", boolean, "bool", "true"),
            ("false", "", "bool", "false"),
            ("true", boolean, "bit(1)", "1"),
            ("false", "", "bit(1)", "0"),
            ("true", "", "int2", "1"),
            ("true", "", "text", "true"),
            ("1", "", "bool", "1"),
            ("9223372036854775807", int64, "int8", "9223372036854775807"),
            ("12", "", "text", "12"),
            ("\"12\"", "", "int4", "12"),
            ("-0.0", double, "float8", "-0.0"),
            ("1e400", "", "numeric", "1e400"),
            ("1.5E-7", double, "float4", "1.5E-7"),
            ("\"NaN\"", double, "float8", "NaN"),
            ("\"Infinity\"", "", "float8", "Infinity"),
            ("\"-Infinity\"", double, "float4", "-Infinity"),
            ("\"plain\"", string, "text", "plain"),
            ("\"\"", string, "varchar", ""),
            (r#""a\"b\\c\n\u00e9""#, "", "citext", "a\"b\\c\né"),
            ("\"x\"", "", "bpchar", "x"),
            (
                "\"b68a35a7-17ad-35b3-af2a-ae46edb4545b\"",
                uuid,
                "uuid",
                "b68a35a7-17ad-35b3-af2a-ae46edb4545b",
            ),
            (
                "\"<a/>\"",
                r#"{"type":"string","name":"io.debezium.data.Xml"}"#,
                "xml",
                "<a/>",
            ),
            (
                "\"sad\"",
                r#"{"type":"string","name":"io.debezium.data.Enum"}"#,
                "mood",
                "sad",
            ),
            (
                "\"a.b\"",
                r#"{"type":"string","name":"io.debezium.data.Ltree"}"#,
                "ltree",
                "a.b",
            ),
            (
                "\"'a':1\"",
                r#"{"type":"string","name":"io.debezium.data.Tsvector"}"#,
                "tsvector",
                "'a':1",
            ),
            ("\"10.0.0.1/8\"", string, "inet", "10.0.0.1/8"),
            ("\"10.0.0.0/8\"", "", "cidr", "10.0.0.0/8"),
            ("\"08:00:2b:01:02:03\"", "", "macaddr", "08:00:2b:01:02:03"),
            ("\"[1,5)\"", string, "int4range", "[1,5)"),
            ("\"$12.50\"", string, "money", "12.50"),
            ("12.50", "", "money", "12.50"),
            (
                "2024",
                r#"{"type":"int32","name":"io.debezium.time.Year"}"#,
                "int4",
                "2024",
            ),
        ];
        check(cases);
    }

    #[test]
    fn a_word_of_an_enum_is_the_same_from_a_snapshot_and_from_the_log() {
        let mysql = r#"{"type":"string","name":"io.debezium.data.Enum","parameters":{"__debezium.source.column.type":"ENUM"}}"#;
        let postgres = r#"{"type":"string","name":"io.debezium.data.Enum","parameters":{"__debezium.source.column.type":"MOOD"}}"#;
        check(&[
            (r#""calm, mostly""#, mysql, "text", "calm, mostly"),
            (r#""calm\\, mostly""#, mysql, "mood", "calm, mostly"),
            (r#""calm\\, mostly""#, postgres, "mood", "calm\\, mostly"),
        ]);
    }

    #[test]
    fn json_columns_take_documents_and_strings() {
        let json = r#"{"type":"string","name":"io.debezium.data.Json"}"#;
        let structure = r#"{"type":"struct","name":"a.b","fields":[{"type":"int32","field":"a"}]}"#;
        check(&[
            (r#""{\"a\": 1.50}""#, json, "jsonb", r#"{"a": 1.50}"#),
            (r#""{\"a\": 1}""#, "", "json", r#"{"a": 1}"#),
            (r#""\"s\"""#, json, "jsonb", r#""s""#),
            (r#""{\"a\":1}""#, json, "text", r#"{"a":1}"#),
            (r#"{"a": [1,{}]}"#, "", "jsonb", r#"{"a": [1,{}]}"#),
            (r#"{"a":1}"#, structure, "json", r#"{"a":1}"#),
            (r#"{"a":1}"#, "", "text", r#"{"a":1}"#),
            ("[1, 2]", "", "jsonb", "[1, 2]"),
            (
                "[1, 2]",
                r#"{"type":"array","items":{"type":"int32"}}"#,
                "text",
                "[1, 2]",
            ),
            (
                "\"hello\"",
                r#"{"type":"string","name":"io.debezium.data.Enum"}"#,
                "jsonb",
                "\"hello\"",
            ),
            (
                r#""a\u00e9 \"b\"""#,
                r#"{"type":"string","name":"io.debezium.data.Uuid"}"#,
                "jsonb",
                r#""a\u00e9 \"b\"""#,
            ),
            (
                "\"2024-01-01T00:00:00Z\"",
                r#"{"type":"string","name":"io.debezium.time.ZonedTimestamp"}"#,
                "jsonb",
                "\"2024-01-01T00:00:00Z\"",
            ),
            ("\"12\"", "", "jsonb", "12"),
            ("12", "", "jsonb", "12"),
            ("true", "", "jsonb", "true"),
            (
                "1",
                r#"{"type":"int64","name":"io.debezium.time.Timestamp"}"#,
                "jsonb",
                "1",
            ),
        ]);
    }

    #[test]
    fn a_text_that_is_no_document_is_refused_by_both_its_types() {
        for schema in ["", r#"{"type":"string"}"#] {
            for raw in ["\"hello\"", "\"\"", "\"{\"", "\"NaN\"", "\"1 2\""] {
                for column in ["json", "jsonb"] {
                    assert_eq!(
                        refused(raw, schema, column).to_string(),
                        "a text that is no json document can't be written to a column of type json"
                    );
                }
            }
        }
        refused("[\"hello\"]", "", "jsonb[]");
    }

    #[test]
    fn a_structure_for_a_scalar_column_is_refused_without_saying_its_value() {
        let message = refused(r#"{"secret":1}"#, r#"{"type":"int32"}"#, "int4").to_string();
        assert_eq!(
            message,
            "a json object can't be written to a column of type integer"
        );
        refused("[1]", "", "int4");
        refused("[1]", "", "inet");
        refused("true", "", "date");
        refused("10", "", "bit(2)");
        refused("10", "", "bytea");
        refused("7", "", "uuid");
        refused(
            "2024",
            r#"{"type":"int32","name":"io.debezium.time.Year"}"#,
            "date",
        );
        refused(r#""a\u0000b""#, "", "text");
        refused(r#""\ud800""#, "", "text");
        refused("\"", "", "text");
        refused("", "", "text");
        refused("nul", "", "text");
    }
}
