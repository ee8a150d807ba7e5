//! Schemas as JsonSchemaConverter and applications register them, and messages that are read by them.

use std::collections::HashMap;
use std::sync::Arc;

use bumpalo::Bump;
use serde_json::{Value as Json, json};

use super::{JsonSchema, JsonSchemaError};
use crate::config::Encoding;
use crate::format::change::Fields;
use crate::format::framed::{FramedReader, KnownSchema, Referred, RegisteredSchema, SchemaType};
use crate::format::message_error::MessageError;
use crate::format::schema::{Field, Kind, Logical};
use crate::format::value::{ReadKey, ReadValue, Wanted};
use crate::record::body::Body;

fn compile(schema: &Json, referred: &[Referred]) -> Result<Arc<Field>, JsonSchemaError> {
    Ok(JsonSchema::compile(&schema.to_string(), referred)?.0.whole)
}

fn connect(schema: &Json) -> Arc<Field> {
    compile(schema, &[]).unwrap_or_else(|e| panic!("{schema}: {e}"))
}

fn optional(schema: Json, index: i64) -> Json {
    json!({ "connect.index": index, "oneOf": [{ "type": "null" }, schema] })
}

/// A row as JsonSchemaConverter describes it.
fn row() -> Json {
    json!({ "type": "object", "title": "shop.public.orders.Value", "properties": {
        "price": optional(json!({ "type": "number", "title": "org.apache.kafka.connect.data.Decimal", "connect.version": 1,
            "connect.type": "bytes", "connect.parameters": { "scale": "2", "connect.decimal.precision": "12" } }), 2),
        "id": { "type": "integer", "connect.type": "int32", "connect.index": 0 },
        "day": optional(json!({ "type": "integer", "title": "io.debezium.time.Date", "connect.version": 1, "connect.type": "int32" }), 1),
        "flags": { "type": "string", "title": "io.debezium.data.Bits", "connect.type": "bytes", "connect.parameters": { "length": "8" }, "connect.index": 3 },
        "tags": optional(json!({ "type": "array", "items": { "type": "string" } }), 4),
        "attributes": { "type": "object", "connect.type": "map", "additionalProperties": { "type": "integer", "connect.type": "int64" }, "connect.index": 5 },
        "counts": { "type": "array", "connect.type": "map", "items": { "type": "object", "properties": { "key": {}, "value": {} } }, "connect.index": 6 },
        "seen": { "type": "integer", "connect.type": "int64", "title": "io.debezium.time.MicroTimestamp", "default": 7, "connect.index": 7 },
        "ratio": { "type": "number", "connect.type": "float64", "connect.index": 8 },
    }})
}

fn envelope() -> Json {
    json!({ "type": "object", "title": "shop.public.orders.Envelope", "properties": {
        "before": optional(row(), 0),
        "after": optional(row(), 1),
        "source": { "type": "object", "properties": { "lsn": optional(json!({ "type": "integer", "connect.type": "int64" }), 0) } },
        "op": { "type": "string", "connect.index": 3 },
    }})
}

#[test]
fn connects_types_come_back_from_what_its_converter_registers() {
    let row = connect(&row());
    let names: Vec<&str> = row.fields().iter().map(|f| &*f.name).collect();
    let order = [
        "id",
        "day",
        "price",
        "flags",
        "tags",
        "attributes",
        "counts",
        "seen",
        "ratio",
    ];
    assert_eq!(names, order);
    let of = |name| row.find_field(name).unwrap();
    assert_eq!((&of("id").kind, of("id").optional), (&Kind::Int32, true));
    let day = of("day");
    assert_eq!(
        (&day.kind, day.logical, day.optional),
        (&Kind::Int32, Some(Logical::Date), true)
    );
    let price = of("price");
    assert_eq!(
        (&price.kind, price.logical, price.scale),
        (&Kind::Bytes, Some(Logical::Decimal), Some(2))
    );
    let flags = of("flags");
    assert_eq!(
        (flags.logical, flags.length),
        (Some(Logical::Bits), Some(8))
    );
    assert!(matches!(&of("tags").kind, Kind::Array(item) if item.kind == Kind::String));
    assert!(matches!(&of("attributes").kind, Kind::Map(value) if value.kind == Kind::Int64));
    assert_eq!(of("counts").kind, Kind::Unknown);
    let seen = of("seen");
    assert_eq!(
        (seen.logical, seen.default.as_deref(), seen.optional),
        (Some(Logical::MicroTimestamp), Some(&json!(7)), false)
    );
    assert_eq!(of("ratio").kind, Kind::Double);
}

