use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::rows::value::Value;
use crate::rows::value::testing::{check, refused, text_of};

fn schema(scale: i32) -> String {
    format!(
        r#"{{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{{"scale":"{scale}"}}}}"#
    )
}

const VARIABLE: &str = r#"{"type":"struct","name":"io.debezium.data.VariableScaleDecimal","fields":[
    {"type":"int32","field":"scale"},{"type":"bytes","field":"value"}]}"#;

#[test]
fn decimals_are_scaled_exactly() {
    check(&[
        ("\"BNI=\"", &schema(2), "numeric(10,2)", "12.34"),
        ("\"+y4=\"", &schema(2), "numeric(10,2)", "-12.34"),
        ("\"AA==\"", &schema(2), "numeric(10,2)", "0.00"),
        ("\"BQ==\"", &schema(3), "numeric", "0.005"),
        ("\"+w==\"", &schema(3), "numeric", "-0.005"),
        ("\"BQ==\"", &schema(0), "numeric", "5"),
        ("\"BQ==\"", &schema(0), "int8", "5"),
        ("\"BQ==\"", &schema(2046), "numeric(5,-2)", "500"),
        ("\"BQ==\"", &schema(-2), "numeric", "500"),
        ("\"AA==\"", &schema(2046), "numeric", "0"),
        ("\"gA==\"", &schema(0), "numeric", "-128"),
        ("\"BNI=\"", &schema(2), "money", "12.34"),
        ("\"BNI=\"", &schema(2), "text", "12.34"),
        ("\"BNI=\"", &schema(2), "jsonb", "12.34"),
        ("12.340", &schema(2), "numeric", "12.340"),
        (
            r#"{"scale":3,"value":"BNI="}"#,
            VARIABLE,
            "numeric",
            "1.234",
        ),
        (r#"{"scale":-3,"value":"BNI="}"#, "", "numeric", "1234000"),
        (r#"{"value":"BNI=","scale":0}"#, VARIABLE, "text", "1234"),
        (
            "\"12.50\"",
            r#"{"type":"string"}"#,
            "numeric(10,2)",
            "12.50",
        ),
        ("\"1234\"", r#"{"type":"string"}"#, "numeric(10,0)", "1234"),
        ("12.50", r#"{"type":"double"}"#, "numeric(10,2)", "12.50"),
    ]);
}

/// A decimal's bytes as Debezium makes them of a `numeric(5,-2)`: `number` with 2046 decimals, which are zeros.
fn at_face_value(number: i32) -> String {
    let unscaled = BigInt::from(number) * BigInt::from(10).pow(2046);
    format!("\"{}\"", STANDARD.encode(unscaled.to_signed_bytes_be()))
}

#[test]
fn a_negative_scale_that_debezium_takes_at_its_word_lands_exactly() {
    for (number, expected) in [(500, "500"), (-12_300, "-12300"), (9_999_900, "9999900")] {
        let raw = at_face_value(number);
        for column in [
            "numeric(5,-2)",
            "numeric",
            "int4",
            "text",
            "float8",
            "money",
        ] {
            check(&[(&raw, &schema(2046), column, expected)]);
        }
    }
    check(&[
        ("\"AA==\"", &schema(2046), "numeric(5,-2)", "0"),
        ("\"+w==\"", &schema(2047), "numeric(5,-1)", "-50"),
        ("\"BQ==\"", &schema(2046), "int8", "500"),
        ("\"BQ==\"", &schema(-2), "int2", "500"),
    ]);
    let thousand = format!("5{}", "0".repeat(1_000));
    check(&[("\"BQ==\"", &schema(1048), "numeric", &thousand)]);
}

#[test]
fn a_scale_beyond_the_precision_lands_exactly() {
    check(&[
        ("\"ew==\"", &schema(5), "numeric(3,5)", "0.00123"),
        ("\"hQ==\"", &schema(5), "numeric(3,5)", "-0.00123"),
    ]);
    let expected = format!("0.{}5", "0".repeat(999));
    check(&[("\"BQ==\"", &schema(1000), "numeric(5,1000)", &expected)]);
}

/// A struct that says of what its fields are, and no name.
const STRUCT: &str = r#"{"type":"struct","fields":[
    {"type":"int32","field":"scale"},{"type":"bytes","field":"value"}]}"#;

#[test]
fn a_struct_of_scale_and_value_lands_in_every_column_that_takes_a_number() {
    let raw = r#"{"scale":2,"value":"BNI="}"#;
    for schema in [VARIABLE, STRUCT, ""] {
        for column in ["numeric", "numeric(10,2)", "float4", "float8", "money"] {
            check(&[(raw, schema, column, "12.34")]);
        }
        check(&[
            (r#"{"scale":0,"value":"BNI="}"#, schema, "int2", "1234"),
            (r#"{"scale":-1,"value":"BNI="}"#, schema, "int4", "12340"),
            // 120.00
            (r#"{"scale":2,"value":"LuA="}"#, schema, "int8", "120"),
        ]);
        assert_eq!(
            refused(raw, schema, "int8").to_string(),
            "a decimal with a fraction can't be written to a column of type integer"
        );
    }
    check(&[
        (raw, VARIABLE, "text", "12.34"),
        (raw, VARIABLE, "varchar", "12.34"),
        (r#"{"value":"BNI=","scale":0}"#, VARIABLE, "text", "1234"),
        (
            r#"{"scale":2,"value":"1234"}"#,
            STRUCT,
            "numeric",
            "-26588.24",
        ),
    ]);
    let array = format!("[{raw},null]");
    check(&[(&array, "", "float8[]", "{12.34,NULL}")]);
}

#[test]
fn a_document_stays_a_document_even_if_it_resembles_a_decimal() {
    for raw in [
        r#"{"scale":2,"value":"BNI="}"#,
        r#"{"scale":2,"value":"test"}"#,
        r#"{"scale":2,"value":"1234"}"#,
    ] {
        check(&[(raw, "", "text", raw), (raw, "", "jsonb", raw)]);
        // of which a schema says that they are bytes, for which a document has no way to write them
        refused(raw, STRUCT, "jsonb");
    }
}

#[test]
fn an_object_that_is_no_decimal_for_certain_is_refused_where_a_number_belongs() {
    for raw in [
        r#"{"scale":2,"value":"BNI=","unit":"EUR"}"#,
        r#"{"scale":"2","value":"BNI="}"#,
        r#"{"scale":2.5,"value":"BNI="}"#,
        r#"{"scale":2,"value":"twelve"}"#,
        r#"{"scale":2,"value":"12.34"}"#,
        // a byte that only repeats the sign, no padding, bits beyond the last byte
        r#"{"scale":2,"value":"AATS"}"#,
        r#"{"scale":2,"value":"BNI"}"#,
        r#"{"scale":2,"value":"BNJ="}"#,
        r#"{"scale":2,"value":""}"#,
        r#"{"scale":2,"value":12}"#,
        r#"{"scale":2}"#,
        "{}",
    ] {
        for column in ["int4", "float8", "numeric", "money"] {
            refused(raw, "", column);
        }
    }
    for raw in [
        r#"{"scale":2,"value":"1234"}"#,
        r#"{"scale":0,"value":"12345678"}"#,
    ] {
        for column in ["int8", "float8", "numeric", "money"] {
            let error = refused(raw, "", column);
            assert_eq!(error.missing_key(), Some("format.schemaless.decimals"));
        }
    }
    let words = r#"{"type":"struct","fields":[
        {"type":"int32","field":"scale"},{"type":"string","field":"value"}]}"#;
    for column in ["int4", "float8", "numeric"] {
        refused(r#"{"scale":2,"value":"BNI="}"#, words, column);
    }
}

#[test]
fn what_is_no_decimal_is_refused() {
    refused("\"BNI\"", &schema(2), "numeric");
    refused("\"\"", &schema(2), "numeric");
    refused("true", &schema(2), "numeric");
    refused("{}", &schema(2), "numeric");
    refused("\"BNI=\"", &schema(1_000_000_000), "numeric");
    refused("\"BNI=\"", &schema(i32::MIN), "numeric");
    refused(r#"{"scale":2}"#, VARIABLE, "numeric");
    refused(
        r#"{"scale":2147483647,"value":"BNI="}"#,
        VARIABLE,
        "numeric",
    );
    refused(
        r#"{"scale":99999999999,"value":"BNI="}"#,
        VARIABLE,
        "numeric",
    );
    refused(
        "\"BNI=\"",
        r#"{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal"}"#,
        "numeric",
    );
}

/// Against num-bigint, over the lengths where the arithmetic changes.
#[test]
fn integers_of_any_length_agree_with_bigint() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for length in (1..64).cycle().take(20_000) {
        let bytes: Vec<u8> = (0..length)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        let expected = BigInt::from_signed_bytes_be(&bytes).to_string();
        assert_eq!(integer_digits(&bytes), expected);
        let pointed = with_point(expected.clone(), 7).replacen('.', "", 1);
        assert_eq!(
            pointed.parse::<BigInt>().expect("digits"),
            expected.parse().expect("digits")
        );
    }
}

#[test]
fn five_thousand_digits_pass() {
    let digits = "7".repeat(5_000);
    check(&[(&digits, "", "numeric", &digits)]);
    let number: BigInt = digits.parse().expect("digits");
    let raw = format!("\"{}\"", STANDARD.encode(number.to_signed_bytes_be()));
    check(&[(&raw, &schema(0), "numeric", &digits)]);
}

#[test]
fn a_few_bytes_of_an_event_do_not_become_very_many_zeros() {
    let struct_of = |scale: i32| format!(r#"{{"scale":{scale},"value":"BQ=="}}"#);
    check(&[
        (&struct_of(16_383), VARIABLE, "numeric", "5e-16383"),
        (&struct_of(-131_000), VARIABLE, "numeric", "5e131000"),
        ("\"BQ==\"", &schema(3_000), "numeric", "5e-3000"),
    ]);
    refused(&struct_of(16_384), VARIABLE, "numeric");
    refused(&struct_of(-131_073), VARIABLE, "numeric");
    // a megabyte of them for a column that has no other way to write them
    let item = struct_of(-131_000);
    let array = format!(
        "[{}]",
        vec![item.as_str(); 1_000_000 / item.len()].join(",")
    );
    let schema = format!(r#"{{"type":"array","items":{VARIABLE}}}"#);
    for column in ["text[]", "jsonb", "text"] {
        let error = refused(&array, &schema, column).to_string();
        assert!(
            error.starts_with("a value's text is out of range"),
            "{error}"
        );
    }
    // and one for a column that has
    let value = text_of(&array, &schema, "numeric[]").expect("an array");
    let Value::Text(text) = value else {
        panic!("no text")
    };
    assert!(text.len() < 2 * array.len());
    let bits = r#"{"type":"array","items":{"type":"bytes","name":"io.debezium.data.Bits","parameters":{"length":"8000000"}}}"#;
    let array = format!("[{}]", vec!["\"\""; 300_000].join(","));
    refused(&array, bits, "bit(8000000)[]");
}
