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
        "${{{name}}} is not a named capture of the route's topic; {}",
        list_captures(known)
    )]
    UnknownCapture { name: String, known: Vec<String> },
    #[error("a schema or a table without a name; allowed: table, schema.table")]
    NoName,
    #[error("more than one dot; allowed: table, schema.table")]
    TooManyDots,
}

fn list_captures(known: &[String]) -> String {
    if known.is_empty() {
        "it has none; write one as (?<name>...)".to_owned()
    } else {
        format!("it has {}", known.join(", "))
    }
}

/// `${tenant}.${entity}`, or a plain `public.orders`.
///
/// A dot of the template separates schema and table; dots in what a placeholder brings
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
        let captures: Vec<&str> = topic.capture_names().flatten().collect();
        for part in &parts {
            if let Part::Capture(name) = part
                && !captures.contains(&name.as_str())
            {
                return Err(TableTemplateError::UnknownCapture {
                    name: name.clone(),
                    known: captures.iter().map(ToString::to_string).collect(),
                });
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
            Part::Capture(name) => captures.name(name).map_or("", |found| found.as_str()),
        })
        .collect()
}

fn parse_parts(text: &str) -> Result<Vec<Part>, TableTemplateError> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after
            .split_once('}')
            .ok_or_else(|| TableTemplateError::Unclosed(text.to_owned()))?;
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(Part::Capture(name.to_owned()));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
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
