//! The order in which a connector sends the events of its source: that of their commits, which isn't that of a log
//! where each change is written as it is made.

use super::Source;
use super::log_position::{LogKind, as_number, as_scn, file_number, unquoted};
use crate::format::stable_hash::chain_hash;
use crate::format::stream_ends::StreamId;

/// A place in that order. Several events may share one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamPosition(pub [u64; 4]);

impl Source<'_> {
    /// Where the event stands in its source's stream; `None` if its connector doesn't tell.
    pub fn stream_position(&self) -> Option<StreamPosition> {
        let place = match self.log_kind()? {
            // the change's own place doesn't tell: transactions that are open together are written side by side
            LogKind::Postgres => [last_commit(self.sequence?)?, as_number(self.lsn)?, 0, 0],
            // not the row: in a compressed transaction it begins anew in each statement
            LogKind::Binlog => {
                let place = as_number(self.pos).filter(|pos| *pos > 0)?;
                [file_number(self.file)?, place, 0, 0]
            }
            LogKind::SqlServer => {
                let [commit, commit_end] = lsn_halves(self.commit_lsn)?;
                let [change, change_end] = lsn_halves(self.change_lsn).unwrap_or_default();
                [commit, commit_end, change, change_end]
            }
            LogKind::Oracle => {
                let change = as_scn(self.scn);
                let commit = as_scn(self.commit_scn).or(change)?;
                [commit, change.unwrap_or(commit), 0, 0]
            }
        };
        Some(StreamPosition(place))
    }

    /// Which stream the event is of. Kept in Postgres, so it must never change.
    pub fn stream_id(&self) -> StreamId {
        let kind = self.log_kind();
        let database = match kind {
            Some(kind) if kind.is_of_database() => self.db.as_deref().unwrap_or(""),
            _ => "",
        };
        let of_kind = chain_hash(0, kind.map_or("", LogKind::name).as_bytes());
        let name = self.name.as_deref().unwrap_or("");
        chain_hash(chain_hash(of_kind, name.as_bytes()), database.as_bytes())
    }
}

/// Where the transaction before the event's was committed: `"[\"24023119\",\"24023128\"]"`, as JSON has it. Zero
/// where the connector has seen none yet.
fn last_commit(sequence: &str) -> Option<u64> {
    let begin = sequence.bytes().position(|b| b.is_ascii_alphanumeric())?;
    let first = sequence.get(begin..sequence.bytes().position(|b| b == b',')?)?;
    match first.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()) {
        "null" => Some(0),
        digits => digits.parse().ok(),
    }
}

/// A position of up to 32 hexadecimal digits, with colons between.
fn lsn_halves(raw: Option<&str>) -> Option<[u64; 2]> {
    let mut number: u128 = 0;
    for digit in unquoted(raw)?.bytes().filter(|byte| *byte != b':') {
        let digit = char::from(digit).to_digit(16)?;
        number = number.checked_mul(16)? + u128::from(digit);
    }
    Some([(number >> 64) as u64, number as u64])
}
