//! A dead letter: what its row in `dead_letters` and its headers say.

mod state;

use std::sync::Arc;
use std::time::SystemTime;

use uuid::Uuid;

pub use crate::letter::state::LetterState;
use crate::record::{Header, Record, TopicPartition};
use crate::verdict::{Failure, Reason};

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
    pub reason: Reason,
    pub stage: Stage,
    pub sqlstate: Option<String>,
    /// May quote values of the row: for the letter, not for the log.
    pub message: String,
    pub attempts: u32,
    pub first_failed_at: SystemTime,
    pub last_failed_at: SystemTime,
}

impl Cause {
    /// The cause that a failed attempt to write the event amounts to, at this moment. `attempts`: how
    /// many there were with this one. `since`: when the event failed first, if not now.
    pub fn of(failure: &Failure, attempts: u32, since: Option<SystemTime>) -> Self {
        let reason = Reason::of(failure.verdict);
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
    pub topic: Arc<str>,
    pub partition: i32,
    pub offset: i64,
    /// Bytes of the record, if it was too large to be put there whole.
    pub left_out: Option<i64>,
}

/// A row of `dead_letters` to be.
#[derive(Clone, Debug)]
pub struct Letter {
    pub event_id: Uuid,
    pub source: TopicPartition,
    pub offset: i64,
    pub table: Option<String>,
    pub operation: Option<&'static str>,
    pub key: Option<String>,
    pub key_hash: Option<i64>,
    pub cause: Cause,
    pub place: Place,
    pub superseded_by: Option<Uuid>,
}

pub const TOPIC: &str = "__connect.errors.topic";
pub const PARTITION: &str = "__connect.errors.partition";
pub const OFFSET: &str = "__connect.errors.offset";
pub const STAGE: &str = "__connect.errors.stage";
pub const CLASS: &str = "__connect.errors.exception.class.name";
pub const MESSAGE: &str = "__connect.errors.exception.message";
pub const EVENT_ID: &str = "landfall.event.id";
pub const REASON: &str = "landfall.reason";
pub const SQLSTATE: &str = "landfall.sqlstate";
pub const TABLE: &str = "landfall.table";
pub const ATTEMPTS: &str = "landfall.attempts";
pub const FIRST_FAILED_AT: &str = "landfall.first.failed.at";
pub const LAST_FAILED_AT: &str = "landfall.last.failed.at";
pub const GROUP: &str = "landfall.group";
/// Bytes of a record that was too large for the dead letter topic.
pub const LEFT_OUT: &str = "landfall.left.out.bytes";

const OURS: [&str; 15] = [
    TOPIC,
    PARTITION,
    OFFSET,
    STAGE,
    CLASS,
    MESSAGE,
    EVENT_ID,
    REASON,
    SQLSTATE,
    TABLE,
    ATTEMPTS,
    FIRST_FAILED_AT,
    LAST_FAILED_AT,
    GROUP,
    LEFT_OUT,
];

/// Longer messages are cut: a value of megabytes may be quoted in them.
const MESSAGE_BYTES: usize = 8 << 10;

/// A letter on its way to the dead letter topic.
#[derive(Clone, Copy, Debug)]
pub struct UnpublishedLetter<'a> {
    /// The record as it was read.
    pub record: &'a Record,
    pub event_id: Uuid,
    /// Schema and name of the event's table; empty if nothing tells it.
    pub table: &'a str,
    pub cause: &'a Cause,
}

/// What a letter's headers say: those that Kafka Connect's users know, and ours. `group` is the
/// consumer group that publishes the letter.
pub fn headers(letter: &UnpublishedLetter<'_>, group: &str) -> Vec<(&'static str, String)> {
    let UnpublishedLetter {
        record,
        event_id,
        table,
        cause,
    } = letter;
    let time = |at: SystemTime| humantime::format_rfc3339_millis(at).to_string();
    vec![
        (TOPIC, record.source.topic.to_string()),
        (PARTITION, record.source.partition.to_string()),
        (OFFSET, record.offset.to_string()),
        (STAGE, cause.stage.name().to_owned()),
        (CLASS, format!("landfall.{}", cause.reason.name())),
        (MESSAGE, cut(&cause.message, MESSAGE_BYTES).to_owned()),
        (EVENT_ID, event_id.to_string()),
        (REASON, cause.reason.name().to_owned()),
        (SQLSTATE, cause.sqlstate.clone().unwrap_or_default()),
        (TABLE, (*table).to_owned()),
        (ATTEMPTS, cause.attempts.to_string()),
        (FIRST_FAILED_AT, time(cause.first_failed_at)),
        (LAST_FAILED_AT, time(cause.last_failed_at)),
        (GROUP, group.to_owned()),
    ]
}

/// The record's own headers: without those that an earlier round has put there, which never pile up.
pub fn own_headers(record: &Record) -> impl Iterator<Item = &Header> {
    let own = |h: &&Header| !OURS.contains(&h.key.as_str());
    record.headers.iter().filter(own)
}

