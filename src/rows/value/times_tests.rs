use crate::rows::value::testing::{check, refused};

fn time(name: &str) -> String {
    format!(r#"{{"type":"int64","name":"io.debezium.time.{name}"}}"#)
}

fn connect(name: &str) -> String {
    format!(r#"{{"type":"int64","name":"org.apache.kafka.connect.data.{name}"}}"#)
}

#[test]
fn dates_are_days() {
    check(&[
        ("19723", &time("Date"), "date", "2024-01-01"),
        ("19723", &connect("Date"), "date", "2024-01-01"),
        ("19723", "", "date", "2024-01-01"),
        ("19723", r#"{"type":"int32"}"#, "date", "2024-01-01"),
        ("-1", &time("Date"), "date", "1969-12-31"),
        ("-719529", "", "date", "0002-12-31 BC"),
        ("-2440588", "", "date", "4714-11-24 BC"),
        ("2145042905", &time("Date"), "date", "5874897-12-31"),
        ("19723", &time("Date"), "int4", "19723"),
        ("19723", &time("Date"), "text", "2024-01-01"),
        ("19723", &time("Date"), "timestamp", "2024-01-01"),
    ]);
    refused("1.5", &time("Date"), "date");
    refused("true", &time("Date"), "date");
    refused("9223372036854775807", "", "date");
    refused("9223372036854775808", "", "date");
}

#[test]
fn times_are_counted_from_midnight() {
    check(&[
        ("45296789", &time("Time"), "time(3)", "12:34:56.789"),
        ("45296789", &connect("Time"), "time", "12:34:56.789"),
        ("45296789012", &time("MicroTime"), "time", "12:34:56.789012"),
        (
            "45296789012000",
            &time("NanoTime"),
            "time",
            "12:34:56.789012000",
        ),
        ("45296000", r#"{"type":"int32"}"#, "time", "12:34:56"),
        ("86400000", &time("Time"), "time(0)", "24:00:00"),
        ("86400000000", &time("MicroTime"), "time", "24:00:00"),
        ("0", &time("MicroTime"), "time", "00:00:00"),
        ("1", &time("MicroTime"), "time", "00:00:00.000001"),
        ("0", &time("MicroTime"), "timetz", "00:00:00+00"),
        (
            "-3600000000",
            &time("MicroTime"),
            "interval",
            "-3600000000 microseconds",
        ),
        ("45296789012", &time("MicroTime"), "int8", "45296789012"),
        (
            "\"12:34:56Z\"",
            r#"{"type":"string","name":"io.debezium.time.ZonedTime"}"#,
            "timetz",
            "12:34:56Z",
        ),
        (
            "\"12:34:56.5Z\"",
            r#"{"type":"string","name":"io.debezium.time.IsoTime"}"#,
            "time",
            "12:34:56.5Z",
        ),
    ]);
    refused("86400000001", &time("MicroTime"), "time");
    refused("-1", &time("MicroTime"), "time");
}

#[test]
fn timestamps_are_counted_from_1970_in_utc() {
    check(&[
        (
            "1704067200123",
            &time("Timestamp"),
            "timestamp(3)",
            "2024-01-01 00:00:00.123",
        ),
        (
            "1704067200123",
            &connect("Timestamp"),
            "timestamp",
            "2024-01-01 00:00:00.123",
        ),
        (
            "1704067200123456",
            &time("MicroTimestamp"),
            "timestamp",
            "2024-01-01 00:00:00.123456",
        ),
        (
            "1704067200123456789",
            &time("NanoTimestamp"),
            "text",
            "2024-01-01 00:00:00.123456789",
        ),
        (
            "1704067200123456",
            &time("MicroTimestamp"),
            "timestamptz",
            "2024-01-01 00:00:00.123456+00",
        ),
        (
            "-1",
            &time("Timestamp"),
            "timestamp",
            "1969-12-31 23:59:59.999",
        ),
        (
            "-62135596800001",
            &time("Timestamp"),
            "timestamp",
            "0001-12-31 23:59:59.999 BC",
        ),
        (
            "-62135596800001",
            &time("Timestamp"),
            "timestamptz",
            "0001-12-31 23:59:59.999+00 BC",
        ),
        (
            "9223371331200000000",
            &time("MicroTimestamp"),
            "timestamp",
            "294247-01-02 00:00:00",
        ),
        ("1704067200123", &time("Timestamp"), "int8", "1704067200123"),
        (
            "1704067200123",
            &time("Timestamp"),
            "text",
            "2024-01-01 00:00:00.123",
        ),
    ]);
    refused("9223372036854775808", &time("MicroTimestamp"), "timestamp");
    refused("1.5", &time("MicroTimestamp"), "timestamp");
    refused("{}", &time("MicroTimestamp"), "timestamp");
}

#[test]
fn debeziums_infinities_are_infinite() {
    for column in ["timestamp", "timestamptz", "timestamp(3)"] {
        check(&[
            ("9223372036825200", &time("Timestamp"), column, "infinity"),
            (
                "9223372036825200000",
                &time("Timestamp"),
                column,
                "infinity",
            ),
            (
                "9223372036825200000",
                &time("MicroTimestamp"),
                column,
                "infinity",
            ),
            (
                "9223372036854775807",
                &time("NanoTimestamp"),
                column,
                "infinity",
            ),
            ("-9223372036832400", &time("Timestamp"), column, "-infinity"),
            (
                "-9223372036832400000",
                &time("Timestamp"),
                column,
                "-infinity",
            ),
            (
                "-9223372036832400000",
                &time("MicroTimestamp"),
                column,
                "-infinity",
            ),
            (
                "-9223372036854775808",
                &time("NanoTimestamp"),
                column,
                "-infinity",
            ),
        ]);
    }
    check(&[(
        "9223372036825200001",
        &time("MicroTimestamp"),
        "timestamp",
        "294247-01-10 04:00:25.200001",
    )]);
}

#[test]
fn durations_are_exact_at_the_extremes() {
    let duration = time("MicroDuration");
    check(&[
        (
            "9223372036854775807",
            &duration,
            "interval",
            "9223372036854775807 microseconds",
        ),
        (
            "-9223372036854775808",
            &duration,
            "interval",
            "-9223372036854775808 microseconds",
        ),
        (
            "15000",
            &time("NanoDuration"),
            "interval",
            "15 microseconds",
        ),
        (
            "\"P1Y2M3DT4H\"",
            r#"{"type":"string","name":"io.debezium.time.Interval"}"#,
            "interval",
            "P1Y2M3DT4H",
        ),
    ]);
    refused("0.5", &duration, "interval");
}
