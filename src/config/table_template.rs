//! A route's table: a text with placeholders for what the topic's pattern captured.

use std::fmt;

use regex::{Captures, Regex};

use crate::table_name::TableName;

/// Where a template without a dot leads to.
const DEFAULT_SCHEMA: &str = "public";

/// Why a text is no table of a route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TableTemplateError {
    #[error("{0:?} has a ${{ without its }}")]
    Unclosed(String),
    #[error(
        "${{{name}}} is no capture of the route's topic; {}",
        list_captures(known)
    )]
    UnknownCapture { name: String, known: Vec<String> },
    #[error("${name} would stand for itself; write ${{{name}}} for what (?<{name}>...) captures")]
    NoBraces { name: String },
    #[error("a schema or a table without a name; allowed: table, schema.table")]
    NoName,
    #[error("more than one dot; allowed: table, schema.table")]
    TooManyDots,
}

fn list_captures(known: &[String]) -> String {
    if known.is_empty() {
        "it has none; write one as (?<name>...), or as (...) for ${1}".to_owned()
    } else {
        format!("it has {}", known.join(", "))
    }
}

/// `${tenant}.${entity}`, or a plain `public.orders`.
///
/// Captures have a name or a number: `${1}`, or `$1` as Kafka Connect's RegexRouter has it. A dot of the template separates schema and table; dots in what a placeholder brings
/// belong to the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableTemplate {
    text: String,
    schema: Vec<Part>,
    name: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Capture(String),
}

impl TableTemplate {
    /// The error says what is wrong; placeholders must be captures of `topic`.
    pub(super) fn parse(text: &str, topic: &Regex) -> Result<Self, TableTemplateError> {
        let parts = parse_parts(text)?;
        let names = topic.capture_names().enumerate().skip(1);
        let captures: Vec<String> = names
            .map(|(number, name)| name.map_or_else(|| number.to_string(), str::to_owned))
            .collect();
        for part in &parts {
            match part {
                Part::Capture(name) if !has_capture(topic, name) => {
                    return Err(TableTemplateError::UnknownCapture {
                        name: name.clone(),
                        known: captures,
                    });
                }
                Part::Text(text) => refuse_missing_braces(text, &captures)?,
                Part::Capture(_) => {}
            }
        }
        let (schema, name) = split_at_dot(parts)?;
        Ok(Self {
            text: text.to_owned(),
            schema,
            name,
        })
    }

    /// The captures of the topic that it is filled with.
    pub(super) fn captures(&self) -> impl Iterator<Item = &str> {
        let parts = self.schema.iter().chain(&self.name);
        parts.filter_map(|part| match part {
            Part::Capture(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// Whether some topic may come out as this table.
    pub(super) fn may_yield(&self, table: &TableName) -> bool {
        may_come_out(&self.schema, &table.schema) && may_come_out(&self.name, &table.name)
    }

    /// `None` if a part comes out empty, because its capture took no part in the match.
    pub(super) fn fill_in(&self, captures: &Captures) -> Option<TableName> {
        let schema = fill_parts(&self.schema, captures);
        let name = fill_parts(&self.name, captures);
        (!schema.is_empty() && !name.is_empty()).then_some(TableName { schema, name })
    }
}

impl fmt::Display for TableTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether the parts may make up the text, a capture being anything.
fn may_come_out(parts: &[Part], text: &str) -> bool {
    match parts {
        [] => text.is_empty(),
        [Part::Text(own), rest @ ..] => text
            .strip_prefix(own.as_str())
            .is_some_and(|text| may_come_out(rest, text)),
        [Part::Capture(_), rest @ ..] => {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.filter_map(|at| text.get(at..))
                .any(|text| may_come_out(rest, text))
        }
    }
}

fn fill_parts(parts: &[Part], captures: &Captures) -> String {
    parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Capture(name) => {
                let found = match name.parse() {
                    Ok(number) => captures.get(number),
                    Err(_) => captures.name(name), // which doesn't begin with a digit
                };
                found.map_or("", |found| found.as_str())
            }
        })
        .collect()
}

fn has_capture(topic: &Regex, name: &str) -> bool {
    match name.parse::<usize>() {
        Ok(number) => number < topic.captures_len(),
        Err(_) => topic.capture_names().flatten().any(|known| known == name),
    }
}

/// A table may well have a dollar in its name, but hardly one before the name of a capture.
fn refuse_missing_braces(text: &str, captures: &[String]) -> Result<(), TableTemplateError> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    for (_, after) in text
        .match_indices('$')
        .filter_map(|(at, _)| text.split_at_checked(at + 1))
    {
        let end = after.find(|c| !is_word(c)).unwrap_or(after.len());
        if let Some(name) = captures.iter().find(|name| after.get(..end) == Some(name)) {
            return Err(TableTemplateError::NoBraces { name: name.clone() });
        }
    }
    Ok(())
}

fn parse_parts(text: &str) -> Result<Vec<Part>, TableTemplateError> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        plain.push_str(before);
        let digits = after
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(after.len());
        let (name, after) = match after.strip_prefix('{') {
            Some(after) => {
                let closed = after.split_once('}');
                closed.ok_or_else(|| TableTemplateError::Unclosed(text.to_owned()))?
            }
            None if digits > 0 => after.split_at(digits),
            None => {
                plain.push('$');
                rest = after;
                continue;
            }
        };
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        parts.push(Part::Capture(name.to_owned()));
        rest = after;
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(parts)
}