#[test]
fn an_applications_schema_tells_what_json_schema_can() {
    let schema = json!({ "$id": "http://shop/order.json", "title": "An order", "type": "object", "required": ["id", "to"],
        "properties": {
            "id": { "type": "integer" },
            "to": { "$ref": "#/definitions/Address" },
            "from": { "anyOf": [{ "$ref": "order.json#/definitions/Address" }, { "type": "null" }] },
            "next": { "$ref": "#" },
            "by": { "$ref": "person.json#/$defs/Name" },
            "note": { "type": ["null", "string"], "title": "What the customer said" },
            "amount": { "type": "number" },
            "either": { "oneOf": [{ "type": "string" }, { "type": "integer" }] },
            "any": true,
        },
        "definitions": { "Address": { "type": "object", "properties": { "city": { "type": "string" } } } } });
    let person = Referred {
        name: "person.json".to_owned(),
        schema: r##"{"$defs":{"Name":{"$ref":"#/$defs/Text"},"Text":{"type":"string"}}}"##
            .to_owned(),
    };
    let order = compile(&schema, &[person]).unwrap();
    let of = |name| order.find_field(name).unwrap();
    assert_eq!((&of("id").kind, of("id").optional), (&Kind::Int64, false));
    for name in ["to", "from"] {
        assert_eq!(of(name).fields()[0].kind, Kind::String, "{name}");
    }
    assert_eq!((of("to").optional, of("from").optional), (false, true));
    assert_eq!(of("next").kind, Kind::Unknown);
    let note = of("note");
    assert_eq!(
        (&note.kind, note.logical, note.optional),
        (&Kind::String, None, true)
    );
    for name in ["amount", "either", "any"] {
        assert_eq!(of(name).kind, Kind::Unknown, "{name}");
    }
    assert_eq!(of("by").kind, Kind::String);
    let refused = compile(&schema, &[]).unwrap_err();
    assert!(matches!(refused, JsonSchemaError::Missing(name) if name.starts_with("person.json")));
}

#[test]
fn a_schema_that_is_none_is_refused_and_one_without_end_ends() {
    for schema in ["", "{", "7", "\"string\"", "[]", "null"] {
        assert!(JsonSchema::compile(schema, &[]).is_err(), "{schema}");
    }
    for schema in [
        json!({ "$ref": "#" }),
        json!({ "$ref": "#/definitions/a", "definitions": { "a": { "$ref": "#/definitions/b" }, "b": { "$ref": "#/definitions/a" } } }),
        json!({ "type": "array", "items": { "$ref": "#" } }),
        json!({ "type": 7, "properties": 7, "items": [], "oneOf": 7, "required": 7, "connect.parameters": [] }),
        json!({ "oneOf": [], "$ref": 7, "title": 7, "connect.type": [] }),
    ] {
        connect(&schema);
    }
    // each has two of the next, so the last is there 2^40 times
    let mut definitions = serde_json::Map::new();
    for level in 0..40 {
        let next = json!({ "$ref": format!("#/definitions/t{}", level + 1) });
        let two = json!({ "type": "object", "properties": { "a": next, "b": next } });
        definitions.insert(format!("t{level}"), two);
    }
    definitions.insert("t40".to_owned(), json!({ "type": "integer" }));
    connect(&json!({ "$ref": "#/definitions/t0", "definitions": definitions }));
    let deep = format!(
        "{}true{}",
        r#"{"items":"#.repeat(100_000),
        "}".repeat(100_000)
    );
    assert!(JsonSchema::compile(&deep, &[]).is_err());
}

