//! Dates and times with a zone, for columns without one: Postgres would drop the zone without a word, and the
//! moment with it. What it writes here is one text for one moment, whatever the zone was, so that keys compare.

use super::error::{ValueError, malformed};
use super::family::Family;
use super::zone_words::{is_utc, may_name_zone};
use crate::rows::civil::{Civil, push_time_of_day};

const EXPECTED: &str =
    "a date or time whose zone, if it has one, is an offset from utc such as +02:00";
const MOMENT: &str = "a date or timestamp";
const TIME_OF_DAY: &str = "a timestamp with a time of day";
const SECONDS_A_DAY: i64 = 86_400;
/// Java's limit; Postgres's own is a little less.
const MOST_OFFSET: i64 = 18 * 3_600;
/// What arrays and ranges have around their elements and bounds.
const DELIMITERS: [char; 9] = ['{', '}', '[', ']', '(', ')', ',', '"', '\\'];

/// The text in UTC for a `date`, `time` or `timestamp`; `None` where it is in UTC already, or has no zone: then
/// Postgres reads it, as it reads much that is no ISO 8601.
///
/// A day with an offset stays the day that is written, for a date.
///
/// # Errors
/// There may be a zone, and it isn't a number: which offset it had then isn't known here.
pub(super) fn convert_to_utc(text: &str, family: Family) -> Result<Option<String>, ValueError> {
    let Some(moment) = Moment::parse(text.trim()) else {
        return match family {
            _ if may_name_zone(text) => Err(malformed(EXPECTED)),
            Family::Date if has_clock(text) => Err(family.unfit(TIME_OF_DAY)),
            Family::Time if has_year(text) => Err(family.unfit(MOMENT)),
            _ => Ok(None),
        };
    };
    moment.refuse_loss(family)?;
    let Some(offset) = moment.offset.filter(|offset| *offset != 0) else {
        return Ok(None);
    };
    let (day, second) = match (family, moment.day, moment.second) {
        (Family::Date, Some(day), None) => (day, 0),
        (Family::Timestamp, Some(day), None) => (day, -offset),
        (_, Some(day), Some(second)) => (day, second - offset),
        (Family::Time, None, Some(second)) => (0, second - offset),
        // a day for a time, or a time for a day
        _ => return Err(malformed(EXPECTED)),
    };
    moment_text(day, second, moment.fraction, family).map(Some)
}

/// Refuses a text that has a day, for a column of times: Postgres would drop it.
///
/// # Errors
/// It names both types.
pub(super) fn refuse_day(text: &str, family: Family) -> Result<(), ValueError> {
    let has_day = match Moment::parse(text.trim()) {
        Some(moment) => moment.day.is_some(),
        None => has_year(text),
    };
    if has_day {
        return Err(family.unfit(MOMENT));
    }
    Ok(())
}

/// In a text that isn't one of ISO 8601: `12:00`, or `1200` beside a year.
fn has_clock(text: &str) -> bool {
    let numbers = || text.split(|c: char| !c.is_ascii_digit());
    let count = |length| numbers().filter(|digits| digits.len() == length).count();
    text.contains(':') || count(4) > 1 || count(6) > 0
}

/// In a text with a clock, which isn't one of ISO 8601.
fn has_year(text: &str) -> bool {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit());
    text.contains(':') && numbers.any(|digits| digits.len() == 4)
}

/// The same for what one text holds of them: `{…,…}`, `["…","…")`.
///
/// # Errors
/// As for one of them.
pub(super) fn convert_each_to_utc(
    text: &str,
    family: Family,
) -> Result<Option<String>, ValueError> {
    // an array's bounds: `[2:3]={…}`
    let (bounds, elements) = text.split_at(text.find('=').map_or(0, |at| at + 1));
    let mut out = String::from(bounds);
    let mut converted = false;
    for piece in elements.split_inclusive(DELIMITERS) {
        let element = piece.trim_end_matches(DELIMITERS);
        let is_word = |word| element.trim().eq_ignore_ascii_case(word);
        let in_utc = if is_word("") || is_word("null") || is_word("empty") {
            None
        } else {
            convert_to_utc(element, family)?
        };
        converted |= in_utc.is_some();
        out.push_str(in_utc.as_deref().unwrap_or(element));
        out.push_str(piece.get(element.len()..).unwrap_or_default());
    }
    Ok(converted.then_some(out))
}

