//! A dead letter: why an event was put aside, and where its record lies since.

pub mod headers;
mod state;

use std::sync::Arc;
use std::time::SystemTime;

use uuid::Uuid;

pub use crate::letter::state::LetterState;
use crate::record::{Record, TopicPartition};
use crate::verdict::{Failure, Reason, Verdict};

/// The step at which an event failed, as Kafka Connect names its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The record's key can't be read.
    KeyConverter,
    /// The record's value can't be read.
    ValueConverter,
    /// The record can be read, and names no table or no row.
    Transformation,
    /// The destination refuses the row.
    TaskPut,
}

impl Stage {
    /// Every stage there is.
    pub const ALL: [Stage; 4] = [
        Stage::KeyConverter,
        Stage::ValueConverter,
        Stage::Transformation,
        Stage::TaskPut,
    ];

    /// The name in headers and in `dead_letters`.
    pub fn name(self) -> &'static str {
        match self {
            Stage::KeyConverter => "KEY_CONVERTER",
            Stage::ValueConverter => "VALUE_CONVERTER",
            Stage::Transformation => "TRANSFORMATION",
            Stage::TaskPut => "TASK_PUT",
        }
    }
}

/// Why an event was put aside.
#[derive(Clone, Debug)]
pub struct Cause {
    /// What kind of failure it was.
    pub reason: Reason,
    /// Which of Kafka Connect's steps it failed in.
    pub stage: Stage,
    /// Postgres' code, if Postgres has refused the event.
    pub sqlstate: Option<String>,
    /// May quote values of the row: for the letter, not for the log.
    pub message: String,
    /// How often the event was tried.
    pub attempts: u32,
    /// When the event failed first.
    pub first_failed_at: SystemTime,
    /// When the event failed last.
    pub last_failed_at: SystemTime,
}

impl Cause {
    /// The cause that a failed attempt to write the event amounts to, at this moment. `attempts`: how
    /// many there were with this one. `since`: when the event failed first, if not now.
    pub fn of(failure: &Failure, attempts: u32, since: Option<SystemTime>) -> Self {
        let reason = match (failure.verdict, &failure.sqlstate) {
            // a row that was to come from another key has no code of Postgres'
            (Verdict::Early, None) => Reason::Incomplete,
            (verdict, _) => Reason::of(verdict),
        };
        let cause = Self::new(reason, Stage::TaskPut, failure.message.clone(), attempts);
        Self {
            sqlstate: failure.sqlstate.clone(),
            first_failed_at: since.unwrap_or(cause.first_failed_at),
            ..cause
        }
    }

    /// A cause that no statement has told, at this moment.
    pub fn new(reason: Reason, stage: Stage, message: String, attempts: u32) -> Self {
        let now = SystemTime::now();
        Self {
            reason,
            stage,
            sqlstate: None,
            message,
            attempts,
            first_failed_at: now,
            last_failed_at: now,
        }
    }
}

/// Where a letter lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The dead letter topic.
    pub topic: Arc<str>,
    /// The partition of the dead letter topic.
    pub partition: i32,
    /// The letter's offset in that partition.
    pub offset: i64,
    /// Bytes of the record, if it was too large to be put there whole.
    pub left_out: Option<i64>,
}

/// By which letters and later events of one row meet: hashes of table and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHashes {
    /// Of the row's key.
    pub key: i64,
    /// Of the key that the row had before, if the event gives it another one.
    pub old_key: Option<i64>,
}

impl KeyHashes {
    /// Of an event that leaves its row's key as it was.
    pub fn of_key(key: i64) -> Self {
        Self { key, old_key: None }
    }

    /// The key's hash, and the old key's if there is one.
    pub fn iter_hashes(self) -> impl Iterator<Item = i64> {
        std::iter::once(self.key).chain(self.old_key)
    }

    /// Whether each key of the other is one of these.
    pub fn cover_all(self, other: Self) -> bool {
        let is_own = |hash| hash == self.key || Some(hash) == self.old_key;
        other.iter_hashes().all(is_own)
    }
}

/// A row of `dead_letters` to be.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The id of the event.
    pub event_id: Uuid,
    /// The partition that the record was read from.
    pub source: TopicPartition,
    /// The record's offset there.
    pub offset: i64,
    /// Schema and name of the event's table, if anything tells it.
    pub table: Option<String>,
    /// The name of the event's operation, if the record could be decoded.
    pub operation: Option<&'static str>,
    /// The row's key as JSON, if anything tells it.
    pub key: Option<String>,
    /// By which the events of one row meet, if anything tells the row.
    pub key_hashes: Option<KeyHashes>,
    /// Why the event was put aside.
    pub cause: Cause,
    /// Where the record lies now.
    pub place: Place,
    /// The id of a later event that has made this one obsolete.
    pub superseded_by: Option<Uuid>,
}

/// A letter on its way to the dead letter topic.
#[derive(Clone, Copy, Debug)]
pub struct UnpublishedLetter<'a> {
    /// The record as it was read.
    pub record: &'a Record,
    /// The id of the event.
    pub event_id: Uuid,
    /// Schema and name of the event's table; empty if nothing tells it.
    pub table: &'a str,
    /// Why the event is put aside.
    pub cause: &'a Cause,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verdict_has_its_reason_and_a_later_attempt_keeps_when_the_first_one_failed() {
        let reason_of = |verdict| Cause::of(&Failure::new(verdict, "no"), 1, None).reason;
        let code = Some("23503".to_owned());
        let of_code = Failure {
            sqlstate: code,
            ..Failure::new(Verdict::Early, "no")
        };
        assert_eq!(reason_of(Verdict::Reject(Reason::Value)), Reason::Value);
        assert_eq!(reason_of(Verdict::Early), Reason::Incomplete);
        assert_eq!(Cause::of(&of_code, 1, None).reason, Reason::Constraint);
        assert_eq!(reason_of(Verdict::Retry), Reason::Contention);
        assert_eq!(reason_of(Verdict::Unavailable), Reason::Unavailable);
        assert_eq!(reason_of(Verdict::Systemic), Reason::Systemic);
        assert!(!Reason::Systemic.is_refusal() && !Reason::ALL.contains(&Reason::Systemic));

        let failure = Failure::new(Verdict::Early, "no");
        let again = Cause::of(&failure, 2, Some(SystemTime::UNIX_EPOCH));
        assert_eq!(again.first_failed_at, SystemTime::UNIX_EPOCH);
        assert!(again.last_failed_at > again.first_failed_at);
        assert_eq!((again.attempts, again.stage), (2, Stage::TaskPut));
    }
}
