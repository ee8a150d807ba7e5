use super::{check_key_text, has_scale};
use crate::rows::value::testing::{check, column_type, refused};

const DOUBLE: &str = r#"{"type":"double"}"#;
const STRING: &str = r#"{"type":"string"}"#;
const INT64: &str = r#"{"type":"int64"}"#;

fn decimal(scale: i32) -> String {
    format!(
        r#"{{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{{"scale":"{scale}"}}}}"#
    )
}

fn time(name: &str) -> String {
    format!(r#"{{"type":"int64","name":"io.debezium.time.{name}"}}"#)
}

fn refused_with(raw: &str, schema: &str, column: &str, message: &str) {
    assert_eq!(
        refused(raw, schema, column).to_string(),
        message,
        "{raw} with {schema:?} for {column}"
    );
}

#[test]
fn a_decimal_that_its_column_would_round_is_refused_by_both_its_types() {
    let message = "a decimal with digits beyond the column's scale can't be written to a column of type numeric";
    // 12.345
    refused_with("\"MDk=\"", &decimal(3), "numeric(10,2)", message);
    refused_with("\"MDk=\"", &decimal(3), "numeric(10,0)", message);
    refused_with("\"12.345\"", STRING, "numeric(10,2)", message);
    refused_with("\"1.2345e1\"", STRING, "numeric(10,2)", message);
    refused_with("12.345", &decimal(3), "numeric(10,2)", message);
    refused_with(
        r#"{"scale":3,"value":"MDk="}"#,
        "",
        "numeric(10,2)",
        message,
    );
    refused_with("1234", INT64, "numeric(5,-2)", message);
    refused_with("[\"12.345\"]", "", "numeric(10,2)[]", message);
    assert!(
        refused("\"MDk=\"", &decimal(3), "money")
            .to_string()
            .ends_with("of type money")
    );
    // 120.000
    let whole = decimal(3);
    check(&[
        ("\"AdTA\"", &whole, "numeric(10,2)", "120.000"),
        ("\"AdTA\"", &whole, "numeric(10,0)", "120.000"),
        ("\"AdTA\"", &whole, "money", "120.000"),
        ("\"12.340\"", STRING, "numeric(10,2)", "12.340"),
        ("\"1200\"", STRING, "numeric(5,-2)", "1200"),
        ("1200", INT64, "numeric(5,-2)", "1200"),
        ("\"12.345\"", STRING, "numeric", "12.345"),
        ("\"NaN\"", STRING, "numeric(10,2)", "NaN"),
        ("\"0.000\"", STRING, "numeric(5,-2)", "0.000"),
    ]);
}

#[test]
fn a_floats_digits_are_no_decimals_but_a_key_is_never_rounded() {
    check(&[
        ("12.3450000001", DOUBLE, "numeric(10,2)", "12.3450000001"),
        ("12.345", "", "numeric(10,2)", "12.345"),
        ("12.345", "", "money", "12.345"),
    ]);
    for text in ["12.345", "1.2345e1", "-0.001"] {
        assert!(check_key_text(text, &column_type("numeric(10,2)")).is_err());
    }
    for (text, column) in [
        ("12.340", "numeric(10,2)"),
        ("12.345", "numeric"),
        ("12.345", "text"),
        ("1e3", "numeric(10,2)"),
    ] {
        assert_eq!(check_key_text(text, &column_type(column)), Ok(()));
    }
    assert!(has_scale("120", -1) && !has_scale("121", -1) && has_scale("0", -3));
}

#[test]
fn an_integer_or_a_decimal_that_no_float_says_is_refused() {
    let message = "a number with more digits than the column holds can't be written to a column of type float";
    refused_with("9007199254740993", INT64, "float8", message);
    refused_with("9223372036854775807", "", "float8", message);
    refused_with("16777217", INT64, "float4", message);
    refused_with("\"0.1234567890123456789\"", STRING, "float8", message);
    refused_with("[9007199254740993]", "", "float8[]", message);
    let decimal = decimal(9);
    refused_with("\"B1vNFQ==\"", &decimal, "float4", message); // 0.123456789
    check(&[
        ("\"B1vNFQ==\"", &decimal, "float8", "0.123456789"),
        ("9007199254740992", INT64, "float8", "9007199254740992"),
        ("-9007199254740994", INT64, "float8", "-9007199254740994"),
        (
            "1152921504606846976",
            INT64,
            "float8",
            "1152921504606846976",
        ),
        // as JavaScript writes the double nearest to it
        ("12345678901234567000", "", "float8", "12345678901234567000"),
        ("16777216", INT64, "float4", "16777216"),
        (
            "1200000000000000000000",
            "",
            "float8",
            "1200000000000000000000",
        ),
        (
            "\"0.30000000000000004\"",
            STRING,
            "float8",
            "0.30000000000000004",
        ),
        // floats themselves
        (
            "0.1234567890123456789",
            DOUBLE,
            "float8",
            "0.1234567890123456789",
        ),
        ("0.123456789", DOUBLE, "float4", "0.123456789"),
        ("\"Infinity\"", DOUBLE, "float4", "Infinity"),
        ("1e400", "", "float8", "1e400"),
    ]);
}

#[test]
fn a_day_has_no_time_and_a_time_no_day() {
    let message = "a timestamp with a time of day can't be written to a column of type date";
    refused_with("1704067200123", &time("Timestamp"), "date", message);
    refused_with("-1", &time("MicroTimestamp"), "date", message);
    refused_with("\"2024-01-01T12:00:00\"", "", "date", message);
    refused_with("\"2024-01-01 00:00:00.001Z\"", "", "date", message);
    refused_with("\"Mon Jan 01 12:00:00 2024\"", "", "date", message);
    refused_with("\"[2024-01-01 12:00:00,)\"", "", "daterange", message);
    check(&[
        (
            "1704067200000",
            &time("Timestamp"),
            "date",
            "2024-01-01 00:00:00",
        ),
        ("9223372036825200", &time("Timestamp"), "date", "infinity"),
        (
            "\"2024-01-01T00:00:00Z\"",
            "",
            "date",
            "2024-01-01T00:00:00Z",
        ),
        ("\"2024-01-01T02:00:00+02:00\"", "", "date", "2024-01-01"),
        ("\"2024-01-01\"", "", "date", "2024-01-01"),
    ]);
    for (raw, schema, column, message) in [
        (
            "19723",
            time("Date"),
            "time",
            "a date can't be written to a column of type time",
        ),
        (
            "19723",
            time("Date"),
            "timetz",
            "a date can't be written to a column of type timetz",
        ),
        (
            "1704067200123",
            time("Timestamp"),
            "time",
            "a timestamp can't be written to a column of type time",
        ),
        (
            "45296789",
            time("Time"),
            "timestamp",
            "a time can't be written to a column of type timestamp",
        ),
        (
            "1500",
            time("MicroDuration"),
            "time",
            "an interval can't be written to a column of type time",
        ),
    ] {
        refused_with(raw, &schema, column, message);
    }
    for column in ["time", "timetz"] {
        for text in [
            "2024-01-01T12:00:00",
            "2024-01-01 12:00:00+02",
            "2024-01-01",
            "Mon Jan 01 12:00:00 2024",
            "01/02/2024 12:00:00 PM",
        ] {
            let message =
                format!("a date or timestamp can't be written to a column of type {column}");
            refused_with(&format!("\"{text}\""), "", column, &message);
        }
    }
    check(&[("\"04:05 PM\"", "", "time", "04:05 PM")]);
}

#[test]
fn a_time_that_is_finer_than_its_column_is_refused() {
    for (raw, schema, column) in [
        ("1704067200123456", time("MicroTimestamp"), "timestamp(3)"),
        ("1704067200123", time("Timestamp"), "timestamptz(0)"),
        ("45296789012", time("MicroTime"), "time(3)"),
        ("1704067200123456789", time("NanoTimestamp"), "timestamp(3)"),
        (
            "\"2024-01-01T12:00:00.5+02:00\"",
            String::new(),
            "timestamp(0)",
        ),
        ("\"12:34:56.789Z\"", String::new(), "time(0)"),
        ("\"12:34:56.789Z\"", String::new(), "timetz(0)"),
        ("\"20240101T120000.5\"", String::new(), "timestamp(0)"),
        (
            "\"{2024-01-01 12:00:00.5}\"",
            String::new(),
            "timestamp(0)[]",
        ),
    ] {
        let error = refused(raw, &schema, column).to_string();
        assert!(
            error.starts_with("a time with digits beyond the column's precision"),
            "{raw} for {column}: {error}"
        );
    }
    check(&[
        (
            "1704067200123000",
            &time("MicroTimestamp"),
            "timestamp(3)",
            "2024-01-01 00:00:00.123000",
        ),
        (
            "1704067200123456000",
            &time("NanoTimestamp"),
            "timestamp",
            "2024-01-01 00:00:00.123456000",
        ),
        ("45296000000", &time("MicroTime"), "time(0)", "12:34:56"),
        (
            "\"2024-01-01T12:00:00.500Z\"",
            "",
            "timestamptz(1)",
            "2024-01-01T12:00:00.500Z",
        ),
        (
            "\"1.2.2024 12:00:00\"",
            "",
            "timestamp(0)",
            "1.2.2024 12:00:00",
        ),
    ]);
}

#[test]
fn what_no_column_holds_of_a_second_is_cut_off_but_for_keys() {
    for (text, cut) in [
        ("23:59:59.999999999", "23:59:59.999999"),
        ("9999-12-31 23:59:59.9999999", "9999-12-31 23:59:59.999999"),
        (
            "2024-01-01T12:00:00.1234567Z",
            "2024-01-01T12:00:00.123456Z",
        ),
        (
            "2024-01-01 12:00:00.123456789+02:00",
            "2024-01-01 12:00:00.123456+02:00",
        ),
        (
            "0044-03-15 12:00:00.1234567 BC",
            "0044-03-15 12:00:00.123456 BC",
        ),
        ("12:34:56.123456", "12:34:56.123456"),
        ("12:34:56", "12:34:56"),
        ("infinity", "infinity"),
    ] {
        assert_eq!(super::cut_to_micros(text.into()), cut);
        let column = column_type("timestamp");
        assert_eq!(check_key_text(text, &column).is_ok(), text == cut, "{text}");
    }
}

#[test]
fn an_interval_that_is_finer_than_its_column_is_refused() {
    let second_0 = format!("interval({})", 0x7fff_i32 << 16);
    let minutes = format!("interval({})", ((1 << 10 | 1 << 11) << 16) | 0xffff);
    for (raw, schema, column) in [
        ("1500", time("NanoDuration"), "interval"),
        ("86399999999999", time("NanoTime"), "interval"),
        ("1500000", time("MicroDuration"), second_0.as_str()),
        ("90000000", time("MicroDuration"), minutes.as_str()),
        ("\"PT1.5S\"", STRING.to_owned(), second_0.as_str()),
        ("\"00:00:01.5\"", STRING.to_owned(), second_0.as_str()),
        ("\"1.2 seconds\"", STRING.to_owned(), second_0.as_str()),
    ] {
        let error = refused(raw, &schema, column).to_string();
        assert!(error.ends_with("of type interval"), "{error}");
    }
    check(&[
        (
            "15000",
            &time("NanoDuration"),
            "interval",
            "15 microseconds",
        ),
        (
            "2000000",
            &time("MicroDuration"),
            &second_0,
            "2000000 microseconds",
        ),
        (
            "120000000",
            &time("MicroDuration"),
            &minutes,
            "120000000 microseconds",
        ),
        (
            "\"P1Y2M3DT4H5M6.5S\"",
            STRING,
            "interval",
            "P1Y2M3DT4H5M6.5S",
        ),
    ]);
}

#[test]
fn a_decimal_goes_where_numbers_go_and_nowhere_else() {
    for column in [
        "date",
        "time",
        "timestamp",
        "timestamptz",
        "interval",
        "uuid",
        "point",
        "cidr",
        "bit(4)",
        "bytea",
    ] {
        for (raw, schema) in [
            ("\"MDk=\"", decimal(3)),
            ("12.345", decimal(3)),
            ("240115", decimal(0)),
        ] {
            let error = refused(raw, &schema, column).to_string();
            assert!(
                error.starts_with("a decimal can't be written to"),
                "{error}"
            );
        }
    }
    check(&[
        ("\"AQ==\"", &decimal(0), "bool", "1"),
        ("\"MDk=\"", &decimal(3), "text", "12.345"),
        ("\"MDk=\"", &decimal(3), "jsonb", "12.345"),
    ]);
}
