//! Which table a topic leads to: through RegexRouters and the format of table names, as routes.
//!
//! For topics that are named, each name is led through the routers, and the route says what came out. For a pattern
//! of topics the routers themselves become the route.

use regex::Captures;

use crate::operator::import_connector::java_regex::{
    JavaRegexError, NamedGroups, Part, WHOLE, whole_name,
};

/// What a sink makes of topics' names.
#[derive(Debug, Clone, Default)]
pub struct Naming {
    /// Regex and replacement of each RegexRouter, in their order.
    pub routers: Vec<(String, String)>,
    /// `table.name.format` or `collection.name.format`.
    pub format: String,
    /// Debezium's sink makes underscores of a topic's dots.
    pub underscores: bool,
    /// Names aren't quoted, so Postgres folds them to lower case.
    pub folds_case: bool,
    /// Of tables whose names have none: the URL's `currentSchema`.
    pub schema: Option<String>,
}

/// A `[[route]]`'s topic and table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutedTable {
    /// A regex for whole names.
    pub topic: String,
    /// With `${name}` for what a group captured.
    pub table: String,
}

/// Why no route can be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NamingError {
    #[error(transparent)]
    Regex(#[from] JavaRegexError),
    #[error(
        "one RegexRouter behind another can be followed for named topics only; write their one route by hand"
    )]
    Chain,
    #[error("{0} isn't part of a topic's name")]
    Placeholder(String),
}

/// Debezium's topics: a prefix, and the source's schema and table.
const SOURCE_TABLE: &str = "${source.table}";
const SOURCE_SCHEMA: &str = "${source.schema}";
const TOPIC: &str = "${topic}";

impl Naming {
    /// Routes for topics that are named: as few as say the same.
    ///
    /// # Errors
    /// A router's regex isn't one here, or the format speaks of something else than topics.
    pub fn route_topics(&self, topics: &[String]) -> Result<Vec<RoutedTable>, NamingError> {
        let mut routes: Vec<(Vec<&str>, String)> = Vec::new();
        for topic in topics {
            let table = self.name_table(topic)?;
            match routes.iter_mut().find(|(_, known)| *known == table) {
                Some((topics, _)) => topics.push(topic),
                None => routes.push((vec![topic], table)),
            }
        }
        if let Some(route) = self.join_routes(&routes) {
            return Ok(vec![route]);
        }
        let routes = routes.into_iter().map(|(topics, table)| {
            let topics: Vec<String> = topics.iter().map(|topic| escape_name(topic)).collect();
            RoutedTable {
                topic: format!("^{}$", group_alternatives(&topics)),
                table,
            }
        });
        Ok(routes.collect())
    }

    /// One route for several topics, if each leads to a table that is called as its last part.
    fn join_routes(&self, routes: &[(Vec<&str>, String)]) -> Option<RoutedTable> {
        let (first, table) = routes.first().filter(|_| routes.len() > 1)?;
        let (schema, _) = table.split_once('.')?;
        let prefix = first
            .first()?
            .rsplit_once('.')
            .map_or("", |(before, _)| before);
        let mut tables = Vec::new();
        for (topics, table) in routes {
            let (own, name) = table.split_once('.')?;
            let [topic] = topics.as_slice() else {
                return None;
            };
            let (before, last) = topic.rsplit_once('.').unwrap_or(("", topic));
            if own != schema || before != prefix || last != name {
                return None;
            }
            tables.push(escape_name(name));
        }
        let dot = if prefix.is_empty() { "" } else { r"\." };
        Some(RoutedTable {
            topic: format!(
                "^{}{dot}(?<table>{})$",
                escape_name(prefix),
                tables.join("|")
            ),
            table: format!("{schema}.${{table}}"),
        })
    }

    /// `schema.table` for a topic.
    fn name_table(&self, topic: &str) -> Result<String, NamingError> {
        let name = lead_through(&self.routers, topic)?;
        let in_name = if self.underscores {
            name.replace('.', "_")
        } else {
            name
        };
        let mut parts = topic.rsplit('.');
        let (table, schema) = (
            parts.next().unwrap_or(topic),
            parts.next().unwrap_or_default(),
        );
        let table = self
            .format
            .replace(TOPIC, &in_name)
            .replace(SOURCE_TABLE, table)
            .replace(SOURCE_SCHEMA, schema);
        if let Some(at) = table.find("${") {
            let rest = table.get(at..).unwrap_or_default();
            let end = rest.find('}').map_or(rest.len(), |end| end + 1);
            return Err(NamingError::Placeholder(
                rest.get(..end).unwrap_or_default().to_owned(),
            ));
        }
        let table = if self.folds_case {
            table.to_lowercase()
        } else {
            table
        };
        Ok(self.qualify(&table.replace('"', "")))
    }

    /// The last two parts: the one before them is the database, which there is one of.
    fn qualify(&self, name: &str) -> String {
        let mut parts = name.rsplit('.');
        let table = parts.next().unwrap_or(name);
        let schema = parts.next().or(self.schema.as_deref());
        format!("{}.{table}", schema.unwrap_or("public"))
    }

