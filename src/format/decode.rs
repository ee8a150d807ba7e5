//! Record → change, whatever its topic's envelope and encodings.
//!
//! Nothing is copied that needn't be: a change borrows its fields' JSON texts from the record, or from
//! the arena of its batch.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bumpalo::Bump;
use foldhash::fast::RandomState;
use uuid::Uuid;

use crate::config::{Config, Envelope, FormatConfig, RouteConfig, TopicFormat};
use crate::format::change::{Change, Decoded, Fields, Operation, RowKey};
use crate::format::encoding::MessageReader;
use crate::format::framed::{KnownSchema, SchemaId};
use crate::format::key_move::find_other_key;
use crate::format::lookalike::Lookalike;
use crate::format::merged_tables::MergedTables;
use crate::format::message_error::MessageError;
use crate::format::partition_memory::PartitionMemory;
use crate::format::topic_decoder::{Incoming, TopicDecoder};
use crate::format::undecodable::{Blame, Undecodable, refuse_message, refuse_topic};
use crate::format::value::ReadKey;
use crate::letter::Stage;
use crate::record::Record;
use crate::verdict::Reason;

/// Decodes the records of one lane.
pub struct Decoder {
    reader: MessageReader,
    /// What records are, and what it takes to understand them.
    format: FormatConfig,
    routes: Arc<[RouteConfig]>,
    /// Whether deletes are applied (`apply.deletes`).
    deletes: bool,
    /// Which tables get their rows through several partitions, as far as is known.
    merged: Arc<MergedTables>,
    /// Whether truncates are applied (`apply.truncates`).
    truncates: bool,
    /// Deletes are decoded whatever routes say of them.
    all_deletes: bool,
    topics: HashMap<Arc<str>, TopicDecoder, RandomState>,
}

impl Decoder {
    /// A decoder for the configured formats and routes.
    pub fn from_config(config: &Config) -> Self {
        let decoder = Self::new(config.routes.clone().into(), config.apply.deletes)
            .with_format(config.format.clone());
        Self {
            truncates: config.apply.truncates,
            ..decoder
        }
    }

    /// The same, for records of another format.
    pub fn with_format(self, format: FormatConfig) -> Self {
        Self { format, ..self }
    }

    /// Of Debezium's envelope in JSON.
    pub fn new(routes: Arc<[RouteConfig]>, deletes: bool) -> Self {
        Self {
            reader: MessageReader::default(),
            format: FormatConfig::default(),
            routes,
            deletes,
            merged: Arc::default(),
            truncates: false,
            all_deletes: false,
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
            all_deletes: true,
            ..self
        }
    }

    fn format_of(&self, topic: &str) -> TopicFormat {
        let known = self.topics.get(topic).map(|known| known.format);
        known.unwrap_or_else(|| find_format(&self.routes, &self.format, topic))
    }

    /// The ids of the records' schemas that must be learned before these are decoded.
    pub fn unknown_schemas(&self, records: &[Record]) -> BTreeSet<SchemaId> {
        let mut unknown = BTreeSet::new();
        if !self.format.needs_registry(&self.routes) {
            return unknown;
        }
        // most of a batch's records are beside others of their topic
        for records in records.chunk_by(|a, b| a.source.topic == b.source.topic) {
            let Some(record) = records.first() else {
                continue;
            };
            let format = self.format_of(&record.source.topic);
            if format.needs_registry() {
                self.reader
                    .framed
                    .find_unknown(records, format, &mut unknown);
            }
        }
        unknown
    }

    /// Remembers what the registry answered for [`Decoder::unknown_schemas`].
    pub fn learn_schemas(&mut self, known: HashMap<SchemaId, KnownSchema>) {
        self.reader.framed.learn_schemas(known);
    }

    /// What the registry didn't have it may have now.
    pub fn forget_refused_schemas(&mut self) {
        self.reader.framed.forget_refused();
    }

