//! Bit strings: little-endian bytes in base64, whose zero bytes at the end are trimmed.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::bytes;
use super::error::{ValueError, malformed};
use super::family::Family;
use super::json::Json;

const EXPECTED: &str = "bits as little-endian bytes in base64";
/// One megabyte of bits. A schema's length asks for that much memory whatever the value holds.
const MAX_LENGTH: usize = 8 * 1024 * 1024;

/// One less than what Debezium writes for "unlimited".
const MAX_DECLARED: i32 = i32::MAX - 1;

/// A `bit(n)` is padded to its length. A varbit's leading zeros aren't in the event, and it is written without
/// any: the same number, and the shortest of the strings that it may have been.
pub(super) fn bit_string<'a>(
    json: Json<'a>,
    length: Option<i32>,
    declared: bool,
    family: Family,
) -> Result<Cow<'a, str>, ValueError> {
    let takes_bits = match family {
        Family::Bit | Family::Varbit | Family::Text | Family::Boolean | Family::Other => true,
        family => declared && is_whole(family),
    };
    if !takes_bits {
        return Err(family.unfit("a bit string"));
    }
    let length = match length {
        Some(length @ 0..=MAX_DECLARED) if family != Family::Varbit => usize::try_from(length).ok(),
        _ => None,
    };
    if !declared && let Some(digits) = own_digits(json, length)? {
        return Ok(digits);
    }
    let bytes = bytes::decode_base64(json, EXPECTED)?;
    let significant = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| {
        last * 8 + 8 - bytes[last].leading_zeros() as usize
    });
    let length = length.unwrap_or(significant);
    if significant > length || length > MAX_LENGTH {
        return Err(ValueError::OutOfRange {
            what: "a bit string",
            allowed: "the length that its type gives",
        });
    }
    if is_whole(family) {
        return bits_number(&bytes);
    }
    let bit = |place: usize| {
        bytes
            .get(place / 8)
            .is_some_and(|byte| byte >> (place % 8) & 1 == 1)
    };
    Ok(Cow::Owned(
        (0..length)
            .rev()
            .map(|place| if bit(place) { '1' } else { '0' })
            .collect(),
    ))
}

/// The types that hold bits as the number that they are, as MySQL itself reads them.
fn is_whole(family: Family) -> bool {
    matches!(family, Family::Integer | Family::Numeric)
}

fn bits_number(bytes: &[u8]) -> Result<Cow<'static, str>, ValueError> {
    let mut number = 0_u64;
    for (place, byte) in bytes.iter().enumerate().filter(|(_, byte)| **byte != 0) {
        if place >= 8 {
            return Err(ValueError::OutOfRange {
                what: "a bit string",
                allowed: "64 bits, for a column of numbers",
            });
        }
        number |= u64::from(*byte) << (8 * place);
    }
    Ok(Cow::Owned(number.to_string()))
}

/// Without a schema: a string of zeros and ones that has the column's length, or that can't be base64, is
/// already written as bits. (Base64 of that many characters would hold more than the column's bits.)
fn own_digits(json: Json<'_>, length: Option<usize>) -> Result<Option<Cow<'_, str>>, ValueError> {
    let text = json.as_string(EXPECTED)?;
    let is_binary = !text.is_empty() && text.bytes().all(|digit| matches!(digit, b'0' | b'1'));
    let is_bits =
        is_binary && (Some(text.len()) == length || STANDARD.decode(text.as_bytes()).is_err());
    if is_binary && !is_bits && length.is_none() {
        // of a varbit
        return Err(ValueError::UndeclaredBits);
    }
    if is_bits && length.is_some_and(|length| text.len() != length) {
        return Err(malformed(EXPECTED));
    }
    Ok(is_bits.then_some(text))
}

#[cfg(test)]
mod tests {
    use crate::rows::value::testing::{check, refused};

    fn bits(length: i32) -> String {
        format!(
            r#"{{"type":"bytes","name":"io.debezium.data.Bits","parameters":{{"length":"{length}"}}}}"#
        )
    }

    #[test]
    fn bits_are_written_from_the_highest_down() {
        let unlimited = bits(i32::MAX);
        check(&[
            ("\"\"", &bits(8), "bit(8)", "00000000"),
            ("\"BQ==\"", &bits(3), "bit(3)", "101"),
            ("\"BQ==\"", &bits(12), "bit(12)", "000000000101"),
            ("\"AQI=\"", &bits(16), "bit(16)", "0000001000000001"),
            ("\"\"", "", "bit(8)", "00000000"),
            ("\"AQI=\"", "", "bit(16)", "0000001000000001"),
            ("\"01011010\"", "", "bit(8)", "01011010"),
            ("\"0101\"", r#"{"type":"string"}"#, "bit(4)", "0101"),
            ("\"BQ==\"", &unlimited, "varbit", "101"),
            ("\"\"", &unlimited, "varbit", ""),
            ("\"BQAA\"", &unlimited, "varbit", "101"),
            ("\"BQ==\"", &bits(8), "varbit(8)", "101"),
            ("\"BQ==\"", "", "varbit(8)", "101"),
            ("\"101\"", "", "varbit(8)", "101"),
            ("\"BQ==\"", &bits(3), "text", "101"),
            ("\"BQ==\"", &unlimited, "text", "101"),
            ("\"BQ==\"", &bits(3), "int4", "5"),
            ("\"\"", &bits(3), "int8", "0"),
            (
                "\"//////////8=\"",
                &bits(64),
                "numeric",
                "18446744073709551615",
            ),
        ]);
    }

    #[test]
    fn bits_that_do_not_fit_are_refused() {
        refused("\"/w==\"", &bits(7), "bit(7)");
        refused("\"BQ=\"", &bits(3), "bit(3)");
        refused("5", &bits(3), "bit(3)");
        refused("\"AAAAAAAAAAAB\"", &bits(72), "numeric");
        refused("\"BQ==\"", &bits(2), "int4");
        refused("\"BQ==\"", &bits(2_000_000_000), "bit(3)");
        refused("\"101\"", "", "bit(8)");
        assert!(refused("\"1010\"", "", "varbit(8)").is_undeclared());
    }
}
