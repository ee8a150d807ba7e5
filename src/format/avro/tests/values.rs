//! Each type of Avro's, as JsonConverter would write its value.

use std::collections::HashMap;

use apache_avro::types::Value;
use apache_avro::{Days, Decimal, Duration, Millis, Months, Uuid};

use super::{encode, text};

fn check(schema: &str, value: Value, expected: &str) {
    let found = text(schema, &encode(schema, value.clone()));
    assert_eq!(found.as_deref(), Ok(expected), "{value:?} as {schema}");
}

#[test]
fn primitive_types() {
    check(r#""null""#, Value::Null, "null");
    check(r#""boolean""#, Value::Boolean(true), "true");
    check(r#""int""#, Value::Int(i32::MIN), "-2147483648");
    check(r#""long""#, Value::Long(i64::MAX), "9223372036854775807");
    check(r#""float""#, Value::Float(0.1), "0.1");
    check(r#""double""#, Value::Double(-0.0), "-0.0");
    check(r#""double""#, Value::Double(1e300), "1e300");
    check(
        r#""double""#,
        Value::Double(f64::MIN_POSITIVE),
        "2.2250738585072014e-308",
    );
    check(r#""bytes""#, Value::Bytes(vec![0, 1, 0xfe]), "\"AAH+\"");
    check(r#""string""#, Value::String("ü €".into()), "\"ü €\"");
}

#[test]
fn floats_that_json_has_no_digits_for_are_strings() {
    for (number, expected) in [
        (f64::NAN, "\"NaN\""),
        (f64::INFINITY, "\"Infinity\""),
        (f64::NEG_INFINITY, "\"-Infinity\""),
    ] {
        check(r#""double""#, Value::Double(number), expected);
        check(r#""float""#, Value::Float(number as f32), expected);
    }
}

#[test]
fn a_string_is_escaped_only_where_it_must_be() {
    let all: String = (0..=0x7f_u8)
        .map(char::from)
        .chain("ü\u{1f980}".chars())
        .collect();
    let schema = r#""string""#;
    let found = text(schema, &encode(schema, Value::String(all.clone()))).unwrap();
    assert_eq!(serde_json::from_str::<String>(&found).unwrap(), all);
    for length in 0..100 {
        let long = format!("{}\"{}", "ü".repeat(length), "x".repeat(100 - length));
        let found = text(schema, &encode(schema, Value::String(long.clone()))).unwrap();
        assert_eq!(serde_json::from_str::<String>(&found).unwrap(), long);
    }
    check(
        schema,
        Value::String("a\"b\\c\nd\u{1}".into()),
        r#""a\"b\\c\nd\u0001""#,
    );
}

#[test]
fn logical_types() {
    let decimal = r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#;
    check(
        decimal,
        Value::Decimal(Decimal::from([4, 0xd2])),
        "\"BNI=\"",
    );
    let fixed = r#"{"type":"fixed","name":"d","size":2,"logicalType":"decimal","precision":4}"#;
    check(fixed, Value::Decimal(Decimal::from([4, 0xd2])), "\"BNI=\"");
    check(
        r#"{"type":"int","logicalType":"date"}"#,
        Value::Date(19723),
        "19723",
    );
    check(
        r#"{"type":"int","logicalType":"time-millis"}"#,
        Value::TimeMillis(7),
        "7",
    );
    check(
        r#"{"type":"long","logicalType":"time-micros"}"#,
        Value::TimeMicros(7),
        "7",
    );
    for (name, value) in [
        ("timestamp-millis", Value::TimestampMillis(-1)),
        ("timestamp-micros", Value::TimestampMicros(-1)),
        ("timestamp-nanos", Value::TimestampNanos(-1)),
        ("local-timestamp-millis", Value::LocalTimestampMillis(-1)),
        ("local-timestamp-micros", Value::LocalTimestampMicros(-1)),
    ] {
        check(
            &format!(r#"{{"type":"long","logicalType":"{name}"}}"#),
            value,
            "-1",
        );
    }
    let uuid = Uuid::parse_str("b68a35a7-17ad-35b3-af2a-ae46edb4545b").unwrap();
    let expected = "\"b68a35a7-17ad-35b3-af2a-ae46edb4545b\"";
    check(
        r#"{"type":"string","logicalType":"uuid"}"#,
        Value::Uuid(uuid),
        expected,
    );
    let fixed = r#"{"type":"fixed","name":"u","size":16,"logicalType":"uuid"}"#;
    check(fixed, Value::Uuid(uuid), expected);
    let duration = r#"{"type":"fixed","name":"i","size":12,"logicalType":"duration"}"#;
    let value = Duration::new(Months::new(1), Days::new(2), Millis::new(3_004));
    check(duration, Value::Duration(value), "\"P1M2DT3.004S\"");
    let big = r#"{"type":"bytes","logicalType":"big-decimal"}"#;
    let value = Value::BigDecimal("12.34".parse().unwrap());
    check(big, value, r#"{"scale":2,"value":"BNI="}"#);
    // one that doesn't fit its type is none
    check(
        r#"{"type":"string","logicalType":"date"}"#,
        Value::String("x".into()),
        "\"x\"",
    );
}

#[test]
fn containers() {
    let list = r#"{"type":"array","items":["null","int"]}"#;
    let items = vec![
        Value::Union(1, Box::new(Value::Int(1))),
        Value::Union(0, Box::new(Value::Null)),
    ];
    check(list, Value::Array(items), "[1,null]");
    check(list, Value::Array(vec![]), "[]");
    let map = r#"{"type":"map","values":"int"}"#;
    let entry = HashMap::from([("a\"".to_owned(), Value::Int(1))]);
    check(map, Value::Map(entry), r#"{"a\"":1}"#);
    let symbols = r#"{"type":"enum","name":"e","symbols":["calm","storm"]}"#;
    check(symbols, Value::Enum(1, "storm".into()), "\"storm\"");
    let fixed = r#"{"type":"fixed","name":"x","size":3}"#;
    check(fixed, Value::Fixed(3, vec![0, 1, 0xfe]), "\"AAH+\"");
    let record = r#"{"type":"record","name":"r","fields":[{"name":"a","type":"int"},{"name":"b","type":["string","null"]}]}"#;
    let fields = vec![
        ("a".to_owned(), Value::Int(1)),
        ("b".to_owned(), Value::Union(1, Box::new(Value::Null))),
    ];
    check(record, Value::Record(fields), r#"{"a":1,"b":null}"#);
    let empty = r#"{"type":"record","name":"r","fields":[]}"#;
    check(empty, Value::Record(vec![]), "{}");
}

#[test]
fn a_union_of_several_is_a_struct_with_a_field_for_each_as_connect_has_it() {
    let union = r#"["null","int",{"type":"record","name":"a.b.Row","fields":[{"name":"x","type":"string"}]}]"#;
    check(union, Value::Union(0, Box::new(Value::Null)), "null");
    let number = Value::Union(1, Box::new(Value::Int(5)));
    check(union, number, r#"{"int":5,"Row":null}"#);
    let row = Value::Record(vec![("x".to_owned(), Value::String("y".into()))]);
    let row = Value::Union(2, Box::new(row));
    check(union, row, r#"{"int":null,"Row":{"x":"y"}}"#);
}

#[test]
fn an_array_of_connects_entries_is_a_map() {
    let of = |key: &str| {
        format!(
            r#"{{"type":"array","items":{{"type":"record","name":"MapEntry","namespace":"io.confluent.connect.avro",
                "connect.internal.type":"MapEntry","fields":[{{"name":"key","type":{key}}},{{"name":"value","type":"double"}}]}}}}"#
        )
    };
    let entry = |key: Value, value: f64| {
        Value::Record(vec![
            ("key".to_owned(), key),
            ("value".to_owned(), Value::Double(value)),
        ])
    };
    let numbers = vec![entry(Value::Int(1), 0.5), entry(Value::Int(3), 2.0)];
    check(&of("\"int\""), Value::Array(numbers), "[[1,0.5],[3,2.0]]");
    let optional = |value| Value::Union(1, Box::new(value));
    let named = vec![entry(optional(Value::String("a".into())), 0.5)];
    let schema = of(r#"["null","string"]"#);
    check(&schema, Value::Array(named), r#"{"a":0.5}"#);
    let nameless = vec![entry(Value::Union(0, Box::new(Value::Null)), 0.5)];
    assert!(text(&schema, &encode(&schema, Value::Array(nameless))).is_err());
}

#[test]
fn a_type_may_hold_itself() {
    let schema = r#"{"type":"record","name":"n.List","fields":[{"name":"x","type":"int"},{"name":"rest","type":["null","List"]}]}"#;
    let list = |x, rest| {
        Value::Record(vec![
            ("x".to_owned(), Value::Int(x)),
            ("rest".to_owned(), rest),
        ])
    };
    let end = list(2, Value::Union(0, Box::new(Value::Null)));
    let value = list(1, Value::Union(1, Box::new(end)));
    check(schema, value, r#"{"x":1,"rest":{"x":2,"rest":null}}"#);
}
