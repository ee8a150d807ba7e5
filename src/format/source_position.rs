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
/// restored, moved or set up anew, and its positions began again. Servers' clocks differ by less.
const LOG_RESTART_MS: i64 = 10 * 60_000;

/// A snapshot's rows carry the position of its beginning and the time of their reading, which a large snapshot has
/// hours between.
const LONGEST_SNAPSHOT_MS: i64 = 24 * 3_600_000;

/// Before the position's bytes: the flags, the time, the log's number.
const HEAD_BYTES: usize = 1 + 8 + 4;

/// Flag: read by a snapshot.
const OF_SNAPSHOT: u8 = 1;

/// Flag: the time is the statement's.
const OF_STATEMENT: u8 = 2;

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
    /// The time is that of the statement's beginning, not of its commit.
    statement_time: bool,
    /// When it was committed, or read by a snapshot, in milliseconds since 1970; 0 if that isn't told.
    time_ms: i64,
}

/// How a change stands to another one, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Their places in one log tell.
    ByLog(Ordering),
    /// Their times do, against or without their places.
    ByTime(Ordering),
}

impl Standing {
    fn reverse(self) -> Self {
        match self {
            Self::ByLog(order) => Self::ByLog(order.reverse()),
            Self::ByTime(order) => Self::ByTime(order.reverse()),
        }
    }
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
            statement_time: !snapshot && !source.tells_commit_time(),
            time_ms: source.ts_ms.unwrap_or(0),
        })
    }

    /// As the ledger keeps it, without the source.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + self.log.len());
        let snapshot = if self.snapshot { OF_SNAPSHOT } else { 0 };
        let statement = if self.statement_time { OF_STATEMENT } else { 0 };
        bytes.push(snapshot | statement);
        bytes.extend_from_slice(&self.time_ms.to_be_bytes());
        bytes.extend_from_slice(&self.log_number.to_be_bytes());
        bytes.extend_from_slice(self.log);
        bytes
    }

    /// Reads what [`SourcePosition::to_bytes`] wrote. `None`: it is of no form that this build writes.
    pub fn from_bytes(source: SourceId, bytes: &'r [u8]) -> Option<Self> {
        let (flags, bytes) = bytes.split_first()?;
        let (time, bytes) = bytes.split_first_chunk()?;
        let (number, log) = bytes.split_first_chunk()?;
        Some(Self {
            source,
            log,
            log_number: u32::from_be_bytes(*number),
            snapshot: flags & OF_SNAPSHOT != 0,
            statement_time: flags & OF_STATEMENT != 0,
            time_ms: i64::from_be_bytes(*time),
        })
    }

    /// How this change of a row stands to another one of the same row and the same source, which came through
    /// another partition. Equal: the log tells no order, as for the delete and the insert that a changed key becomes.
    pub fn compare(&self, other: &SourcePosition<'_>) -> Ordering {
        match self.stand_to(other) {
            // a long statement's changes are committed long after the time that they tell
            Standing::ByTime(_) if self.goes_by_statements(other) => self.log.cmp(other.log),
            Standing::ByLog(order) | Standing::ByTime(order) => order,
        }
    }

    /// The same for changes that came through one partition. Its order is known, and times are guesses against it:
    /// equal where only they would tell, and where they deny what the log tells.
    pub fn compare_in_partition(&self, other: &SourcePosition<'_>) -> Ordering {
        match self.stand_to(other) {
            Standing::ByLog(order) if !self.was_taken_back(other) => order,
            Standing::ByLog(_) | Standing::ByTime(_) => Ordering::Equal,
        }
    }

    /// Whether the change that was committed later stands earlier: a failover or a restored backup took the log back.
    fn was_taken_back(&self, other: &SourcePosition<'_>) -> bool {
        let of_snapshot = self.snapshot || other.snapshot;
        let of_statement = self.statement_time || other.statement_time;
        match self.times_with(other) {
            Some((own, others)) if !of_snapshot && !of_statement => {
                own.cmp(&others) == self.log.cmp(other.log).reverse() && own != others
            }
            _ => false,
        }
    }

    fn stand_to(&self, other: &SourcePosition<'_>) -> Standing {
        match (self.snapshot, other.snapshot) {
            (false, true) => compare_with_snapshot(self, other),
            (true, false) => compare_with_snapshot(other, self).reverse(),
            (false, false) => self.stand_in_log(other, LOG_RESTART_MS),
            (true, true) => match self.stand_in_log(other, LONGEST_SNAPSHOT_MS) {
                Standing::ByLog(Ordering::Equal) => {
                    Standing::ByTime(self.time_ms.cmp(&other.time_ms))
                }
                told => told,
            },
        }
    }

    /// Whether the only evidence against the log would be the time of a statement: one log, as far as its number
    /// tells.
    fn goes_by_statements(&self, other: &SourcePosition<'_>) -> bool {
        (self.statement_time || other.statement_time)
            && !(self.snapshot || other.snapshot)
            && !self.is_of_other_log(other)
    }

    /// Whether another server wrote it, where that is told. It may have come through one log all the same: a
    /// replica's binlog has the numbers of the servers where changes were made.
    fn is_of_other_log(&self, other: &SourcePosition<'_>) -> bool {
        let numbers = [self.log_number, other.log_number];
        numbers[0] != numbers[1] && !numbers.contains(&0)
    }

    /// By the log, unless times tell that these are two logs.
    fn stand_in_log(&self, other: &SourcePosition<'_>, restart_ms: i64) -> Standing {
        let by_log = self.log.cmp(other.log);
        let Some((own, others)) = self.times_with(other) else {
            return Standing::ByLog(by_log);
        };
        let later_by = own - others;
        if by_log.is_lt() && later_by > restart_ms {
            Standing::ByTime(Ordering::Greater)
        } else if by_log.is_gt() && -later_by > restart_ms {
            Standing::ByTime(Ordering::Less)
        } else if self.is_of_other_log(other) {
            // two logs, or one: nothing but a guess
            Standing::ByTime(by_log)
        } else {
            Standing::ByLog(by_log)
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
fn compare_with_snapshot(change: &SourcePosition<'_>, row: &SourcePosition<'_>) -> Standing {
    let by_log = change.log.cmp(row.log).then(Ordering::Less);
    let Some((committed, read)) = change.times_with(row) else {
        return Standing::ByLog(by_log);
    };
    let began_anew = read - committed > LONGEST_SNAPSHOT_MS;
    match by_log {
        Ordering::Greater if began_anew => Standing::ByTime(Ordering::Less),
        Ordering::Less if committed >= read => Standing::ByTime(Ordering::Greater),
        told => Standing::ByLog(told),
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
