//! Why a record can't be a change.

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
    })
}
