//! `[[route]]`: which table a topic's events land in.

use std::collections::BTreeSet;
use std::sync::Arc;

use figment::value::Value;
use regex::Regex;

use super::apply::{ApplyConfig, Idempotency};
use super::letter_topics::read_topic;
use super::reader::Reader;
use super::route_reach::may_merge_topics;
use super::route_writes::WriteMode;
use super::row_shape::RowShape;
use super::schema_evolution::SchemaEvolution;
use super::secret::{Secret, read_secret};
use super::summary::Summary;
use super::table_template::TableTemplate;
use super::topic_format::FormatOverride;
use super::topic_pattern::describe_regex_error;
use super::value::{allowed, because, one_of, parse_boolean, parse_list, parse_string};
use crate::table_name::TableName;

/// `key_from`: whether records' keys are the values of the key's column.
const KEY_FROM: [(&str, bool); 2] = [("value", false), ("record_key", true)];

/// `[[route]]`: the table that a topic's events land in.
#[derive(Debug, Clone)]
pub struct RouteConfig {
    /// Matches whole topic names, whether or not it is written with `^` and `$`.
    pub topic: Regex,
    /// The table, into which parts of the topic's name may be filled.
    pub table: TableTemplate,
    /// The columns of the key; `None`: the fields of the record's key.
    pub key: Option<Vec<String>>,
    /// Records' keys are single values, those of the one column of `key` (`key_from = "record_key"`).
    pub key_in_record: bool,
    /// No update changes the columns of `key`, so that events needn't tell what they were before.
    pub fixed_key: bool,
    /// The source logs whole rows, so that what events say of the row before is believed, zeros and defaults too.
    pub whole_rows: bool,
    /// A column whose value grows with each change of a row: an older version never overwrites a newer one.
    pub version: Option<String>,
    /// What its topics' records are, where they aren't as `[format]` says.
    pub format: FormatOverride,
    /// What is done about tables and columns that the destination lacks; `None`: as `[apply]` says.
    pub schema_evolution: Option<SchemaEvolution>,
    /// Where its topics' letters go; `None`: as `[dead_letter]` says.
    pub dead_letter_topic: Option<String>,
    /// How rows differ from what the events say.
    pub shape: Arc<RowShape>,
}

/// Whether other topics than this one may be led to its table, by its own route or by another one. Which topics there
/// are, and will be, isn't asked.
pub fn may_meet_others(routes: &[RouteConfig], topic: &str) -> bool {
    let found = routes.iter().find_map(|route| route.table_for(topic));
    found.is_some_and(|table| {
        let mut routes = routes.iter();
        routes.any(|route| route.may_lead_others_to(&table, topic))
    })
}

impl RouteConfig {
    /// Whether topics that differ may be led to the same table.
    pub fn may_merge_topics(&self) -> bool {
        may_merge_topics(self.topic.as_str(), &self.table)
    }

    /// Whether the route may lead other topics than this one to the table.
    fn may_lead_others_to(&self, table: &TableName, topic: &str) -> bool {
        // one whose every topic has a table of its own leads this one alone to its table
        let leads_own = self.table_for(topic).as_ref() == Some(table);
        self.table.may_yield(table) && (!leads_own || self.may_merge_topics())
    }

    /// The table for a topic; `None` if the pattern does not match its whole name.
    pub fn table_for(&self, topic: &str) -> Option<TableName> {
        self.table.fill_in(&self.topic.captures(topic)?)
    }

    pub(super) fn summarize(&self, index: usize, summary: &mut Summary) {
        let key = self.key.as_ref();
        let fixed = if self.fixed_key { " fixed" } else { "" };
        let whole = if self.whole_rows { " whole rows" } else { "" };
        let key = key.map_or(String::new(), |key| {
            let from = if self.key_in_record {
                " key_from record_key"
            } else {
                ""
            };
            format!("{fixed} key {}{from}{whole}", key.join(","))
        });
        let version = self.version.as_ref();
        let version = version.map_or(String::new(), |column| format!(" version {column}"));
        let format = self.format.describe();
        let evolution = self.schema_evolution.map(SchemaEvolution::name);
        let evolution = evolution.map_or(String::new(), |word| format!(" schema_evolution {word}"));
        let letters = self.dead_letter_topic.as_ref();
        let letters = letters.map_or(String::new(), |name| format!(" dead_letter_topic {name}"));
        let shape = self.shape.describe();
        let route = format!(
            "{} -> {}{key}{version}{format}{shape}{evolution}{letters}",
            self.topic, self.table
        );
        summary.add(&format!("route[{index}]"), route);
    }