    /// Routes for a pattern of topics.
    ///
    /// # Errors
    /// A router's regex isn't one here, or several can't be followed at once.
    pub fn route_pattern(&self, topics: &str) -> Result<Vec<RoutedTable>, NamingError> {
        if self.format.contains(SOURCE_TABLE) {
            let table = self.format.replace(SOURCE_TABLE, "${table}");
            let table = table.replace(SOURCE_SCHEMA, "${schema}");
            let schema = if table.contains("${schema}") {
                r"(?<schema>[^.]+)\."
            } else {
                ""
            };
            return Ok(vec![RoutedTable {
                topic: format!(r"^(?:.*\.)?{schema}(?<table>[^.]+)$"),
                table: self.qualify(&table),
            }]);
        }
        if !self.format.contains(TOPIC) {
            let groups = NamedGroups::parse(topics)?;
            return Ok(vec![RoutedTable {
                topic: whole_pattern(&groups.pattern),
                table: self.qualify(&self.format),
            }]);
        }
        let mut routers = self.routers.iter();
        let Some((regex, replacement)) = routers.next() else {
            return Ok(self.route_by_parts());
        };
        let groups = NamedGroups::parse(regex)?;
        let mut parts = groups.parse_replacement(replacement)?;
        for (regex, replacement) in routers {
            parts = follow_router(&parts, regex, replacement)?;
        }
        let mut pattern = bare_pattern(&groups.pattern).to_owned();
        if parts.contains(&Part::Group(WHOLE.to_owned())) {
            pattern = format!("(?<{WHOLE}>{pattern})");
        }
        let name: String = parts.iter().map(|part| self.show_part(part)).collect();
        Ok(vec![RoutedTable {
            topic: whole_pattern(&pattern),
            table: self.qualify(&self.format.replace(TOPIC, &name)),
        }])
    }

    fn show_part(&self, part: &Part) -> String {
        match part {
            Part::Text(text) if self.underscores => text.replace('.', "_"),
            Part::Text(text) => text.clone(),
            Part::Group(name) => format!("${{{name}}}"),
        }
    }

    /// Without a router, a topic's name is the table's: Confluent's sink reads its last two parts as schema and table,
    /// Debezium's puts underscores between all of them.
    fn route_by_parts(&self) -> Vec<RoutedTable> {
        let part = |name: &str| format!("(?<{name}>[^.]+)");
        let route = |topic: String, name: &str| RoutedTable {
            topic,
            table: self.qualify(&self.format.replace(TOPIC, name)),
        };
        let only = route(format!("^{}$", part("table")), "${table}");
        if self.underscores {
            let two = format!(r"^{}\.{}$", part("schema"), part("table"));
            let three = format!(
                r"^{}\.{}\.{}$",
                part("prefix"),
                part("schema"),
                part("table")
            );
            return vec![
                route(three, "${prefix}_${schema}_${table}"),
                route(two, "${schema}_${table}"),
                only,
            ];
        }
        let two = format!(r"^(?:.*\.)?{}\.{}$", part("schema"), part("table"));
        vec![route(two, "${schema}.${table}"), only]
    }
}

/// What a topic is called behind the routers. One whose regex doesn't match the whole name leaves it as it is.
///
/// # Errors
/// A router's regex isn't one here.
pub fn lead_through(routers: &[(String, String)], topic: &str) -> Result<String, NamingError> {
    let mut name = topic.to_owned();
    for (regex, replacement) in routers {
        let groups = NamedGroups::parse(regex)?;
        let parts = groups.parse_replacement(replacement)?;
        if let Some(found) = whole_name(&groups.pattern)?.captures(&name) {
            name = parts.iter().map(|part| fill_part(part, &found)).collect();
        }
    }
    Ok(name)
}

/// A router behind another one is followed if it takes any name whole.
fn follow_router(parts: &[Part], regex: &str, replacement: &str) -> Result<Vec<Part>, NamingError> {
    let groups = NamedGroups::parse(regex)?;
    let takes_all = [".*", ".+", "(?<g1>.*)", "(?<g1>.+)"];
    if !takes_all.contains(&bare_pattern(&groups.pattern)) {
        return Err(NamingError::Chain);
    }
    let outer = groups.parse_replacement(replacement)?;
    let filled = outer.into_iter().flat_map(|part| match part {
        Part::Group(_) => parts.to_vec(),
        text => vec![text],
    });
    Ok(filled.collect())
}

fn fill_part(part: &Part, found: &Captures) -> String {
    let captured =
        |found: Option<regex::Match>| found.map_or(String::new(), |m| m.as_str().to_owned());
    match part {
        Part::Text(text) => text.clone(),
        Part::Group(name) if name == WHOLE => captured(found.get(0)),
        Part::Group(name) => captured(found.name(name)),
    }
}

/// Without the anchors that a whole name has anyway.
fn bare_pattern(pattern: &str) -> &str {
    let inside = pattern.strip_prefix('^').unwrap_or(pattern);
    match inside.strip_suffix('$') {
        Some(shorter) if !shorter.ends_with('\\') => shorter,
        _ => inside,
    }
}

/// A route matches whole names, with anchors or without; with them it says so.
fn whole_pattern(pattern: &str) -> String {
    let bare = bare_pattern(pattern);
    match bare.contains('|') {
        true => format!("^(?:{bare})$"),
        false => format!("^{bare}$"),
    }
}

/// Of what a topic's name may have, only the dot means something else in a regex.
fn escape_name(name: &str) -> String {
    match name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    {
        true => name.replace('.', r"\."),
        false => regex::escape(name),
    }
}

fn group_alternatives(topics: &[String]) -> String {
    match topics {
        [only] => only.clone(),
        several => format!("(?:{})", several.join("|")),
    }
}

#[cfg(test)]
#[path = "naming_tests.rs"]
mod tests;
