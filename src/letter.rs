//! A dead letter: what its row in `dead_letters` and its headers say.

use std::sync::Arc;
use std::time::SystemTime;

use uuid::Uuid;

use crate::message::{Header, Record, TopicPartition};

/// Why an event was put aside.
#[derive(Clone, Debug)]
pub struct Cause {
    /// A name of [`crate::verdict::Reason`].
    pub reason: &'static str,
    /// Kafka Connect's name of the step: KEY_CONVERTER, VALUE_CONVERTER, TRANSFORMATION, TASK_PUT.
    pub stage: &'static str,
    pub sqlstate: Option<String>,
    /// May quote values of the row: for the letter, not for the log.
    pub message: String,
    pub attempts: u32,
    pub first_failed_at: SystemTime,
    pub last_failed_at: SystemTime,
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

/// What a letter's headers say: those that Kafka Connect's users know, and ours.
pub fn headers(
    record: &Record,
    id: Uuid,
    table: &str,
    cause: &Cause,
    group: &str,
) -> Vec<(&'static str, String)> {
    let time = |at: SystemTime| humantime::format_rfc3339_millis(at).to_string();
    vec![
        (TOPIC, record.source.topic.to_string()),
        (PARTITION, record.source.partition.to_string()),
        (OFFSET, record.offset.to_string()),
        (STAGE, cause.stage.to_owned()),
        (CLASS, format!("landfall.{}", cause.reason)),
        (MESSAGE, cut(&cause.message).to_owned()),
        (EVENT_ID, id.to_string()),
        (REASON, cause.reason.to_owned()),
        (SQLSTATE, cause.sqlstate.clone().unwrap_or_default()),
        (TABLE, table.to_owned()),
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

fn cut(message: &str) -> &str {
    let end = message.floor_char_boundary(MESSAGE_BYTES.min(message.len()));
    message.get(..end).unwrap_or(message)
}
