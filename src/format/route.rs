//! What is remembered of a topic between its records, and how they become changes by it.

use std::sync::Arc;

use bumpalo::Bump;
use uuid::Uuid;

use crate::config::RouteConfig;
use crate::format::change::{Change, Decoded, Fields, Operation, RowKey, Shape};
use crate::format::debezium::{self, Envelope, Source};
use crate::format::event_id::{self, Identity};
use crate::format::open_deletes::{OpenDeletes, key_hash};
use crate::format::undecodable::{Undecodable, refuse_record};
use crate::letter::Stage;
use crate::record::Record;
use crate::table_name::TableName;
use crate::verdict::Reason;

/// What is remembered of a topic between records, so that its route is found once.
#[derive(Default)]
pub struct Topic {
    /// The route's table and key; `None` in place of the table: the event's own.
    pub(super) route: Option<(Arc<TableName>, Option<Vec<String>>)>,
    /// Tables named by the topic's events; nearly always one.
    tables: Vec<Arc<TableName>>,
    pub(super) key_schema: debezium::SchemaCache,
    pub(super) value_schema: debezium::SchemaCache,
    /// What the route's key columns look like.
    routed_key: Arc<Shape>,
}

impl Topic {
    pub fn new(routes: &[RouteConfig], topic: &str) -> Self {
        let route = routes
            .iter()
            .find_map(|r| Some((Arc::new(r.table_for(topic)?), r.key.clone())));
        Self {
            route,
            ..Self::default()
        }
    }

    /// Whether the route says which columns are the key.
    pub fn has_routed_key(&self) -> bool {
        matches!(&self.route, Some((_, Some(_))))
    }

    /// The destination table of an event that says where it comes from.
    fn table_of_event(&mut self, source: &Source<'_>) -> Option<Arc<TableName>> {
        if let Some((table, _)) = &self.route {
            return Some(table.clone());
        }
        let (schema, name) = (source.schema()?, source.table.as_deref()?);
        if let Some(table) = self
            .tables
            .iter()
            .find(|t| t.schema == schema && t.name == name)
        {
            return Some(table.clone());
        }
        let table = Arc::new(TableName {
            schema: schema.to_owned(),
            name: name.to_owned(),
        });
        self.tables.push(table.clone());
        Some(table)
    }

