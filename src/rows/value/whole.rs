//! Numbers for columns of integers, which Postgres reads without a point and without an exponent only.

use std::borrow::Cow;

use super::error::ValueError;
use super::family::Family;
use super::json::Json;

/// More digits than the largest integer has: what needs them is written out by nobody.
const MOST_DIGITS: i64 = 20;
/// 2^53: from there on, not every integer is a double of its own.
const FIRST_ROUNDED: u64 = 9_007_199_254_740_992;

/// A JSON number: as [`whole_number`]. With a point or an exponent it was a double before it was a text, so that
/// from 2^53 on it may be another integer than the source's.
pub(super) fn whole_json_number(text: Cow<'_, str>) -> Result<Cow<'_, str>, ValueError> {
    if !has_point(&text) {
        return Ok(text); // as nearly all
    }
    let whole = whole_number(text, "a json number with a fraction")?;
    let magnitude = whole.trim_start_matches('-').parse::<u64>();
    if !magnitude.is_ok_and(|magnitude| magnitude < FIRST_ROUNDED) {
        return Err(ValueError::OutOfRange {
            what: "a json number with a point or an exponent",
            allowed: "less than 2^53, up to which a double is exact",
        });
    }
    Ok(whole)
}

/// A number of 64 bits without a sign that was written as one with a sign.
pub(super) fn unwrapped(json: Json<'_>) -> Result<Cow<'_, str>, ValueError> {
    let number = json.as_integer("a whole number of 64 bits")?;
    Ok(Cow::Owned(number.cast_unsigned().to_string()))
}

pub(super) fn has_point(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

/// `42.0`, `4.2e1` and `42.00` are 42. A number with a fraction is refused, and what is no number stays as it
/// is: Postgres says so.
pub(super) fn whole_number<'a>(
    text: Cow<'a, str>,
    with_fraction: &'static str,
) -> Result<Cow<'a, str>, ValueError> {
    if !has_point(&text) {
        return Ok(text);
    }
    let Some((sign, digits, zeros)) = split_number(&text) else {
        return Ok(text);
    };
    if digits.is_empty() {
        return Ok(Cow::Borrowed("0"));
    }
    if zeros < 0 {
        return Err(Family::Integer.unfit(with_fraction));
    }
    if zeros.saturating_add(digits.len() as i64) > MOST_DIGITS {
        return Err(ValueError::OutOfRange {
            what: "a number",
            allowed: "an integer of at most 64 bits",
        });
    }
    Ok(Cow::Owned(format!(
        "{sign}{digits}{:0<1$}",
        "", zeros as usize
    )))
}

/// A number's sign, its digits without zeros at either end, and how many zeros follow them; fewer than none
/// where the number has a fraction. `None` if the text is no decimal number.
pub(super) fn split_number(text: &str) -> Option<(&str, String, i64)> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = if text.starts_with('-') { "-" } else { "" };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let digits = all.trim_end_matches('0');
    let zeros = (all.len() - digits.len()) as i64 - fraction.len() as i64;
    let digits = digits.trim_start_matches('0').to_owned();
    Some((sign, digits, zeros.saturating_add(exponent)))
}

#[cfg(test)]
mod tests {
    use crate::rows::value::testing::{check, refused};

    const DOUBLE: &str = r#"{"type":"double"}"#;
    const STRING: &str = r#"{"type":"string"}"#;

