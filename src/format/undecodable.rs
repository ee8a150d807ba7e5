//! Why a record can't be a change.

use crate::format::change::Unplaced;
use crate::format::message_error::MessageError;
use crate::letter::Stage;
use crate::verdict::Reason;

/// Why a record can't be a change. `message` may quote the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecodable {
    /// Why, as dead letters and metrics say it.
    pub reason: Reason,
    /// The step of Kafka Connect that would have failed.
    pub stage: Stage,
    /// What is wrong, for people.
    pub message: String,
    /// Whether the set-up is to blame, and not the record: all of its topic is like it, and the message names no
    /// value.
    pub of_setup: bool,
}

impl Undecodable {
    /// Of a tombstone on its own whose table nothing tells.
    pub fn without_table() -> Self {
        Self {
            reason: Reason::Undecodable,
            stage: Stage::Transformation,
            message: Unplaced::REFUSAL.to_owned(),
            of_setup: false,
        }
    }
}

/// The error that says why, as any function's result.
pub fn refuse_record<T>(
    reason: Reason,
    stage: Stage,
    message: impl Into<String>,
) -> Result<T, Undecodable> {
    Err(Undecodable {
        reason,
        stage,
        message: message.into(),
        of_setup: false,
    })
}

/// The same of a key or a value whose bytes can't be read; `message` has the error in words.
pub fn refuse_message<T>(
    stage: Stage,
    error: &MessageError,
    message: String,
) -> Result<T, Undecodable> {
    Err(Undecodable {
        reason: Reason::Undecodable,
        stage,
        message,
        of_setup: error.is_of_setup(),
    })
}