    pub fn decode_event<'r>(
        &mut self,
        record: &'r Record,
        key: Fields<'r>,
        envelope: Envelope<'r>,
        arena: &'r Bump,
        topic_id: Option<Uuid>,
        open_deletes: &mut OpenDeletes,
    ) -> Result<Decoded<'r>, Undecodable> {
        let operation = match envelope.op.as_ref() {
            "c" => Operation::Create,
            "r" => Operation::Read,
            "u" => Operation::Update,
            "d" => Operation::Delete,
            "t" => return Ok(Decoded::Nothing("truncate")),
            "m" => return Ok(Decoded::Nothing("message")),
            other => {
                let found: String = other.chars().take(20).collect();
                return refuse_record(
                    Reason::Undecodable,
                    Stage::ValueConverter,
                    format!("op is {found:?}; expected c, r, u, d, t or m"),
                );
            }
        };
        let Some(table) = self.table_of_event(&envelope.source) else {
            return refuse_record(
                Reason::Undecodable,
                Stage::Transformation,
                "the event names no table: source.schema and source.table are missing, and no [[route]] matches the topic",
            );
        };
        let row = match operation.removes_row() {
            false => envelope.after,
            true => envelope.before,
        };
        if row.is_none() && !operation.removes_row() {
            return refuse_record(
                Reason::Undecodable,
                Stage::ValueConverter,
                "the event has no after",
            );
        }
        // a row closes a delete of its key, if any is open
        let noted = operation.removes_row() || !open_deletes.is_empty();
        let tombstone_key = (noted && !key.is_empty()).then(|| key_hash(&key));
        let key = self.choose_key(key, row.as_ref(), arena)?;
        let id = match envelope.source.event_position() {
            Some(position) => {
                let identity = Identity::new("debezium", envelope.source.ts_ms.unwrap_or(0));
                let identity = position
                    .iter()
                    .fold(identity, |i, part| i.with_part(part.as_bytes()))
                    .with_part(operation.name().as_bytes());
                key.iter()
                    .fold(identity, |i, (name, raw)| {
                        i.with_part(name.as_bytes()).with_part(raw.as_bytes())
                    })
                    .into_id()
            }
            None => event_id::id_of_coordinates(record, topic_id),
        };
        if let Some(hash) = tombstone_key {
            open_deletes.note_event(hash, operation.removes_row());
        }
        let row = row.filter(|_| !operation.removes_row()).unwrap_or_default();
        Ok(Decoded::Change(Change {
            id,
            table,
            operation,
            key,
            row,
        }))
    }

    pub fn decode_tombstone<'r>(
        &mut self,
        record: &'r Record,
        key: Fields<'r>,
        arena: &'r Bump,
        topic_id: Option<Uuid>,
        open_deletes: &mut OpenDeletes,
    ) -> Result<Decoded<'r>, Undecodable> {
        if key.is_empty() {
            return refuse_record(
                Reason::MissingKey,
                Stage::KeyConverter,
                "a record without a value (tombstone) has no key either: nothing tells which row it deletes",
            );
        }
        if open_deletes.close_delete(key_hash(&key)) {
            return Ok(Decoded::BelongsToDelete);
        }
        let id = event_id::id_of_coordinates(record, topic_id);
        let table = self.only_table(record).or_else(|why| {
            let text = format!("a tombstone names no table, and {why}: add a [[route]] for it");
            refuse_record(Reason::Undecodable, Stage::Transformation, text)
        })?;
        let key = self.choose_key(key, None, arena)?;
        Ok(Decoded::Change(Change {
            id,
            table,
            operation: Operation::Tombstone,
            key,
            row: Fields::default(),
        }))
    }

    /// The table of a record that says nothing of it: the route's, or the one its topic's events named.
    fn only_table(&self, record: &Record) -> Result<Arc<TableName>, &'static str> {
        match (&self.route, self.tables.as_slice()) {
            (Some((table, _)), _) => Ok(table.clone()),
            (None, [table]) => Ok(table.clone()),
            (None, []) => topic_name_as_table(&record.source.topic)
                .map(Arc::new)
                .ok_or("neither does its topic"),
            (None, _) => Err("its topic carries several"),
        }
    }

    /// Which row a record is about whose value can't be read.
    pub fn row_key<'r>(
        &mut self,
        record: &Record,
        key: Fields<'r>,
        arena: &'r Bump,
    ) -> Option<RowKey<'r>> {
        let table = self.only_table(record).ok()?;
        let key = self.choose_key(key, None, arena).ok()?;
        Some(RowKey { table, key })
    }

    /// The key's fields: the route's columns out of the row, or else the record key's fields.
    fn choose_key<'r>(
        &mut self,
        key: Fields<'r>,
        row: Option<&Fields<'r>>,
        arena: &'r Bump,
    ) -> Result<Fields<'r>, Undecodable> {
        let Some((_, Some(columns))) = &self.route else {
            if key.is_empty() {
                return refuse_record(
                    Reason::MissingKey,
                    Stage::KeyConverter,
                    "the record has no key: give the source table a primary key (or message.key.columns), or set key = [\"column\"] in its [[route]]",
                );
            }
            return Ok(key);
        };
        let mut schema = None;
        let mut values = bumpalo::collections::Vec::with_capacity_in(columns.len(), arena);
        for column in columns {
            let (from, raw) = match (row.and_then(|r| r.get(column)), key.get(column)) {
                (Some(raw), _) => (row, raw),
                (None, Some(raw)) => (Some(&key), raw),
                (None, None) => {
                    return refuse_record(
                        Reason::MissingKey,
                        Stage::Transformation,
                        format!("the route's key column {column} is not in the event"),
                    );
                }
            };
            schema = from.and_then(Fields::schema);
            values.push(raw);
        }
        if self.routed_key.names.len() != columns.len()
            || self.routed_key.schema.as_ref().map(Arc::as_ptr) != schema.map(Arc::as_ptr)
        {
            self.routed_key = Arc::new(Shape {
                names: columns.iter().map(|c| c.as_str().into()).collect(),
                schema: schema.cloned(),
            });
        }
        Ok(Fields {
            shape: Some(self.routed_key.clone()),
            values: values.into_bump_slice(),
        })
    }
}

/// Debezium's default topic name: `prefix.schema.table`. Only asked where no event named a table.
pub fn topic_name_as_table(topic: &str) -> Option<TableName> {
    let mut parts = topic.rsplitn(3, '.');
    let (name, schema, _prefix) = (parts.next()?, parts.next()?, parts.next()?);
    Some(TableName {
        schema: schema.to_owned(),
        name: name.to_owned(),
    })
}