    /// A key or a value as JSON, if it isn't text by itself and its schema is known.
    pub fn message_as_json(&self, message: &[u8]) -> Option<String> {
        self.reader.framed.to_json(message)
    }

    /// Which row a record that can't be decoded is about, as far as its key and its topic tell.
    pub fn row_key<'r>(&mut self, record: &'r Record, arena: &'r Bump) -> Option<RowKey<'r>> {
        let (reader, topic) = self.reader_and_topic(record);
        let key = key_fields(reader, record, topic, arena).ok()?;
        let row = topic.row_key(key, arena)?;
        let facts = topic.lander.note_facts(record, None);
        let key = topic.lander.land_key(row.key, &facts, arena).ok()?;
        Some(RowKey { key, ..row })
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
        let decoded = self.decode_and_land(record, arena, topic_id, memory);
        decoded.map_err(|refusal| {
            let topic = self.topics.get(&record.source.topic);
            match topic.is_some_and(|topic| topic.lander.masks()) {
                true => refusal.without_quotes(),
                false => refusal,
            }
        })
    }

    fn decode_and_land<'r>(
        &mut self,
        record: &'r Record,
        arena: &'r Bump,
        topic_id: Option<Uuid>,
        memory: &mut PartitionMemory,
    ) -> Result<Decoded<'r>, Undecodable> {
        let (truncates, deletes, all_deletes) = (self.truncates, self.deletes, self.all_deletes);
        let (reader, topic) = self.reader_and_topic(record);
        let key = key_fields(reader, record, topic, arena);
        let envelope = match reader.read_event(record, topic, arena) {
            // Debezium's always name it
            Ok(envelope) if topic.format.envelope == Envelope::Debezium => envelope,
            Ok(envelope) => envelope.map(|envelope| envelope.of_topic(&record.source.topic)),
            Err(error) => {
                let explained = explain_value(reader, record, topic.format, &error);
                return match (key, explained) {
                    (Err(refusal), Err(_)) if refusal.blame == Blame::Converter => Err(refusal),
                    (_, explained) => explained,
                };
            }
        };
        let key = key?;
        let operation = match &envelope {
            Some(envelope) => Operation::from_code(&envelope.op),
            None => Some(Operation::Tombstone),
        };
        let other_key = operation.and_then(|operation| find_other_key(record, operation));
        let other_key = other_key.map(|header| reader.read_other_key(header, topic, arena));
        let source = envelope.as_ref().map(|envelope| &*envelope.source);
        let facts = topic.lander.note_facts(record, source);
        let applies_deletes = topic.lander.shape().applies_deletes(deletes);
        let incoming = Incoming {
            record,
            arena,
            topic_id,
            other_key,
            memory,
        };
        let decoded = match envelope {
            Some(envelope) if envelope.op == "t" => {
                match truncates && topic.lander.shape().empties_tables() {
                    true => topic.decode_truncate(incoming, &envelope),
                    false => Ok(Decoded::Nothing(Operation::Truncate.name())),
                }
            }
            Some(envelope) => topic.decode_event(incoming, key, envelope),
            None => match topic.decode_tombstone(incoming, key) {
                // which row it would remove is of no matter
                Err(refusal) if !applies_deletes && refusal.blame == Blame::Record => {
                    Ok(Decoded::Nothing(Operation::Tombstone.name()))
                }
                decoded => decoded,
            },
        }?;
        let decoded = match all_deletes || applies_deletes {
            true => decoded,
            false => without_deletes(decoded),
        };
        topic.lander.land_event(decoded, &facts, arena)
    }

    /// What reads records, and what is known of this one's topic.
    fn reader_and_topic(&mut self, record: &Record) -> (&mut MessageReader, &mut TopicDecoder) {
        let Self {
            reader,
            format: config,
            routes,
            merged,
            topics,
            ..
        } = self;
        let topic = &record.source.topic;
        let known = topics.entry(topic.clone()).or_insert_with(|| {
            let format = (find_format(routes, config, topic), &*config);
            TopicDecoder::new(routes, topic, merged.clone(), format)
        });
        (reader, known)
    }
}

