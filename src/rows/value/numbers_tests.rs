use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::rows::value::testing::{check, refused};

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
