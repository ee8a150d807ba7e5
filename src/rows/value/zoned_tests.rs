use crate::rows::value::testing::{check, refused};

const TIMESTAMP: &str = r#"{"type":"string","name":"io.debezium.time.ZonedTimestamp"}"#;
const TIME: &str = r#"{"type":"string","name":"io.debezium.time.ZonedTime"}"#;

#[test]
fn a_zoned_timestamp_for_a_column_without_a_zone_is_converted_to_utc() {
    for schema in [TIMESTAMP, "", r#"{"type":"string"}"#] {
        check(&[
            (
                "\"2024-01-01T12:00:00+02:00\"",
                schema,
                "timestamp",
                "2024-01-01 10:00:00",
            ),
            (
                "\"2024-01-01T00:30:00.123456+02:00\"",
                schema,
                "timestamp(6)",
                "2023-12-31 22:30:00.123456",
            ),
            (
                "\"2024-02-28T23:30:00-05:30\"",
                schema,
                "timestamp",
                "2024-02-29 05:00:00",
            ),
            // as Postgres writes them
            (
                "\"2024-01-01 12:00:00+02\"",
                schema,
                "timestamp",
                "2024-01-01 10:00:00",
            ),
            (
                "\"2024-01-01 12:00:00.5 +0200\"",
                schema,
                "timestamp",
                "2024-01-01 10:00:00.5",
            ),
            (
                "\"1890-01-01 12:00:00+00:53:28\"",
                schema,
                "timestamp",
                "1890-01-01 11:06:32",
            ),
            (
                "\"2024-01-01T12:00+02:00\"",
                schema,
                "timestamp",
                "2024-01-01 10:00:00",
            ),
            (
                "\"2024-01-01+02:00\"",
                schema,
                "timestamp",
                "2023-12-31 22:00:00",
            ),
        ]);
    }
    check(&[(
        "[\"2024-01-01T12:00:00+02:00\",null]",
        "",
        "timestamp[]",
        "{\"2024-01-01 10:00:00\",NULL}",
    )]);
}

#[test]
fn a_zoned_midnight_or_time_is_the_one_that_it_is_in_utc_and_nothing_of_it_is_dropped() {
    refused("\"2024-01-01T00:30:00+02:00\"", TIMESTAMP, "date");
    refused("\"2024-01-01T00:00:00+02:00\"", TIMESTAMP, "date");
    refused("\"2024-01-01T00:30:00+02:00\"", TIMESTAMP, "time");
    check(&[
        (
            "\"2024-01-01T00:00:00-05:00\"",
            TIMESTAMP,
            "timestamp",
            "2024-01-01 05:00:00",
        ),
        (
            "\"2024-01-01T02:00:00+02:00\"",
            TIMESTAMP,
            "date",
            "2024-01-01",
        ),
        ("\"12:34:56+02:00\"", TIME, "time", "10:34:56"),
        ("\"12:34:56.789+02:00\"", "", "time(3)", "10:34:56.789"),
        ("\"00:30:00+02:00\"", TIME, "time", "22:30:00"),
        ("\"23:30:00-02:00\"", TIME, "time", "01:30:00"),
        ("\"24:00:00+02:00\"", TIME, "time", "22:00:00"),
        (
            "\"12:34:56+02:00\"",
            r#"{"type":"string","name":"org.apache.kafka.connect.data.Time"}"#,
            "time",
            "10:34:56",
        ),
    ]);
}

#[test]
fn years_far_away_are_converted_too() {
    check(&[
        (
            "\"-4712-01-01T01:00:00+02:00\"",
            TIMESTAMP,
            "timestamp",
            "4714-12-31 23:00:00 BC",
        ),
        (
            "\"0000-01-01T12:00:00+02:00\"",
            TIMESTAMP,
            "timestamp",
            "0001-01-01 10:00:00 BC",
        ),
        (
            "\"0044-03-15 12:00:00+02 BC\"",
            TIMESTAMP,
            "timestamp",
            "0044-03-15 10:00:00 BC",
        ),
        (
            "\"+10000-01-01T00:00:00+01:00\"",
            TIMESTAMP,
            "timestamp",
            "9999-12-31 23:00:00",
        ),
    ]);
}

