//! What one lane knows of schemas, and how it reads keys and values by them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bumpalo::Bump;

use crate::config::{Encoding, TopicFormat};
use crate::format::avro::Texts;
use crate::format::change::Shape;
use crate::format::framed::apicurio::{Half, has_id_header};
use crate::format::framed::{KnownSchema, RegisteredSchema, SchemaId, strip_frame};
use crate::format::key_move::iter_other_keys;
use crate::format::lookalike::Lookalike;
use crate::format::message_error::MessageError;
use crate::format::value::{ReadKey, ReadValue, Wanted};
use crate::record::Record;
use crate::record::body::Body;

/// Where a header tells a record's schema, its bytes may have no frame, and what is taken for an id may be another one
/// in each record. The registry is asked for this many of them in a batch: a header may also have been handed on by
/// whoever has encoded the record anew.
const MOST_DOUBTFUL_IDS: usize = 4;

/// The schemas that a lane has learned, and what it reads with.
#[derive(Default)]
pub struct FramedReader {
    known: HashMap<SchemaId, KnownSchema, foldhash::fast::RandomState>,
    texts: Texts,
    /// What the last message of each schema looked like, of those that are read by way of JSON.
    shapes: HashMap<SchemaId, Arc<Shape>, foldhash::fast::RandomState>,
}

impl FramedReader {
    /// Adds the ids of the records' schemas of which nothing is known yet; the records are of topics of this format.
    pub fn find_unknown(
        &self,
        records: &[Record],
        format: TopicFormat,
        unknown: &mut BTreeSet<SchemaId>,
    ) {
        let mut doubtful = 0;
        for record in records {
            let value = record.value.as_ref().map(own_bytes);
            let own = [(Half::Key, record.key.as_deref()), (Half::Value, value)];
            let others = iter_other_keys(record).map(|key| (Half::Key, Some(key)));
            for (half, message) in own.into_iter().chain(others) {
                let encoding = match half {
                    Half::Key => format.key_encoding,
                    Half::Value => format.encoding,
                };
                let message = message.filter(|_| encoding.needs_registry());
                let Some(Ok((id, _))) = message.map(strip_frame) else {
                    continue;
                };
                if self.known.contains_key(&id) || unknown.contains(&id) {
                    continue;
                }
                if has_id_header(record, half) {
                    doubtful += 1;
                    if doubtful > MOST_DOUBTFUL_IDS {
                        continue;
                    }
                }
                unknown.insert(id);
            }
        }
    }

    /// Remembers what the registry answered for [`FramedReader::find_unknown`].
    pub fn learn_schemas(&mut self, known: HashMap<SchemaId, KnownSchema>) {
        self.known.extend(known);
    }

    /// A schema that wasn't there may be registered since.
    pub fn forget_refused(&mut self) {
        self.known
            .retain(|_, known| matches!(known, KnownSchema::Schema(_)));
    }

    /// A key: its fields, none where it is null; or a single value.
    ///
    /// # Errors
    /// It isn't what its schema says, there is no such schema, or it is one of another encoding.
    pub fn read_key<'r>(
        &mut self,
        message: &'r [u8],
        encoding: Encoding,
        arena: &'r Bump,
    ) -> Result<ReadKey<'r>, MessageError> {
        let (schema, id, datum) = self.find_schema(message, encoding)?;
        let plan = match &*schema {
            RegisteredSchema::Avro(plan) => plan,
            RegisteredSchema::Json(schema) => {
                let key = schema.message(datum).map_err(MessageError::KeyNoText)?;
                return key.read_key(self.shapes.entry(id).or_default(), arena);
            }
            RegisteredSchema::Protobuf(schema) => {
                let key = schema.message(datum, arena);
                let key = key.map_err(|error| MessageError::Protobuf { id, error })?;
                return key.read_key(self.shapes.entry(id).or_default(), arena);
            }
        };
        let refuse = |error| MessageError::Avro { id, error };
        if !plan.is_record() {
            let text = plan.to_json(datum).map_err(refuse)?;
            return Ok(ReadKey::Single(arena.alloc_str(&text)));
        }
        let fields = plan.read_record(datum, &mut self.texts, arena);
        Ok(ReadKey::Fields(fields.map_err(refuse)?.unwrap_or_default()))
    }

    /// A value; `None` where it is null.
    ///
    /// # Errors
    /// As for [`FramedReader::read_key`], or it isn't what is wanted.
    pub fn read_value<'r>(
        &mut self,
        message: &'r Body,
        encoding: Encoding,
        wanted: Wanted,
        arena: &'r Bump,
    ) -> Result<Option<ReadValue<'r>>, MessageError> {
        let (schema, id, datum) = self.find_schema(own_bytes(message), encoding)?;
        let plan = match &*schema {
            RegisteredSchema::Avro(plan) => plan,
            RegisteredSchema::Json(schema) => {
                let value = schema.message(datum).map_err(MessageError::ValueNoText)?;
                return value.read_value(self.shapes.entry(id).or_default(), wanted, arena);
            }
            RegisteredSchema::Protobuf(schema) => {
                let value = schema.message(datum, arena);
                let value = value.map_err(|error| MessageError::Protobuf { id, error })?;
                return value.read_value(self.shapes.entry(id).or_default(), wanted, arena);
            }
        };
        let texts = &mut self.texts;
        let read = match wanted {
            Wanted::Envelope { with_before } => plan
                .read_envelope(datum, with_before, texts, arena)
                .map(|envelope| envelope.map(ReadValue::Envelope)),
            Wanted::Row => {
                let row = plan.read_record(datum, texts, arena);
                row.map(|row| row.map(ReadValue::Row))
            }
        };
        read.map_err(|error| MessageError::Avro { id, error })
    }

    /// As JSON, for people; `None` if it can't be read.
    pub fn to_json(&self, message: &[u8]) -> Option<String> {
        let (id, datum) = strip_frame(message).ok()?;
        let KnownSchema::Schema(schema) = self.known.get(&id)? else {
            return None;
        };
        match &**schema {
            RegisteredSchema::Avro(plan) => plan.to_json(datum).ok(),
            RegisteredSchema::Json(_) => Some(std::str::from_utf8(datum).ok()?.to_owned()),
            RegisteredSchema::Protobuf(schema) => schema.to_json(datum).ok(),
        }
    }

    /// The schema of a message that is to be of this encoding, its id, and what is written by it.
    fn find_schema<'m>(
        &self,
        message: &'m [u8],
        encoding: Encoding,
    ) -> Result<(Arc<RegisteredSchema>, SchemaId, &'m [u8]), MessageError> {
        let (id, datum) = strip_frame(message).map_err(MessageError::Frame)?;
        match self.known.get(&id) {
            Some(KnownSchema::Schema(schema)) if schema.encoding() == encoding => {
                Ok((schema.clone(), id, datum))
            }
            Some(KnownSchema::Schema(schema)) => {
                let other = Lookalike::Registered(schema.encoding());
                Err(MessageError::OtherShape(other))
            }
            Some(KnownSchema::Refused(why)) => Err(MessageError::SchemaRefused(why.clone())),
            None => Err(MessageError::SchemaNotAsked(id)),
        }
    }
}

/// What begins like JSON's wrapper is kept in two parts, and has no frame: its first will do.
fn own_bytes(body: &Body) -> &[u8] {
    match body.head_and_rest() {
        (Some(head), _) => head,
        (None, whole) => whole,
    }
}
