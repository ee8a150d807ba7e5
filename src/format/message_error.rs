//! Why the bytes of a key or a value can't be read.

use std::str::Utf8Error;

use crate::format::avro::AvroError;
use crate::format::framed::{FrameError, SchemaId};
use crate::format::lookalike::Lookalike;
use crate::format::protobuf::ProtobufError;
use crate::format::schema::SchemaError;

/// Why the bytes of a key or a value can't be read. May quote the record.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// A key that is no text.
    #[error("the key is not UTF-8: {0}")]
    KeyNoText(Utf8Error),
    /// A value that is no text.
    #[error("the value is not UTF-8: {0}")]
    ValueNoText(Utf8Error),
    /// The schema that comes with a value is no text.
    #[error("the schema is not UTF-8: {0}")]
    SchemaNoText(Utf8Error),
    /// The schema that comes with a message is none of Connect's.
    #[error("the schema can't be read: {0}")]
    Schema(#[from] SchemaError),
    /// There is a schema, and the payload behind the schema lacks its end.
    #[error("the value is cut off behind its schema")]
    CutOff,
    /// No JSON, or JSON of another kind than is wanted.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// JSON, but not what Debezium writes.
    #[error("the value is not a Debezium envelope: {0}")]
    NoEnvelope(serde_json::Error),
    /// Not in Confluent's wire format.
    #[error("it {0}")]
    Frame(FrameError),
    /// Not what its Avro schema says.
    #[error("by schema {id} it {error}")]
    Avro {
        /// The id of the schema.
        id: SchemaId,
        /// What is wrong with the bytes.
        error: AvroError,
    },
    /// Not what its Protobuf schema says.
    #[error("by schema {id} it {error}")]
    Protobuf {
        /// The id of the schema.
        id: SchemaId,
        /// What is wrong with the bytes.
        error: ProtobufError,
    },
    /// There is no such schema, or it is none that can be used: why.
    #[error("{0}")]
    SchemaRefused(String),
    /// Nobody has asked the registry for the schema, which is a bug of Landfall's.
    #[error("schema {0} has not been asked for")]
    SchemaNotAsked(SchemaId),
    /// An operation, or a word for one, that isn't known.
    #[error("op is {found:?}; expected {expected}")]
    UnknownOperation {
        /// Its beginning.
        found: String,
        /// Those that are known.
        expected: &'static str,
    },
    /// A trigger's event without an id.
    #[error("{0} is neither a number nor a text, which tells the event from all others")]
    NoActionId(String),
    /// A trigger's event without a time, where a field is said to tell one.
    #[error("{0} is neither milliseconds since 1970 nor a time as ISO 8601 has it")]
    NoActionTime(String),
    /// Not of the topic's envelope, but of another shape that is known.
    #[error("the value is not of the topic's envelope")]
    OtherShape(Lookalike),
    /// What is wrong with a value that a registry's schema describes.
    #[error("the value can't be read: {0}")]
    Value(Box<MessageError>),
}

impl MessageError {
    pub(super) fn unknown_operation(found: &str, expected: &'static str) -> Self {
        Self::UnknownOperation {
            found: found.chars().take(20).collect(),
            expected,
        }
    }

    /// Whether the value is of its topic's envelope, and what it says there can't be used.
    pub fn is_of_event(&self) -> bool {
        matches!(
            self,
            Self::UnknownOperation { .. } | Self::NoActionId(_) | Self::NoActionTime(_)
        )
    }

    /// What the value looks like, if that shows in what was read of it.
    pub fn other_shape(&self) -> Option<Lookalike> {
        match self {
            Self::OtherShape(shape) => Some(*shape),
            Self::Value(error) => error.other_shape(),
            _ => None,
        }
    }

    /// Whether a converter is set so that all that it writes is like this.
    pub fn is_of_setup(&self) -> bool {
        match self {
            Self::Frame(error) => error.is_of_setup(),
            Self::Value(error) => error.is_of_setup(),
            _ => false,
        }
    }
}