    #[test]
    fn an_unsigned_long_that_is_written_as_a_negative_one_is_what_the_source_has() {
        let of = |name: &str| {
            format!(
                r#"{{"type":"int64","parameters":{{"__debezium.source.column.type":"{name}"}}}}"#
            )
        };
        let (unsigned, zerofill) = (of("BIGINT UNSIGNED"), of("BIGINT UNSIGNED ZEROFILL"));
        check(&[
            ("-1", &unsigned, "numeric(20,0)", "18446744073709551615"),
            (
                "-9223372036854775808",
                &zerofill,
                "text",
                "9223372036854775808",
            ),
            // Postgres refuses it, where nobody would have known
            ("-1", &unsigned, "int8", "18446744073709551615"),
            ("7", &unsigned, "int8", "7"),
            ("-1", &of("INT8 UNSIGNED"), "text", "18446744073709551615"),
            ("-1", &of("INT8"), "int8", "-1"),
            ("-1", &of("BIGINT"), "int8", "-1"),
            ("-1", r#"{"type":"int64"}"#, "numeric(20,0)", "-1"),
        ]);
    }

    #[test]
    fn a_number_without_a_fraction_lands_in_a_column_of_integers_however_it_is_written() {
        for column in ["int2", "int4", "int8"] {
            for schema in ["", DOUBLE] {
                check(&[
                    ("42.0", schema, column, "42"),
                    ("4.2e1", schema, column, "42"),
                    ("4.2E+1", schema, column, "42"),
                    ("420e-1", schema, column, "42"),
                    ("-42.000", schema, column, "-42"),
                    ("4e3", schema, column, "4000"),
                    ("0.0", schema, column, "0"),
                    ("-0.0", schema, column, "0"),
                    ("0e999999999999", schema, column, "0"),
                    ("42", schema, column, "42"),
                ]);
            }
            check(&[
                ("\"42.00\"", STRING, column, "42"),
                ("\"42.00\"", "", column, "42"),
                ("\"+42.\"", STRING, column, "42"),
            ]);
        }
        check(&[
            ("[1.0,null,2e0]", "", "int4[]", "{1,NULL,2}"),
            ("\"42 \"", STRING, "int4", "42 "),
        ]);
    }

    #[test]
    fn a_double_that_may_be_rounded_is_no_integer() {
        check(&[
            ("9.007199254740991E15", DOUBLE, "int8", "9007199254740991"),
            ("-9007199254740991.0", "", "int8", "-9007199254740991"),
            // without a point it has all its digits
            ("9007199254740993", "", "int8", "9007199254740993"),
            // a text does too
            (
                "\"9223372036854775807.00\"",
                STRING,
                "int8",
                "9223372036854775807",
            ),
        ]);
        // 2^53 + 1 is written as 2^53
        for raw in [
            "9.007199254740992E15",
            "-9007199254740992.0",
            "9.223372036854775807e18",
        ] {
            assert_eq!(
                refused(raw, DOUBLE, "int8").to_string(),
                "a json number with a point or an exponent is out of range \
                 (less than 2^53, up to which a double is exact)"
            );
        }
        let error = refused("[1e16]", "", "int8[]").to_string();
        assert!(error.contains("2^53"), "{error}");
    }

    #[test]
    fn a_number_with_a_fraction_is_refused_by_both_its_types() {
        for raw in [
            "42.5",
            "4.25e1",
            "1e-1",
            "-0.001",
            "42.00000000000000000001",
        ] {
            assert_eq!(
                refused(raw, DOUBLE, "int4").to_string(),
                "a json number with a fraction can't be written to a column of type integer"
            );
        }
        assert_eq!(
            refused("\"42.50\"", STRING, "int8").to_string(),
            "a decimal with a fraction can't be written to a column of type integer"
        );
        let decimal = r#"{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}}"#;
        assert_eq!(
            refused("\"BNI=\"", decimal, "int2").to_string(),
            "a decimal with a fraction can't be written to a column of type integer"
        );
        check(&[("\"LuA=\"", decimal, "int2", "120")]);
    }

    #[test]
    fn what_no_integer_can_hold_is_refused_without_writing_it_out() {
        assert_eq!(
            refused("1e2000000000", "", "int8").to_string(),
            "a number is out of range (an integer of at most 64 bits)"
        );
        refused("1e9223372036854775807", "", "int8");
        refused("1e19", "", "int8");
        // what is merely too large for the column, and what is no number, is Postgres's to refuse
        check(&[
            ("70000.0", "", "int2", "70000"),
            ("\"1e\"", STRING, "int4", "1e"),
            ("\"one\"", STRING, "int4", "one"),
            ("\"1.2.3\"", STRING, "int4", "1.2.3"),
        ]);
    }

    #[test]
    fn columns_of_other_types_keep_the_number_as_it_is_written() {
        check(&[
            ("42.0", DOUBLE, "float8", "42.0"),
            ("42.0", DOUBLE, "numeric", "42.0"),
            ("42.5", DOUBLE, "text", "42.5"),
            ("4.2e1", "", "jsonb", "4.2e1"),
        ]);
    }
}
