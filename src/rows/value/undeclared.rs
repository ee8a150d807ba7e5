//! Strings for a numeric column without a schema to tell how they are written.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{ValueError, malformed};
use super::family::Family;
use super::json::Json;
use super::numbers::scaled_decimal;
use crate::rows::table::PgType;

/// Base64 (Debezium's default) or a decimal's own text (`decimal.handling.mode=string`, and everybody else).
///
/// Only `numeric(p,s)` can be base64: without precision Debezium sends a struct. What can be read one way only,
/// and fits the column, is read that way. For a column without decimals "1234" can be both, and a wrong guess
/// would land another number without a trace, so that is refused; with a schema there is nothing to guess.
pub(super) fn undeclared_decimal<'a>(
    json: Json<'a>,
    family: Family,
    column: &PgType,
) -> Result<Cow<'a, str>, ValueError> {
    const EXPECTED: &str = "a decimal, in base64 or as its text";
    let text = json.as_string(EXPECTED)?;
    let integer_digits = integer_digits(&text);
    let Some((precision, scale)) = precision_and_scale(family, column) else {
        return if integer_digits.is_some() || family == Family::Money {
            Ok(text)
        } else {
            Err(malformed(EXPECTED))
        };
    };
    let decoded = match STANDARD.decode(text.as_bytes()) {
        Ok(bytes) if is_minimal(&bytes) => Some(scaled_decimal(&bytes, scale)?),
        _ => None,
    };
    // A number of p digits in all; a scale beyond them only adds zeros after the point.
    let fits = |number: &String| {
        let digits = number
            .bytes()
            .filter(u8::is_ascii_digit)
            .skip_while(|digit| *digit == b'0')
            .count();
        i64::try_from(digits).is_ok_and(|digits| {
            digits <= i64::from(precision) + i64::from(scale.min(0).unsigned_abs())
        })
    };
    let decoded = decoded.filter(fits);
    let text_fits = integer_digits.is_some_and(|digits| {
        i64::try_from(digits).is_ok_and(|digits| digits <= i64::from(precision) - i64::from(scale))
    });
    match (decoded, integer_digits) {
        // A text with decimals has its point, which no base64 has.
        (Some(_), Some(_)) if text_fits && scale <= 0 => Err(ValueError::AmbiguousDecimal),
        (Some(number), _) => Ok(Cow::Owned(number)),
        // Postgres says what doesn't fit.
        (None, Some(_)) => Ok(text),
        (None, None) if family == Family::Money => Ok(text), // "$12.50"
        (None, None) => Err(malformed(EXPECTED)),
    }
}

/// An object for a column of numbers: a numeric without precision, if it is a struct of a whole `scale` and of
/// bytes as `value` and of nothing else. Digits can be base64 and a decimal's text, so they are refused.
pub(super) fn undeclared_struct(json: Json<'_>) -> Result<Cow<'_, str>, ValueError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Parts<'a> {
        scale: i32,
        #[serde(borrow)]
        value: &'a RawValue,
    }
    const EXPECTED: &str = "a decimal as a struct of scale and value in base64";
    let parts: Parts = json.as_struct(EXPECTED)?;
    let text = Json::from_raw(parts.value.get())?.as_string(EXPECTED)?;
    let bytes = STANDARD.decode(text.as_bytes());
    let bytes = bytes.map_err(|_| malformed(EXPECTED))?;
    if !is_minimal(&bytes) {
        return Err(malformed(EXPECTED));
    }
    if integer_digits(&text).is_some() {
        return Err(ValueError::AmbiguousDecimal);
    }
    scaled_decimal(&bytes, parts.scale).map(Cow::Owned)
}

/// From the type modifier; money as Debezium sends it.
fn precision_and_scale(family: Family, column: &PgType) -> Option<(i32, i32)> {
    if family == Family::Money {
        return Some((19, 2));
    }
    let modifier = column
        .modifier
        .checked_sub(4)
        .filter(|modifier| *modifier >= 0)?;
    let scale = modifier & 0x7ff;
    // The lower 11 bits, signed.
    Some((
        modifier >> 16 & 0xffff,
        if scale >= 1024 { scale - 2048 } else { scale },
    ))
}

/// As Java's BigInteger writes it: no leading byte that only repeats the sign.
fn is_minimal(bytes: &[u8]) -> bool {
    match bytes {
        [] => false,
        [0x00, next, ..] => *next >= 0x80,
        [0xff, next, ..] => *next < 0x80,
        _ => true,
    }
}

/// How many digits a text has before the point if it reads as a decimal.
fn integer_digits(text: &str) -> Option<usize> {
    match text {
        "NaN" => return Some(0),
        // Fits no numeric(p,s).
        "Infinity" | "-Infinity" => return Some(usize::MAX),
        _ => {}
    }
    let is_digits = |part: &str| part.bytes().all(|digit| digit.is_ascii_digit());
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_decimal = whole.len() + fraction.len() > 0
        && !exponent.is_empty()
        && [whole, fraction, exponent].into_iter().all(is_digits);
    is_decimal.then(|| whole.trim_start_matches('0').len())
}

#[cfg(test)]
mod tests {
    use crate::rows::value::ValueError;
    use crate::rows::value::testing::{check, refused};

    #[test]
    fn without_a_schema_the_column_gives_the_scale() {
        check(&[
            ("\"BNI=\"", "", "numeric(10,2)", "12.34"),
            ("\"BQ==\"", "", "numeric(5,-2)", "500"),
            ("\"BQ==\"", "", "numeric(3,5)", "0.00005"),
            ("\"BNI=\"", "", "money", "12.34"),
            ("\"$1,234.50\"", "", "money", "1234.50"),
            ("\"12.50\"", "", "numeric(10,2)", "12.50"),
            ("\"-1234\"", "", "numeric(10,2)", "-1234"),
            ("\"12345\"", "", "numeric(10,2)", "12345"),
            ("\"NaN\"", "", "numeric", "NaN"),
            ("\"Infinity\"", "", "numeric", "Infinity"),
            ("\"1234\"", "", "numeric", "1234"),
            // The base64 would be a number of 7 digits, the text one of 4.
            ("\"1234\"", "", "numeric(5,0)", "1234"),
            ("\"1234\"", "", "numeric(8,5)", "-26.58824"),
            // With two decimals the text would have been 1234.00.
            ("\"1234\"", "", "numeric(10,2)", "-26588.24"),
            ("\"12345678\"", "", "numeric(10,2)", "12345678"),
        ]);
        assert_eq!(
            refused("\"1234\"", "", "numeric(10,0)"),
            ValueError::AmbiguousDecimal
        );
        refused("\"BNI=\"", "", "numeric"); // of what scale?
        refused("\"twelve\"", "", "numeric(10,2)");
        refused("\"\"", "", "numeric(10,2)");
    }
}
