//! Which row a record means and what becomes of it: modes of keys and inserts, deletes, columns, as a route's keys.

use crate::operator::import_connector::connector::{Connector, Kind};
use crate::operator::import_connector::encodings::Encodings;
use crate::operator::import_connector::report::{Part, Section};
use crate::operator::import_connector::transforms::Transforms;

/// What a `[[route]]` says of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowRules {
    /// `key`; empty: the fields of the record's key.
    pub key: Vec<String>,
    /// `key_from = "record_key"`.
    pub key_in_record: bool,
    /// The key if records' keys turn out to be single values.
    pub key_if_bare: Vec<String>,
    /// `write = "append"`.
    pub appends: bool,
    /// `deletes`.
    pub deletes: bool,
    /// `deletes = "soft"`, with this column.
    pub soft_delete: Option<String>,
    /// `schema_evolution`.
    pub evolution: &'static str,
    /// A column that may serve as `version`.
    pub version: Option<String>,
    /// What the transforms come to: names, columns, facts.
    pub shape: Transforms,
}

/// What Connect calls the columns of a record's coordinates.
const COORDINATES: [(&str, &str); 3] = [
    ("topic", "__connect_topic"),
    ("partition", "__connect_partition"),
    ("offset", "__connect_offset"),
];

/// Reads them from a sink. `source` is what a source beside it does to its records.
pub fn read_row_rules(
    sink: &Connector,
    encodings: &Encodings,
    mut shape: Transforms,
    source: Option<&Transforms>,
    section: &mut Section,
) -> RowRules {
    add_listed_columns(sink, &mut shape, section);
    if let Some(source) = source.filter(|source| source.unwraps.is_some()) {
        // what the source adds to its rows came into columns, unless the sink left it out
        let added = source.lineage.iter();
        let added = added.filter(|(_, column)| !shape.exclude.contains(column));
        let added: Vec<_> = added
            .map(|(fact, column)| (*fact, column.clone()))
            .collect();
        shape.lineage.extend(added);
    }
    let mut rules = RowRules {
        evolution: read_evolution(sink, section),
        ..RowRules::default()
    };
    rules.shape = shape;
    read_key(sink, encodings, source, &mut rules, section);
    read_insert_mode(sink, &mut rules, section);
    read_deletes(sink, source, &mut rules, section);
    // the fields that a transform adds are no columns to Landfall
    let prefix = prefix_of(&rules.shape, source).to_owned();
    if !prefix.is_empty() {
        rules
            .shape
            .exclude
            .retain(|column| !column.starts_with(&prefix));
    }
    keep_key_columns(sink, &mut rules, section);
    rules
}

/// A list of columns leaves none of the key's out, which Connect writes beside those that it lists.
fn keep_key_columns(sink: &Connector, rules: &mut RowRules, section: &mut Section) {
    if rules.shape.columns.is_empty() {
        return;
    }
    let keys = [rules.key.as_slice(), &rules.key_if_bare].concat();
    if keys.is_empty() && sink.text("pk.mode") == Some("record_key") {
        let text = "add the columns of the record's key to route.columns";
        section.say("fields.whitelist", Part::ToDecide, text);
    }
    let missing = keys.into_iter();
    let missing: Vec<String> = missing
        .filter(|key| !rules.shape.columns.contains(key))
        .collect();
    rules.shape.columns.extend(missing);
}

fn prefix_of<'a>(shape: &'a Transforms, source: Option<&'a Transforms>) -> &'a str {
    let unwrap = shape.unwraps.as_ref().or_else(|| source?.unwraps.as_ref());
    unwrap.map_or("__", |unwrap| &unwrap.prefix)
}

fn read_key(
    sink: &Connector,
    encodings: &Encodings,
    source: Option<&Transforms>,
    rules: &mut RowRules,
    section: &mut Section,
) {
    let (option, mode) = sink
        .first_of(&["pk.mode", "primary.key.mode"])
        .unwrap_or(("pk.mode", "none"));
    let of_fields = sink.first_of(&["pk.fields", "primary.key.fields"]);
    let (of_fields, _) = of_fields.unwrap_or(("pk.fields", ""));
    let fields = sink.list(of_fields);
    let is_bare = encodings.has_bare_keys
        || rules.shape.has_bare_key
        || source.is_some_and(|source| source.has_bare_key);
    match &*mode.to_ascii_lowercase() {
        "record_key" if !rules.shape.key.is_empty() => rules.key = rules.shape.key.clone(),
        "record_key" if is_bare && fields.is_empty() => {
            let text = "keys are single values: name their column in route.key";
            section.say(option, Part::ToDecide, text);
        }
        "record_key" if is_bare => {
            let is_renamed = |column| rules.shape.rename.values().any(|to| to == column);
            rules.key_in_record = matches!(&*fields, [column] if !is_renamed(column));
            rules.key = fields;
        }
        "record_key" => {
            section.say(
                option,
                Part::Mapped,
                "the default: the fields of the record's key",
            );
            rules.key_if_bare = fields;
        }
        "record_value" if fields.is_empty() => {
            section.say(
                option,
                Part::ToDecide,
                "name the columns that tell rows apart in route.key",
            );
        }
        "record_value" => rules.key = fields,
        "kafka" => add_coordinates(option, &fields, rules, section),
        "none" => {
            section.say(
                option,
                Part::Mapped,
                "route.write = \"append\": every record a row, each once",
            );
            rules.appends = true;
        }
        other => {
            let text =
                format!("{other}: keys come from the record's key or from its value: route.key");
            section.say(option, Part::NoCounterpart, text);
        }
    }
}

