//! Debezium's placeholder for an unchanged value that is stored out of line, in each of its shapes.
//!
//! The shape follows the source's type, which the destination needn't share, so the shapes are told apart by
//! the JSON; a type of fixed size can't hold one. The words are Debezium's default
//! (`unavailable.value.placeholder`).

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::family::Family;
use super::json::Json;
use crate::format::schema::{Field, Kind, Logical};
use crate::rows::table::PgType;

const WORDS: &str = "__debezium_unavailable_value";
const QUOTED: &str = r#""__debezium_unavailable_value""#;
/// The words' bytes, as a JSON string: in base64 and, with `binary.handling.mode=hex`, in hexadecimal.
const BASE64: &str = r#""X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==""#;
const BASE64_URL: &str = r#""X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ""#;
const HEX: &str = r#""5f5f646562657a69756d5f756e617661696c61626c655f76616c7565""#;
/// The words' name-based uuid.
const UUID: &str = r#""b68a35a7-17ad-35b3-af2a-ae46edb4545a""#;
/// An hstore's JSON text, in a JSON string.
const HSTORE: &str = r#""{\"__debezium_unavailable_value\":\"__debezium_unavailable_value\"}""#;

pub(super) fn is_unavailable(json: Json<'_>, field: Option<&Field>, column: &PgType) -> bool {
    let family = Family::of_column(column);
    if family.is_fixed_size() {
        return false;
    }
    match json {
        Json::String(QUOTED | HSTORE) => true,
        Json::String(quoted) => is_bytes(quoted) && may_be_bytes(field, family),
        Json::Array(raw) => is_array(raw, field, column),
        Json::Object(raw) => is_object(raw),
        _ => false,
    }
}

fn is_bytes(quoted: &str) -> bool {
    matches!(quoted, BASE64 | BASE64_URL | HEX)
}

/// Not a decimal, whose bytes can be any.
fn may_be_bytes(field: Option<&Field>, family: Family) -> bool {
    let bytes_without_meaning = |field: &Field| {
        field.kind == Kind::Bytes && matches!(field.logical, None | Some(Logical::Other))
    };
    family == Family::Bytea || field.is_some_and(bytes_without_meaning)
}

fn is_array(raw: &str, field: Option<&Field>, column: &PgType) -> bool {
    // An array that begins otherwise needn't be read twice.
    let begin = raw.trim_start_matches(['[', ' ', '\n', '\r', '\t']);
    if !["\"__debezium", "\"X19kZWJleml1bV9", "\"b68a35a7-", "95"]
        .iter()
        .any(|start| begin.starts_with(start))
    {
        return false;
    }
    let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(raw) else {
        return false;
    };
    match elements.as_slice() {
        [only] => match only.get() {
            QUOTED => true,
            BASE64 => element_is(column, "bytea"),
            UUID => element_is(column, "uuid") || element_logical(field) == Some(Logical::Uuid),
            _ => false,
        },
        numbers if numbers.len() == WORDS.len() => numbers
            .iter()
            .zip(WORDS.bytes())
            .all(|(number, byte)| number.get().parse() == Ok(byte)),
        _ => false,
    }
}

fn element_is(column: &PgType, name: &str) -> bool {
    column
        .element
        .as_ref()
        .is_some_and(|element| element.name == name)
}

fn element_logical(field: Option<&Field>) -> Option<Logical> {
    match &field?.kind {
        Kind::Array(element) => element.logical,
        _ => None,
    }
}

