//! What prost encodes is read here as Connect would write it in JSON; whatever else comes is refused.

use std::collections::HashMap;
use std::sync::Arc;

use bumpalo::Bump;
use prost_reflect::prost::Message as _;
use prost_reflect::{DynamicMessage, MapKey, Value};

use super::{ProtobufError, ProtobufSchema};
use crate::config::Encoding;
use crate::format::framed::{FramedReader, KnownSchema, Referred, RegisteredSchema, SchemaType};
use crate::format::schema::{Field, Kind, Logical};
use crate::format::value::{ReadKey, ReadValue, Wanted};
use crate::record::body::Body;

const ORDERS: &str = r#"syntax = "proto3"; package shop;
import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto";
import "google/type/date.proto"; import "google/type/timeofday.proto";
import "confluent/meta.proto"; import "confluent/type/decimal.proto";
message Order {
  int64 id = 1; string name = 2; optional int32 quantity = 3;
  google.protobuf.Timestamp at = 4; google.type.Date day = 5; google.type.TimeOfDay time = 6;
  confluent.type.Decimal price = 7 [(confluent.field_meta) = { params: [{ key: "scale", value: "2" }] }];
  google.protobuf.StringValue note = 8; repeated string tags = 9;
  map<string, int32> counts = 10; map<int32, string> names = 11;
  enum Mood { CALM = 0; LOUD = 1; }
  Mood mood = 12; bytes raw = 13; double ratio = 14; uint64 big = 15;
  oneof either { string a = 16; int32 b = 17; }
  Order parent = 18;
  int32 small = 19 [(confluent.field_meta) = { doc: "d", params: [{ value: "int16", key: "connect.type" }] }];
  message Line { int32 n = 1; } repeated Line lines = 20;
}
message Second { string s = 1; }
message Envelope { Order before = 1; Order after = 2; message Source { int64 lsn = 1; } Source source = 3; string op = 4; }
"#;

const EMPTY: &str = r#"{"id":0,"name":"","quantity":null,"at":null,"day":null,"time":null,"price":null,"note":null,"tags":[],"counts":{},"names":[],"mood":"CALM","raw":"","ratio":0.0,"big":0,"a":null,"b":null,"parent":null,"small":0,"lines":[]}"#;

fn orders() -> ProtobufSchema {
    ProtobufSchema::compile(ORDERS, &[]).unwrap_or_else(|e| panic!("{e}"))
}

/// A message within one, with these whole numbers.
fn inner(within: &DynamicMessage, field: &str, numbers: &[(&str, Value)]) -> Value {
    use prost_reflect::ReflectMessage as _;
    let field = within.descriptor().get_field_by_name(field).unwrap();
    let mut message = DynamicMessage::new(field.kind().as_message().unwrap().clone());
    for (name, value) in numbers {
        message.set_field_by_name(name, value.clone());
    }
    Value::Message(message)
}

fn full_order(schema: &ProtobufSchema) -> DynamicMessage {
    let mut order = DynamicMessage::new(schema.descriptor(&[0]).unwrap());
    let at = [
        ("seconds", Value::I64(1_728_000_000)),
        ("nanos", Value::I32(123_456_789)),
    ];
    let day = [
        ("year", Value::I32(2024)),
        ("month", Value::I32(2)),
        ("day", Value::I32(29)),
    ];
    let time = [("hours", Value::I32(24))];
    let price = [
        ("value", Value::Bytes(vec![1, 0xf4].into())),
        ("scale", Value::I32(2)),
    ];
    let note = [("value", Value::String("n\"".to_owned()))];
    let inner: Vec<(&str, Value)> = vec![
        ("at", inner(&order, "at", &at)),
        ("day", inner(&order, "day", &day)),
        ("time", inner(&order, "time", &time)),
        ("price", inner(&order, "price", &price)),
        ("note", inner(&order, "note", &note)),
        ("parent", inner(&order, "parent", &[("id", Value::I64(-1))])),
        (
            "lines",
            Value::List(vec![inner(&order, "lines", &[("n", Value::I32(3))])]),
        ),
    ];
    let pairs = |pairs: Vec<(MapKey, Value)>| Value::Map(pairs.into_iter().collect());
    let scalars = vec![
        ("id", Value::I64(7)),
        ("quantity", Value::I32(0)),
        ("tags", Value::List(vec![Value::String("a".to_owned())])),
        (
            "counts",
            pairs(
                (0..9)
                    .rev()
                    .map(|n| (MapKey::String(format!("k{n}")), Value::I32(n)))
                    .collect(),
            ),
        ),
        (
            "names",
            pairs(vec![
                (MapKey::I32(2), Value::String("b".to_owned())),
                (MapKey::I32(-1), Value::String("a".to_owned())),
            ]),
        ),
        ("mood", Value::EnumNumber(1)),
        ("raw", Value::Bytes(vec![1, 2].into())),
        ("ratio", Value::F64(f64::NAN)),
        ("big", Value::U64(u64::MAX)),
        ("b", Value::I32(0)),
    ];
    for (name, value) in inner.into_iter().chain(scalars) {
        order.set_field_by_name(name, value);
    }
    order
}

