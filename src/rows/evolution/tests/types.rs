//! The type of a column for each schema; and that it takes what such a field says.

use super::super::column_type::ExtensionTypes;
use super::super::default_value::find_default;
use super::super::meaning::{Known, type_of_field};
use super::{extensions, field};
use crate::rows::value::{Reading, Value, to_text};

/// The schema's type, its name if any, the column's type, and a value as it is written.
type Case<'c> = (&'c str, &'c str, &'c str, &'c str);

fn of(extensions: &ExtensionTypes) -> Known<'_> {
    Known {
        extensions,
        of_binlog: false,
    }
}

#[test]
fn a_time_of_mysqls_is_a_span_and_one_of_postgres_a_time_of_day() {
    for (kind, name, raw) in [
        ("int64", "io.debezium.time.MicroTime", "-3020399000000"),
        ("int64", "io.debezium.time.NanoTime", "3020399000000000"),
    ] {
        let field = field(&named(kind, name));
        let extensions = ExtensionTypes::default();
        let of_binlog = Known {
            of_binlog: true,
            ..of(&extensions)
        };
        let span = type_of_field(&field, of_binlog).expect("a type");
        assert_eq!(span.to_string(), "interval");
        let value = to_text(raw, Some(&field), &span.to_pg_type(), &Reading::default());
        assert!(matches!(value, Ok(Value::Text(_))), "{value:?}");
        let time = type_of_field(&field, of(&extensions)).expect("a type");
        assert_eq!(time.to_string(), "time");
        let refused = to_text(raw, Some(&field), &time.to_pg_type(), &Reading::default());
        let message = refused.expect_err("no time of day").to_string();
        assert!(
            message.contains("a column of the type interval"),
            "{message}"
        );
    }
}

