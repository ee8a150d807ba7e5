//! Why a record can't be a change.

use crate::verdict::Reason;

/// Why a record can't be a change. `message` may quote the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecodable {
    pub reason: Reason,
    /// Kafka Connect's name for the step that failed: KEY_CONVERTER, VALUE_CONVERTER, TRANSFORMATION.
    pub stage: &'static str,
    pub message: String,
}

pub fn refuse<T>(
    reason: Reason,
    stage: &'static str,
    message: impl Into<String>,
) -> Result<T, Undecodable> {
    Err(Undecodable {
        reason,
        stage,
        message: message.into(),
    })
}
