//! The headers of a letter in the dead letter topic: those that Kafka Connect's users know, and ours.

use std::time::SystemTime;

use uuid::Uuid;

use crate::letter::UnpublishedLetter;
use crate::record::{Header, Record, TopicPartition};

const TOPIC_HEADER: &str = "__connect.errors.topic";
const PARTITION_HEADER: &str = "__connect.errors.partition";
const OFFSET_HEADER: &str = "__connect.errors.offset";
const STAGE_HEADER: &str = "__connect.errors.stage";
const CLASS_HEADER: &str = "__connect.errors.exception.class.name";
const MESSAGE_HEADER: &str = "__connect.errors.exception.message";
const EVENT_ID_HEADER: &str = "landfall.event.id";
const REASON_HEADER: &str = "landfall.reason";
const SQLSTATE_HEADER: &str = "landfall.sqlstate";
const TABLE_HEADER: &str = "landfall.table";
const ATTEMPTS_HEADER: &str = "landfall.attempts";
const FIRST_FAILED_AT_HEADER: &str = "landfall.first.failed.at";
const LAST_FAILED_AT_HEADER: &str = "landfall.last.failed.at";
const GROUP_HEADER: &str = "landfall.group";
/// Bytes of a record that was too large for the dead letter topic.
pub const LEFT_OUT_HEADER: &str = "landfall.left.out.bytes";
/// The record's timestamp, in milliseconds since 1970, if the dead letter topic doesn't take it.
pub const TIMESTAMP_HEADER: &str = "landfall.timestamp";
/// `true`: the record has no key, and the letter's is the event's id, as the dead letter topic takes none without.
pub const KEY_ADDED_HEADER: &str = "landfall.key.added";

const OUR_HEADERS: [&str; 17] = [
    TOPIC_HEADER,
    PARTITION_HEADER,
    OFFSET_HEADER,
    STAGE_HEADER,
    CLASS_HEADER,
    MESSAGE_HEADER,
    EVENT_ID_HEADER,
    REASON_HEADER,
    SQLSTATE_HEADER,
    TABLE_HEADER,
    ATTEMPTS_HEADER,
    FIRST_FAILED_AT_HEADER,
    LAST_FAILED_AT_HEADER,
    GROUP_HEADER,
    LEFT_OUT_HEADER,
    TIMESTAMP_HEADER,
    KEY_ADDED_HEADER,
];

/// Longer messages are cut: a value of megabytes may be quoted in them.
const MESSAGE_LIMIT_BYTES: usize = 8 << 10;

/// What a letter's headers say: those that Kafka Connect's users know, and ours. `group` is the
/// consumer group that publishes the letter.
pub fn write_headers(letter: &UnpublishedLetter<'_>, group: &str) -> Vec<(&'static str, String)> {
    let UnpublishedLetter {
        record,
        event_id,
        table,
        cause,
    } = letter;
    let time = |at: SystemTime| humantime::format_rfc3339_millis(at).to_string();
    vec![
        (TOPIC_HEADER, record.source.topic.to_string()),
        (PARTITION_HEADER, record.source.partition.to_string()),
        (OFFSET_HEADER, record.offset.to_string()),
        (STAGE_HEADER, cause.stage.name().to_owned()),
        (CLASS_HEADER, format!("landfall.{}", cause.reason.name())),
        (
            MESSAGE_HEADER,
            cut_text(&cause.message, MESSAGE_LIMIT_BYTES).to_owned(),
        ),
        (EVENT_ID_HEADER, event_id.to_string()),
        (REASON_HEADER, cause.reason.name().to_owned()),
        (SQLSTATE_HEADER, cause.sqlstate.clone().unwrap_or_default()),
        (TABLE_HEADER, (*table).to_owned()),
        (ATTEMPTS_HEADER, cause.attempts.to_string()),
        (FIRST_FAILED_AT_HEADER, time(cause.first_failed_at)),
        (LAST_FAILED_AT_HEADER, time(cause.last_failed_at)),
        (GROUP_HEADER, group.to_owned()),
    ]
}

/// The record's own headers: without those that an earlier round has put there, which never pile up.
pub fn own_headers(record: &Record) -> impl Iterator<Item = &Header> {
    let own = |h: &&Header| !OUR_HEADERS.contains(&h.key.as_str());
    record.headers.iter().filter(own)
}