#[test]
fn what_is_in_utc_or_has_no_zone_stays_as_it_is() {
    for text in [
        "2024-01-01T12:00:00Z",
        "2024-01-01T12:00:00z",
        "2024-01-01T12:00:00+00:00",
        "2024-01-01T12:00:00-00",
        "2024-01-01 12:00:00 UTC",
        "2024-01-01T12:00:00.123456",
        "2024-01-01 12:00:00",
        "2024-01-01",
        "2024-01-01Z",
        "01/02/2024 12:00:00 PM",
        "infinity",
        "-infinity",
        "no day",
        "2024-01-01 9:05:00",
        "2024-01-01  12:00:0",
        "20240101T120000",
        "20240101T120000Z",
        "Mon Jan 01 12:00:00 2024",
        "Monday, 1 January 2024 12:00 PM UTC",
        "Mon, 01 Jan 2024 12:00:00 +0000",
        "01-Jan-2024 12:00:00",
        "Jan-01-2024 12:00:00-00",
        "2024/01/01 12:00:00",
        "01-02-2024 12:00:00",
        "1.2.2024 12:00:00",
        "2024-01-01 12:34.5",
        "2024-01-01 12:00:00 UT",
        "2024-01-01 12:00:00 uct",
        "2024-01-01 12:00:00 Zulu",
        "2024-01-01 12:00:00 Etc/UTC",
        "2024-01-01 12:00:00 UTC+00:00",
        "2024-01-01 12:00:00 GMT+0000",
        "J2460311",
        "epoch",
    ] {
        let raw = format!("\"{text}\"");
        check(&[(&raw, "", "timestamp", text)]);
    }
    for text in [
        "2024-01-01T00:00:00Z",
        "2024-01-01 00:00:00",
        "2024-01-01",
        "2024-01-01Z",
        "infinity",
        "-infinity",
        "no day",
        "01-02-2024",
        "J2460311",
        "epoch",
    ] {
        let raw = format!("\"{text}\"");
        check(&[(&raw, TIMESTAMP, "date", text)]);
    }
    for text in ["12:34:56Z", "12:34:56+00", "24:00:00Z", "12:34", "allballs"] {
        check(&[(&format!("\"{text}\""), TIME, "time", text)]);
    }
}

#[test]
fn a_column_that_has_a_zone_takes_the_offset_as_it_is() {
    for (text, column) in [
        ("2024-01-01T12:00:00+02:00", "timestamptz"),
        ("2024-01-01 12:00:00 Europe/Berlin", "timestamptz"),
        ("12:00:00+02:00", "timetz"),
        ("2024-01-01T12:00:00+02:00", "text"),
    ] {
        check(&[(&format!("\"{text}\""), "", column, text)]);
    }
}

#[test]
fn a_zone_that_is_no_offset_is_refused_where_postgres_would_drop_it() {
    for text in [
        "2024-01-01 12:00:00 CET",
        "2024-01-01 12:00:00 Europe/Berlin",
        "2024-01-01T12:00:00+02:00[Europe/Berlin]",
        "2024-01-01T12:00:00+25:00",
        "2024-01-01T12:00:00+02:99",
        "2024-01-01T12:00:00+2:0:0:0",
        "2024-01-01T12:00:00+18:01",
        "2024-01-01T12:00:00+530",
        "2024-01-01 12:00:00 + 02",
        "2024-01-01 12:00:00 UTC+2",
        "2024-01-01 12:00:00 Etc/GMT+5",
        "2024-01-01 12:00:00 America/New_York",
        "2024-01-01 12:00:00 PM +02",
        "2024-01-01 12:00:00+02 AD",
        "-0044-03-15 12:00:00+02 BC",
        "0000-03-15 12:00:00+02 BC",
        // minutes and seconds, to Postgres
        "2024-01-01 12:34.5+02:00",
        "12:34.5+02:00",
        "2024-01-01 24:00:01+02",
        "24:30:00+02:00",
        "240101+02",
        "J2460311 12:00+02",
        "2024.001 12:00+02",
        "12.30.45-05",
        "01-Jan-2024 12:00:00-05",
        "Mon Jan 01 12:00:00 2024 CET",
        "Mon Jan 01 12:00:00 2024 +02",
        "Mon, 01 Jan 2024 12:00:00 +0200",
        "Mon Jan 01 2024 12:00:00 GMT+0200 (Central European Standard Time)",
    ] {
        let raw = format!("\"{text}\"");
        for column in ["timestamp", "date", "time"] {
            assert_eq!(
                refused(&raw, "", column).to_string(),
                "expected a date or time whose zone, if it has one, is an offset from utc such as +02:00, \
                 and what is there can't be read as one",
                "{text} for {column}"
            );
        }
    }
}

