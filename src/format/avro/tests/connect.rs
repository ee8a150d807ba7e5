//! Schemas as Debezium and Connect's Avro converter write them.

use apache_avro::types::Value;
use bumpalo::Bump;

use super::{encode, plan};
use crate::format::avro::{AvroError, Plan, Texts};
use crate::format::framed::Referred;
use crate::format::schema::{Kind, Logical};

/// As registered by Debezium 3.6, shortened.
pub const ENVELOPE: &str = r#"{"type":"record","name":"Envelope","namespace":"shop.public.orders","fields":[
    {"name":"before","type":["null",{"type":"record","name":"Value","fields":[
        {"name":"id","type":{"type":"long","connect.default":0},"default":0},
        {"name":"amount","type":["null",{"type":"bytes","scale":2,"precision":12,"connect.version":1,
            "connect.parameters":{"scale":"2","connect.decimal.precision":"12"},
            "connect.name":"org.apache.kafka.connect.data.Decimal","logicalType":"decimal"}],"default":null},
        {"name":"day","type":["null",{"type":"int","connect.version":1,"connect.name":"io.debezium.time.Date"}],"default":null},
        {"name":"small","type":["null",{"type":"int","connect.type":"int16"}],"default":null},
        {"name":"bits","type":["null",{"type":"bytes","connect.version":1,"connect.parameters":{"length":"8"},"connect.name":"io.debezium.data.Bits"}],"default":null},
        {"name":"free","type":["null",{"type":"record","name":"VariableScaleDecimal","namespace":"io.debezium.data",
            "fields":[{"name":"scale","type":"int"},{"name":"value","type":"bytes"}],"connect.doc":"…","connect.version":1,
            "connect.name":"io.debezium.data.VariableScaleDecimal"}],"default":null},
        {"name":"days","type":["null",{"type":"array","items":["null",{"type":"int","connect.version":1,"connect.name":"io.debezium.time.Date"}]}],"default":null},
        {"name":"note","type":[{"type":"string","connect.default":"none"},"null"],"default":"none"}
    ],"connect.name":"shop.public.orders.Value"}],"default":null},
    {"name":"after","type":["null","Value"],"default":null},
    {"name":"source","type":{"type":"record","name":"Source","namespace":"io.debezium.connector.postgresql","fields":[
        {"name":"version","type":"string"},{"name":"connector","type":"string"},{"name":"name","type":"string"},{"name":"ts_ms","type":"long"},
        {"name":"snapshot","type":[{"type":"string","connect.version":1,"connect.parameters":{"allowed":"true,last,false"},
            "connect.default":"false","connect.name":"io.debezium.data.Enum"},"null"],"default":"false"},
        {"name":"db","type":"string"},{"name":"sequence","type":["null","string"],"default":null},{"name":"schema","type":"string"},
        {"name":"table","type":"string"},{"name":"txId","type":["null","long"],"default":null},{"name":"lsn","type":["null","long"],"default":null},
        {"name":"xmin","type":["null","long"],"default":null}],"connect.name":"io.debezium.connector.postgresql.Source"}},
    {"name":"transaction","type":["null",{"type":"record","name":"block","namespace":"event","fields":[{"name":"id","type":"string"}],"connect.name":"event.block"}],"default":null},
    {"name":"op","type":"string"},
    {"name":"ts_ms","type":["null","long"],"default":null}],"connect.version":2,"connect.name":"shop.public.orders.Envelope"}"#;

pub fn some(branch: u32, value: Value) -> Value {
    Value::Union(branch, Box::new(value))
}

fn none() -> Value {
    some(0, Value::Null)
}

fn record(fields: &[(&str, Value)]) -> Value {
    Value::Record(
        fields
            .iter()
            .map(|(n, v)| (n.to_string(), v.clone()))
            .collect(),
    )
}

fn string(text: &str) -> Value {
    Value::String(text.to_owned())
}

pub fn row(id: i64) -> Value {
    record(&[
        ("id", Value::Long(id)),
        ("amount", some(1, Value::Bytes(vec![4, 0xd2]))),
        ("day", some(1, Value::Int(19_723))),
        ("small", some(1, Value::Int(-7))),
        ("bits", some(1, Value::Bytes(vec![5]))),
        (
            "free",
            some(
                1,
                record(&[
                    ("scale", Value::Int(1)),
                    ("value", Value::Bytes(vec![4, 0xd2])),
                ]),
            ),
        ),
        (
            "days",
            some(1, Value::Array(vec![some(1, Value::Int(1)), none()])),
        ),
        ("note", some(0, string("a \"note\""))),
    ])
}

