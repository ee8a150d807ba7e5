//! One text for a key that JSON writes in several ways: escapes, exponents and trailing zeros, white space,
//! members in another order. A key that is written plainly, as nearly all are, is borrowed as it stands.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::format::change::Fields;
use crate::format::json_object::Members;

/// What is nested deeper stays as it is written.
const MOST_LEVELS: usize = 32;

/// Numbers with more zeros than this before or behind their digits keep an exponent.
const MOST_ZEROS: i64 = 400;

/// Shows each field's name and its value's one text, in the order of the names. Of a name that is there twice
/// the last counts, as in every JSON parser.
pub fn visit_key(key: &Fields<'_>, mut visit: impl FnMut(&str, &str)) {
    if key.names().is_sorted_by(|a, b| a < b) {
        for (name, raw) in key.iter() {
            visit(name, &plain_json(raw));
        }
        return;
    }
    let mut fields: Vec<(&str, &str)> = key.iter().collect();
    fields.sort_by_key(|(name, _)| *name);
    for (at, (name, raw)) in fields.iter().enumerate() {
        if fields.get(at + 1).is_none_or(|(next, _)| next != name) {
            visit(name, &plain_json(raw));
        }
    }
}

/// The one text of a JSON value: what isn't JSON stays as it is.
pub fn plain_json(raw: &str) -> Cow<'_, str> {
    plain_value(raw, 0).unwrap_or(Cow::Borrowed(raw))
}

fn plain_value(raw: &str, level: usize) -> Option<Cow<'_, str>> {
    match raw.as_bytes().first()? {
        b'"' => plain_string(raw),
        b'-' | b'0'..=b'9' => plain_number(raw),
        b'[' if level < MOST_LEVELS => plain_array(raw, level),
        b'{' if level < MOST_LEVELS => plain_object(raw, level),
        _ => Some(Cow::Borrowed(raw)),
    }
}

fn plain_string(raw: &str) -> Option<Cow<'_, str>> {
    if !raw.contains('\\') {
        return Some(Cow::Borrowed(raw));
    }
    let content: String = serde_json::from_str(raw).ok()?;
    Some(Cow::Owned(serde_json::to_string(&content).ok()?))
}

/// `1e2` and `100.0` are `100`.
fn plain_number(raw: &str) -> Option<Cow<'_, str>> {
    if raw != "-0" && !raw.contains(['.', 'e', 'E']) {
        return Some(Cow::Borrowed(raw));
    }
    let (sign, number) = match raw.strip_prefix('-') {
        Some(number) => ("-", number),
        None => ("", raw),
    };
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: i64 = exponent.parse().ok()?;
    let digits = format!("{whole}{fraction}");
    let zeros = digits.len() - digits.trim_start_matches('0').len();
    let digits = digits.trim_matches('0');
    if digits.is_empty() {
        return Some(Cow::Borrowed("0"));
    }
    // where the point stands among the digits
    let point = exponent.checked_add(whole.len() as i64 - zeros as i64)?;
    let behind = point.checked_sub(digits.len() as i64)?;
    if point < -MOST_ZEROS || behind > MOST_ZEROS {
        return Some(Cow::Owned(format!("{sign}{digits}e{behind}")));
    }
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
    Some(Cow::Owned(if behind >= 0 {
        format!("{sign}{digits}{}", zeros(behind))
    } else if point <= 0 {
        format!("{sign}0.{}{digits}", zeros(-point))
    } else {
        let (whole, fraction) = digits.split_at_checked(point as usize)?;
        format!("{sign}{whole}.{fraction}")
    }))
}

fn plain_array(raw: &str, level: usize) -> Option<Cow<'_, str>> {
    let elements: Vec<&RawValue> = serde_json::from_str(raw).ok()?;
    let mut out = String::with_capacity(raw.len());
    for element in elements {
        out.push(if out.is_empty() { '[' } else { ',' });
        out.push_str(&plain_value(element.get(), level + 1)?);
    }
    if out.is_empty() {
        out.push('[');
    }
    out.push(']');
    Some(Cow::Owned(out))
}

