//! Single values: text, numbers, switches, lists, and one word of several.
//!
//! In a file a value has TOML's type and must be of the right one. In the environment
//! everything is text, and is read as the type that the key asks for.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use figment::providers::{Format, Toml};
use figment::value::Value;

/// A value as it was found.
pub(super) struct Found<'a> {
    /// As figment read it.
    pub value: &'a Value,
    /// Whether it is an environment variable's text.
    pub from_environment: bool,
}

/// Why a value is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The text says what is allowed; what was found is put before it.
    Allowed(String),
    /// The text says all.
    Because(String),
}

pub(super) fn allowed(what: impl Into<String>) -> Refusal {
    Refusal::Allowed(what.into())
}

pub(super) fn because(what: impl Into<String>) -> Refusal {
    Refusal::Because(what.into())
}

/// Text that is not empty.
pub(super) fn parse_string(found: &Found) -> Result<String, Refusal> {
    match found.value {
        Value::String(_, text) if text.is_empty() => Err(allowed("text that is not empty")),
        Value::String(_, text) => Ok(text.clone()),
        _ => Err(allowed("text in quotes")),
    }
}

pub(super) fn parse_boolean(found: &Found) -> Result<bool, Refusal> {
    match found.value {
        Value::Bool(_, value) => Ok(*value),
        Value::String(_, text) if found.from_environment => {
            text.parse().map_err(|_| allowed("true or false"))
        }
        _ => Err(allowed("true or false, without quotes")),
    }
}

/// A whole number within `range`.
pub(super) fn integer_within<T>(
    range: RangeInclusive<T>,
) -> impl FnOnce(&Found) -> Result<T, Refusal>
where
    T: TryFrom<u128> + PartialOrd + std::fmt::Display,
{
    move |found| {
        let number = match found.value {
            Value::String(_, text) if found.from_environment => text.parse().ok(),
            value => whole_number(value),
        };
        number
            .and_then(|number| T::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                allowed(format!(
                    "a number from {} to {}",
                    range.start(),
                    range.end()
                ))
            })
    }
}

/// More than 0, at most 1.
pub(super) fn parse_ratio(found: &Found) -> Result<f64, Refusal> {
    parse_number(found)
        .filter(|ratio| *ratio > 0.0 && *ratio <= 1.0)
        .ok_or_else(|| allowed("a number above 0, up to 1"))
}

/// From 0 to 1, both included.
pub(super) fn parse_part(found: &Found) -> Result<f64, Refusal> {
    parse_number(found)
        .filter(|part| (0.0..=1.0).contains(part))
        .ok_or_else(|| allowed("a number from 0 to 1"))
}

fn parse_number(found: &Found) -> Option<f64> {
    match found.value {
        Value::String(_, text) if found.from_environment => text.parse().ok(),
        Value::Num(_, number) => number
            .to_f64()
            .or_else(|| number.to_u128().map(|n| n as f64)),
        _ => None,
    }
}

/// A number that is neither negative nor a fraction.
pub(super) fn whole_number(value: &Value) -> Option<u128> {
    value.to_u128().or_else(|| value.to_i128()?.try_into().ok())
}

/// One of the words in `choices`; the message lists them all.
pub(super) fn one_of<T: Copy>(
    choices: &[(&'static str, T)],
) -> impl FnOnce(&Found) -> Result<T, Refusal> {
    move |found| {
        let chosen = match found.value {
            Value::String(_, text) => choices.iter().find(|(name, _)| name == text),
            _ => None,
        };
        chosen.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<String> = choices
                .iter()
                .map(|(name, _)| format!("{name:?}"))
                .collect();
            allowed(names.join(", "))
        })
    }
}

/// The word of `choices` that a value is configured by: [`one_of`] the other way round.
pub(super) fn word_for<T: PartialEq>(choices: &[(&'static str, T)], value: T) -> &'static str {
    let chosen = choices.iter().find(|(_, choice)| *choice == value);
    chosen.map_or("", |(word, _)| word)
}

/// A list of texts, not empty. A variable holds a TOML array or values with commas between.
pub(super) fn parse_list(found: &Found) -> Result<Vec<String>, Refusal> {
    let texts = match found.value {
        Value::String(_, text) if found.from_environment => list_in_variable(text)?,
        Value::Array(_, values) => values
            .iter()
            .map(|value| value.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| allowed("a list of texts, each in quotes"))?,
        _ => return Err(allowed("a list, such as [\"one\", \"two\"]")),
    };
    if texts.is_empty() || texts.iter().any(String::is_empty) {
        return Err(allowed("a list of at least one text, none of them empty"));
    }
    Ok(texts)
}

/// A table of names, each with a text. `what` says so, for the message.
pub(super) fn texts_by_name(
    found: &Found,
    what: &str,
) -> Result<BTreeMap<String, String>, Refusal> {
    let texts = found.value.as_dict().and_then(|dict| {
        let texts = dict.iter();
        let texts = texts.map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        texts.collect::<Option<BTreeMap<_, _>>>()
    });
    texts.ok_or_else(|| allowed(what))
}

fn list_in_variable(text: &str) -> Result<Vec<String>, Refusal> {
    if !text.trim_start().starts_with('[') {
        return Ok(text.split(',').map(|part| part.trim().to_owned()).collect());
    }
    Toml::from_str::<BTreeMap<String, Vec<String>>>(&format!("list = {text}"))
        .ok()
        .and_then(|mut table| table.remove("list"))
        .ok_or_else(|| allowed("a TOML list of texts, or texts with commas between"))
}

/// How a wrong value is shown in a message. Never call it with a secret.
pub(super) fn show_value(value: &Value) -> String {
    const SHOWN_CHARS: usize = 80;
    match value {
        Value::String(_, text) if text.chars().count() > SHOWN_CHARS => {
            let start: String = text.chars().take(SHOWN_CHARS).collect();
            format!("{:?}", format!("{start}…"))
        }
        Value::String(_, text) => format!("{text:?}"),
        Value::Bool(_, value) => value.to_string(),
        Value::Num(_, number) => match (number.to_i128(), number.to_u128(), number.to_f64()) {
            (Some(number), _, _) => number.to_string(),
            (_, Some(number), _) => number.to_string(),
            (_, _, Some(number)) => number.to_string(),
            _ => "a number".to_owned(),
        },
        Value::Array(..) => "a list".to_owned(),
        Value::Dict(..) => "a table".to_owned(),
        _ => "something else".to_owned(),
    }
}
