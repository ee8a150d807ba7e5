//! A record's bytes → the fields of its key, and the envelope in its value.

use bumpalo::Bump;

use crate::config::{self, FormatConfig};
use crate::format::avro::{AvroDecoder, Half, explain_missing_frame};
use crate::format::change::Fields;
use crate::format::debezium::Envelope;
use crate::format::header_text::quote_values;
use crate::format::message_error::MessageError;
use crate::format::topic_decoder::TopicDecoder;
use crate::record::Record;

/// How keys and values are written.
pub enum Encoding {
    Json,
    Avro(AvroDecoder),
}

impl Encoding {
    /// The configured encoding; of Avro no schema is known yet.
    pub fn from_config(config: &FormatConfig) -> Self {
        match config.encoding {
            config::Encoding::Json => Self::Json,
            config::Encoding::Avro => Self::Avro(AvroDecoder::default()),
        }
    }

    /// The key's fields; none if it has no key.
    ///
    /// # Errors
    /// It can't be read: why.
    pub fn read_key<'r>(
        &mut self,
        record: &'r Record,
        topic: &mut TopicDecoder,
        arena: &'r Bump,
    ) -> Result<Fields<'r>, MessageError> {
        let Some(bytes) = record.key.as_deref().filter(|k| !k.is_empty()) else {
            return Ok(Fields::default());
        };
        if let Self::Avro(avro) = self {
            let fields = avro.read_key(bytes, arena);
            return fields.map_err(|e| explain_missing_frame(e, record, Half::Key));
        }
        let text = std::str::from_utf8(bytes).map_err(MessageError::KeyNoText)?;
        topic.key_schema.read_key(text, arena)
    }

    /// The key that a header names; no fields if it can't be read. Headers are written by a converter of their own,
    /// which is mostly not that of the keys.
    pub fn read_other_key<'r>(
        &mut self,
        header: &'r [u8],
        topic: &mut TopicDecoder,
        arena: &'r Bump,
    ) -> Fields<'r> {
        if let Self::Avro(avro) = self
            && header.first() == Some(&0)
        {
            return avro.read_key(header, arena).unwrap_or_default();
        }
        let Ok(text) = std::str::from_utf8(header) else {
            return Fields::default();
        };
        let mut read = |text| topic.header_schema.read_key(text, arena).ok();
        let key = read(text).or_else(|| read(arena.alloc_str(&quote_values(text))));
        key.unwrap_or_default()
    }

    /// The value's envelope; `None` for a tombstone.
    ///
    /// # Errors
    /// It can't be read: why.
    pub fn read_envelope<'r>(
        &mut self,
        record: &'r Record,
        topic: &mut TopicDecoder,
        arena: &'r Bump,
    ) -> Result<Option<Envelope<'r>>, MessageError> {
        let Some(body) = record.value.as_ref().filter(|body| !body.is_empty()) else {
            return Ok(None);
        };
        let with_before = topic.needs_before();
        if let Self::Avro(avro) = self {
            let envelope = avro.read_envelope(body, with_before, arena);
            return envelope.map_err(|e| {
                let error = explain_missing_frame(e, record, Half::Value);
                MessageError::Value(Box::new(error))
            });
        }
        topic.value_schema.read_envelope(body, with_before, arena)
    }
}