/// Knows the row as schema 1 and the envelope as schema 2.
fn reader() -> FramedReader {
    let known = |schema: Json| {
        let schema = RegisteredSchema::compile(SchemaType::Json, &schema.to_string(), &[]);
        KnownSchema::Schema(Arc::new(schema.unwrap()))
    };
    let mut reader = FramedReader::default();
    reader.learn_schemas(HashMap::from([(1, known(row())), (2, known(envelope()))]));
    reader
}

fn framed(id: u8, json: &str) -> Vec<u8> {
    [&[0, 0, 0, 0, id], json.as_bytes()].concat()
}

fn types(fields: &Fields<'_>) -> Vec<String> {
    let schema = fields.schema().unwrap();
    let shown = |(name, text): (&str, &str)| {
        format!(
            "{name} {text} {:?}",
            schema.find_field(name).unwrap().logical
        )
    };
    fields.iter().map(shown).collect()
}

#[test]
fn messages_are_read_as_json_with_the_types_of_their_schema() {
    let (arena, mut reader) = (Bump::new(), reader());
    let json = r#"{"id":1,"day":20000,"price":"AfQ="}"#;
    let expected = [
        "id 1 None",
        "day 20000 Some(Date)",
        r#"price "AfQ=" Some(Decimal)"#,
    ];
    let key = framed(1, json);
    let read = reader.read_key(&key, Encoding::JsonSchema, &arena).unwrap();
    assert_eq!(types(&read.into_fields().unwrap()), expected);
    let flat = Body::from(framed(1, json));
    let read = reader.read_value(&flat, Encoding::JsonSchema, Wanted::Row, &arena);
    assert!(matches!(read, Ok(Some(ReadValue::Row(row))) if types(&row) == expected));
    let whole = format!(r#"{{"before":null,"after":{json},"source":{{"lsn":5}},"op":"c"}}"#);
    let body = Body::from(framed(2, &whole));
    let wanted = Wanted::Envelope { with_before: true };
    let read = reader.read_value(&body, Encoding::JsonSchema, wanted, &arena);
    let Ok(Some(ReadValue::Envelope(envelope))) = read else {
        panic!("no envelope");
    };
    assert_eq!((&*envelope.op, envelope.before.is_none()), ("c", true));
    assert_eq!(types(&envelope.after.unwrap()), expected);
    let single = framed(1, "\"a\"");
    let read = reader.read_key(&single, Encoding::JsonSchema, &arena);
    assert!(matches!(read, Ok(ReadKey::Single("\"a\""))));
    assert_eq!(reader.to_json(&key).as_deref(), Some(json));
}

#[test]
fn what_is_cut_off_or_altered_is_answered_without_a_panic() {
    let mut reader = reader();
    let whole = framed(
        2,
        r#"{"before":null,"after":{"id":1,"day":20000,"price":"AfQ=","tags":["a"]},"source":{"lsn":5},"op":"c"}"#,
    );
    let mut arena = Bump::new();
    for end in 0..whole.len() {
        for wanted in [Wanted::Row, Wanted::Envelope { with_before: true }] {
            let body = Body::from(whole[..end].to_vec());
            let read = reader.read_value(&body, Encoding::JsonSchema, wanted, &arena);
            assert!(read.is_err(), "{end}");
        }
        for byte in [0, b'{', b'"', 0x80, 0xff, b'7'] {
            let mut altered = whole.clone();
            altered[end] = byte;
            let _ = reader.to_json(&altered);
            let _ = reader.read_key(&altered, Encoding::JsonSchema, &arena);
        }
        arena.reset();
    }
}

#[test]
fn a_schema_of_another_encoding_is_told_and_not_read_by() {
    let (arena, mut reader) = (Bump::new(), reader());
    let key = framed(1, "{}");
    let error = reader.read_key(&key, Encoding::Avro, &arena).unwrap_err();
    assert!(matches!(error, MessageError::OtherShape(_)), "{error}");
}
