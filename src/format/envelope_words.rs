//! What the words of a topic's envelope mean: whatever it is, its events become the same [`Envelope`].

use std::borrow::Cow;

use bumpalo::Bump;

use crate::config::{Envelope as EnvelopeKind, FormatConfig};
use crate::format::change::Fields;
use crate::format::debezium::Envelope;
use crate::format::flat::FlatRows;
use crate::format::lookalike::Lookalike;
use crate::format::message_error::MessageError;
use crate::format::pg_replicate_kafka;
use crate::format::trigger::TriggerRows;

/// How a topic's values are to be understood.
pub(super) enum EnvelopeWords {
    Debezium,
    PgReplicateKafka,
    Flat(FlatRows),
    Trigger(TriggerRows),
}

impl EnvelopeWords {
    pub fn new(envelope: EnvelopeKind, config: &FormatConfig) -> Self {
        match envelope {
            EnvelopeKind::Debezium => Self::Debezium,
            EnvelopeKind::PgReplicateKafka => Self::PgReplicateKafka,
            EnvelopeKind::Flat => Self::Flat(FlatRows::new(&config.flat)),
            EnvelopeKind::Trigger => Self::Trigger(TriggerRows::new(&config.trigger)),
        }
    }

    /// An envelope, in Debezium's words.
    ///
    /// # Errors
    /// An operation that isn't known.
    pub fn translate_envelope<'r>(
        &self,
        envelope: Envelope<'r>,
        arena: &'r Bump,
    ) -> Result<Envelope<'r>, MessageError> {
        match self {
            Self::PgReplicateKafka => pg_replicate_kafka::translate_envelope(envelope, arena),
            Self::Debezium if pg_replicate_kafka::code_of(&envelope.op).is_some() => {
                Err(MessageError::OtherShape(Lookalike::PgReplicateKafka))
            }
            Self::Debezium | Self::Flat(_) | Self::Trigger(_) => Ok(envelope),
        }
    }

    /// What a row says that is all there is of an event; `key`: the record's.
    ///
    /// # Errors
    /// It is no row of the envelope's.
    pub fn read_row<'r>(
        &mut self,
        row: Fields<'r>,
        key: Option<&[u8]>,
    ) -> Result<Envelope<'r>, MessageError> {
        match self {
            Self::Flat(rows) => rows.read_row(row, key),
            Self::Trigger(rows) => rows.read_row(row),
            Self::Debezium | Self::PgReplicateKafka => {
                Ok(Envelope::of_row(Cow::Borrowed("u"), row))
            }
        }
    }
}
