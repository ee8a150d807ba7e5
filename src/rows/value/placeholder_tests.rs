use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::config::FormatConfig;
use crate::rows::value::testing::{check, column_type, field};
use crate::rows::value::{Reading, Value, ValueError, to_text};

// Debezium's default in each of its shapes.
const WORDS: &str = "__debezium_unavailable_value";
const QUOTED: &str = r#""__debezium_unavailable_value""#;
const BASE64: &str = r#""X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==""#;
const BASE64_URL: &str = r#""X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ""#;
const HEX: &str = r#""5f5f646562657a69756d5f756e617661696c61626c655f76616c7565""#;
const UUID: &str = r#""b68a35a7-17ad-35b3-af2a-ae46edb4545a""#;
const HSTORE: &str = r#""{\"__debezium_unavailable_value\":\"__debezium_unavailable_value\"}""#;

/// What the value comes to where the connector's placeholder is this one.
fn read<'a>(
    placeholder: &str,
    raw: &'a str,
    schema: &str,
    column: &str,
) -> Result<Value<'a>, ValueError> {
    let reading = Reading::new(&FormatConfig {
        unavailable_placeholder: placeholder.to_owned(),
        ..FormatConfig::default()
    });
    let (field, column) = (field(schema), column_type(column));
    to_text(raw, field.as_ref(), &column, &reading)
}

fn numbers() -> String {
    let numbers: Vec<String> = WORDS.bytes().map(|byte| byte.to_string()).collect();
    format!("[{}]", numbers.join(","))
}

#[test]
fn every_shape_of_the_placeholder_is_unavailable() {
    let array =
        |item: &str| format!(r#"{{"type":"array","items":{{"type":"{item}","optional":true}}}}"#);
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
            let found = read(WORDS, raw, schema, column);
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
            read(WORDS, raw, "", column),
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

/// The uuid is what `md5sum` says of the text, with version and variant put in.
#[test]
fn another_placeholder_is_known_in_every_shape_and_the_default_is_data_then() {
    let uuids = r#"{"type":"array","items":{"type":"string","name":"io.debezium.data.Uuid"}}"#;
    let hstore = r#""{\"__toast__\":\"__toast__\"}""#;
    for (raw, schema, column) in [
        (r#""__toast__""#, "", "text"),
        (r#""_\u005ftoast\u005F_""#, "", "text"),
        (r#""__toast__""#, r#"{"type":"string"}"#, "jsonb"),
        (r#""X190b2FzdF9f""#, "", "bytea"),
        (r#""5f5f746f6173745f5f""#, r#"{"type":"string"}"#, "bytea"),
        (r#"[ "__toast__" ]"#, "", "text[]"),
        (r#"["\u005f_toast__"]"#, "", "text[]"),
        (r#"["X190b2FzdF9f"]"#, "", "bytea[]"),
        ("[95,95,116,111,97,115,116,95,95]", "", "int4[]"),
        (
            "[95.0,95.0,116.0,111.0,97.0,115.0,116.0,95.0,95.0]",
            "",
            "float8[]",
        ),
        (r#"["1336d5b8-1168-3205-a644-df61db0a6a22"]"#, "", "uuid[]"),
        (
            r#"["1336d5b8-1168-3205-a644-df61db0a6a22"]"#,
            uuids,
            "text[]",
        ),
        (hstore, "", "hstore"),
        (
            hstore,
            r#"{"type":"string","name":"io.debezium.data.Json"}"#,
            "text",
        ),
        (r#"{ "__toast__" : "__toast__" }"#, "", "hstore"),
        (r#"{"\u005f_toast__":"__toast__"}"#, "", "jsonb"),
    ] {
        let found = read("__toast__", raw, schema, column);
        assert_eq!(found, Ok(Value::Unavailable), "{raw} for {column}");
        let found = read("hex:5f5f746F6173745f5f", raw, schema, column);
        assert_eq!(
            found,
            Ok(Value::Unavailable),
            "{raw} for {column}, by its octets"
        );
        let found = read("__toast_", raw, schema, column);
        assert_ne!(
            found,
            Ok(Value::Unavailable),
            "{raw} for {column}, of another"
        );
    }
    let default = read("__toast__", QUOTED, "", "text");
    assert_eq!(default, Ok(Value::Text(WORDS.into())));
}

#[test]
fn octets_may_be_no_text_and_numbers_below_zero() {
    let octets = "hex:00fFe2";
    assert_eq!(
        read(octets, "[0,-1,-30]", "", "int8[]"),
        Ok(Value::Unavailable)
    );
    for base64 in [r#""AP/i""#, r#""AP\/i""#] {
        assert_eq!(read(octets, base64, "", "bytea"), Ok(Value::Unavailable));
    }
    assert_eq!(
        read(octets, r#"["AP\/i"]"#, "", "bytea[]"),
        Ok(Value::Unavailable)
    );
    let string = r#"{"type":"string"}"#;
    assert_eq!(
        read(octets, r#""AP_i""#, string, "bytea"),
        Ok(Value::Unavailable)
    );
    assert_eq!(
        read(octets, r#""00ffe2""#, string, "bytea"),
        Ok(Value::Unavailable)
    );
    assert_eq!(
        read(octets, "[0,-1]", "", "int8[]"),
        Ok(Value::Text("{0,-1}".into()))
    );
    // an escape that is a character of its own in a placeholder
    assert_eq!(
        read("a\"b/é", r#""a\"b\/\u00e9""#, "", "text"),
        Ok(Value::Unavailable)
    );
    let in_map = r#"{"a\"b/é":"a\"b/é"}"#;
    assert_eq!(read("a\"b/é", in_map, "", "hstore"), Ok(Value::Unavailable));
}

/// One decimal for each of its bytes, as Debezium's next version writes a `numeric[]` that didn't change.
#[test]
fn an_array_of_decimals_may_be_the_placeholder() {
    let decimals = r#"{"type":"array","items":{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"0"}}}"#;
    let structs = r#"{"type":"array","items":{"type":"struct","name":"io.debezium.data.VariableScaleDecimal","fields":[{"type":"int32","field":"scale"},{"type":"bytes","field":"value"}]}}"#;
    let each = |write: fn(String) -> String| {
        let bytes = WORDS.bytes().map(|byte| write(STANDARD.encode([byte])));
        bytes.collect::<Vec<_>>().join(",")
    };
    let plain = format!("[{}]", each(|base64| format!("\"{base64}\"")));
    let variable = format!(
        "[{}]",
        each(|base64| format!(r#"{{"scale":0,"value":"{base64}"}}"#))
    );
    for (raw, schema) in [
        (&plain, decimals),
        (&plain, ""),
        (&variable, structs),
        (&variable, ""),
    ] {
        for column in ["numeric[]", "numeric(10,2)[]", "text[]", "jsonb"] {
            let found = read(WORDS, raw, schema, column);
            assert_eq!(found, Ok(Value::Unavailable), "{raw} for {column}");
        }
    }
    let other = plain.replacen("Xw==", "YA==", 1);
    assert_ne!(
        read(WORDS, &other, decimals, "numeric[]"),
        Ok(Value::Unavailable)
    );
    check(&[(r#"["Xw=="]"#, decimals, "numeric[]", "{95}")]);
}
