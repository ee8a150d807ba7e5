//! Whether a column holds a value as it came. Postgres rounds what has too many digits for a column and cuts what is
//! too fine for it, without a word; two keys may become one then.

use std::borrow::Cow;

use memchr::{memchr_iter, memrchr};

use super::error::ValueError;
use super::family::Family;
use super::json::Json;
use super::meaning::Meaning;
use super::whole::{has_point, split_number};
use super::zoned;
use crate::rows::table::PgType;

/// Beyond it, a scale says that it is negative.
const MOST_DIGITS: i32 = 1_000;
/// Digits after the point that Postgres holds of a second.
const SECOND_DIGITS: usize = 6;
/// The digits of which a `float4`, and a `float8`, holds any number so that they can be read back.
const KEPT_BY_SINGLE: usize = 6;
const KEPT_BY_DOUBLE: usize = 15;
/// An interval's fields in its modifier, as Postgres has them, finest first; with the microseconds of one.
const INTERVAL_FIELDS: [(i32, i64); 3] = [
    (1 << 12, 1),
    (1 << 11, 60_000_000),
    (1 << 10, 3_600_000_000),
];
const ALL_INTERVAL_FIELDS: i32 = 0x7fff;

/// Refuses the text of a value that the column would hold another value for. A JSON number with a point or an
/// exponent that no schema calls a decimal was a float before it was a text: its digits are no more exact than that.
pub(super) fn check_exact(
    text: &str,
    json: Json<'_>,
    meaning: Meaning<'_>,
    family: Family,
    column: &PgType,
) -> Result<(), ValueError> {
    let was_float = || matches!(json, Json::Number(raw) if has_point(raw)) && !meaning.is_decimal();
    match family {
        Family::Numeric | Family::Money if was_float() => Ok(()),
        // no more digits than the schema has
        Family::Numeric if has_declared_scale(json, meaning, column) => Ok(()),
        Family::Numeric | Family::Money => check_scale(text, family, column),
        Family::Float if was_float() => Ok(()),
        Family::Float => check_float(text, column),
        Family::Time | Family::TimeTz | Family::Timestamp | Family::TimestampTz => {
            if family == Family::TimeTz && matches!(json, Json::String(_)) {
                zoned::refuse_day(text, family)?;
            }
            let precision = precision_of(column);
            match meaning {
                Meaning::Time(unit) | Meaning::Timestamp(unit)
                    if unit.fraction_digits() <= precision =>
                {
                    Ok(())
                }
                _ => check_fractions(text, (precision, SECOND_DIGITS), family),
            }
        }
        Family::Interval => check_interval(text, column),
        _ => match (meaning, &column.element) {
            (Meaning::IsoWithin(inner), Some(element)) => {
                check_fractions(text, (precision_of(element), SECOND_DIGITS), inner)
            }
            (Meaning::IsoWithin(_), None) => Ok(()),
            _ => Ok(()),
        },
    }
}

fn has_declared_scale(json: Json<'_>, meaning: Meaning<'_>, column: &PgType) -> bool {
    let Meaning::Decimal { scale: Some(scale) } = meaning else {
        return false;
    };
    // a decimal in another form has its own digits
    matches!(json, Json::String(_))
        && (0..=MOST_DIGITS).contains(&scale)
        && scale_of_column(Family::Numeric, column).is_none_or(|digits| scale <= digits)
}

/// Whether the column is one for which [`check_key_text`] may refuse a text.
pub fn rounds_keys(column: &PgType) -> bool {
    let family = Family::of_column(column);
    is_moment(column) || scale_of_column(family, column).is_some() && family != Family::Integer
}

/// Whether the column holds a time of day or a moment.
pub fn is_moment(column: &PgType) -> bool {
    use Family as F;
    let family = Family::of_column(column);
    matches!(family, F::Time | F::TimeTz | F::Timestamp | F::TimestampTz)
}

/// Refuses the text of a key that the column would round, wherever it comes from: two rows would become one.
///
/// # Errors
/// The column holds another number.
pub fn check_key_text(text: &str, column: &PgType) -> Result<(), ValueError> {
    match Family::of_column(column) {
        family @ (Family::Numeric | Family::Money) => check_scale(text, family, column),
        family if is_moment(column) => check_fractions(text, (SECOND_DIGITS, usize::MAX), family),
        _ => Ok(()),
    }
}

fn check_scale(text: &str, family: Family, column: &PgType) -> Result<(), ValueError> {
    match scale_of_column(family, column) {
        Some(scale) if !has_scale(text, scale) => {
            Err(family.unfit("a decimal with digits beyond the column's scale"))
        }
        _ => Ok(()),
    }
}

/// From the type modifier; money as Debezium sends it. `None` where the column has no scale of its own.
pub(super) fn scale_of_column(family: Family, column: &PgType) -> Option<i32> {
    match family {
        Family::Money => return Some(2),
        Family::Integer => return Some(0),
        Family::Numeric => {}
        _ => return None,
    }
    let modifier = column
        .modifier
        .checked_sub(4)
        .filter(|modifier| *modifier >= 0)?;
    // the lower 11 bits, signed
    Some(((modifier & 0x7ff) ^ 1024) - 1024)
}