/// A message at these places of its schema, behind the frame's id.
fn datum(places: &[u8], message: &DynamicMessage) -> Vec<u8> {
    [places, &message.encode_to_vec()].concat()
}

#[test]
fn a_message_is_read_as_connect_would_write_it() {
    let schema = orders();
    assert_eq!(schema.to_json(&[0]).unwrap(), EMPTY);
    let text = schema.to_json(&datum(&[0], &full_order(&schema))).unwrap();
    let parent = EMPTY.replace("\"id\":0", "\"id\":-1");
    let counts: Vec<String> = (0..9).map(|n| format!("\"k{n}\":{n}")).collect();
    let expected = format!(
        r#"{{"id":7,"name":"","quantity":0,"at":1728000000123456,"day":19782,"time":86400000000,"price":{{"scale":2,"value":"AfQ="}},"note":"n\"","tags":["a"],"counts":{{{}}},"names":[[-1,"a"],[2,"b"]],"mood":"LOUD","raw":"AQI=","ratio":"NaN","big":18446744073709551615,"a":null,"b":0,"parent":{parent},"small":0,"lines":[{{"n":3}}]}}"#,
        counts.join(",")
    );
    assert_eq!(text, expected);
}

#[test]
fn connects_types_follow_from_the_schema() {
    let (schema, arena) = (orders(), Bump::new());
    let mut shape = Arc::default();
    let message = schema.message(&[0], &arena).unwrap();
    let Ok(ReadKey::Fields(fields)) = message.read_key(&mut shape, &arena) else {
        panic!("no fields");
    };
    let row = fields.schema().unwrap();
    let of = |name: &str| row.find_field(name).unwrap();
    let told = |field: &Field| (field.kind.clone(), field.logical, field.optional);
    assert_eq!(told(of("id")), (Kind::Int64, None, false));
    assert_eq!(told(of("quantity")), (Kind::Int32, None, true));
    assert_eq!(
        told(of("at")),
        (Kind::Int64, Some(Logical::MicroTimestamp), true)
    );
    assert_eq!(
        told(of("day")),
        (Kind::Int32, Some(Logical::ConnectDate), true)
    );
    assert_eq!(
        told(of("time")),
        (Kind::Int64, Some(Logical::MicroTime), true)
    );
    assert_eq!(of("price").logical, Some(Logical::VariableScaleDecimal));
    assert_eq!(told(of("note")), (Kind::String, None, true));
    assert_eq!(told(of("mood")), (Kind::String, None, false));
    assert_eq!(told(of("a")), (Kind::String, None, true));
    assert_eq!(told(of("small")), (Kind::Int16, None, false));
    // an order within an order has no end
    assert_eq!(of("parent").kind, Kind::Unknown);
    assert!(matches!(&of("tags").kind, Kind::Array(item) if item.kind == Kind::String));
    assert!(matches!(&of("counts").kind, Kind::Map(value) if value.kind == Kind::Int32));
    assert!(matches!(&of("lines").kind, Kind::Array(item) if item.fields().len() == 1));
}

