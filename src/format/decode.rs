//! Record → change: Debezium's envelope, in JSON with or without the schema wrapper, or in Avro.
//!
//! Nothing is copied that needn't be: a change borrows its fields' JSON texts from the record, or from
//! the arena of its batch.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bumpalo::Bump;
use foldhash::fast::RandomState;
use uuid::Uuid;

use crate::config::{Config, RouteConfig};
use crate::format::avro::{KnownSchema, SchemaId};
use crate::format::change::{Change, Decoded, Fields, Operation, RowKey};
use crate::format::encoding::Encoding;
use crate::format::key_move::find_other_key;
use crate::format::merged_tables::MergedTables;
use crate::format::partition_memory::PartitionMemory;
use crate::format::topic_decoder::{Incoming, TopicDecoder};
use crate::format::undecodable::{Undecodable, refuse_message};
use crate::letter::Stage;
use crate::record::Record;

/// Decodes the records of one lane.
pub struct Decoder {
    encoding: Encoding,
    routes: Arc<[RouteConfig]>,
    /// Whether deletes are applied (`apply.deletes`).
    deletes: bool,
    /// Which tables get their rows through several partitions, as far as is known.
    merged: Arc<MergedTables>,
    /// Whether truncates are applied (`apply.truncates`).
    truncates: bool,
    topics: HashMap<Arc<str>, TopicDecoder, RandomState>,
}

impl Decoder {
    /// A decoder for the configured encoding and routes.
    pub fn from_config(config: &Config) -> Self {
        let decoder = Self::new(config.routes.clone().into(), config.apply.deletes)
            .with_encoding(Encoding::from_config(&config.format));
        Self {
            truncates: config.apply.truncates,
            ..decoder
        }
    }

    /// The same, for records in another encoding.
    pub fn with_encoding(self, encoding: Encoding) -> Self {
        Self { encoding, ..self }
    }

    /// Of JSON.
    pub fn new(routes: Arc<[RouteConfig]>, deletes: bool) -> Self {
        Self {
            encoding: Encoding::Json,
            routes,
            deletes,
            merged: Arc::default(),
            truncates: false,
            topics: HashMap::default(),
        }
    }

    /// The same, with what is known, here and in other lanes, of tables that get their rows through several
    /// partitions.
    pub fn with_merged_tables(self, merged: Arc<MergedTables>) -> Self {
        Self { merged, ..self }
    }

    /// The same, but truncates are applied.
    #[cfg(test)]
    pub fn with_truncates(self) -> Self {
        Self {
            truncates: true,
            ..self
        }
    }

    /// The same, but deletes are decoded even if they aren't applied.
    pub fn with_deletes(self) -> Self {
        Self {
            deletes: true,
            ..self
        }
    }

    /// Whether keys and values are JSON, so that a registry is never asked.
    pub fn is_json(&self) -> bool {
        matches!(self.encoding, Encoding::Json)
    }

    /// The ids of the records' schemas that must be learned before these are decoded.
    pub fn unknown_schemas(&self, records: &[Record]) -> BTreeSet<SchemaId> {
        match &self.encoding {
            Encoding::Json => BTreeSet::new(),
            Encoding::Avro(avro) => avro.unknown_schemas(records),
        }
    }

    /// Remembers what the registry answered for [`Decoder::unknown_schemas`].
    pub fn learn_schemas(&mut self, known: HashMap<SchemaId, KnownSchema>) {
        if let Encoding::Avro(avro) = &mut self.encoding {
            avro.learn_schemas(known);
        }
    }

    /// What the registry didn't have it may have now.
    pub fn forget_refused_schemas(&mut self) {
        if let Encoding::Avro(avro) = &mut self.encoding {
            avro.forget_refused();
        }
    }

    /// A key or a value as JSON, if it isn't text by itself and its schema is known.
    pub fn message_as_json(&self, message: &[u8]) -> Option<String> {
        match &self.encoding {
            Encoding::Json => None,
            Encoding::Avro(avro) => avro.to_json(message),
        }
    }