/// Whether what lies beyond the scale is zeros. What is no number is Postgres' to judge.
fn has_scale(text: &str, scale: i32) -> bool {
    let has_exponent = text.bytes().any(|byte| matches!(byte, b'e' | b'E'));
    if let (Ok(scale), false) = (usize::try_from(scale), has_exponent) {
        let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
        let beyond = fraction.as_bytes().get(scale..).unwrap_or_default();
        return beyond.iter().all(|digit| !matches!(digit, b'1'..=b'9'));
    }
    split_number(text.trim())
        .is_none_or(|(_, digits, zeros)| digits.is_empty() || zeros >= -i64::from(scale))
}

/// Whether the float says the same digits, or is the same integer.
fn check_float(text: &str, column: &PgType) -> Result<(), ValueError> {
    let is_single = column.name == "float4";
    let kept = if is_single {
        KEPT_BY_SINGLE
    } else {
        KEPT_BY_DOUBLE
    };
    if text.len() <= kept {
        return Ok(());
    }
    let Some(number) = split_number(text.trim()).filter(|(_, digits, _)| digits.len() > kept)
    else {
        return Ok(());
    };
    let (nearest, shortest) = if is_single {
        let float: f32 = text.trim().parse().unwrap_or(f32::NAN);
        (f64::from(float), format!("{float:e}"))
    } else {
        let float: f64 = text.trim().parse().unwrap_or(f64::NAN);
        (float, format!("{float:e}"))
    };
    let is_integer = text.trim().parse::<i128>() == Ok(nearest as i128);
    let is_same = split_number(&shortest).is_some_and(|shortest| shortest == number);
    // what is out of a float's range is Postgres' to refuse
    if is_same || is_integer || !nearest.is_finite() {
        Ok(())
    } else {
        Err(Family::Float.unfit("a number with more digits than the column holds"))
    }
}

fn precision_of(column: &PgType) -> usize {
    usize::try_from(column.modifier).map_or(SECOND_DIGITS, |digits| digits.min(SECOND_DIGITS))
}

/// Looks behind each point that follows a clock's seconds, at the digits from one place up to another. What a source
/// tells beyond microseconds no column of Postgres holds: [`cut_to_micros`] cuts it off, but for keys.
fn check_fractions(
    text: &str,
    (from, to): (usize, usize),
    family: Family,
) -> Result<(), ValueError> {
    let bytes = text.as_bytes();
    for point in memchr_iter(b'.', bytes) {
        let (before, after) = (&bytes[..point], &bytes[point + 1..]);
        if has_digits_beyond(before, after, (from, to)) {
            return Err(family.unfit("a time with digits beyond the column's precision"));
        }
    }
    Ok(())
}

fn has_digits_beyond(before: &[u8], after: &[u8], (from, to): (usize, usize)) -> bool {
    let is_digit = |byte: &&u8| byte.is_ascii_digit();
    let mut beyond = after.iter().take_while(is_digit).take(to).skip(from);
    if !beyond.any(|digit| *digit != b'0') {
        return false; // as nearly all
    }
    let seconds = before.iter().rev().take_while(is_digit).count();
    let is_clock = seconds >= 4 || before.iter().rev().nth(seconds) == Some(&b':');
    let mut unit = after
        .iter()
        .skip_while(|byte| is_digit(byte) || **byte == b' ');
    is_clock || matches!(unit.next(), Some(b'S' | b's'))
}

/// The text of a moment without the digits that no column of Postgres holds. Cut, as Postgres would round the last
/// moment of a day to the next one.
pub fn cut_to_micros(text: Cow<'_, str>) -> Cow<'_, str> {
    let Some(at) = memrchr(b'.', text.as_bytes()) else {
        return text;
    };
    let (clock, fraction) = (text.get(..at), text.get(at + 1..).unwrap_or_default());
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    let (kept, rest) = (fraction.get(..SECOND_DIGITS), fraction.get(digits..));
    match (clock, kept, rest) {
        (Some(clock), Some(kept), Some(rest)) if digits > SECOND_DIGITS && clock.contains(':') => {
            Cow::Owned(format!("{clock}.{kept}{rest}"))
        }
        _ => text,
    }
}

/// Of a number, what the column's fields or its precision leave out; of a text, what its precision does.
fn check_interval(text: &str, column: &PgType) -> Result<(), ValueError> {
    let (fields, precision) = match column.modifier {
        ..0 => (ALL_INTERVAL_FIELDS, SECOND_DIGITS),
        modifier => {
            let precision = usize::try_from(modifier & 0xffff).unwrap_or(SECOND_DIGITS);
            (
                (modifier >> 16) & ALL_INTERVAL_FIELDS,
                precision.min(SECOND_DIGITS),
            )
        }
    };
    let number = |unit, micros| {
        let digits = text.strip_suffix(unit)?;
        Some(digits.parse::<i64>().ok()?.saturating_mul(micros))
    };
    let Some(micros) = number(" microseconds", 1).or_else(|| number(" milliseconds", 1_000)) else {
        return check_fractions(text, (precision, SECOND_DIGITS), Family::Interval);
    };
    let finest = INTERVAL_FIELDS
        .iter()
        .find(|(field, _)| fields & field != 0);
    let step = match finest {
        Some((_, 1)) => 10_i64.pow((SECOND_DIGITS - precision) as u32),
        Some((_, step)) => *step,
        None => i64::MAX,
    };
    if micros % step == 0 {
        Ok(())
    } else {
        Err(Family::Interval.unfit("an interval that is finer than the column"))
    }
}

#[cfg(test)]
#[path = "exact_tests.rs"]
mod tests;
