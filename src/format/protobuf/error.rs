//! Why bytes are no message of their schema, or a schema can't be used. Never with a value.

/// Why a message can't be read. Each text completes "it …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtobufError {
    #[error("doesn't say which of its schema's messages it is")]
    Index,
    #[error("says that it is message {0:?} of its schema, which has none there")]
    NoMessage(Vec<i64>),
    #[error("is no {message}: {error}")]
    Malformed {
        /// The message's full name.
        message: String,
        /// What prost says.
        error: String,
    },
    #[error("has a {0} that is none")]
    Moment(&'static str),
    #[error("describes far more than its bytes can hold")]
    TooMuch,
}

/// Why a schema can't be used, in the compiler's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProtobufSchemaError(pub(super) String);