/// `second` is counted from the day's beginning, and may lie in the days around it.
fn moment_text(
    day: i64,
    second: i64,
    fraction: &str,
    family: Family,
) -> Result<String, ValueError> {
    let mut out = String::with_capacity(40);
    let mut before_christ = false;
    if family != Family::Time {
        let day = Civil::from_days(day + second.div_euclid(SECONDS_A_DAY));
        before_christ = day.ok_or(malformed(EXPECTED))?.write_date(&mut out);
    }
    if family == Family::Timestamp {
        out.push(' ');
    }
    if family != Family::Date {
        push_time_of_day(&mut out, second.rem_euclid(SECONDS_A_DAY).unsigned_abs());
        if !fraction.is_empty() {
            out.push('.');
            out.push_str(fraction);
        }
    }
    if before_christ {
        out.push_str(" BC");
    }
    Ok(out)
}

/// What an ISO 8601 text, or one as Postgres writes it, says.
struct Moment<'t> {
    /// Since 1970.
    day: Option<i64>,
    /// Of the day.
    second: Option<i64>,
    /// The second's decimals.
    fraction: &'t str,
    /// From UTC, in seconds; `None` where there is no zone.
    offset: Option<i64>,
}

impl<'t> Moment<'t> {
    /// Refuses a day for a time, and a time of day for a day.
    fn refuse_loss(&self, family: Family) -> Result<(), ValueError> {
        let offset = self.offset.unwrap_or(0);
        let is_midnight = |second: i64| {
            let in_utc = second - offset;
            let whole = in_utc == 0 || offset != 0 && in_utc.rem_euclid(SECONDS_A_DAY) == 0;
            whole && self.fraction.bytes().all(|digit| digit == b'0')
        };
        match family {
            Family::Time if self.day.is_some() => Err(family.unfit(MOMENT)),
            Family::Date if self.day.is_some() && !self.second.is_none_or(is_midnight) => {
                Err(family.unfit(TIME_OF_DAY))
            }
            _ => Ok(()),
        }
    }

    /// `None` if the text is written in another way, or is no date and no time at all.
    fn parse(text: &'t str) -> Option<Self> {
        let (text, before_christ) = match text.strip_suffix(" BC") {
            Some(text) => (text, true),
            None => (text, false),
        };
        let (day, clock) = match split_date(text, before_christ) {
            Some((day, rest)) => (Some(day), rest),
            None => (None, text),
        };
        let clock = match clock.strip_prefix(['T', 't']) {
            Some(clock) => clock,
            None => clock.trim_start(),
        };
        let (second, fraction, zone) = match split_clock(clock, day.is_some()) {
            Some((second, fraction, zone)) => (Some(second), fraction, zone),
            None => (None, "", clock),
        };
        let is_nothing = day.is_none() && second.is_none();
        let offset = parse_zone(zone.trim_start())?;
        (!is_nothing).then_some(Self {
            day,
            second,
            fraction,
            offset,
        })
    }
}

/// A date in days since 1970, and what follows it: `2024-01-01`, `20240101`. Years beyond four digits, and before
/// year 0, may have a sign.
fn split_date(text: &str, before_christ: bool) -> Option<(i64, &str)> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let has_sign = unsigned.len() < text.len();
    let (year, month, day, rest) = match split_digits(unsigned, 8, 8) {
        Some((date, rest)) if !has_sign => (date / 10_000, date / 100 % 100, date % 100, rest),
        Some(_) => return None,
        None => {
            let (year, rest) = split_digits(unsigned, 4, 6)?;
            let (month, rest) = split_digits(rest.strip_prefix('-')?, 1, 2)?;
            let (day, rest) = split_digits(rest.strip_prefix('-')?, 1, 2)?;
            (year, month, day, rest)
        }
    };
    let year = match (text.starts_with('-'), before_christ) {
        (_, true) if has_sign || year == 0 => return None,
        (_, true) => 1 - year,
        (true, _) => -year,
        (false, _) => year,
    };
    let date = Civil::from_date(year, month as u8, day as u8)?;
    Some((date.to_days(), rest))
}