    fn from_reader(reader: &mut Reader, index: usize, mask_key: Option<&Secret>) -> Option<Self> {
        let key = |name: &str| format!("route[{index}].{name}");
        let topic = reader.read_required(&key("topic"), |found| {
            let text = parse_string(found)?;
            whole_name(&text).map_err(|error| {
                let error = describe_regex_error(&error);
                because(format!("{text:?} is not a regex: {error}"))
            })
        });
        let table = reader.read_required(&key("table"), |found| {
            let text = parse_string(found)?;
            // Without its pattern a template can be checked no further.
            let Some(topic) = &topic else { return Ok(None) };
            TableTemplate::parse(&text, topic)
                .map(Some)
                .map_err(|error| because(format!("{text:?}: {error}")))
        });
        let columns = reader.read(&key("key"), |found| {
            let columns = parse_list(found)?;
            if columns.iter().collect::<BTreeSet<_>>().len() < columns.len() {
                return Err(because("names a column twice"));
            }
            Ok(columns)
        });
        let [fixed_key, whole_rows] = ["fixed_key", "whole_rows"]
            .map(|name| reader.read_or(&key(name), false, parse_boolean));
        let key_from = reader.read(&key("key_from"), one_of(&KEY_FROM));
        let version = reader.read(&key("version"), parse_string);
        let route = format!("route[{index}]");
        let shape = RowShape::from_reader(
            reader,
            &route,
            (columns.as_deref().unwrap_or_default(), version.as_deref()),
            mask_key,
        );
        let appends = shape.write == WriteMode::Append;
        // of rows that are appended it says what a delete tells
        let of_key = [fixed_key, whole_rows && !appends];
        refuse_meaningless(reader, &route, of_key, (columns.is_some(), appends));
        let key_in_record = key_from == Some(true);
        if key_in_record && !appends {
            refuse_ambiguous_key(reader, &key("key_from"), columns.as_deref(), &shape);
        }
        Some(Self {
            topic: topic?,
            table: table??,
            key: columns,
            key_in_record,
            fixed_key,
            whole_rows,
            version,
            format: FormatOverride::from_reader(reader, &route),
            schema_evolution: SchemaEvolution::read(reader, &key("schema_evolution")),
            dead_letter_topic: read_topic(reader, &key("dead_letter_topic")),
            shape: Arc::new(shape),
        })
    }
}

/// All routes that are right; the problems of the others are noted.
pub(super) fn read_all(reader: &mut Reader) -> Vec<RouteConfig> {
    let count = reader.read_or("route", 0, |found| match found.value {
        Value::Array(_, routes) if routes.iter().all(|route| route.as_dict().is_some()) => {
            Ok(routes.len())
        }
        _ if found.from_environment => Err(because("routes are written in the file, as [[route]]")),
        _ => Err(allowed("tables, each under [[route]]")),
    });
    let mask_key = read_secret(reader, "apply.mask_key");
    (0..count)
        .filter_map(|index| RouteConfig::from_reader(reader, index, mask_key.as_ref()))
        .collect()
}

/// Notes keys that say nothing beside what else a route says: whether it names a key, and whether rows are appended.
/// `of_key`: `fixed_key` and `whole_rows`, as far as they are about the columns of the key.
fn refuse_meaningless(
    reader: &mut Reader,
    route: &str,
    of_key: [bool; 2],
    (has_key, appends): (bool, bool),
) {
    let of_key = ["fixed_key", "whole_rows"].into_iter().zip(of_key);
    for (name, _) in of_key.filter(|(_, said)| *said && !has_key) {
        let problem = "is about the columns of key, which the route doesn't name";
        reader.note_problem(&format!("{route}.{name}"), problem);
    }
    for name in ["key", "version"].into_iter().filter(|_| appends) {
        let key = format!("{route}.{name}");
        if reader.is_set(&key) {
            let problem = "has no meaning with write = \"append\": each change is a row";
            reader.note_problem(&key, problem);
        }
    }
}

/// A single value is one column's, and a column has one value.
fn refuse_ambiguous_key(
    reader: &mut Reader,
    key_from: &str,
    columns: Option<&[String]>,
    shape: &RowShape,
) {
    let problem = match columns {
        Some([column]) if shape.rename.values().any(|to| to == column) => {
            format!("rename makes another field of the row {column}, which is the key's column")
        }
        Some([_]) => return,
        _ => "is about keys that are single values, and needs their column: key = [\"id\"]; the fields of a key that has \
              some are found by their names"
            .to_owned(),
    };
    reader.note_problem(key_from, problem);
}