/// What the headers of a letter in the dead letter topic say of its event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// The id of the event.
    pub event_id: Uuid,
    /// The partition that the record was read from.
    pub source: TopicPartition,
    /// The record's offset there.
    pub offset: i64,
    /// Schema and name of the event's table, if anything told it.
    pub table: Option<String>,
    /// The name of a [`Reason`](crate::verdict::Reason).
    pub reason: String,
    /// The consumer group that has published the letter.
    pub group: String,
    /// How often the event was tried.
    pub attempts: u32,
    /// When the event failed first.
    pub first_failed_at: Option<SystemTime>,
    /// When the event failed last.
    pub last_failed_at: Option<SystemTime>,
    /// Bytes of the record, if it was too large to be put there whole.
    pub left_out: Option<i64>,
    /// The record's timestamp, if it isn't the letter's.
    pub timestamp: Option<i64>,
    /// Whether the record has no key, though the letter has one.
    pub key_added: bool,
}

impl Posted {
    /// `None` if the record is no letter of ours.
    pub fn from_record(letter: &Record) -> Option<Self> {
        let text = |key: &str| {
            let header = letter.headers.iter().rfind(|h| h.key == key)?;
            std::str::from_utf8(header.value.as_deref()?).ok()
        };
        let time = |key| humantime::parse_rfc3339(text(key)?).ok();
        Some(Self {
            event_id: text(EVENT_ID_HEADER)?.parse().ok()?,
            source: TopicPartition {
                topic: text(TOPIC_HEADER)?.into(),
                partition: text(PARTITION_HEADER)?.parse().ok()?,
            },
            offset: text(OFFSET_HEADER)?.parse().ok()?,
            table: text(TABLE_HEADER)
                .filter(|t| !t.is_empty())
                .map(ToOwned::to_owned),
            reason: text(REASON_HEADER).unwrap_or_default().to_owned(),
            group: text(GROUP_HEADER).unwrap_or_default().to_owned(),
            attempts: text(ATTEMPTS_HEADER)
                .and_then(|t| t.parse().ok())
                .unwrap_or(1),
            first_failed_at: time(FIRST_FAILED_AT_HEADER),
            last_failed_at: time(LAST_FAILED_AT_HEADER),
            left_out: text(LEFT_OUT_HEADER).and_then(|t| t.parse().ok()),
            timestamp: text(TIMESTAMP_HEADER).and_then(|t| t.parse().ok()),
            key_added: text(KEY_ADDED_HEADER).is_some(),
        })
    }

    /// The record as it was before it became a letter.
    pub fn restore_record(&self, letter: &Record) -> Record {
        Record {
            source: self.source.clone(),
            offset: self.offset,
            timestamp: self.timestamp.or(letter.timestamp),
            key: letter.key.clone().filter(|_| !self.key_added),
            value: letter.value.clone(),
            headers: own_headers(letter).cloned().collect(),
            epoch: 0,
            leader_epoch: None,
        }
    }
}

/// The beginning of a message, so many bytes at most.
pub fn cut_text(message: &str, bytes: usize) -> &str {
    let end = message.floor_char_boundary(bytes.min(message.len()));
    message.get(..end).unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letter::{Cause, Stage};
    use crate::verdict::Reason;

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
            leader_epoch: None,
        }
    }

    fn letter(of: &Record) -> Record {
        let cause = Cause {
            reason: Reason::Value,
            stage: Stage::TaskPut,
            sqlstate: None,
            message: "é".repeat(MESSAGE_LIMIT_BYTES),
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
        let ours = write_headers(&unpublished, "g");
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
        let posted = Posted::from_record(&letter).unwrap();
        assert_eq!(posted.event_id, Uuid::from_u128(7));
        assert_eq!((posted.reason.as_str(), posted.attempts), ("value", 2));
        let again = posted.restore_record(&letter);
        assert_eq!((&again.source, again.offset), (&original.source, 9));
        assert_eq!((again.key, again.value), (original.key, original.value));
        assert_eq!(again.headers, original.headers);
    }

    #[test]
    fn a_message_is_cut_between_characters() {
        let letter = letter(&record());
        let message = letter
            .headers
            .iter()
            .find(|h| h.key == MESSAGE_HEADER)
            .unwrap();
        let message = message.value.as_deref().unwrap();
        assert!(message.len() <= MESSAGE_LIMIT_BYTES && std::str::from_utf8(message).is_ok());
    }

    #[test]
    fn what_is_no_letter_is_none() {
        assert_eq!(Posted::from_record(&record()), None);
        let mut letter = letter(&record());
        let rest = letter.headers.iter().filter(|h| h.key != OFFSET_HEADER);
        letter.headers = rest.cloned().collect();
        assert_eq!(Posted::from_record(&letter), None);
    }
}