/// An hstore as a map: `hstore.handling.mode=map`.
fn is_object(raw: &str) -> bool {
    const LONGEST: usize = 128; // a placeholder with room for spaces; a longer object needn't be read
    let read = |raw| serde_json::from_str::<BTreeMap<&str, &str>>(raw);
    raw.len() < LONGEST
        && read(raw).is_ok_and(|map| map.len() == 1 && map.get(WORDS) == Some(&WORDS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::value::testing::{check, column_type, field};
    use crate::rows::value::{Value, to_text};

    fn numbers() -> String {
        let numbers: Vec<String> = WORDS.bytes().map(|byte| byte.to_string()).collect();
        format!("[{}]", numbers.join(","))
    }

    #[test]
    fn every_shape_of_the_placeholder_is_unavailable() {
        let array = |item: &str| {
            format!(r#"{{"type":"array","items":{{"type":"{item}","optional":true}}}}"#)
        };
        let bytes = r#"{"type":"bytes","optional":true}"#;
        let json = r#"{"type":"string","name":"io.debezium.data.Json"}"#;
        let map = r#"{"type":"map","keys":{"type":"string"},"values":{"type":"string"}}"#;
        let uuids = r#"{"type":"array","items":{"type":"string","name":"io.debezium.data.Uuid"}}"#;
        let in_map = format!("{{{QUOTED}:{QUOTED}}}");
        let cases: &[(&str, &str, &[&str])] = &[
            (
                QUOTED,
                r#"{"type":"string"}"#,
                &["text", "varchar", "xml", "ltree", "mood"],
            ),
            (QUOTED, json, &["json", "jsonb", "text", "hstore"]),
            (QUOTED, "", &["numeric", "bytea", "bit(8)", "text[]"]),
            (BASE64, bytes, &["bytea", "text"]),
            (BASE64_URL, r#"{"type":"string"}"#, &["bytea"]),
            (HEX, r#"{"type":"string"}"#, &["bytea"]),
            (
                &format!("[{QUOTED}]"),
                &array("string"),
                &["text[]", "varchar[]", "mood[]", "jsonb"],
            ),
            (&format!("[{BASE64}]"), &array("bytes"), &["bytea[]"]),
            (&format!("[{UUID}]"), uuids, &["uuid[]", "text[]"]),
            (&numbers(), &array("int32"), &["int4[]", "int8[]", "jsonb"]),
            (&numbers().replace(',', ", "), &array("int64"), &["int8[]"]),
            (HSTORE, json, &["hstore", "jsonb", "text"]),
            (&in_map, map, &["hstore", "jsonb"]),
        ];
        for (raw, schema, columns) in cases {
            for column in *columns {
                let found = to_text(raw, field(schema).as_ref(), &column_type(column));
                assert_eq!(found, Ok(Value::Unavailable), "{raw} for {column}");
            }
        }
    }

    #[test]
    fn without_a_schema_the_column_is_enough() {
        let array = format!("[{QUOTED}]");
        let uuids = format!("[{UUID}]");
        let (numbers, in_map) = (numbers(), format!("{{{QUOTED}:{QUOTED}}}"));
        for (raw, column) in [
            (QUOTED, "text"),
            (QUOTED, "jsonb"),
            (BASE64, "bytea"),
            (&array, "text[]"),
            (&uuids, "uuid[]"),
            (&numbers, "int8[]"),
            (HSTORE, "hstore"),
            (&in_map, "hstore"),
        ] {
            assert_eq!(
                to_text(raw, None, &column_type(column)),
                Ok(Value::Unavailable),
                "{raw} for {column}"
            );
        }
    }

    #[test]
    fn what_only_resembles_the_placeholder_is_data() {
        let decimal = r#"{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"0"}}"#;
        check(&[
            (
                "\"b68a35a7-17ad-35b3-af2a-ae46edb4545a\"",
                "",
                "uuid",
                "b68a35a7-17ad-35b3-af2a-ae46edb4545a",
            ),
            (
                BASE64,
                r#"{"type":"string"}"#,
                "text",
                BASE64.trim_matches('"'),
            ),
            (
                BASE64,
                decimal,
                "numeric",
                "10043909771953685238812334200527367600679755693759405789627988866405",
            ),
            ("[95,95]", "", "int4[]", "{95,95}"),
            (
                &numbers().replace("95", "96"),
                "",
                "int4[]",
                &numbers()
                    .replace("95", "96")
                    .replace('[', "{")
                    .replace(']', "}"),
            ),
            (
                &format!("[{QUOTED},{QUOTED}]"),
                "",
                "text[]",
                "{__debezium_unavailable_value,__debezium_unavailable_value}",
            ),
            (
                r#"{"__debezium_unavailable_value":"other"}"#,
                "",
                "hstore",
                r#""__debezium_unavailable_value"=>"other""#,
            ),
        ]);
    }
}