/// What is left of a record where deletes aren't applied.
fn without_deletes(decoded: Decoded<'_>) -> Decoded<'_> {
    match decoded {
        Decoded::Change(change) if change.operation.removes_row() => match change.key_move {
            Some(_) => Decoded::Change(Change {
                row_stays: true,
                hides_key: false,
                ..change
            }),
            None => Decoded::Nothing(change.operation.name()),
        },
        Decoded::Unplaced(_) => Decoded::Nothing(Operation::Tombstone.name()),
        // what the row was before stays, as the row of a delete does
        Decoded::Change(change) => Decoded::Change(Change {
            old_key: None,
            hides_key: false,
            row_stays: true,
            ..change
        }),
        decoded => decoded,
    }
}

/// What a topic's records are, by the first route that matches it.
fn find_format(routes: &[RouteConfig], config: &FormatConfig, topic: &str) -> TopicFormat {
    let route = routes.iter().find(|route| route.table_for(topic).is_some());
    let said = route.map(|route| route.format).unwrap_or_default();
    said.apply_over(config.all)
}

/// Why a value can't be read: its topic may be of another shape. What a connector writes about itself is no error.
fn explain_value<'r>(
    reader: &MessageReader,
    record: &Record,
    format: TopicFormat,
    error: &MessageError,
) -> Result<Decoded<'r>, Undecodable> {
    let looks_like = match error.is_of_event() {
        true => None,
        false => error
            .other_shape()
            .or_else(|| look_at_value(reader, record, format)),
    };
    let key = record.key.as_deref();
    let bookkeeping = looks_like.filter(|other| other.is_bookkeeping_of(key));
    if let Some(what) = bookkeeping.and_then(Lookalike::as_bookkeeping) {
        return Ok(Decoded::Nothing(what));
    }
    match looks_like {
        Some(other) if !is_of_format(other, format) && !error.is_of_setup() => refuse_topic(
            Reason::Undecodable,
            Stage::ValueConverter,
            other.explain(format),
        ),
        _ => refuse_message(Stage::ValueConverter, error, ""),
    }
}

/// What a value looks like that can't be read as its topic's envelope.
fn look_at_value(
    reader: &MessageReader,
    record: &Record,
    format: TopicFormat,
) -> Option<Lookalike> {
    let value = record.value.as_ref()?.whole_value();
    match reader.framed.to_json(&value) {
        Some(text) if format.encoding.needs_registry() => Lookalike::of_json(&text),
        _ => Lookalike::of_bytes(&value, format.encoding),
    }
}

/// Whether it is what the topic is said to be, however badly made.
fn is_of_format(looks_like: Lookalike, format: TopicFormat) -> bool {
    matches!(
        (looks_like, format.envelope),
        (Lookalike::Debezium, Envelope::Debezium)
            | (Lookalike::PgReplicateKafka, Envelope::PgReplicateKafka)
            | (Lookalike::Row | Lookalike::Unwrapped, Envelope::Flat)
    )
}

fn key_fields<'r>(
    reader: &mut MessageReader,
    record: &'r Record,
    topic: &mut TopicDecoder,
    arena: &'r Bump,
) -> Result<Fields<'r>, Undecodable> {
    match reader.read_key(record, topic, arena) {
        Ok(ReadKey::Fields(fields)) => Ok(fields),
        Ok(ReadKey::Single(raw)) => topic.name_single_key(raw, arena),
        // the route says which columns are the key, or there is none: the record's own may be anything
        Err(_) if topic.has_routed_key() || topic.lander.appends() => Ok(Fields::default()),
        Err(e) => match e.other_shape() {
            Some(other) => refuse_topic(
                Reason::Undecodable,
                Stage::KeyConverter,
                other.explain_key(topic.format),
            ),
            None => refuse_message(Stage::KeyConverter, &e, "the key can't be read: "),
        },
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