    /// Which row a record that can't be decoded is about, as far as its key and its topic tell.
    pub fn row_key<'r>(&mut self, record: &'r Record, arena: &'r Bump) -> Option<RowKey<'r>> {
        let topic = topic_decoder(&mut self.topics, &self.routes, &self.merged, record);
        let key = key_fields(&mut self.encoding, record, topic, arena).ok()?;
        topic.row_key(key, arena)
    }

    /// `memory` is the partition's; the record's own delete or row, and its table, are noted there. What can't
    /// be borrowed from the record lies in the arena.
    ///
    /// # Errors
    /// The record is no envelope, or names no row; nothing was noted then.
    pub fn decode_record<'r>(
        &mut self,
        record: &'r Record,
        arena: &'r Bump,
        topic_id: Option<Uuid>,
        memory: &mut PartitionMemory,
    ) -> Result<Decoded<'r>, Undecodable> {
        let topic = topic_decoder(&mut self.topics, &self.routes, &self.merged, record);
        let key = key_fields(&mut self.encoding, record, topic, arena)?;
        let envelope = self
            .encoding
            .read_envelope(record, topic, arena)
            .or_else(|e| refuse_message(Stage::ValueConverter, &e, e.to_string()))?;
        let operation = match &envelope {
            Some(envelope) => Operation::from_code(&envelope.op),
            None => Some(Operation::Tombstone),
        };
        let other_key = operation.and_then(|operation| find_other_key(record, operation));
        let other_key = other_key.map(|header| self.encoding.read_other_key(header, topic, arena));
        let incoming = Incoming {
            record,
            arena,
            topic_id,
            other_key,
            memory,
        };
        let decoded = match envelope {
            Some(envelope) if envelope.op == "t" => match self.truncates {
                true => topic.decode_truncate(incoming, &envelope),
                false => Ok(Decoded::Nothing(Operation::Truncate.name())),
            },
            Some(envelope) => topic.decode_event(incoming, key, envelope),
            None => topic.decode_tombstone(incoming, key),
        }?;
        match decoded {
            Decoded::Change(change) if change.operation.removes_row() && !self.deletes => {
                Ok(match change.key_move {
                    Some(_) => Decoded::Change(Change {
                        row_stays: true,
                        hides_key: false,
                        ..change
                    }),
                    None => Decoded::Nothing(change.operation.name()),
                })
            }
            Decoded::Unplaced(_) if !self.deletes => {
                Ok(Decoded::Nothing(Operation::Tombstone.name()))
            }
            // what the row was before stays, as the row of a delete does
            Decoded::Change(change) if !self.deletes => Ok(Decoded::Change(Change {
                old_key: None,
                hides_key: false,
                row_stays: true,
                ..change
            })),
            decoded => Ok(decoded),
        }
    }
}

fn topic_decoder<'t>(
    topics: &'t mut HashMap<Arc<str>, TopicDecoder, RandomState>,
    routes: &[RouteConfig],
    merged: &Arc<MergedTables>,
    record: &Record,
) -> &'t mut TopicDecoder {
    let topic = &record.source.topic;
    topics
        .entry(topic.clone())
        .or_insert_with(|| TopicDecoder::new(routes, topic, merged.clone()))
}

fn key_fields<'r>(
    encoding: &mut Encoding,
    record: &'r Record,
    topic: &mut TopicDecoder,
    arena: &'r Bump,
) -> Result<Fields<'r>, Undecodable> {
    match encoding.read_key(record, topic, arena) {
        Ok(fields) => Ok(fields),
        // the route says which columns are the key, so the record's own may be anything
        Err(_) if topic.has_routed_key() => Ok(Fields::default()),
        Err(e) => {
            let message = format!("the key can't be read: {e}");
            refuse_message(Stage::KeyConverter, &e, message)
        }
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
