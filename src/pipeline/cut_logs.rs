//! Logs that were cut under us: an election of a broker that lacked the end of a log, or a lost disk, has taken records
//! back that were landed, and others are written at their offsets. What was landed stays; what was written anew is read.
//!
//! Why: `docs/decisions/02`.

use deadpool_postgres::Object;

use crate::ledger::Ledger;
use crate::ledger::resume::{LogState, ShortLog, Watermark};
use crate::ledger::watermarks::PartitionRow;
use crate::pipeline::jumps::{Jump, Jumps, is_later_epoch};
use crate::record::TopicPartition;
use crate::verdict::Failure;

/// After how many jumps back, none of which a cut explains, the log is asked whether it knows the epoch at all: if not,
/// librdkafka begins anew each time. If it does, offsets are believed without it.
const JUMPS_TO_DOUBT: u32 = 2;

/// Where a log was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nothing says that it was.
    None,
    /// A record tells.
    At(i64),
    /// At this offset or before it: where this leader epoch ends.
    MaybeBelow(i64, i32),
    /// It isn't the log that was read, and nothing tells where that ends.
    Untold,
}

/// Looks whether anything tells that the log was cut below the watermark: a record of a later leader at an offset that was
/// landed, or an end before it. `is_end_doubted`: a log that ends at the watermark may have been cut and filled again.
pub fn find_cut(
    row: &PartitionRow,
    log: &LogState,
    jumps: Option<Jumps>,
    is_end_doubted: bool,
) -> Cut {
    let Watermark {
        topic_id,
        next_offset,
        ..
    } = row.watermark;
    let Some(epoch) = row.leader_epoch else {
        return Cut::None;
    };
    let is_doubted = jumps.is_some_and(|jumps| jumps.back >= JUMPS_TO_DOUBT);
    if topic_id != log.topic_id || log.low > next_offset {
        return Cut::None;
    }
    if topic_id.is_none() {
        // it may be another topic's, and would be read again and again from where it is
        return if is_doubted { Cut::Untold } else { Cut::None };
    }
    let is_later = |jump: &Jump| is_later_epoch(jump.leader_epoch, row.leader_epoch);
    let jump = jumps.map(|jumps| jumps.last);
    let later = jump.filter(|jump| jump.offset < next_offset && is_later(jump));
    match later {
        Some(later) => Cut::At(later.offset),
        None if next_offset > log.high => Cut::MaybeBelow(log.high, epoch),
        None if next_offset == log.high && is_end_doubted => Cut::MaybeBelow(log.high, epoch),
        None if is_doubted => Cut::MaybeBelow(next_offset, epoch),
        None => Cut::None,
    }
}

/// Whether the log is shorter than what was landed of it, and neither epochs nor ids tell what of it is new: there are no ids
/// of what was landed before `kafka.start` had the partition begin either.
pub fn find_short_log(row: &PartitionRow, log: &LogState, ids_decide: bool) -> Option<ShortLog> {
    let watermark = row.watermark;
    let as_started = watermark.is_as_started();
    let is_told = watermark.topic_id.is_some() || as_started;
    let is_same = is_told && watermark.topic_id == log.topic_id;
    let is_short = is_same && watermark.next_offset > log.high && (as_started || !ids_decide);
    is_short.then_some(ShortLog {
        next_offset: watermark.next_offset,
        high: log.high,
    })
}

/// Whether nobody can tell that the log is the one that was landed since `kafka.start` had it begin: no topic ids are told, and it
/// ends before the watermark, or the group's offset went with the topic. A topic that was created again has records below
/// the start that were never landed, and no id tells them from those that were to be left out.
pub fn is_start_doubted(row: &PartitionRow, log: &LogState) -> bool {
    let watermark = row.watermark;
    let is_untold = watermark.topic_id.is_none() && log.topic_id.is_none();
    let is_landed = watermark.started_at.is_some() && !watermark.is_as_started();
    let is_other = watermark.next_offset > log.high || log.committed.is_none();
    is_untold && is_landed && is_other
}

/// The epoch to seek with: that of the last record that was landed, unless it has led nowhere.
pub fn epoch_to_seek(row: &PartitionRow, jumps: Option<Jumps>) -> Option<i32> {
    let is_doubted = jumps.is_some_and(|jumps| jumps.back >= JUMPS_TO_DOUBT);
    row.leader_epoch.filter(|_| !is_doubted)
}

/// Takes the partition's watermark back to where its log was cut, and says so.
///
/// # Errors
/// As Postgres says.
pub async fn follow_cut(
    ledger: &Ledger,
    client: &Object,
    source: &TopicPartition,
    row: &PartitionRow,
    offset: i64,
) -> Result<(), Failure> {
    ledger.watermarks.cut_back(client, row, offset).await?;
    tracing::warn!(
        partition = %source,
        offset,
        watermark = row.watermark.next_offset,
        "Kafka has lost the end of this log: what was landed from this offset on stays, and what is written there anew is read"
    );
    Ok(())
}

#[cfg(test)]
#[path = "cut_logs_tests.rs"]
mod tests;
