//! Decimals: big-endian two's complement in base64 with a scale beside it.

use std::borrow::Cow;

use num_bigint::BigInt;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::bytes;
use super::error::{ValueError, malformed};
use super::json::Json;

const EXPECTED: &str = "a decimal as two's complement in base64";
/// Postgres holds 131,072 digits before the point and 16,383 after it: 61,231 bytes.
const MAX_BYTES: usize = 65_536;
const MAX_SCALE: i32 = 65_536;

/// `scale` as the schema has it. Other than base64, a number or a string keeps its own digits:
/// `decimal.handling.mode` double, and Connect's `decimal.format=NUMERIC`.
pub(super) fn decimal_text<'a>(
    json: Json<'a>,
    scale: Option<i32>,
) -> Result<Cow<'a, str>, ValueError> {
    match json {
        Json::Number(digits) => Ok(Cow::Borrowed(digits)),
        Json::String(_) => {
            let scale = scale.ok_or(malformed("a decimal whose schema gives its scale"))?;
            scaled_decimal(&bytes::decode_base64(json, EXPECTED)?, signed_scale(scale))
                .map(Cow::Owned)
        }
        other => Err(other.unexpected(EXPECTED)),
    }
}

/// A numeric without precision: `{"scale": 2, "value": "BNI="}`.
pub(super) fn variable_scale_decimal<'a>(json: Json<'a>) -> Result<Cow<'a, str>, ValueError> {
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
            scaled_decimal(&bytes::decode_base64(value, EXPECTED)?, parts.scale).map(Cow::Owned)
        }
        // decimal.handling.mode string and double
        Json::String(_) => json.as_string(EXPECTED),
        Json::Number(digits) => Ok(Cow::Borrowed(digits)),
        other => Err(other.unexpected(EXPECTED)),
    }
}

/// Postgres's scales lie between -1000 and 1000; Debezium writes the negative ones modulo 2048.
fn signed_scale(scale: i32) -> i32 {
    match scale {
        1_048..=2_047 => scale - 2_048,
        _ => scale,
    }
}

pub(super) fn scaled_decimal(bytes: &[u8], scale: i32) -> Result<String, ValueError> {
    if bytes.is_empty() {
        return Err(malformed(EXPECTED));
    }
    if bytes.len() > MAX_BYTES || scale.unsigned_abs() > MAX_SCALE.unsigned_abs() {
        return Err(ValueError::OutOfRange {
            what: "a decimal",
            allowed: "131072 digits before and 16383 after the point",
        });
    }
    Ok(with_point(integer_digits(bytes), scale))
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