/// Seconds since midnight, the second's decimals, and what follows: `12:00:00.5`, `120000`; `1200` behind a date,
/// where it is no year. `12:34.5` isn't read: to Postgres these are minutes and seconds.
fn split_clock(text: &str, behind_date: bool) -> Option<(i64, &str, &str)> {
    let (hours, minutes, seconds, rest) = if let Some((clock, rest)) = split_digits(text, 6, 6) {
        (clock / 10_000, clock / 100 % 100, Some(clock % 100), rest)
    } else if let Some((clock, rest)) = split_digits(text, 4, 4).filter(|_| behind_date) {
        (clock / 100, clock % 100, None, rest)
    } else {
        let (hours, rest) = split_digits(text, 1, 2)?;
        let (minutes, rest) = split_digits(rest.strip_prefix(':')?, 1, 2)?;
        let seconds = rest.strip_prefix(':').map(|rest| split_digits(rest, 1, 2));
        match seconds {
            Some(seconds) => {
                seconds.map(|(seconds, rest)| (hours, minutes, Some(seconds), rest))?
            }
            None => (hours, minutes, None, rest),
        }
    };
    let (fraction, rest) = match rest.strip_prefix('.').filter(|_| seconds.is_some()) {
        Some(after) => {
            let end = after.find(|c: char| !c.is_ascii_digit());
            after.split_at(end.unwrap_or(after.len()))
        }
        None => ("", rest),
    };
    let seconds = seconds.unwrap_or(0);
    let is_midnight = minutes == 0 && seconds == 0 && fraction.bytes().all(|digit| digit == b'0');
    let exists = hours < 24 && minutes < 60 && seconds <= 60 || hours == 24 && is_midnight;
    exists.then_some((hours * 3_600 + minutes * 60 + seconds, fraction, rest))
}

/// The number that a text begins with, and what follows its digits.
fn split_digits(text: &str, fewest: usize, most: usize) -> Option<(i64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    if !(fewest..=most).contains(&digits.len()) {
        return None;
    }
    Some((digits.parse().ok()?, rest))
}

/// The offset in seconds, none where no zone is named. `None` if the offset isn't told in numbers, or in two ways:
/// to Postgres, `UTC+2` is west of Greenwich.
fn parse_zone(zone: &str) -> Option<Option<i64>> {
    if zone.is_empty() {
        return Some(None);
    }
    let end = zone.find(|c: char| !c.is_ascii_alphabetic() && c != '/');
    let (word, offset) = zone.split_at(end.unwrap_or(zone.len()));
    if word.is_empty() {
        return parse_offset(offset).map(Some);
    }
    let is_zero = offset.is_empty() || parse_offset(offset) == Some(0);
    (is_utc(word) && is_zero).then_some(Some(0))
}

/// `+02`, `-5:30`, `+0530`, `+00:53:28`, in seconds.
fn parse_offset(text: &str) -> Option<i64> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let unsigned = text.strip_prefix(['-', '+'])?;
    let in_pairs = !unsigned.contains(':') && matches!(unsigned.len(), 4 | 6);
    let parts: Vec<&str> = if in_pairs {
        let ends = (0..unsigned.len()).step_by(2);
        ends.map(|at| unsigned.get(at..at + 2))
            .collect::<Option<_>>()?
    } else {
        unsigned.split(':').collect()
    };
    if parts.len() > 3 {
        return None;
    }
    let mut offset = 0;
    for (part, (unit, fewest)) in parts.iter().zip([(3_600, 1), (60, 2), (1, 2)]) {
        let (number, rest) = split_digits(part, fewest, 2)?;
        if unit < 3_600 && number > 59 || !rest.is_empty() {
            return None;
        }
        offset += number * unit;
    }
    (offset <= MOST_OFFSET).then_some(sign * offset)
}

#[cfg(test)]
#[path = "zoned_tests.rs"]
mod tests;