fn plain_object(raw: &str, level: usize) -> Option<Cow<'_, str>> {
    let Members(mut members) = serde_json::from_str(raw).ok()?;
    members.sort_by(|(a, _), (b, _)| a.0.cmp(&b.0));
    let mut out = String::with_capacity(raw.len());
    for (at, (name, value)) in members.iter().enumerate() {
        if members
            .get(at + 1)
            .is_some_and(|(next, _)| next.0 == name.0)
        {
            continue;
        }
        out.push(if out.is_empty() { '{' } else { ',' });
        out.push_str(&serde_json::to_string(&name.0).ok()?);
        out.push(':');
        out.push_str(&plain_value(value.get(), level + 1)?);
    }
    if out.is_empty() {
        out.push('{');
    }
    out.push('}');
    Some(Cow::Owned(out))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::format::change::Shape;

    #[test]
    fn a_value_that_is_written_plainly_is_borrowed() {
        for raw in ["1", "-7", "\"Bob\"", "\"é\"", "true", "null", "\"\""] {
            assert!(matches!(plain_json(raw), Cow::Borrowed(text) if text == raw));
        }
    }

    #[test]
    fn spellings_of_one_value_are_one_text() {
        let cases: &[(&str, &[&str])] = &[
            ("\"A\"", &[r#""\u0041""#]),
            (r#""a\"\n""#, &[r#""\u0061\"\n""#]),
            ("100", &["1e2", "100.0", "1E+2", "1000e-1", "0.1e3"]),
            ("0", &["-0", "0.0", "-0.0", "0e99"]),
            ("-12.5", &["-12.50", "-1.25e1", "-125e-1"]),
            ("0.05", &["5e-2", "0.050"]),
            ("1e4000", &["10e3999", "0.1e4001", "1.0e4000"]),
            ("1e-4000", &["0.1e-3999"]),
            (
                r#"{"a":1,"b":[1,"A"]}"#,
                &[
                    r#"{ "b": [ 1.0, "\u0041" ], "a": 1 }"#,
                    r#"{"a":2,"b":[1,"A"],"a":1}"#,
                ],
            ),
            ("{}", &["{ }"]),
            ("[]", &["[ ]"]),
        ];
        for (plain, others) in cases {
            assert_eq!(plain_json(plain), *plain);
            for other in *others {
                assert_eq!(plain_json(other), *plain, "{other}");
            }
        }
    }

    #[test]
    fn values_that_differ_stay_apart_and_what_is_no_json_as_it_is() {
        let values = [
            "1", "10", "0.1", "-1", "\"1\"", "1e401", "1e402", "[1]", "[[1]]",
        ];
        for (at, a) in values.iter().enumerate() {
            for b in &values[at + 1..] {
                assert_ne!(plain_json(a), plain_json(b));
            }
        }
        let deep = "[".repeat(100) + &"]".repeat(100);
        for odd in [
            "",
            "\"",
            "{",
            "1e99999999999999999999",
            "\"\\ud800\"",
            &deep,
        ] {
            let _ = plain_json(odd);
        }
        assert_eq!(plain_json("\"\\ud800\""), "\"\\ud800\"");
    }

    #[test]
    fn members_in_another_order_are_one_key() {
        let visited = |names: &[&str], values: &[&str]| {
            let shape = Shape {
                names: names.iter().map(|name| (*name).into()).collect(),
                schema: None,
                ..Default::default()
            };
            let mut seen = Vec::new();
            let fields = Fields {
                shape: Some(Arc::new(shape)),
                values,
            };
            visit_key(&fields, |name, text| seen.push(format!("{name}={text}")));
            seen.join(" ")
        };
        assert_eq!(visited(&["a", "b"], &["1", "\"x\""]), "a=1 b=\"x\"");
        assert_eq!(visited(&["b", "a"], &["\"x\"", "1.0"]), "a=1 b=\"x\"");
        assert_eq!(visited(&["a", "a"], &["1", "2"]), "a=2", "the last counts");
    }
}