#[test]
fn a_day_with_an_offset_is_the_day_that_is_written() {
    for text in [
        "2024-01-01+02:00",
        "2024-01-01-11",
        "20240101+02:00",
        "2024-01-01 +02:00",
    ] {
        check(&[(&format!("\"{text}\""), "", "date", "2024-01-01")]);
    }
}

#[test]
fn every_way_to_write_a_clock_and_an_offset_is_understood() {
    for text in [
        "2024-01-01T12:00:00+02:00",
        " 2024-01-01T12:00:00+02:00 ",
        "2024-01-01  12:00:00 +2",
        "2024-1-1 12:0:0+02",
        "2024-01-01t12:00+0200",
        "20240101 120000+02",
        "20240101T120000+02:00",
        "20240101T1200+02",
        "20240101T120000.+0200",
    ] {
        check(&[(
            &format!("\"{text}\""),
            "",
            "timestamp",
            "2024-01-01 10:00:00",
        )]);
    }
    check(&[
        ("\"120000+02\"", "", "time", "10:00:00"),
        ("\"T9:05:00+02\"", "", "time", "07:05:00"),
        (
            "\"2024-01-01T12:00:00+18:00\"",
            "",
            "timestamp",
            "2023-12-31 18:00:00",
        ),
        (
            "\"2023-12-31 23:59:60+00:30\"",
            "",
            "timestamp",
            "2023-12-31 23:30:00",
        ),
    ]);
}

#[test]
fn the_text_of_an_array_or_a_range_keeps_no_offset_either() {
    check(&[
        (
            r#""{\"2024-01-01 00:00:00+02\",NULL,2024-01-01 12:00:00}""#,
            "",
            "timestamp[]",
            r#"{"2023-12-31 22:00:00",NULL,2024-01-01 12:00:00}"#,
        ),
        (
            r#""[-1:0]={00:30:00+02,12:00}""#,
            "",
            "time[]",
            "[-1:0]={22:30:00,12:00}",
        ),
        (
            r#""[\"2024-01-01 00:00:00+02\",\"2024-01-02 00:00:00+02\")""#,
            r#"{"type":"string"}"#,
            "tsrange",
            r#"["2023-12-31 22:00:00","2024-01-01 22:00:00")"#,
        ),
        (
            r#""{[2024-01-01 00:00:00+02,infinity),(,2020-01-01]}""#,
            "",
            "tsmultirange",
            "{[2023-12-31 22:00:00,infinity),(,2020-01-01]}",
        ),
        (
            r#""{\"[\\\"2024-01-01 00:00:00+02\\\",)\",empty}""#,
            "",
            "tsrange[]",
            r#"{"[\"2023-12-31 22:00:00\",)",empty}"#,
        ),
        (
            r#"["[\"2024-01-01 00:00:00+02\",)",null]"#,
            "",
            "tsrange[]",
            r#"{"[\"2023-12-31 22:00:00\",)",NULL}"#,
        ),
        (
            r#""[2024-01-01,2024-01-31)""#,
            "",
            "daterange",
            "[2024-01-01,2024-01-31)",
        ),
        // what has a zone keeps it
        (
            r#""[\"2024-01-01 00:00:00+02\",)""#,
            "",
            "tstzrange",
            r#"["2024-01-01 00:00:00+02",)"#,
        ),
    ]);
    refused(r#""{2024-01-01 00:00:00 CET}""#, "", "timestamp[]");
    refused(r#""[2024-01-01 00:00:00 CET,)""#, "", "tsrange");
}
