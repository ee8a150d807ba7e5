//! `[[route]]`: one for each table of a sink, with what differs from what is said of all.

use crate::operator::import_connector::configuration::{file_name, list_of, table_of};
use crate::operator::import_connector::naming::RoutedTable;
use crate::operator::import_connector::row_rules::RowRules;
use crate::operator::import_connector::sink::Sink;
use crate::operator::import_connector::toml_text::TomlText;

/// What is said of all topics: what the first sink says, of dead letters what all say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// `format.envelope`.
    pub envelope: &'static str,
    /// `format.encoding`.
    pub encoding: &'static str,
    /// `format.key_encoding`.
    pub key_encoding: Option<&'static str>,
    /// `apply.deletes`.
    pub deletes: bool,
    /// `apply.schema_evolution`.
    pub evolution: &'static str,
    /// `dead_letter.topic`.
    pub dead_letters: Option<String>,
}

impl Defaults {
    /// Of all sinks.
    pub fn of(sinks: &[Sink]) -> Self {
        let first = sinks.first();
        let same = |topic: &String| {
            sinks
                .iter()
                .all(|sink| sink.dead_letters.as_ref() == Some(topic))
        };
        Self {
            envelope: first.map_or("debezium", |sink| sink.envelope),
            encoding: first.map_or("json", |sink| sink.encodings.value),
            key_encoding: first.and_then(|sink| sink.encodings.key),
            deletes: first.is_some_and(|sink| sink.rules.deletes),
            evolution: first.map_or("none", |sink| sink.rules.evolution),
            dead_letters: first
                .and_then(|sink| sink.dead_letters.clone())
                .filter(same),
        }
    }
}

/// The routes of a sink. If its tables' names can't be known, one stands there as an example.
pub fn write_routes(text: &mut TomlText, sink: &Sink, defaults: &Defaults, is_one_of_many: bool) {
    if is_one_of_many {
        text.end_paragraph();
        text.add_comment(&format!("{} ({})", sink.name, file_name(&sink.file)));
    }
    match &sink.routes {
        Ok(routes) => {
            for route in routes {
                write_route(text, sink, route, defaults);
            }
        }
        Err(error) => {
            text.end_paragraph();
            text.add_comment(&format!("TO DECIDE: {error}"));
            let example = RoutedTable {
                topic: "^.*[.](?<table>[^.]+)$".to_owned(),
                table: "public.${table}".to_owned(),
            };
            text.set_example(true);
            write_route(text, sink, &example, defaults);
            text.set_example(false);
        }
    }
}

fn write_route(text: &mut TomlText, sink: &Sink, route: &RoutedTable, defaults: &Defaults) {
    text.open_table("[[route]]");
    text.add_key("topic", &route.topic, "");
    text.add_key("table", &route.table, "");
    let rules = &sink.rules;
    if sink.envelope != defaults.envelope {
        text.add_key("envelope", sink.envelope, sink.envelope_reason);
    }
    if sink.encodings.words() != (defaults.encoding, defaults.key_encoding) {
        text.add_key("encoding", sink.encodings.value, "");
        let key = sink.encodings.key.unwrap_or(sink.encodings.value);
        text.add_key("key_encoding", key, "");
    }
    write_key(text, rules);
    if rules.appends {
        text.add_key(
            "write",
            "append",
            "every record a row, each once: no key was asked for",
        );
    }
    match &rules.soft_delete {
        Some(column) => {
            text.add_key("deletes", "soft", "delete.handling.mode = rewrite");
            text.add_key(
                "soft_delete",
                column,
                "a boolean or a timestamp, not the text that Connect wrote",
            );
        }
        None if rules.deletes != defaults.deletes => {
            text.add_key("deletes", rules.deletes, "delete.enabled");
        }
        None => {}
    }
    write_columns(text, rules);
    if rules.evolution != defaults.evolution {
        text.add_key("schema_evolution", rules.evolution, "");
    }
    if let Some(topic) = sink
        .dead_letters
        .as_ref()
        .filter(|_| defaults.dead_letters.is_none())
    {
        text.add_key(
            "dead_letter_topic",
            topic,
            "errors.deadletterqueue.topic.name",
        );
    }
    write_lineage(text, rules);
}

fn write_key(text: &mut TomlText, rules: &RowRules) {
    if !rules.key.is_empty() {
        text.add_key("key", list_of(&rules.key), "what tells rows apart");
        if rules.key_in_record {
            let why = "keys are its values, be they in the rows or not";
            text.add_key("key_from", "record_key", why);
        }
    } else if !rules.key_if_bare.is_empty() {
        text.add_example(
            "key",
            list_of(&rules.key_if_bare),
            "if records' keys are single values",
        );
    }
    if let Some(column) = &rules.version {
        text.add_example(
            "version",
            column,
            "an older row never overwrites a newer one",
        );
    }
}

fn write_columns(text: &mut TomlText, rules: &RowRules) {
    let shape = &rules.shape;
    if !shape.columns.is_empty() {
        text.add_key("columns", list_of(&shape.columns), "");
    } else if !shape.exclude.is_empty() {
        text.add_key("exclude", list_of(&shape.exclude), "");
    }
    if !shape.rename.is_empty() {
        let pairs = shape.rename.iter().map(|(old, new)| (old, new.as_str()));
        text.add_key("rename", table_of(pairs), "");
    }
    if !shape.mask.is_empty() {
        let pairs = shape.mask.iter();
        let pairs = pairs.map(|(column, text)| (column, text.as_deref().unwrap_or("null")));
        text.add_key("mask", table_of(pairs), "");
    }
}

fn write_lineage(text: &mut TomlText, rules: &RowRules) {
    let shape = &rules.shape;
    if shape.lineage.is_empty() && shape.texts.is_empty() {
        return;
    }
    text.open_table("[route.lineage]");
    for (fact, column) in &shape.lineage {
        text.add_key(fact, column, "");
    }
    if !shape.texts.is_empty() {
        let pairs = shape
            .texts
            .iter()
            .map(|(column, text)| (column, text.as_str()));
        text.add_key("static", table_of(pairs), "");
    }
}