fn check(cases: &[Case<'_>], describe: impl Fn(&str, &str) -> String, known: &ExtensionTypes) {
    for (kind, name, expected, raw) in cases {
        let field = field(&describe(kind, name));
        let found = type_of_field(&field, of(known));
        let sql = found.as_ref().map(ToString::to_string);
        assert_eq!(sql.as_deref(), Some(*expected), "{kind} {name}");
        let column = found.expect("a type").to_pg_type();
        let value = to_text(raw, Some(&field), &column, &Reading::default());
        assert!(
            matches!(value, Ok(Value::Text(_))),
            "{kind} {name}: {value:?}"
        );
    }
}

fn named(kind: &str, name: &str) -> String {
    let name = match name {
        "" => String::new(),
        name => format!(r#","name":"{name}""#),
    };
    match kind.strip_prefix("array of ") {
        Some(of) => format!(r#"{{"type":"array","items":{{"type":"{of}"{name}}}}}"#),
        None => format!(
            r#"{{"type":"{kind}"{name},"fields":[],"items":{{"type":"int32"}},"values":{{"type":"string"}}}}"#
        ),
    }
}

#[test]
fn a_column_is_what_its_values_mean_or_else_how_they_are_written() {
    let cases: &[Case<'_>] = &[
        ("int8", "", "smallint", "7"),
        ("int16", "", "smallint", "7"),
        ("int32", "", "integer", "7"),
        ("int64", "", "bigint", "7"),
        ("float", "", "real", "1.5"),
        ("double", "", "double precision", "1.5"),
        ("boolean", "", "boolean", "true"),
        ("string", "", "text", "\"a\""),
        ("bytes", "", "bytea", "\"AAE=\""),
        ("map", "", "jsonb", r#"{"a":"b"}"#),
        ("struct", "", "jsonb", r#"{"a":1}"#),
        ("string", "com.example.Own", "text", "\"a\""),
        ("int32", "io.debezium.time.Date", "date", "19723"),
        (
            "int32",
            "org.apache.kafka.connect.data.Date",
            "date",
            "19723",
        ),
        ("int32", "io.debezium.time.Time", "time", "1000"),
        ("int64", "io.debezium.time.MicroTime", "time", "1000"),
        ("int64", "io.debezium.time.NanoTime", "time", "1000"),
        (
            "int32",
            "org.apache.kafka.connect.data.Time",
            "time",
            "1000",
        ),
        (
            "int64",
            "io.debezium.time.Timestamp",
            "timestamp",
            "1704067200000",
        ),
        (
            "int64",
            "io.debezium.time.MicroTimestamp",
            "timestamp",
            "1704067200000000",
        ),
        (
            "int64",
            "io.debezium.time.NanoTimestamp",
            "timestamp",
            "1704067200000000000",
        ),
        (
            "int64",
            "org.apache.kafka.connect.data.Timestamp",
            "timestamp",
            "1704067200000",
        ),
        (
            "string",
            "io.debezium.time.ZonedTimestamp",
            "timestamp with time zone",
            "\"2024-01-01T00:00:00Z\"",
        ),
        (
            "string",
            "io.debezium.time.ZonedTime",
            "time with time zone",
            "\"10:00:00Z\"",
        ),
        ("int32", "io.debezium.time.Year", "integer", "2024"),
        (
            "int64",
            "io.debezium.time.MicroDuration",
            "interval",
            "1000",
        ),
        (
            "string",
            "io.debezium.time.Interval",
            "interval",
            "\"P1Y2M\"",
        ),
        ("string", "io.debezium.data.Json", "jsonb", r#""{\"a\":1}""#),
        (
            "string",
            "io.debezium.data.Uuid",
            "uuid",
            "\"b68a35a7-17ad-35b3-af2a-ae46edb4545b\"",
        ),
        ("string", "io.debezium.data.Xml", "xml", "\"<a/>\""),
        ("string", "io.debezium.data.Enum", "text", "\"sad\""),
        ("string", "io.debezium.data.EnumSet", "text", "\"a,b\""),
        ("string", "io.debezium.data.Ltree", "text", "\"a.b\""),
        (
            "string",
            "io.debezium.data.Tsvector",
            "tsvector",
            "\"'a':1\"",
        ),
        (
            "struct",
            "io.debezium.data.VariableScaleDecimal",
            "numeric",
            r#"{"scale":2,"value":"BNI="}"#,
        ),
        (
            "struct",
            "io.debezium.data.geometry.Point",
            "point",
            r#"{"x":1.0,"y":2.0}"#,
        ),
        (
            "struct",
            "io.debezium.data.geometry.Geometry",
            "jsonb",
            r#"{"wkb":"AQ==","srid":null}"#,
        ),
        ("array of int32", "", "integer[]", "[1,null]"),
        ("array of string", "", "text[]", "[\"a\"]"),
        (
            "array of int32",
            "io.debezium.time.Date",
            "date[]",
            "[19723]",
        ),
        (
            "array of string",
            "io.debezium.data.Json",
            "jsonb[]",
            r#"["{\"a\":1}"]"#,
        ),
        ("array of bytes", "", "bytea[]", "[\"AAE=\"]"),
    ];
    check(cases, named, &ExtensionTypes::default());
    assert_eq!(
        type_of_field(
            &field(r#"{"type":"float16"}"#),
            of(&ExtensionTypes::default())
        ),
        None
    );
}

#[test]
fn types_of_extensions_are_taken_where_the_database_has_them() {
    let cases: &[Case<'_>] = &[
        (
            "struct",
            "io.debezium.data.geometry.Geometry",
            r#""ext"."geometry""#,
            r#"{"wkb":"AQEAAAAAAAAAAADwPwAAAAAAAPA/","srid":4326}"#,
        ),
        (
            "string",
            "io.debezium.data.Ltree",
            r#""ext"."ltree""#,
            "\"a.b\"",
        ),
    ];
    check(cases, named, &extensions(&["geometry", "ltree"]));
    let nested = r#"{"type":"array","items":{"type":"array","items":{"type":"int32"}}}"#;
    let rows = r#"{"type":"array","items":{"type":"struct","fields":[]}}"#;
    for schema in [nested, rows] {
        let found = type_of_field(&field(schema), of(&ExtensionTypes::default()));
        assert_eq!(found.expect("a type").to_string(), "jsonb", "{schema}");
    }
}

fn decimal(scale: &str, precision: &str) -> String {
    let precision = match precision {
        "" => String::new(),
        precision => format!(r#","connect.decimal.precision":"{precision}""#),
    };
    format!(
        r#"{{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{{"scale":"{scale}"{precision}}}}}"#
    )
}

fn bits(length: &str, _: &str) -> String {
    format!(
        r#"{{"type":"bytes","name":"io.debezium.data.Bits","parameters":{{"length":"{length}"}}}}"#
    )
}

#[test]
fn decimals_and_bits_have_the_size_that_the_schema_tells_within_postgres_bounds() {
    let none = ExtensionTypes::default();
    let cases: &[Case<'_>] = &[
        ("2", "10", "numeric(10,2)", "\"BNI=\""),
        ("2", "", "numeric", "\"BNI=\""),
        ("2", "1001", "numeric", "\"BNI=\""),
        ("2", "0", "numeric", "\"BNI=\""),
        ("2046", "5", "numeric", "\"BQ==\""),
        ("-2", "5", "numeric", "\"BQ==\""),
        ("6", "5", "numeric", "\"BQ==\""),
    ];
    check(cases, decimal, &none);
    let cases: &[Case<'_>] = &[
        ("8", "", "bit(8)", "\"BQ==\""),
        ("2147483647", "", "bit varying", "\"BQ==\""),
        ("0", "", "bit varying", "\"\""),
    ];
    check(cases, bits, &none);
}

/// `type(length, scale)` of the source's column and how its values are written → type, value.
fn propagated(source: &str, written: &str) -> String {
    let (name, sizes) = source.split_once('|').unwrap_or((source, ""));
    let (length, scale) = sizes.split_once(',').unwrap_or((sizes, ""));
    let told = [("type", name), ("length", length), ("scale", scale)];
    let told: Vec<String> = told
        .iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(what, text)| format!(r#""__debezium.source.column.{what}":"{text}""#))
        .collect();
    let (kind, name) = written.split_once(' ').unwrap_or((written, ""));
    let name = match name {
        "" => String::new(),
        name => format!(r#","name":"{name}""#),
    };
    format!(
        r#"{{"type":"{kind}"{name},"fields":[],"items":{{"type":"string"}},"values":{{"type":"string"}},"parameters":{{"scale":"2","length":"8",{}}}}}"#,
        told.join(",")
    )
}

const DECIMAL: &str = "bytes org.apache.kafka.connect.data.Decimal";
const ZONED: &str = "string io.debezium.time.ZonedTimestamp";

#[test]
fn the_sources_own_type_comes_first_where_values_are_written_for_it() {
    let cases: &[Case<'_>] = &[
        // Postgres
        ("VARCHAR|20", "string", "character varying(20)", "\"a\""),
        ("VARCHAR|2147483647", "string", "text", "\"a\""),
        ("VARCHAR|10485761", "string", "text", "\"a\""),
        ("varchar|0", "string", "text", "\"a\""),
        ("BPCHAR|3", "string", "character(3)", "\"a\""),
        ("NUMERIC|10,2", DECIMAL, "numeric(10,2)", "\"BNI=\""),
        (
            "NUMERIC|131089,0",
            "struct io.debezium.data.VariableScaleDecimal",
            "numeric",
            r#"{"scale":2,"value":"BNI="}"#,
        ),
        ("NUMERIC|10,2", "double", "numeric(10,2)", "12.34"),
        ("NUMERIC|10,2", "string", "numeric(10,2)", "\"12.34\""),
        ("INT4|10,0", "int32", "integer", "7"),
        ("SERIAL|10,0", "int32", "integer", "7"),
        (
            "TIMESTAMP|29,6",
            "int64 io.debezium.time.MicroTimestamp",
            "timestamp",
            "1704067200000000",
        ),
        (
            "TIMESTAMP|29,6",
            "string io.debezium.time.IsoTimestamp",
            "timestamp",
            "\"2024-01-01T00:00:00Z\"",
        ),
        (
            "TIMESTAMPTZ|35,6",
            ZONED,
            "timestamp with time zone",
            "\"2024-01-01T00:00:00Z\"",
        ),
        (
            "JSON|2147483647",
            "string io.debezium.data.Json",
            "json",
            "\"{}\"",
        ),
        (
            "JSONB|2147483647",
            "string io.debezium.data.Json",
            "jsonb",
            "\"{}\"",
        ),
        (
            "UUID",
            "string io.debezium.data.Uuid",
            "uuid",
            "\"b68a35a7-17ad-35b3-af2a-ae46edb4545b\"",
        ),
        ("INET", "string", "inet", "\"10.0.0.1\""),
        ("CIDR", "string", "cidr", "\"10.0.0.0/8\""),
        ("MACADDR", "string", "macaddr", "\"08:00:2b:01:02:03\""),
        ("INT4RANGE", "string", "int4range", "\"[1,5)\""),
        (
            "TSRANGE",
            "string",
            "tsrange",
            "\"[2024-01-01,2024-01-02)\"",
        ),
        ("MONEY", DECIMAL, "money", "\"BNI=\""),
        ("BIT|1", "boolean", "bit(1)", "true"),
        (
            "VARBIT|8",
            "bytes io.debezium.data.Bits",
            "bit varying(8)",
            "\"BQ==\"",
        ),
        ("CITEXT", "string", "text", "\"a\""),
        ("HSTORE", "string io.debezium.data.Json", "jsonb", "\"{}\""),
        ("_TEXT", "array", "text[]", "[\"a\"]"),
        ("_INET", "array", "inet[]", "[\"10.0.0.1\"]"),
        ("_VARCHAR|20", "array", "character varying(20)[]", "[\"a\"]"),
        // MySQL and MariaDB
        ("TINYINT|1", "int16", "smallint", "7"),
        ("TINYINT(1)", "boolean", "boolean", "true"),
        ("TINYINT UNSIGNED", "int16", "smallint", "200"),
        ("INT UNSIGNED", "int64", "bigint", "4294967295"),
        ("BIGINT UNSIGNED", "int64", "numeric(20,0)", "7"),
        ("INT8 UNSIGNED", "int64", "numeric(20,0)", "7"),
        (
            "BIGINT(20) UNSIGNED ZEROFILL",
            "int64",
            "numeric(20,0)",
            "7",
        ),
        ("DECIMAL|10,2", DECIMAL, "numeric(10,2)", "\"BNI=\""),
        (
            "DECIMAL UNSIGNED|10,2",
            DECIMAL,
            "numeric(10,2)",
            "\"BNI=\"",
        ),
        ("DECIMAL|10", DECIMAL, "numeric(10,2)", "\"BNI=\""),
        (
            "DATETIME|6",
            "int64 io.debezium.time.MicroTimestamp",
            "timestamp",
            "1704067200000000",
        ),
        (
            "DATETIME(3)",
            "int64 io.debezium.time.Timestamp",
            "timestamp",
            "1704067200000",
        ),
        (
            "TIMESTAMP",
            ZONED,
            "timestamp with time zone",
            "\"2024-01-01T00:00:00Z\"",
        ),
        ("YEAR", "int32 io.debezium.time.Year", "integer", "2024"),
        ("ENUM|1", "string io.debezium.data.Enum", "text", "\"a\""),
        (
            "SET|3",
            "string io.debezium.data.EnumSet",
            "text",
            "\"a,b\"",
        ),
        ("BIT|8", "bytes io.debezium.data.Bits", "bit(8)", "\"BQ==\""),
        ("JSON", "string io.debezium.data.Json", "jsonb", "\"{}\""),
        ("BINARY|16", "bytes", "bytea", "\"AAE=\""),
        ("BLOB", "string", "text", "\"AAE=\""),
        // what a transform has made of it is another thing
        ("VARCHAR|20", "int64", "bigint", "7"),
        ("INET", "bytes", "bytea", "\"AAE=\""),
        (
            "NUMERIC|10,2",
            ZONED,
            "timestamp with time zone",
            "\"2024-01-01T00:00:00Z\"",
        ),
        ("x'); DROP TABLE t; --|1", "string", "text", "\"a\""),
    ];
    check(cases, propagated, &ExtensionTypes::default());
    let cases: &[Case<'_>] = &[
        ("CITEXT", "string", r#""ext"."citext""#, "\"a\""),
        ("HSTORE", "map", r#""ext"."hstore""#, r#"{"a":"b"}"#),
    ];
    check(cases, propagated, &extensions(&["citext", "hstore"]));
}

#[test]
fn a_default_is_the_value_that_the_schema_tells_as_a_literal() {
    let cases = [
        (r#"{"type":"int32","default":7}"#, Some("'7'")),
        (r#"{"type":"int32"}"#, None),
        (r#"{"type":"boolean","default":true}"#, Some("'true'")),
        (r#"{"type":"boolean","default":false}"#, Some("'false'")),
        // now()'s, whatever that was
        (
            r#"{"type":"int64","name":"io.debezium.time.MicroTimestamp","default":0}"#,
            None,
        ),
        (
            r#"{"type":"boolean","optional":true,"default":false}"#,
            Some("'false'"),
        ),
        (r#"{"type":"string","default":"it's"}"#, Some("'it''s'")),
        (
            r#"{"type":"string","default":"\\'; DROP TABLE t; --"}"#,
            Some(r"E'\\''; DROP TABLE t; --'"),
        ),
        (
            r#"{"type":"int32","name":"io.debezium.time.Date","default":19723}"#,
            Some("'2024-01-01'"),
        ),
        (
            r#"{"type":"int64","name":"io.debezium.time.MicroTimestamp","default":86400000000}"#,
            Some("'1970-01-02 00:00:00'"),
        ),
        (
            r#"{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"},"default":"BNI="}"#,
            Some("'12.34'"),
        ),
        (
            r#"{"type":"array","items":{"type":"string"},"default":["a b"]}"#,
            Some(r#"'{"a b"}'"#),
        ),
        (r#"{"type":"int32","default":"no number"}"#, None),
        (
            r#"{"type":"string","default":"__debezium_unavailable_value"}"#,
            None,
        ),
    ];
    for (schema, expected) in cases {
        let field = field(schema);
        let column = type_of_field(&field, of(&ExtensionTypes::default())).expect("a type");
        let found = find_default(&field, &column, &Reading::default());
        let literal = found.map(|default| default.literal);
        assert_eq!(literal.as_deref(), expected, "{schema}");
    }
}
