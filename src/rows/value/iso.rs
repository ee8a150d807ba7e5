//! ISO 8601 strings. Postgres reads them, except for Java's way to write years: signed and astronomical.

use std::borrow::Cow;

use super::error::{ValueError, malformed};
use super::family::Family;
use super::json::Json;
use super::zoned;

/// `-4712-01-01T…` is 4713 BC, `+10000-…` the year 10000; anything else passes, 'infinity' included. For a column
/// without a zone, what has an offset is converted to UTC.
pub(super) fn iso_text(json: Json<'_>, family: Family) -> Result<Cow<'_, str>, ValueError> {
    const EXPECTED: &str = "a date or timestamp as an iso 8601 string";
    let text = json.as_string(EXPECTED)?;
    if matches!(family, Family::Date | Family::Time | Family::Timestamp)
        && let Some(in_utc) = zoned::convert_to_utc(&text, family)?
    {
        return Ok(Cow::Owned(in_utc));
    }
    if family == Family::Time {
        return Ok(text); // which has no year
    }
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

/// Of an array or of a range, written as Postgres writes it; `family` is their elements'.
pub(super) fn iso_texts_within(json: Json<'_>, family: Family) -> Result<Cow<'_, str>, ValueError> {
    let text = json.as_string("an array or a range as its text")?;
    let in_utc = zoned::convert_each_to_utc(&text, family)?;
    Ok(in_utc.map_or(text, Cow::Owned))
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