fn split_at_dot(parts: Vec<Part>) -> Result<(Vec<Part>, Vec<Part>), TableTemplateError> {
    let mut sides = vec![Vec::new()];
    for part in parts {
        let Part::Text(text) = part else {
            sides
                .last_mut()
                .into_iter()
                .for_each(|side| side.push(part.clone()));
            continue;
        };
        for (index, piece) in text.split('.').enumerate() {
            if index > 0 {
                sides.push(Vec::new());
            }
            if let Some(side) = sides.last_mut().filter(|_| !piece.is_empty()) {
                side.push(Part::Text(piece.to_owned()));
            }
        }
    }
    if sides.iter().any(Vec::is_empty) {
        return Err(TableTemplateError::NoName);
    }
    match <[_; 2]>::try_from(sides) {
        Ok([schema, name]) => Ok((schema, name)),
        Err(mut sides) if sides.len() == 1 => {
            let schema = vec![Part::Text(DEFAULT_SCHEMA.to_owned())];
            Ok((schema, sides.pop().unwrap_or_default()))
        }
        Err(_) => Err(TableTemplateError::TooManyDots),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(topic: &str, table: &str) -> Result<Option<TableName>, TableTemplateError> {
        let topic = Regex::new(&format!("^(?:{topic})$")).unwrap();
        let captures = topic.captures("acme_shop_orders").unwrap();
        Ok(TableTemplate::parse(table, &topic)?.fill_in(&captures))
    }

    #[test]
    fn groups_have_numbers_as_in_kafka_connects_router() {
        let topic = "([^_]+)_([^_]+)_(?<entity>.+)";
        for text in ["$1.$3", "${1}.${3}", "${1}.${entity}", "$1.${entity}"] {
            let named = table(topic, text).unwrap();
            assert_eq!(named, Some(TableName::new("acme", "orders")), "{text}");
        }
        let whole = table(topic, "raw.${0}_$2x").unwrap();
        assert_eq!(whole, Some(TableName::new("raw", "acme_shop_orders_shopx")));
        let unknown = table(topic, "$4").unwrap_err().to_string();
        assert!(unknown.ends_with("it has 1, 2, entity"), "{unknown}");
    }

    #[test]
    fn a_dollar_stands_for_itself_unless_a_capture_is_meant() {
        let topic = "(?<t>.+)";
        assert_eq!(
            table(topic, "v$x").unwrap(),
            Some(TableName::new("public", "v$x"))
        );
        let error = table(topic, "raw.$t").unwrap_err().to_string();
        assert!(error.contains("write ${t}"), "{error}");
    }
}