#[test]
fn a_message_names_its_place_and_one_that_is_not_there_is_refused() {
    let schema = orders();
    let second = [&[2, 2, 10, 1][..], b"x"].concat();
    assert_eq!(schema.to_json(&second).unwrap(), r#"{"s":"x"}"#);
    // the second within the first would be a map's entry, which nobody counts
    assert_eq!(schema.to_json(&[4, 0, 0, 8, 5]).unwrap(), r#"{"n":5}"#);
    for (datum, places) in [
        (&[2, 6][..], vec![3]),
        (&[2, 1], vec![-1]),
        (&[4, 0, 2], vec![0, 1]),
    ] {
        assert_eq!(schema.to_json(datum), Err(ProtobufError::NoMessage(places)));
    }
    // a field that is newer than the schema
    assert_eq!(schema.to_json(&[2, 2, 0xf8, 1, 7]).unwrap(), r#"{"s":""}"#);
    let cut = schema
        .to_json(&[2, 2, 10, 9, b'x'])
        .unwrap_err()
        .to_string();
    assert!(cut.starts_with("is no shop.Second: "), "{cut}");
}

#[test]
fn a_moment_that_is_none_is_refused() {
    let schema = orders();
    let refused = |field: &str, parts: &[(&str, Value)]| {
        let mut order = DynamicMessage::new(schema.descriptor(&[0]).unwrap());
        let value = inner(&order, field, parts);
        order.set_field_by_name(field, value);
        schema
            .to_json(&datum(&[0], &order))
            .unwrap_err()
            .to_string()
    };
    for day in [
        [2023, 2, 29],
        [2024, 13, 1],
        [2024, 4, 31],
        [0, 1, 1],
        [2024, 0, 0],
    ] {
        let parts = ["year", "month", "day"].iter().zip(day);
        let parts: Vec<_> = parts
            .map(|(name, part)| (*name, Value::I32(part)))
            .collect();
        assert_eq!(refused("day", &parts), "has a date that is none", "{day:?}");
    }
    assert!(refused("time", &[("hours", Value::I32(25))]).contains("time of day"));
    assert!(refused("at", &[("seconds", Value::I64(i64::MAX))]).contains("timestamp"));
}

#[test]
fn a_schema_may_import_others_and_one_that_can_not_be_compiled_is_refused() {
    let person = Referred {
        name: "shop/person.proto".to_owned(),
        schema: r#"syntax = "proto2"; package shop; message Person { required string name = 1; optional int32 age = 2 [default = 7]; optional int32 size = 3; }"#.to_owned(),
    };
    let text =
        r#"syntax = "proto3"; import "shop/person.proto"; message Order { shop.Person by = 1; }"#;
    let schema = ProtobufSchema::compile(text, &[person]).unwrap();
    let by = schema.to_json(&[0, 10, 0]).unwrap();
    assert_eq!(by, r#"{"by":{"name":null,"age":7,"size":null}}"#);
    for none in [
        text,
        "",
        "syntax = \"proto3\"; message {",
        "message A { int32 a = 1; }",
        r#"syntax = "proto3"; message A { Missing a = 1; }"#,
        r#"syntax = "proto3"; import "registered schema.proto";"#,
        "{\"type\":\"object\"}",
        &"message A {".repeat(10_000),
    ] {
        let schema = ProtobufSchema::compile(none, &[]);
        // one without messages can be compiled, and describes nothing
        assert!(
            schema.map_or(true, |it| it.to_json(&[0]).is_err()),
            "{none}"
        );
    }
}

/// Knows the orders as schema 1.
fn reader() -> FramedReader {
    let schema = RegisteredSchema::compile(SchemaType::Protobuf, ORDERS, &[]).unwrap();
    let mut reader = FramedReader::default();
    reader.learn_schemas(HashMap::from([(1, KnownSchema::Schema(Arc::new(schema)))]));
    reader
}

fn envelope(schema: &ProtobufSchema) -> DynamicMessage {
    let mut envelope = DynamicMessage::new(schema.descriptor(&[2]).unwrap());
    let source = inner(&envelope, "source", &[("lsn", Value::I64(5))]);
    envelope.set_field_by_name("after", Value::Message(full_order(schema)));
    envelope.set_field_by_name("source", source);
    envelope.set_field_by_name("op", Value::String("c".to_owned()));
    envelope
}

#[test]
fn envelopes_rows_and_keys_are_read_from_frames() {
    let (schema, mut reader, arena) = (orders(), reader(), Bump::new());
    let framed = |datum: Vec<u8>| [&[0, 0, 0, 0, 1], &datum[..]].concat();
    let body = Body::from(framed(datum(&[2, 4], &envelope(&schema))));
    let wanted = Wanted::Envelope { with_before: true };
    let read = reader.read_value(&body, Encoding::Protobuf, wanted, &arena);
    let Ok(Some(ReadValue::Envelope(envelope))) = read else {
        panic!("no envelope");
    };
    assert_eq!((&*envelope.op, envelope.before.is_none()), ("c", true));
    let row = envelope.after.unwrap();
    assert_eq!((row.get("id"), row.get("day")), (Some("7"), Some("19782")));
    let day = row.schema().unwrap().find_field("day").unwrap();
    assert_eq!(day.logical, Some(Logical::ConnectDate));
    let key = framed(vec![2, 2, 10, 1, b'k']);
    let read = reader.read_key(&key, Encoding::Protobuf, &arena).unwrap();
    assert_eq!(read.into_fields().unwrap().get("s"), Some("\"k\""));
    let body = Body::from(key.clone());
    let row = reader.read_value(&body, Encoding::Protobuf, Wanted::Row, &arena);
    assert!(matches!(row, Ok(Some(ReadValue::Row(row))) if row.get("s") == Some("\"k\"")));
    assert!(reader.read_key(&key, Encoding::Avro, &arena).is_err());
    assert_eq!(reader.to_json(&key).as_deref(), Some(r#"{"s":"k"}"#));
}

#[test]
fn what_is_cut_off_or_altered_is_answered_without_a_panic() {
    let schema = orders();
    let whole = datum(&[2, 4], &envelope(&schema));
    let mut state = 7_u64;
    let mut below = |limit: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % limit
    };
    for round in 0..20_000 {
        let mut altered = whole.clone();
        for _ in 0..=below(3) {
            let at = below(altered.len());
            altered[at] = below(256) as u8;
        }
        if round % 4 == 0 {
            altered.truncate(below(altered.len()));
        }
        if let Ok(text) = schema.to_json(&altered) {
            serde_json::from_str::<serde::de::IgnoredAny>(&text).expect("JSON");
        }
    }
    // each of two bytes, and none without its many fields
    let lines = [10, 0].repeat(200_000);
    let many = format!(
        "syntax = \"proto3\"; message A {{ repeated B b = 1; }} message B {{ {} }}",
        (1..500)
            .map(|n| format!("string a_long_name_{n} = {n};"))
            .collect::<String>()
    );
    let schema = ProtobufSchema::compile(&many, &[]).unwrap();
    let refused = schema.to_json(&[&[0], &lines[..]].concat());
    assert_eq!(refused, Err(ProtobufError::TooMuch));
}