/// Rows that are appended are told by their event's id alone: where none is kept, what a source sends again is a row again.
pub(super) fn refuse_unidentified(
    routes: &[RouteConfig],
    apply: &ApplyConfig,
    reader: &mut Reader,
) {
    let appends = |route: &RouteConfig| route.shape.write == WriteMode::Append;
    if apply.idempotency == Idempotency::Offset && routes.iter().any(appends) {
        let problem = "\"offset\" keeps no event ids, by which a [[route]] with write = \"append\" knows what its source sends again: such events would be rows twice";
        reader.note_problem("apply.idempotency", problem);
    }
}

/// The pattern as one that only matches a whole topic name.
fn whole_name(pattern: &str) -> Result<Regex, regex::Error> {
    // First by itself, so that an error is about what was written.
    Regex::new(pattern)?;
    Regex::new(&format!("^(?:{pattern})$"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::table_template::TableTemplateError;

    fn route(topic: &str, table: &str) -> Result<RouteConfig, TableTemplateError> {
        let topic = whole_name(topic).unwrap();
        let table = TableTemplate::parse(table, &topic)?;
        Ok(RouteConfig {
            topic,
            table,
            key: None,
            key_in_record: false,
            fixed_key: false,
            whole_rows: false,
            version: None,
            format: FormatOverride::default(),
            schema_evolution: None,
            dead_letter_topic: None,
            shape: Arc::default(),
        })
    }

    #[test]
    fn a_topic_is_taken_apart_into_schema_and_table() {
        let pattern = "^(?<tenant>[^_]+)_(?<app>[^_]+)_(?<entity>.+)$";
        let route = route(pattern, "${tenant}.${entity}").unwrap();
        let table = route.table_for("acme_shop_order_line").unwrap();
        assert_eq!(table, TableName::new("acme", "order_line"));
        assert_eq!(route.table_for("acme_shop"), None);
    }

    #[test]
    fn a_pattern_matches_whole_names_only() {
        let route = route("orders|lines", "public.orders").unwrap();
        assert!(route.table_for("orders").is_some());
        assert!(route.table_for("old_orders").is_none());
        assert!(route.table_for("lines2").is_none());
    }

    #[test]
    fn only_a_dot_of_the_template_separates_schema_and_table() {
        let route_to = |table| route("^shop[.](?<rest>.+)$", table).unwrap();
        let table = |table| route_to(table).table_for("shop.public.orders");
        assert_eq!(
            table("${rest}"),
            Some(TableName::new("public", "public.orders"))
        );
        assert_eq!(
            table("raw.${rest}_in"),
            Some(TableName::new("raw", "public.orders_in"))
        );
        assert_eq!(table("orders"), Some(TableName::new("public", "orders")));
    }

    #[test]
    fn a_capture_that_took_no_part_leads_nowhere() {
        let route = route("a(?<more>b)?", "${more}").unwrap();
        assert_eq!(route.table_for("a"), None);
        assert_eq!(route.table_for("ab"), Some(TableName::new("public", "b")));
    }

    #[test]
    fn a_wrong_template_says_what_is_wrong() {
        let error = |table| {
            route("(?<tenant>.+)-(?<entity>.+)", table)
                .unwrap_err()
                .to_string()
        };
        assert!(error("${tenent}.x").ends_with("it has tenant, entity"));
        assert!(error("a.b.c").starts_with("more than one dot"));
        assert!(error("a..b").starts_with("a schema or a table without a name"));
        assert!(error(".b").starts_with("a schema or a table without a name"));
        assert!(error("${tenant").contains("without its }"));
        assert!(
            route("x", "${y}")
                .unwrap_err()
                .to_string()
                .contains("it has none")
        );
    }

    #[test]
    fn topics_may_meet_where_two_routes_can_lead_to_one_table() {
        let routes = |routes: &[(&str, &str)]| -> Vec<RouteConfig> {
            let one = |(topic, table): &(&str, &str)| route(topic, table).unwrap();
            routes.iter().map(one).collect()
        };
        let literal = routes(&[("a", "t"), ("b", "t"), ("c", "u")]);
        assert!(may_meet_others(&literal, "a") && may_meet_others(&literal, "b"));
        assert!(!may_meet_others(&literal, "c") && !may_meet_others(&literal, "d"));
        // each topic of the second one has its own table, and so has that which the first one takes out
        let each = routes(&[("s[.]t", "public.t"), ("s[.](?<t>.+)", "public.${t}")]);
        assert!(!may_meet_others(&each, "s.t") && !may_meet_others(&each, "s.u"));
        let other = routes(&[("x", "public.t"), ("s[.](?<t>.+)", "public.${t}")]);
        assert!(may_meet_others(&other, "x") && may_meet_others(&other, "s.t"));
        assert!(!may_meet_others(&other, "s.u"));
    }
}
