//! Why a record can't be a change.

use crate::format::cause_words::describe_cause;
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
    /// The same in words that quote nothing and are the same for every record with which it is wrong.
    pub cause: String,
    /// What is to blame.
    pub blame: Blame,
}

/// What is to blame for a record that can't be a change. Where it isn't the record, the message names no value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Blame {
    /// The record itself.
    #[default]
    Record,
    /// The set-up, unless events of its topic were landed: its records are of another shape than is configured.
    Topic,
    /// The set-up, whatever was landed: all that a converter writes is like it.
    Converter,
    /// The set-up, whatever was landed: its route asks of its events what can't be done.
    Route,
}

impl Undecodable {
    /// The same where the record isn't to be quoted, as values of it are masked.
    pub fn without_quotes(self) -> Self {
        if self.blame != Blame::Record || self.reason != Reason::Undecodable {
            return self; // which name fields alone
        }
        let message = "it can't be read as an event; what is wrong with it isn't told, as the [[route]] masks values";
        Self {
            message: message.to_owned(),
            ..self
        }
    }

    /// Of a tombstone on its own whose table nothing tells.
    pub fn without_table() -> Self {
        Self {
            reason: Reason::Undecodable,
            stage: Stage::Transformation,
            message: Unplaced::REFUSAL.to_owned(),
            cause: Unplaced::REFUSAL.to_owned(),
            blame: Blame::Record,
        }
    }
}

/// The error that says why, as any function's result; the message quotes nothing.
pub fn refuse_record<T>(
    reason: Reason,
    stage: Stage,
    message: impl Into<String>,
) -> Result<T, Undecodable> {
    let message = message.into();
    Err(Undecodable {
        reason,
        stage,
        cause: message.clone(),
        message,
        blame: Blame::Record,
    })
}

/// The same of a value of the record, which the message quotes and the cause doesn't.
pub fn refuse_value<T>(message: String, cause: impl Into<String>) -> Result<T, Undecodable> {
    Err(Undecodable {
        reason: Reason::Undecodable,
        stage: Stage::ValueConverter,
        message,
        cause: cause.into(),
        blame: Blame::Record,
    })
}

/// The same of what the route can't make of its events.
pub fn refuse_route<T>(message: String) -> Result<T, Undecodable> {
    Err(Undecodable {
        reason: Reason::Undecodable,
        stage: Stage::Transformation,
        cause: message.clone(),
        message,
        blame: Blame::Route,
    })
}

/// The same of a key or a value whose bytes can't be read; `what` stands before the error in words.
pub fn refuse_message<T>(stage: Stage, error: &MessageError, what: &str) -> Result<T, Undecodable> {
    Err(Undecodable {
        reason: Reason::Undecodable,
        stage,
        message: format!("{what}{error}"),
        cause: format!("{what}{}", describe_cause(error)),
        blame: match error.is_of_setup() {
            true => Blame::Converter,
            false => Blame::Record,
        },
    })
}

/// The same of what no record of a topic can be spared, if its first one isn't.
pub fn refuse_topic<T>(
    reason: Reason,
    stage: Stage,
    message: impl Into<String>,
) -> Result<T, Undecodable> {
    let message = message.into();
    Err(Undecodable {
        reason,
        stage,
        cause: message.clone(),
        message,
        blame: Blame::Topic,
    })
}
