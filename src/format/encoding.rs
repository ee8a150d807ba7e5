//! A record's bytes → the fields of its key, and what its value says, each in the topic's encoding.

use bumpalo::Bump;

use crate::config::{Encoding, Envelope as EnvelopeKind};
use crate::format::change::Fields;
use crate::format::debezium::Envelope;
use crate::format::framed::{FramedReader, Half, explain_missing_frame};
use crate::format::header_text::quote_values;
use crate::format::message_error::MessageError;
use crate::format::topic_decoder::TopicDecoder;
use crate::format::value::{ReadKey, ReadValue, Wanted};
use crate::record::Record;

/// Reads keys and values, whatever encodings their topics have.
#[derive(Default)]
pub struct MessageReader {
    /// Knows the schemas that were learnt so far.
    pub framed: FramedReader,
}

impl MessageReader {
    /// The key: its fields, or a single value; no fields if there is no key.
    ///
    /// # Errors
    /// It can't be read: why.
    pub fn read_key<'r>(
        &mut self,
        record: &'r Record,
        topic: &mut TopicDecoder,
        arena: &'r Bump,
    ) -> Result<ReadKey<'r>, MessageError> {
        let Some(bytes) = record.key.as_deref().filter(|k| !k.is_empty()) else {
            return Ok(ReadKey::Fields(Fields::default()));
        };
        let encoding = topic.format.key_encoding;
        if encoding.needs_registry() {
            let key = self.framed.read_key(bytes, encoding, arena);
            return key.map_err(|e| explain_missing_frame(e, record, Half::Key));
        }
        let text = std::str::from_utf8(bytes).map_err(MessageError::KeyNoText)?;
        match encoding {
            Encoding::Text => Ok(ReadKey::of_text(text, arena)),
            _ => topic.key_schema.read_key(text, arena),
        }
    }

    /// The key that a header names; no fields if it can't be read. Headers are written by a converter of their own,
    /// which is mostly not that of the keys.
    pub fn read_other_key<'r>(
        &mut self,
        header: &'r [u8],
        topic: &mut TopicDecoder,
        arena: &'r Bump,
    ) -> Fields<'r> {
        let encoding = topic.format.key_encoding;
        if encoding.needs_registry() && header.first() == Some(&0) {
            let key = self.framed.read_key(header, encoding, arena).ok();
            return key.and_then(ReadKey::into_fields).unwrap_or_default();
        }
        let Ok(text) = std::str::from_utf8(header) else {
            return Fields::default();
        };
        let mut read = |text| {
            let key = topic.header_schema.read_key(text, arena).ok();
            key.and_then(ReadKey::into_fields)
        };
        let key = read(text).or_else(|| read(arena.alloc_str(&quote_values(text))));
        key.unwrap_or_default()
    }

    /// What the value says happened to which row; `None` for a tombstone.
    ///
    /// # Errors
    /// It can't be read, or isn't of the topic's envelope: why.
    pub fn read_event<'r>(
        &mut self,
        record: &'r Record,
        topic: &mut TopicDecoder,
        arena: &'r Bump,
    ) -> Result<Option<Envelope<'r>>, MessageError> {
        let Some(body) = record.value.as_ref().filter(|body| !body.is_empty()) else {
            return Ok(None);
        };
        let wanted = match topic.format.envelope {
            EnvelopeKind::Flat | EnvelopeKind::Trigger => Wanted::Row,
            EnvelopeKind::Debezium | EnvelopeKind::PgReplicateKafka => Wanted::Envelope {
                with_before: topic.needs_before(),
            },
        };
        let encoding = topic.format.encoding;
        let value = match encoding.needs_registry() {
            true => {
                let value = self.framed.read_value(body, encoding, wanted, arena);
                value.map_err(|e| {
                    let error = explain_missing_frame(e, record, Half::Value);
                    MessageError::Value(Box::new(error))
                })?
            }
            false => topic.value_schema.read_value(body, wanted, arena)?,
        };
        let event = match value {
            None => return Ok(None),
            Some(ReadValue::Envelope(envelope)) => topic.words.translate_envelope(envelope, arena),
            Some(ReadValue::Row(row)) => topic.words.read_row(row, record.key.as_deref()),
        };
        event.map(Some)
    }
}
