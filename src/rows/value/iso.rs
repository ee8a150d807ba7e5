//! ISO 8601 strings. Postgres reads them, except for Java's way to write years: signed and astronomical.

use std::borrow::Cow;

use super::error::{ValueError, malformed};
use super::json::Json;

/// `-4712-01-01T…` is 4713 BC, `+10000-…` the year 10000; anything else passes, 'infinity' included.
pub(super) fn iso_text(json: Json<'_>) -> Result<Cow<'_, str>, ValueError> {
    const EXPECTED: &str = "a date or timestamp as an iso 8601 string";
    let text = json.as_string(EXPECTED)?;
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, text.strip_prefix('-')),
        Some(b'+') => (false, text.strip_prefix('+')),
        _ if text.starts_with("0000-") => (false, Some(text.as_ref())),
        _ => return Ok(text),
    };
    let Some((year, rest)) = unsigned.and_then(|unsigned| unsigned.split_once('-')) else {
        return Ok(text); // -infinity
    };
    let year: u32 = year.parse().map_err(|_| malformed(EXPECTED))?;
    Ok(Cow::Owned(match (negative, year) {
        (false, 1..) => format!("{year:04}-{rest}"),
        _ => format!("{:04}-{rest} BC", u64::from(year) + 1),
    }))
}

#[cfg(test)]
mod tests {
    use crate::rows::value::testing::{check, refused};

    #[test]
    fn years_are_written_as_postgres_reads_them() {
        let zoned = r#"{"type":"string","name":"io.debezium.time.ZonedTimestamp"}"#;
        let iso = r#"{"type":"string","name":"io.debezium.time.IsoDate"}"#;
        check(&[
            (
                "\"2024-01-01T00:00:00.123456Z\"",
                zoned,
                "timestamptz",
                "2024-01-01T00:00:00.123456Z",
            ),
            (
                "\"-4712-01-01T00:00:00Z\"",
                zoned,
                "timestamptz",
                "4713-01-01T00:00:00Z BC",
            ),
            (
                "\"0000-01-01T00:00:00Z\"",
                zoned,
                "timestamptz",
                "0001-01-01T00:00:00Z BC",
            ),
            (
                "\"-0001-01-01T00:00:00Z\"",
                "",
                "timestamp",
                "0002-01-01T00:00:00Z BC",
            ),
            (
                "\"+10000-01-01T00:00:00Z\"",
                zoned,
                "timestamptz",
                "10000-01-01T00:00:00Z",
            ),
            ("\"infinity\"", zoned, "timestamptz", "infinity"),
            ("\"-infinity\"", zoned, "timestamptz", "-infinity"),
            ("\"2024-01-01Z\"", iso, "date", "2024-01-01Z"),
            ("\"-0043-03-15Z\"", iso, "date", "0044-03-15Z BC"),
            (
                "\"-4712-01-01T00:00:00Z\"",
                zoned,
                "text",
                "-4712-01-01T00:00:00Z",
            ),
        ]);
        refused("\"-x-1\"", zoned, "timestamptz");
        refused("\"-99999999999-01-01\"", zoned, "timestamptz");
    }
}