pub fn event(before: Value, after: Value, op: &str) -> Vec<u8> {
    // the reference would have a decimal of its own
    let schema = ENVELOPE.replace(r#","logicalType":"decimal""#, "");
    let source = record(&[
        ("version", string("3.6.0.Final")),
        ("connector", string("postgresql")),
        ("name", string("sh\"op")),
        ("ts_ms", Value::Long(1_793_491_200_001)),
        ("snapshot", some(0, string("false"))),
        ("db", string("shop")),
        ("sequence", none()),
        ("schema", string("public")),
        ("table", string("orders")),
        ("txId", some(1, Value::Long(77))),
        ("lsn", some(1, Value::Long(4_242))),
        ("xmin", none()),
    ]);
    let event = record(&[
        ("before", before),
        ("after", after),
        ("source", source),
        ("transaction", some(1, record(&[("id", string("571:1"))]))),
        ("op", string(op)),
        ("ts_ms", some(1, Value::Long(5))),
    ]);
    encode(&schema, event)
}

#[test]
fn an_envelope_gives_the_texts_that_its_json_would_have_had() {
    let (plan, arena, mut texts) = (plan(ENVELOPE), Bump::new(), Texts::default());
    let datum = event(some(1, row(6)), some(1, row(7)), "u");
    let envelope = plan
        .read_envelope(&datum, false, &mut texts, &arena)
        .unwrap()
        .unwrap();
    assert_eq!(envelope.op, "u");
    assert!(envelope.before.is_none());
    let after = envelope.after.unwrap();
    let found: Vec<(&str, &str)> = after.iter().collect();
    let expected = [
        ("id", "7"),
        ("amount", "\"BNI=\""),
        ("day", "19723"),
        ("small", "-7"),
        ("bits", "\"BQ==\""),
        ("free", r#"{"scale":1,"value":"BNI="}"#),
        ("days", "[1,null]"),
        ("note", r#""a \"note\"""#),
    ];
    assert_eq!(found, expected);
    let source = envelope.source;
    assert_eq!(source.schema(), Some("public"));
    assert_eq!(source.table.as_deref(), Some("orders"));
    assert_eq!(source.ts_ms, Some(1_793_491_200_001));
    let position = source.event_position().unwrap();
    assert_eq!((position.log, position.entry), ("postgres", ["4242", "77"]));
    assert_eq!(source.name.as_deref(), Some("sh\"op"));

    let with_before = plan
        .read_envelope(&datum, true, &mut texts, &arena)
        .unwrap()
        .unwrap();
    let before = with_before.before.unwrap();
    assert_eq!(before.get("id"), Some("6"));
    assert!(std::sync::Arc::ptr_eq(
        &before.shape.unwrap(),
        &after.shape.clone().unwrap()
    ));
    let deleted = event(some(1, row(6)), none(), "d");
    let deleted = plan
        .read_envelope(&deleted, false, &mut texts, &arena)
        .unwrap()
        .unwrap();
    assert!(deleted.after.is_none() && deleted.op == "d");
}

#[test]
fn the_schema_tells_what_values_mean_as_connects_own_would() {
    let plan = plan(ENVELOPE);
    let after = plan.schema().unwrap().find_field("after").unwrap();
    assert!(after.optional);
    let field = |name: &str| after.find_field(name).unwrap();
    let amount = field("amount");
    assert_eq!(
        (&amount.kind, amount.logical),
        (&Kind::Bytes, Some(Logical::Decimal))
    );
    assert_eq!((amount.scale, amount.optional), (Some(2), true));
    assert_eq!(field("day").logical, Some(Logical::Date));
    assert_eq!(
        (&field("small").kind, field("small").logical),
        (&Kind::Int16, None)
    );
    assert_eq!(
        (field("bits").logical, field("bits").length),
        (Some(Logical::Bits), Some(8))
    );
    assert_eq!(field("free").logical, Some(Logical::VariableScaleDecimal));
    assert!(
        matches!(&field("days").kind, Kind::Array(item) if item.logical == Some(Logical::Date) && item.optional)
    );
    assert_eq!(
        (&field("note").kind, field("note").optional),
        (&Kind::String, true)
    );
    // the row that is read has the same
    let (arena, mut texts) = (Bump::new(), Texts::default());
    let datum = event(none(), some(1, row(1)), "c");
    let envelope = plan
        .read_envelope(&datum, false, &mut texts, &arena)
        .unwrap()
        .unwrap();
    let row = envelope.after.unwrap();
    assert_eq!(row.schema().unwrap().fields(), after.fields());
}

#[test]
fn logical_types_of_avros_own_mean_what_they_say() {
    for (schema, kind, logical) in [
        (
            r#"{"type":"int","logicalType":"date"}"#,
            Kind::Int32,
            Logical::ConnectDate,
        ),
        (
            r#"{"type":"int","logicalType":"time-millis"}"#,
            Kind::Int32,
            Logical::ConnectTime,
        ),
        (
            r#"{"type":"long","logicalType":"time-micros"}"#,
            Kind::Int64,
            Logical::MicroTime,
        ),
        (
            r#"{"type":"long","logicalType":"timestamp-millis"}"#,
            Kind::Int64,
            Logical::ConnectTimestamp,
        ),
        (
            r#"{"type":"long","logicalType":"local-timestamp-micros"}"#,
            Kind::Int64,
            Logical::MicroTimestamp,
        ),
        (
            r#"{"type":"string","logicalType":"uuid"}"#,
            Kind::String,
            Logical::Uuid,
        ),
        (
            r#"{"type":"fixed","name":"u","size":16,"logicalType":"uuid"}"#,
            Kind::String,
            Logical::Uuid,
        ),
        (
            r#"{"type":"fixed","name":"d","size":4,"logicalType":"decimal","precision":9}"#,
            Kind::Bytes,
            Logical::Decimal,
        ),
    ] {
        let plan = plan(schema);
        let field = plan.schema().unwrap();
        assert_eq!(
            (&field.kind, field.logical),
            (&kind, Some(logical)),
            "{schema}"
        );
        let scale = (logical == Logical::Decimal).then_some(0);
        assert_eq!(field.scale, scale, "{schema}");
    }
    // Connect's name says more than Avro's
    let both = plan(
        r#"{"type":"long","logicalType":"timestamp-millis","connect.name":"io.debezium.time.NanoTimestamp"}"#,
    );
    assert_eq!(both.schema().unwrap().logical, Some(Logical::NanoTimestamp));
}

#[test]
fn a_schema_may_refer_to_others() {
    let referred = [
        r#"{"type":"enum","name":"shop.Mood","symbols":["calm"]}"#.to_owned(),
        r#"{"type":"record","name":"shop.Person","fields":[{"name":"mood","type":"Mood"}]}"#
            .to_owned(),
    ]
    .map(|schema| Referred {
        name: String::new(),
        schema,
    });
    let schema = r#"{"type":"record","name":"shop.Order","fields":[{"name":"by","type":"Person"},{"name":"for","type":["null","shop.Person"]}]}"#;
    let plan = Plan::compile(schema, &referred).unwrap();
    assert_eq!(
        plan.to_json(&[0, 2, 0]).unwrap(),
        r#"{"by":{"mood":"calm"},"for":{"mood":"calm"}}"#
    );
    assert!(Plan::compile(schema, &referred[1..]).is_err());
}

#[test]
fn what_is_no_envelope_is_named() {
    let (arena, mut texts) = (Bump::new(), Texts::default());
    let other = plan(r#"{"type":"record","name":"r","fields":[{"name":"a","type":"int"}]}"#);
    let refused = other.read_envelope(&[2], false, &mut texts, &arena).err();
    assert_eq!(refused, Some(AvroError::NoEnvelope("op")));
    let key = plan(r#""long""#)
        .read_record(&[2], &mut texts, &arena)
        .err();
    assert_eq!(key, Some(AvroError::NoRecord("an integer")));
    // the field that doesn't fit, without what it holds
    let datum = event(none(), some(1, row(1)), "secret");
    let cut = &datum[..datum.len() - 4];
    let refused = plan(ENVELOPE)
        .read_envelope(cut, false, &mut texts, &arena)
        .err()
        .unwrap();
    assert_eq!(
        refused.to_string(),
        "field op: ends too early for its schema"
    );
}
