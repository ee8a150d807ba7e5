//! Amounts for a column of money: plain decimals, which Postgres turns into money by way of numeric. Its own reading
//! of a text goes by `lc_monetary`, where a point may separate thousands.

use std::borrow::Cow;

use super::error::{ValueError, malformed};
use super::whole::split_number;

/// Of a number's text, with an exponent or without, and of an amount as Postgres writes it: `-$1,234.50`.
pub(super) fn plain_amount(text: Cow<'_, str>) -> Result<Cow<'_, str>, ValueError> {
    const EXPECTED: &str = "an amount of money as a decimal number";
    if split_number(&text).is_some() {
        return Ok(text);
    }
    strip_symbols(&text)
        .map(Cow::Owned)
        .ok_or(malformed(EXPECTED))
}

/// Without the dollar and the commas between thousands. `None` if a comma stands elsewhere, where it may be a point.
fn strip_symbols(text: &str) -> Option<String> {
    let negative = text.strip_prefix('-');
    let amount = negative.unwrap_or(text);
    let amount = amount.strip_prefix('$').unwrap_or(amount);
    let (whole, cents) = amount.split_once('.').unwrap_or((amount, ""));
    let mut groups = whole.split(',');
    let first = groups
        .next()
        .filter(|first| (1..=3).contains(&first.len()) || !whole.contains(','))?;
    let rest: Vec<&str> = groups.collect();
    let digits = format!("{first}{}", rest.concat());
    let is_amount = rest.iter().all(|group| group.len() == 3)
        && !digits.is_empty()
        && digits
            .bytes()
            .chain(cents.bytes())
            .all(|digit| digit.is_ascii_digit());
    let sign = if negative.is_some() { "-" } else { "" };
    is_amount.then(|| format!("{sign}{digits}.{cents}"))
}

#[cfg(test)]
mod tests {
    use crate::rows::value::testing::{check, refused};

    const STRING: &str = r#"{"type":"string"}"#;

    #[test]
    fn an_amount_is_a_plain_decimal() {
        check(&[
            ("12.34", "", "money", "12.34"),
            ("-12", "", "money", "-12"),
            ("1.234E1", r#"{"type":"double"}"#, "money", "1.234E1"),
            ("\"12.34\"", STRING, "money", "12.34"),
            ("\"$1,234.50\"", STRING, "money", "1234.50"),
            ("\"-$1,234,567\"", STRING, "money", "-1234567."),
            ("\"$1234.5\"", STRING, "money", "1234.5"),
            ("[\"$12.50\",12.5]", "", "money[]", "{12.50,12.5}"),
        ]);
    }

    #[test]
    fn an_amount_of_another_countrys_writing_is_refused() {
        for text in [
            "12,34",
            "1.234,50",
            "1,23,456",
            ",5",
            "12,34 €",
            "€12.34",
            "twelve",
            "",
            "$",
            "-",
            "1,234e2",
        ] {
            refused(&format!("\"{text}\""), STRING, "money");
        }
    }
}
