//! Dates, times, timestamps and durations that arrive as integers.

use std::borrow::Cow;

use super::error::ValueError;
use super::family::Family;
use super::json::Json;
use crate::rows::civil::{Civil, push_padded, push_time_of_day};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Millis,
    Micros,
    Nanos,
}

/// pgjdbc's infinities, `PGStatement.DATE_POSITIVE_INFINITY` and its negative. They are milliseconds;
/// Debezium up to 3.6 reads them as microseconds (294247-01-10 04:00:25.2), and later versions as what they
/// are, where microseconds and nanoseconds saturate.
const INFINITY: i64 = 9_223_372_036_825_200_000;
const NEGATIVE_INFINITY: i64 = -9_223_372_036_832_400_000;

impl Unit {
    pub(super) const fn per_second(self) -> i64 {
        match self {
            Unit::Millis => 1_000,
            Unit::Micros => 1_000_000,
            Unit::Nanos => 1_000_000_000,
        }
    }

    pub(super) const fn fraction_digits(self) -> usize {
        match self {
            Unit::Millis => 3,
            Unit::Micros => 6,
            Unit::Nanos => 9,
        }
    }

    pub(super) fn infinity_text(self, number: i64) -> Option<&'static str> {
        let positive = match self {
            Unit::Millis => matches!(number, INFINITY) || number == INFINITY / 1_000,
            Unit::Micros => matches!(number, INFINITY | i64::MAX),
            Unit::Nanos => number == i64::MAX,
        };
        let negative = match self {
            Unit::Millis => {
                matches!(number, NEGATIVE_INFINITY) || number == NEGATIVE_INFINITY / 1_000
            }
            Unit::Micros => matches!(number, NEGATIVE_INFINITY | i64::MIN),
            Unit::Nanos => number == i64::MIN,
        };
        match (positive, negative) {
            (true, _) => Some("infinity"),
            (_, true) => Some("-infinity"),
            _ => None,
        }
    }
}

/// Days since 1970.
pub(super) fn date_text(json: Json<'_>) -> Result<Cow<'static, str>, ValueError> {
    let days = json.as_integer("a date as a whole number of days")?;
    let mut out = String::with_capacity(16);
    if civil_date(days)?.write_date(&mut out) {
        out.push_str(" BC");
    }
    Ok(Cow::Owned(out))
}

/// Since midnight. MySQL's times, which may be negative or longer than a day, fit an interval column.
pub(super) fn time_text(
    json: Json<'_>,
    unit: Unit,
    family: Family,
) -> Result<Cow<'static, str>, ValueError> {
    let number = json.as_integer("a time of day as a whole number")?;
    if family == Family::Interval {
        return interval_text(number, unit);
    }
    let second = number.div_euclid(unit.per_second());
    let fraction = number.rem_euclid(unit.per_second());
    // 24:00:00 is a time that Postgres knows, and not the same as 00:00:00.
    if !(0..=86_400).contains(&second) || (second == 86_400 && fraction > 0) {
        return Err(ValueError::OutOfRange {
            what: "a time of day",
            allowed: "0 to 24 hours; MySQL's longer and negative ones need a column of the type interval",
        });
    }
    let mut out = String::with_capacity(24);
    push_clock(&mut out, second, fraction, unit);
    if family == Family::TimeTz {
        out.push_str("+00");
    }
    Ok(Cow::Owned(out))
}

/// Since 1970, in UTC. Written with its zone for a column that has one; otherwise as the wall clock it is.
pub(super) fn timestamp_text(
    json: Json<'_>,
    unit: Unit,
    family: Family,
) -> Result<Cow<'static, str>, ValueError> {
    let number = json.as_integer("a timestamp as a whole number")?;
    if let Some(infinity) = unit.infinity_text(number) {
        return Ok(Cow::Borrowed(infinity));
    }
    let second = number.div_euclid(unit.per_second());
    let date = civil_date(second.div_euclid(86_400))?;
    if family == Family::Date && number.rem_euclid(unit.per_second().saturating_mul(86_400)) != 0 {
        return Err(family.unfit("a timestamp with a time of day"));
    }
    let mut out = String::with_capacity(40);
    let before_christ = date.write_date(&mut out);
    out.push(' ');
    push_clock(
        &mut out,
        second.rem_euclid(86_400),
        number.rem_euclid(unit.per_second()),
        unit,
    );
    if family == Family::TimestampTz {
        out.push_str("+00");
    }
    if before_christ {
        out.push_str(" BC");
    }
    Ok(Cow::Owned(out))
}

pub(super) fn duration_text(json: Json<'_>, unit: Unit) -> Result<Cow<'static, str>, ValueError> {
    let number = json.as_integer("a duration as a whole number")?;
    interval_text(number, unit)
}

/// Postgres reads whole microseconds exactly over the whole of i64, and nothing finer.
fn interval_text(number: i64, unit: Unit) -> Result<Cow<'static, str>, ValueError> {
    Ok(Cow::Owned(match unit {
        Unit::Millis => format!("{number} milliseconds"),
        Unit::Micros => format!("{number} microseconds"),
        Unit::Nanos if number % 1_000 == 0 => format!("{} microseconds", number / 1_000),
        Unit::Nanos => return Err(Family::Interval.unfit("an interval of nanoseconds")),
    }))
}

fn civil_date(days: i64) -> Result<Civil, ValueError> {
    Civil::from_days(days).ok_or(ValueError::OutOfRange {
        what: "a date",
        allowed: "what postgres holds, 4713 BC to 5874897 AD",
    })
}

fn push_clock(out: &mut String, second: i64, fraction: i64, unit: Unit) {
    push_time_of_day(out, second.unsigned_abs());
    if fraction != 0 {
        out.push('.');
        push_padded(out, fraction.unsigned_abs(), unit.fraction_digits());
    }
}

#[cfg(test)]
#[path = "times_tests.rs"]
mod tests;