/// A record's coordinates are its key: each record is a row, and they are columns of it.
fn add_coordinates(option: &str, fields: &[String], rules: &mut RowRules, section: &mut Section) {
    let text = "route.write = \"append\", each record once, and its coordinates by [route.lineage]";
    section.say(option, Part::Mapped, text);
    for (at, (fact, usual)) in COORDINATES.iter().enumerate() {
        let column = fields.get(at).filter(|_| fields.len() == COORDINATES.len());
        let column = column.map_or_else(|| (*usual).to_owned(), Clone::clone);
        rules.shape.lineage.insert(fact, column);
    }
    rules.appends = true;
}

fn read_insert_mode(sink: &Connector, rules: &mut RowRules, section: &mut Section) {
    let mode = sink.text("insert.mode").unwrap_or("insert");
    match &*mode.to_ascii_lowercase() {
        "upsert" if rules.appends && !rules.shape.lineage.contains_key("offset") => {
            rules.appends = false;
            let text = "upsert without a key, which Connect refuses: name the columns of route.key";
            section.say("insert.mode", Part::ToDecide, text);
        }
        // an upsert by a record's coordinates is an insert of each record once
        "insert" | "upsert" if rules.appends => {
            section.say("insert.mode", Part::Mapped, "route.write = \"append\"");
        }
        "upsert" => section.say(
            "insert.mode",
            Part::Mapped,
            "the default: route.write = \"upsert\"",
        ),
        "insert" => {
            let text = "a second record of a key updates its row, where Connect stopped: route.write = \"upsert\"";
            section.say("insert.mode", Part::Differs, text);
        }
        other => {
            let text = format!("{other}: a row that isn't there is inserted");
            section.say("insert.mode", Part::NoCounterpart, text);
        }
    }
}

fn read_deletes(
    sink: &Connector,
    source: Option<&Transforms>,
    rules: &mut RowRules,
    section: &mut Section,
) {
    const OPTION: &str = "delete.enabled";
    let wanted = sink.is_true(OPTION);
    let unwrap = rules.shape.unwraps.as_ref();
    let unwrap = unwrap.or_else(|| source?.unwraps.as_ref());
    let rewrites = unwrap.is_some_and(|unwrap| unwrap.rewrites_deletes);
    let sees_tombstones = unwrap.is_none_or(|unwrap| unwrap.keeps_tombstones);
    rules.deletes = wanted && sees_tombstones;
    if rules.deletes {
        section.say(OPTION, Part::Mapped, "the default: deletes = true");
        return;
    }
    let flag = format!("{}deleted", prefix_of(&rules.shape, source));
    let is_kept = rewrites && !rules.shape.exclude.contains(&flag);
    if is_kept && !rules.appends {
        let column = rules.shape.rename.remove(&flag).unwrap_or(flag);
        let text = format!(
            "deletes = \"soft\": the row stays, and {column} says that it is deleted; make that column a boolean or \
             a timestamp, as Connect's is a text"
        );
        section.say("delete.handling.mode", Part::Differs, text);
        rules.soft_delete = Some(column);
    }
    match (wanted, sink.text(OPTION).is_some()) {
        (true, _) => {
            let text =
                "deletes = false: the transform dropped the tombstones, so that no row was deleted";
            section.say(OPTION, Part::Differs, text);
        }
        (false, true) => section.say(OPTION, Part::Mapped, "deletes = false"),
        (false, false) => {
            let text = "deletes = false, as Connect's default is; Landfall's is true";
            section.say("delete.enabled (not set)", Part::Differs, text);
        }
    }
}

fn read_evolution(sink: &Connector, section: &mut Section) -> &'static str {
    if sink.kind == Kind::Debezium {
        let basic = sink
            .text("schema.evolution")
            .is_some_and(|mode| mode.eq_ignore_ascii_case("basic"));
        return if basic { "create" } else { "none" };
    }
    let adds = sink.is_true("auto.evolve");
    match sink.is_true("auto.create") {
        true => {
            if !adds {
                let text = "schema_evolution = \"create\", which also adds columns";
                section.say("auto.create", Part::Differs, text);
            }
            "create"
        }
        false if adds => "add_columns",
        false => "none",
    }
}

/// Confluent's list of fields, and Debezium's, each of whose entries is a topic and a field.
fn add_listed_columns(sink: &Connector, shape: &mut Transforms, section: &mut Section) {
    // the list speaks of names behind the transforms, a route's of those in the event
    let listed = sink.list("fields.whitelist").into_iter();
    let listed: Vec<String> = listed
        .map(|column| {
            let mut renamed = shape.rename.iter();
            let old = renamed.find(|(_, new)| **new == column);
            old.map_or(column, |(old, _)| old.clone())
        })
        .collect();
    shape.columns.extend(listed);
    for (option, columns) in [
        ("field.include.list", &mut shape.columns),
        ("field.exclude.list", &mut shape.exclude),
    ] {
        for entry in sink.list(option) {
            let field = entry.rsplit(':').next().unwrap_or(&entry);
            if field.chars().all(|c| c.is_alphanumeric() || c == '_') {
                columns.push(field.to_owned());
            } else {
                let text = "a regex: name the columns in route.columns or route.exclude";
                section.say(option, Part::NoCounterpart, text);
            }
        }
        columns.sort_unstable();
        columns.dedup();
    }
}