/// What the headers of a letter in the dead letter topic say of its event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    pub event_id: Uuid,
    pub source: TopicPartition,
    pub offset: i64,
    pub table: Option<String>,
    pub reason: String,
    pub group: String,
    pub attempts: u32,
    pub first_failed_at: Option<SystemTime>,
    pub last_failed_at: Option<SystemTime>,
    /// Bytes of the record, if it was too large to be put there whole.
    pub left_out: Option<i64>,
}

impl Posted {
    /// `None` if the record is no letter of ours.
    pub fn read(letter: &Record) -> Option<Self> {
        let text = |key: &str| {
            let header = letter.headers.iter().rfind(|h| h.key == key)?;
            std::str::from_utf8(header.value.as_deref()?).ok()
        };
        let time = |key| humantime::parse_rfc3339(text(key)?).ok();
        Some(Self {
            event_id: text(EVENT_ID)?.parse().ok()?,
            source: TopicPartition {
                topic: text(TOPIC)?.into(),
                partition: text(PARTITION)?.parse().ok()?,
            },
            offset: text(OFFSET)?.parse().ok()?,
            table: text(TABLE).filter(|t| !t.is_empty()).map(ToOwned::to_owned),
            reason: text(REASON).unwrap_or_default().to_owned(),
            group: text(GROUP).unwrap_or_default().to_owned(),
            attempts: text(ATTEMPTS).and_then(|t| t.parse().ok()).unwrap_or(1),
            first_failed_at: time(FIRST_FAILED_AT),
            last_failed_at: time(LAST_FAILED_AT),
            left_out: text(LEFT_OUT).and_then(|t| t.parse().ok()),
        })
    }

    /// The record as it was before it became a letter.
    pub fn original(&self, letter: &Record) -> Record {
        Record {
            source: self.source.clone(),
            offset: self.offset,
            timestamp: letter.timestamp,
            key: letter.key.clone(),
            value: letter.value.clone(),
            headers: own_headers(letter).cloned().collect(),
            epoch: 0,
        }
    }
}

/// The beginning of a message, so many bytes at most.
pub fn cut(message: &str, bytes: usize) -> &str {
    let end = message.floor_char_boundary(bytes.min(message.len()));
    message.get(..end).unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            source: TopicPartition {
                topic: "orders".into(),
                partition: 3,
            },
            offset: 9,
            timestamp: Some(5),
            key: Some("k".into()),
            value: Some("v".into()),
            headers: [Header {
                key: "trace".into(),
                value: None,
            }]
            .into(),
            epoch: 0,
        }
    }

    fn letter(of: &Record) -> Record {
        let cause = Cause {
            reason: Reason::Value,
            stage: Stage::TaskPut,
            sqlstate: None,
            message: "é".repeat(MESSAGE_BYTES),
            attempts: 2,
            first_failed_at: SystemTime::UNIX_EPOCH,
            last_failed_at: SystemTime::UNIX_EPOCH,
        };
        let unpublished = UnpublishedLetter {
            record: of,
            event_id: Uuid::from_u128(7),
            table: "public.t",
            cause: &cause,
        };
        let ours = headers(&unpublished, "g");
        let mut letter = of.clone();
        letter.source.topic = "g.dlq".into();
        letter.offset = 0;
        let ours = ours.into_iter().map(|(key, value)| Header {
            key: key.to_owned(),
            value: Some(value.into_bytes()),
        });
        letter.headers = own_headers(of).cloned().chain(ours).collect();
        letter
    }

    #[test]
    fn a_letter_gives_back_the_record_that_it_was_made_of() {
        let original = record();
        let letter = letter(&original);
        let posted = Posted::read(&letter).unwrap();
        assert_eq!(posted.event_id, Uuid::from_u128(7));
        assert_eq!((posted.reason.as_str(), posted.attempts), ("value", 2));
        let again = posted.original(&letter);
        assert_eq!((&again.source, again.offset), (&original.source, 9));
        assert_eq!((again.key, again.value), (original.key, original.value));
        assert_eq!(again.headers, original.headers);
    }

    #[test]
    fn a_message_is_cut_between_characters() {
        let letter = letter(&record());
        let message = letter.headers.iter().find(|h| h.key == MESSAGE).unwrap();
        let message = message.value.as_deref().unwrap();
        assert!(message.len() <= MESSAGE_BYTES && std::str::from_utf8(message).is_ok());
    }

    #[test]
    fn what_is_no_letter_is_none() {
        assert_eq!(Posted::read(&record()), None);
        let mut letter = letter(&record());
        let rest = letter.headers.iter().filter(|h| h.key != OFFSET);
        letter.headers = rest.cloned().collect();
        assert_eq!(Posted::read(&letter), None);
    }
}
