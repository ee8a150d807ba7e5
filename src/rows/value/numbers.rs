//! Decimals: big-endian two's complement in base64 with a scale beside it.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use num_bigint::BigInt;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::bytes;
use super::error::{ValueError, malformed};
use super::family::Family;
use super::json::Json;
use crate::format::schema::Kind;

const EXPECTED: &str = "a decimal as two's complement in base64";
/// Postgres holds 131,072 digits before the point and 16,383 after it: 61,231 bytes.
const MAX_BYTES: usize = 65_536;
const SCALES: RangeInclusive<i32> = -131_072..=16_383;
/// From so many zeros on, a numeric has them as its exponent: a few bytes of an event can say very many.
const MOST_ZEROS: usize = 2_048;

/// `scale` as the schema has it. Other than base64, a number or a string keeps its own digits:
/// `decimal.handling.mode` double, and Connect's `decimal.format=NUMERIC`.
pub(super) fn decimal_text<'a>(
    json: Json<'a>,
    scale: Option<i32>,
    family: Family,
) -> Result<Cow<'a, str>, ValueError> {
    match json {
        Json::Number(digits) => Ok(Cow::Borrowed(digits)),
        Json::String(_) => {
            let scale = scale.ok_or(malformed("a decimal whose schema gives its scale"))?;
            declared_decimal(&bytes::decode_base64(json, EXPECTED)?, scale, family).map(Cow::Owned)
        }
        other => Err(other.unexpected(EXPECTED)),
    }
}

/// A numeric without precision: `{"scale": 2, "value": "BNI="}`.
pub(super) fn variable_scale_decimal(
    json: Json<'_>,
    family: Family,
) -> Result<Cow<'_, str>, ValueError> {
    #[derive(Deserialize)]
    struct Parts<'a> {
        scale: i32,
        #[serde(borrow)]
        value: &'a RawValue,
    }
    const EXPECTED: &str = "a decimal as a struct of scale and value";
    match json {
        Json::Object(_) => {
            let parts: Parts = json.as_struct(EXPECTED)?;
            let value = Json::from_raw(parts.value.get())?;
            let bytes = bytes::decode_base64(value, EXPECTED)?;
            scaled_decimal(&bytes, parts.scale, family).map(Cow::Owned)
        }
        // decimal.handling.mode string and double
        Json::String(_) => json.as_string(EXPECTED),
        Json::Number(digits) => Ok(Cow::Borrowed(digits)),
        other => Err(other.unexpected(EXPECTED)),
    }
}

/// Whether a schema without a name is that of such a struct, and of nothing more.
pub(super) fn is_variable_scale(kind: &Kind) -> bool {
    let Kind::Struct(fields) = kind else {
        return false;
    };
    let has = |name: &str, kinds: &[Kind]| {
        let mut all = fields.iter();
        all.any(|field| &*field.name == name && kinds.contains(&field.kind))
    };
    let integers = [Kind::Int8, Kind::Int16, Kind::Int32, Kind::Int64];
    fields.len() == 2 && has("scale", &integers) && has("value", &[Kind::Bytes])
}

/// What the modulus of a negative scale is: `numeric(5,-2)` has the scale 2046 in its type modifier.
pub(super) const SCALE_MODULUS: i32 = 2_048;
/// Postgres's scales lie between -1000 and 1000.
const NEGATIVE_SCALES: RangeInclusive<i32> = 1_048..=2_047;

/// A decimal whose schema gives its scale.
///
/// Where pgjdbc reads a negative scale modulo 2048, Debezium takes the scale at its word: 500 of a
/// `numeric(5,-2)` is 500 followed by 2046 zeros. Others write 5 with that scale, and mean -2. The digits tell
/// which: no number of at most 1000 digits, as Postgres's are, is 1 or more at face value.
pub(super) fn declared_decimal(
    bytes: &[u8],
    scale: i32,
    family: Family,
) -> Result<String, ValueError> {
    if !NEGATIVE_SCALES.contains(&scale) {
        return scaled_decimal(bytes, scale, family);
    }
    let digits = unscaled_digits(bytes, scale)?;
    let length = digits.trim_start_matches('-').len();
    if length <= scale.unsigned_abs() as usize {
        return Ok(with_point(digits, scale - SCALE_MODULUS));
    }
    let text = with_point(digits, scale);
    // the source's column has no decimals
    Ok(text.trim_end_matches('0').trim_end_matches('.').to_owned())
}

pub(super) fn scaled_decimal(
    bytes: &[u8],
    scale: i32,
    family: Family,
) -> Result<String, ValueError> {
    let digits = unscaled_digits(bytes, scale)?;
    let zeros = match scale {
        ..0 => scale.unsigned_abs() as usize,
        _ => (scale as usize).saturating_sub(digits.len()),
    };
    if zeros > MOST_ZEROS && family == Family::Numeric {
        return Ok(format!("{digits}e{}", -scale));
    }
    Ok(with_point(digits, scale))
}

fn unscaled_digits(bytes: &[u8], scale: i32) -> Result<String, ValueError> {
    if bytes.is_empty() {
        return Err(malformed(EXPECTED));
    }
    if bytes.len() > MAX_BYTES || !SCALES.contains(&scale) {
        return Err(ValueError::OutOfRange {
            what: "a decimal",
            allowed: "131072 digits before and 16383 after the point",
        });
    }
    Ok(integer_digits(bytes))
}

fn integer_digits(bytes: &[u8]) -> String {
    if bytes.len() > 16 {
        return BigInt::from_signed_bytes_be(bytes).to_string();
    }
    if let Some(narrow) = narrow_integer(bytes) {
        return narrow.to_string();
    }
    let negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
    let start = if negative { -1_i128 } else { 0 };
    bytes
        .iter()
        .fold(start, |number, byte| number << 8 | i128::from(*byte))
        .to_string()
}

/// Nearly every decimal; twice as fast to write as 128 bits.
fn narrow_integer(bytes: &[u8]) -> Option<i64> {
    let negative = bytes.first()? & 0x80 != 0;
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    wide.get_mut(8_usize.checked_sub(bytes.len())?..)?
        .copy_from_slice(bytes);
    Some(i64::from_be_bytes(wide))
}

fn with_point(mut digits: String, scale: i32) -> String {
    let sign = usize::from(digits.starts_with('-'));
    let scale_digits = scale.unsigned_abs() as usize;
    if scale < 0 && digits != "0" {
        digits.extend(std::iter::repeat_n('0', scale_digits));
    }
    if scale > 0 {
        let missing = (scale_digits + 1).saturating_sub(digits.len() - sign);
        digits.insert_str(sign, &"0".repeat(missing));
        digits.insert(digits.len() - scale_digits, '.');
    }
    digits
}

#[cfg(test)]
#[path = "numbers_tests.rs"]
mod tests;
