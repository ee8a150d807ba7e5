//! A letter that may be replayed: one with a row, or one that lies in the topic alone.

use std::time::SystemTime;

use uuid::Uuid;

use crate::format::change::{Fields, row_hash};
use crate::ledger::letter_rows::LetterRow;
use crate::letter::headers::Posted;
use crate::letter::{KeyHashes, LetterState, Place};
use crate::operator::terminal::printable;
use crate::record::TopicPartition;
use crate::table_name::TableName;

/// A letter, as far as a replay has to know it.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Whether it is to be replayed; else it only keeps its place in the order.
    pub chosen: bool,
    /// `dead_letters.id`; `None` if it has no row.
    pub row: Option<i64>,
    /// The id of the event that was put aside.
    pub event_id: Uuid,
    /// What has become of the letter; a letter without a row counts as parked.
    pub state: LetterState,
    /// The partition that the event was read from.
    pub source: TopicPartition,
    /// The event's offset in that partition.
    pub offset: i64,
    /// The event's table, as `schema.table`; `None` if nothing told it.
    pub table: Option<String>,
    /// The fields of the row's key as JSON; `None` if nothing told them, or the letter has no row.
    pub key: Option<String>,
    /// By which the letters of a row meet; `None` if nothing told the row, or the letter has no row.
    pub key_hashes: Option<KeyHashes>,
    /// The name of the reason for which the event was put aside last.
    pub reason: String,
    /// How often the event was tried.
    pub attempts: u32,
    /// When the event failed for the first time; now if the letter doesn't tell.
    pub first_failed_at: SystemTime,
    /// When the event failed for the last time; now if the letter doesn't tell.
    pub last_failed_at: SystemTime,
    /// Where the letter lies.
    pub place: Place,
}

impl Candidate {
    /// A letter with a row.
    pub fn from_row(letter: LetterRow) -> Self {
        Self {
            chosen: true,
            row: Some(letter.id),
            event_id: letter.event_id,
            state: letter.state,
            source: TopicPartition {
                topic: letter.topic.into(),
                partition: letter.partition,
            },
            offset: letter.offset,
            table: letter.table_name,
            key: letter.key,
            key_hashes: letter.key_hash.map(|key| KeyHashes {
                key,
                old_key: letter.old_key_hash,
            }),
            reason: letter.reason,
            attempts: u32::try_from(letter.attempts).unwrap_or(1),
            first_failed_at: letter.first_failed_at,
            last_failed_at: letter.last_failed_at,
            place: Place {
                topic: letter.dlq_topic.into(),
                partition: letter.dlq_partition,
                offset: letter.dlq_offset,
                left_out: letter.left_out_bytes,
            },
        }
    }

    /// A letter that no batch has entered: published in `dead_letter` mode, or before a crash.
    pub fn from_topic(posted: Posted, place: Place) -> Self {
        let now = SystemTime::now();
        Self {
            chosen: true,
            row: None,
            event_id: posted.event_id,
            state: LetterState::Parked,
            source: posted.source,
            offset: posted.offset,
            table: posted.table,
            key: None,
            key_hashes: None,
            reason: posted.reason,
            attempts: posted.attempts,
            first_failed_at: posted.first_failed_at.unwrap_or(now),
            last_failed_at: posted.last_failed_at.unwrap_or(now),
            place,
        }
    }

    /// The table of the row with this key, where the record itself doesn't name it: what the worker has found out
    /// when it put the event aside.
    pub fn table_of(&self, key: &Fields<'_>) -> Option<TableName> {
        let text = self.table.as_deref()?;
        let dots = text.match_indices('.').map(|(at, _)| at);
        let mut tables = dots.map(|at| TableName::new(&text[..at], &text[at + 1..]));
        match self.key_hashes {
            Some(hashes) => tables.find(|table| row_hash(table, key) == hashes.key),
            None => tables.next().filter(|_| tables.next().is_none()),
        }
    }

    /// As an operator would name it: its number, else its event id.
    pub fn name(&self) -> String {
        match self.row {
            Some(row) => row.to_string(),
            None => self.event_id.to_string(),
        }
    }

    /// Name, table and key on one line.
    pub fn title(&self) -> String {
        let table = self.table.as_deref().unwrap_or("unknown table");
        let key = self.key.as_deref().unwrap_or_default();
        printable(&format!("letter {} {table} {key}", self.name()))
            .trim_end()
            .to_owned()
    }
}
