//! Where a change stands in the log of its source, so that changes of one row can be put in order that come
//! through several partitions.
//!
//! Why: `docs/decisions/21`.

use std::cmp::Ordering;

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;

use crate::format::debezium::Source;
use crate::format::event_id::Parts;

/// A change that stands earlier in the log and was committed so much later is of another log: the source was
/// restored, moved or set up anew, and its positions began again.
const LOG_RESTART_MS: i64 = 10 * 60_000;

/// A snapshot's rows carry the position of its beginning and the time of their reading, which a large snapshot has
/// hours between.
const LONGEST_SNAPSHOT_MS: i64 = 24 * 3_600_000;

/// Before the position's bytes: the snapshot flag, the time, the log's number.
const HEAD_BYTES: usize = 1 + 8 + 4;

/// Which log a change stands in: positions of one source can be compared, those of two can't.
pub type SourceId = i64;

/// Where a change stands in its source's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourcePosition<'r> {
    /// The source: connector, logical name, and the database where each has a log of its own.
    pub source: SourceId,
    /// The place in the log; it sorts byte by byte as the log does.
    log: &'r [u8],
    /// Which server's log, where a source may go over to another server; 0 if that isn't told.
    log_number: u32,
    /// Read by a snapshot: the row as it was at some time after this place in the log.
    snapshot: bool,
    /// When it was committed, or read by a snapshot, in milliseconds since 1970; 0 if that isn't told.
    time_ms: i64,
}

impl<'r> SourcePosition<'r> {
    /// The position of an event; `snapshot`: it was read by one. `None` if its connector tells no position that
    /// can be compared.
    pub fn of_event(
        source: &Source<'_>,
        id: SourceId,
        snapshot: bool,
        arena: &'r Bump,
    ) -> Option<Self> {
        let mut log = ArenaVec::with_capacity_in(24, arena);
        let log_number = source.write_log_position(&mut log)?;
        Some(Self {
            source: id,
            log: log.into_bump_slice(),
            log_number,
            snapshot,
            time_ms: source.ts_ms.unwrap_or(0),
        })
    }

    /// As the ledger keeps it, without the source.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + self.log.len());
        bytes.push(u8::from(self.snapshot));
        bytes.extend_from_slice(&self.time_ms.to_be_bytes());
        bytes.extend_from_slice(&self.log_number.to_be_bytes());
        bytes.extend_from_slice(self.log);
        bytes
    }

    /// Reads what [`SourcePosition::to_bytes`] wrote. `None`: it is of no form that this build writes.
    pub fn from_bytes(source: SourceId, bytes: &'r [u8]) -> Option<Self> {
        let (snapshot, bytes) = bytes.split_first()?;
        let (time, bytes) = bytes.split_first_chunk()?;
        let (number, log) = bytes.split_first_chunk()?;
        Some(Self {
            source,
            log,
            log_number: u32::from_be_bytes(*number),
            snapshot: *snapshot == 1,
            time_ms: i64::from_be_bytes(*time),
        })
    }

    /// How this change of a row stands to another one of the same row and the same source. Equal: the log tells
    /// no order, as for the delete and the insert that a changed key becomes.
    pub fn compare(&self, other: &SourcePosition<'_>) -> Ordering {
        match (self.snapshot, other.snapshot) {
            (false, true) => compare_with_snapshot(self, other),
            (true, false) => compare_with_snapshot(other, self).reverse(),
            (false, false) => self.compare_in_log(other, LOG_RESTART_MS),
            (true, true) => self
                .compare_in_log(other, LONGEST_SNAPSHOT_MS)
                .then(self.time_ms.cmp(&other.time_ms)),
        }
    }

    /// By the log, unless times tell that these are two logs.
    fn compare_in_log(&self, other: &SourcePosition<'_>, restart_ms: i64) -> Ordering {
        let (times, numbers) = (self.times_with(other), [self.log_number, other.log_number]);
        let by_log = self.log.cmp(other.log);
        match times {
            Some((own, others)) if numbers[0] != numbers[1] && !numbers.contains(&0) => {
                own.cmp(&others).then(by_log)
            }
            Some((own, others)) if by_log.is_lt() && own - others > restart_ms => Ordering::Greater,
            Some((own, others)) if by_log.is_gt() && others - own > restart_ms => Ordering::Less,
            _ => by_log,
        }
    }

    /// Both times, if both are told.
    fn times_with(&self, other: &SourcePosition<'_>) -> Option<(i64, i64)> {
        (self.time_ms > 0 && other.time_ms > 0).then_some((self.time_ms, other.time_ms))
    }
}

/// How a change of the log stands to a row that a snapshot read. The row holds all that was committed before the
/// snapshot's position, and what was committed later up to its reading. A change that stands before the position and
/// was committed after the reading isn't in it: a transaction was open meanwhile.
fn compare_with_snapshot(change: &SourcePosition<'_>, row: &SourcePosition<'_>) -> Ordering {
    let Some((committed, read)) = change.times_with(row) else {
        return change.log.cmp(row.log).then(Ordering::Less);
    };
    let began_anew = read - committed > LONGEST_SNAPSHOT_MS;
    if committed >= read || (change.log > row.log && !began_anew) {
        Ordering::Greater
    } else {
        Ordering::Less
    }
}

/// The number by which the ledger knows a source, and its name for people. `None` for a connector without
/// positions.
pub fn identify_source(source: &Source<'_>) -> Option<(SourceId, String)> {
    let kind = source.log_kind()?;
    let name = source.name.as_deref().unwrap_or("");
    let database = source.db.as_deref().unwrap_or("");
    // a binlog and a redo log are of all databases of their server
    let database = if kind.is_of_database() { database } else { "" };
    let mut parts = Parts::new();
    for part in [kind.name(), name, database] {
        parts.add_part(part.as_bytes());
    }
    let text = match database {
        "" => format!("{} {name}", kind.name()),
        database => format!("{} {name}, database {database}", kind.name()),
    };
    Some((i64::from_be_bytes(parts.first_8_bytes()), text))
}

#[cfg(test)]
#[path = "source_position_tests.rs"]
mod tests;
