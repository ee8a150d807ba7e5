//! The same events in Avro, as Debezium and Confluent's converter write them; the reference encodes them.

use std::collections::HashMap;

use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{Decimal, Schema};
use landfall::format::framed::{KnownSchema, RegisteredSchema, SchemaId, SchemaType};
use landfall::record::Record;

use crate::{COLUMNS, SOURCE, TIME, record};

const KEY: SchemaId = 1;
const ENVELOPE: SchemaId = 2;
const KEY_SCHEMA: &str = r#"{"type":"record","name":"Key","fields":[{"name":"id","type":"long"}]}"#;

fn type_of(column: &str) -> &'static str {
    match column {
        "id" => r#""long""#,
        "customer_id" => r#""int""#,
        "amount" | "tax" => {
            r#"{"type":"bytes","scale":2,"precision":12,"connect.version":1,"connect.parameters":{"scale":"2"},"connect.name":"org.apache.kafka.connect.data.Decimal","logicalType":"decimal"}"#
        }
        "placed_at" => {
            r#"{"type":"string","connect.version":1,"connect.name":"io.debezium.time.ZonedTimestamp"}"#
        }
        "shipped_on" => {
            r#"{"type":"int","connect.version":1,"connect.name":"io.debezium.time.Date"}"#
        }
        "weight" => r#""double""#,
        "gift" => r#""boolean""#,
        "tags" => r#"{"type":"array","items":["null","string"]}"#,
        _ => r#""string""#,
    }
}

fn envelope_schema() -> String {
    let optional = |name: &str, kind: &str| {
        format!(r#"{{"name":"{name}","type":["null",{kind}],"default":null}}"#)
    };
    let columns = COLUMNS.map(|(name, ..)| optional(name, type_of(name)));
    let source = SOURCE.map(|(name, kind)| match kind {
        "int64" => optional(name, r#""long""#),
        _ => optional(name, r#""string""#),
    });
    format!(
        r#"{{"type":"record","name":"Envelope","namespace":"shop.public.orders","fields":[{{"name":"before","type":["null",{{"type":"record","name":"Value","fields":[{}]}}],"default":null}},{{"name":"after","type":["null","Value"],"default":null}},{{"name":"source","type":{{"type":"record","name":"Source","namespace":"io.debezium.connector.postgresql","fields":[{}]}}}},{{"name":"op","type":"string"}},{{"name":"ts_ms","type":["null","long"],"default":null}}]}}"#,
        columns.join(","),
        source.join(",")
    )
}

fn some(value: Value) -> Value {
    Value::Union(1, Box::new(value))
}

fn text(text: impl Into<String>) -> Value {
    Value::String(text.into())
}

fn cell(column: &str, id: usize) -> Value {
    match column {
        "id" => Value::Long(id as i64),
        "customer_id" => Value::Int((id % 5_000) as i32),
        "amount" | "tax" => Value::Decimal(Decimal::from([1, 48, 2])),
        "currency" => text("EUR"),
        "placed_at" => text("2026-01-01T12:34:56.123456Z"),
        "shipped_on" => Value::Int(20_454),
        "note" => text(format!("note for order {id}")),
        "weight" => Value::Double(id as f64 / 7.0),
        "gift" => Value::Boolean(true),
        "tags" => Value::Array(vec![some(text("a")), some(text(format!("b{}", id % 10)))]),
        _ => text("paid"),
    }
}

fn envelope(id: usize) -> Value {
    let row = COLUMNS.map(|(name, ..)| (name.to_owned(), some(cell(name, id))));
    let source = SOURCE.map(|(name, kind)| {
        let value = match (name, kind) {
            ("ts_ms", _) => Value::Long(TIME),
            (_, "int64") => Value::Long(id as i64),
            ("connector", _) => text("postgresql"),
            ("schema", _) => text("public"),
            ("table", _) => text("orders"),
            _ => text("shop"),
        };
        (name.to_owned(), some(value))
    });
    let fields = [
        ("before", Value::Union(0, Box::new(Value::Null))),
        ("after", some(Value::Record(row.to_vec()))),
        ("source", Value::Record(source.to_vec())),
        ("op", text("c")),
        ("ts_ms", some(Value::Long(TIME))),
    ];
    Value::Record(
        fields
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec(),
    )
}

fn message(id: SchemaId, schema: &Schema, value: Value) -> Vec<u8> {
    let writer = GenericDatumWriter::builder(schema)
        .build()
        .expect("a writer");
    let datum = writer.write_value_to_vec(value).expect("a datum");
    [&[0], &id.to_be_bytes()[..], &datum].concat()
}

pub fn records(events: usize) -> Vec<Record> {
    let key_schema = Schema::parse_str(KEY_SCHEMA).expect("a schema");
    let schema = Schema::parse_str(&envelope_schema()).expect("a schema");
    let event = |id: usize| {
        let key = Value::Record(vec![("id".to_owned(), Value::Long(id as i64))]);
        let value = message(ENVELOPE, &schema, envelope(id));
        record(id, message(KEY, &key_schema, key), value.into())
    };
    (0..events).map(event).collect()
}

/// Their schemas, by their ids.
pub fn schemas() -> HashMap<SchemaId, KnownSchema> {
    let plan = |schema: &str| {
        let schema = RegisteredSchema::compile(SchemaType::Avro, schema, &[]).expect("a plan");
        KnownSchema::Schema(schema.into())
    };
    HashMap::from([
        (KEY, plan(KEY_SCHEMA)),
        (ENVELOPE, plan(&envelope_schema())),
    ])
}
