//! Record → change: Debezium's envelope in JSON, with or without the schema wrapper.
//!
//! Nothing is copied that needn't be: a change borrows its fields' JSON texts from the record.

use std::collections::HashMap;
use std::sync::Arc;

use bumpalo::Bump;
use uuid::Uuid;

use crate::change::{Decoded, Fields, RowKey};
use crate::config::RouteConfig;
use crate::debezium::{self, Envelope};
use crate::message::Record;
use crate::open_deletes::OpenDeletes;
use crate::pipeline::topic::Topic;
use crate::verdict::Reason;

/// Why a record can't be a change. `message` may quote the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecodable {
    pub reason: Reason,
    /// Kafka Connect's name for the step that failed: KEY_CONVERTER, VALUE_CONVERTER, TRANSFORMATION.
    pub stage: &'static str,
    pub message: String,
}

pub(super) fn refuse<T>(
    reason: Reason,
    stage: &'static str,
    message: impl Into<String>,
) -> Result<T, Undecodable> {
    Err(Undecodable {
        reason,
        stage,
        message: message.into(),
    })
}

/// Decodes the records of one lane.
pub struct Decoder {
    routes: Arc<[RouteConfig]>,
    /// Whether deletes are applied (`apply.deletes`).
    deletes: bool,
    topics: HashMap<Arc<str>, Topic>,
}

impl Decoder {
    pub fn new(routes: Arc<[RouteConfig]>, deletes: bool) -> Self {
        Self {
            routes,
            deletes,
            topics: HashMap::new(),
        }
    }

    fn topic(&mut self, record: &Record) -> &mut Topic {
        let routes = &self.routes;
        self.topics
            .entry(record.source.topic.clone())
            .or_insert_with(|| Topic::new(routes, &record.source.topic))
    }

    /// Which row a record that can't be decoded is about, as far as its key and its topic tell.
    pub fn row_key<'r>(&mut self, record: &'r Record, arena: &'r Bump) -> Option<RowKey<'r>> {
        let topic = self.topic(record);
        let key = key_fields(record, topic, arena).ok()?;
        topic.row_key(record, key, arena)
    }

    /// `open_deletes` are the partition's; the record's own delete or row is noted there. What can't
    /// be borrowed from the record lies in the arena.
    ///
    /// # Errors
    /// The record is no envelope, or names no row; nothing was noted then.
    pub fn decode<'r>(
        &mut self,
        record: &'r Record,
        arena: &'r Bump,
        topic_id: Option<Uuid>,
        open_deletes: &mut OpenDeletes,
    ) -> Result<Decoded<'r>, Undecodable> {
        let topic = self.topic(record);
        let key = key_fields(record, topic, arena)?;
        let value = match &record.value {
            Some(body) if !body.is_empty() => {
                let (head, rest) = body.parts();
                let text = std::str::from_utf8(rest).map_err(|e| format!("the value is not UTF-8: {e}"));
                text.and_then(|text| match head {
                    Some(head) => debezium::unwrap_headed(head, text, &mut topic.value_schema),
                    None => debezium::unwrap(text, &mut topic.value_schema),
                })
                .or_else(|e| refuse(Reason::Undecodable, "VALUE_CONVERTER", e))?
            }
            _ => None,
        };
        let decoded = match value {
            Some((payload, schema)) => {
                let with_before = topic.has_routed_key();
                let row = topic.value_schema.row(schema.as_ref(), arena);
                let envelope = Envelope::parse(payload, row, with_before)
                    .or_else(|e| refuse(Reason::Undecodable, "VALUE_CONVERTER", e))?;
                topic.change(record, key, envelope, arena, topic_id, open_deletes)
            }
            None => topic.tombstone(record, key, arena, topic_id, open_deletes),
        }?;
        match decoded {
            Decoded::Change(change) if change.operation.removes() && !self.deletes => {
                Ok(Decoded::Nothing(change.operation.name()))
            }
            decoded => Ok(decoded),
        }
    }
}

fn key_fields<'r>(
    record: &'r Record,
    topic: &mut Topic,
    arena: &'r Bump,
) -> Result<Fields<'r>, Undecodable> {
    let Some(bytes) = record.key.as_deref().filter(|k| !k.is_empty()) else {
        return Ok(Fields::default());
    };
    let with_route_key = topic.has_routed_key();
    let parsed = std::str::from_utf8(bytes)
        .map_err(|e| format!("the key is not UTF-8: {e}"))
        .and_then(|text| debezium::unwrap(text, &mut topic.key_schema))
        .and_then(|unwrapped| match unwrapped {
            Some((payload, schema)) => topic.key_schema.key(schema.as_ref(), arena).read(payload),
            None => Ok(Fields::default()),
        });
    match parsed {
        Ok(fields) => Ok(fields),
        // the route says which columns are the key, so the record's own may be anything
        Err(_) if with_route_key => Ok(Fields::default()),
        Err(e) => refuse(
            Reason::Undecodable,
            "KEY_CONVERTER",
            format!("the key can't be read: {e}"),
        ),
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
