//! Where to resume a partition: Postgres is the authority, Kafka's committed offset only says from
//! where duplicates are to be counted. A pure function over what both sides say.
//!
//! Why: `docs/decisions/01`.

use uuid::Uuid;

use crate::record::TopicPartition;
use crate::rows::sql::quote_text;

/// What Postgres remembers of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// The topic's id at that time; `None`: the broker didn't tell.
    pub topic_id: Option<Uuid>,
    /// Everything below this offset has been applied.
    pub next_offset: i64,
    /// Where `kafka.start` had the partition begin: nothing below was landed here, and no id is known of it.
    pub started_at: Option<i64>,
}

impl Watermark {
    /// By how much a log is shorter that ends before the watermark.
    pub fn short_of(self, log: LogState) -> ShortLog {
        ShortLog {
            next_offset: self.next_offset,
            high: log.high,
        }
    }

    /// Whether nothing was landed since `kafka.start` had the partition begin: no id tells what is new of its log.
    pub fn is_as_started(&self) -> bool {
        self.started_at == Some(self.next_offset)
    }
}

/// What Kafka says of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogState {
    /// `None`: a broker that doesn't tell ids.
    pub topic_id: Option<Uuid>,
    /// The first offset that is still there.
    pub low: i64,
    /// The offset of the next record to be written.
    pub high: i64,
    /// The group's committed offset.
    pub committed: Option<i64>,
}

/// What Postgres and Kafka say of each other, and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeReason {
    /// Nothing was ever applied from this partition.
    New,
    /// Both sides agree.
    Continue,
    /// Kafka's offset is behind: what lies between is read and counted as duplicates.
    Behind,
    /// Kafka's offset is ahead: the destination was restored to an earlier state.
    Restored,
    /// The topic was deleted and created again: everything in it is read, and ids decide.
    Recreated,
    /// The log ends before the watermark, or nobody can tell whether it is the same topic: ids decide.
    Doubtful,
    /// It isn't the log that was landed, and all of it is read: ids decide. Nothing that was noted of the other one holds.
    OtherLog,
}

impl ResumeReason {
    /// Every reason there is.
    pub const ALL: [ResumeReason; 7] = [
        ResumeReason::New,
        ResumeReason::Continue,
        ResumeReason::Behind,
        ResumeReason::Restored,
        ResumeReason::Recreated,
        ResumeReason::Doubtful,
        ResumeReason::OtherLog,
    ];

    /// The `cause` label of [`metrics::RESUMPTIONS`](crate::watch::metrics::RESUMPTIONS).
    pub fn name(self) -> &'static str {
        match self {
            ResumeReason::New => "new",
            ResumeReason::Continue => "continued",
            ResumeReason::Behind => "behind",
            ResumeReason::Restored => "restored",
            ResumeReason::Recreated => "recreated",
            ResumeReason::Doubtful => "doubtful",
            ResumeReason::OtherLog => "other_log",
        }
    }
}

/// Where a partition is read from, and why there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The first offset to read.
    pub start: i64,
    /// Below this an event is a duplicate by its offset alone.
    pub floor: i64,
    /// Postgres' watermark from here on; differs from what it was where the incarnation changed.
    pub watermark: Watermark,
    /// What led to it.
    pub why: ResumeReason,
}

/// Events between the watermark and what Kafka still has are lost: Kafka's retention has deleted them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Everything below this offset has been applied.
    pub next_offset: i64,
    /// The first offset that Kafka still has.
    pub low: i64,
}

/// A log that ends before what was landed of it: Kafka has lost its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortLog {
    /// Everything below this offset has been applied.
    pub next_offset: i64,
    /// Where the log ends.
    pub high: i64,
}

/// What an operator must know and can do when nothing tells what of a log was written anew.
pub fn short_log_message(source: &TopicPartition, log: ShortLog, schema: &str) -> String {
    let ShortLog { next_offset, high } = log;
    let (topic, partition) = (&source.topic, source.partition);
    format!(
        "the destination has everything below offset {next_offset}, but the log ends at {high}: Kafka has lost its end, and nothing tells which of \
         its records were written since. To go on at its end: UPDATE {schema}.partitions SET next_offset = {high}, batch = gen_random_uuid() \
         WHERE topic = {} AND partition = {partition}. To have all of it applied again: landfall forget --topic {topic} --partition {partition}",
        quote_text(topic),
    )
}

/// What an operator must know and can do when a log isn't the one that was landed, and nothing tells what of it is new.
pub fn other_log_message(source: &TopicPartition, log: ShortLog, schema: &str) -> String {
    let ShortLog { next_offset, high } = log;
    let (topic, partition, on) = (&source.topic, source.partition, next_offset.min(high));
    format!(
        "the destination has everything below offset {next_offset}, but of another log: this one, which ends at {high}, isn't of the leader epochs \
         that were landed. Was Kafka restored to an earlier state? Nothing tells which of its records were written since. To go on at offset {on}: \
         UPDATE {schema}.partitions SET next_offset = {on}, leader_epoch = NULL, batch = gen_random_uuid() WHERE topic = {} AND partition = {partition}. \
         To have all of it applied again: landfall forget --topic {topic} --partition {partition}",
        quote_text(topic),
    )
}

/// What an operator must know and can do when a log that `kafka.start` had begin later than at its beginning may be another topic's.
pub fn doubted_start_message(source: &TopicPartition, log: ShortLog, schema: &str) -> String {
    let ShortLog { next_offset, high } = log;
    let (topic, partition, on) = (&source.topic, source.partition, next_offset.min(high));
    format!(
        "the destination was landed up to offset {next_offset}, from where kafka.start had it begin, but the log ends at {high}, or the group has no committed \
         offset of it: was the topic deleted and created again? The brokers tell no topic ids. If it is another topic now, have all of it applied: \
         landfall forget --topic {topic} --partition {partition}. If it is the same, go on at offset {on}: UPDATE {schema}.partitions \
         SET next_offset = {on}, started_at = {on}, batch = gen_random_uuid() WHERE topic = {} AND partition = {partition}",
        quote_text(topic),
    )
}

/// What an operator must know and can do when Kafka's retention has overtaken the sink.
pub fn gap_message(source: &TopicPartition, gap: Gap, schema: &str) -> String {
    let Gap { next_offset, low } = gap;
    format!(
        "the destination has everything below offset {next_offset}, but Kafka's retention has deleted what comes before {low}: \
         {} events never reached Landfall. Bring them in at the source (a snapshot of the tables), then accept the gap: \
         UPDATE {schema}.partitions SET next_offset = {low}, batch = gen_random_uuid() WHERE topic = {} AND partition = {}",
        low - next_offset,
        quote_text(&source.topic),
        source.partition
    )
}

/// How far before Kafka's offset a doubtful partition is read again: a tombstone must not be met
/// without its delete, which lies right before it. Alone it would delete a row whose later insert is
/// then recognised as a duplicate.
const DOUBTFUL_REWIND_OFFSETS: i64 = 64;

/// All of the log is read again, and ids decide: it isn't the one that was landed, and nothing tells what of it is new.
pub fn doubt_log(log: LogState) -> Resume {
    begin_log(log, ResumeReason::OtherLog)
}

fn begin_log(log: LogState, why: ResumeReason) -> Resume {
    Resume {
        start: log.low,
        floor: log.low,
        watermark: Watermark {
            topic_id: log.topic_id,
            next_offset: log.low,
            started_at: None,
        },
        why,
    }
}

/// Where the log of this watermark begins for this destination: where `kafka.start` had it begin, unless that was lost.
fn first_offset(known: Watermark, log: LogState) -> i64 {
    let started_at = known.started_at.filter(|offset| *offset <= log.high);
    started_at.map_or(log.low, |offset| offset.max(log.low))
}

/// `ids_decide`: events are recognised by their ids too. Where they aren't, offsets are believed.
///
/// # Errors
/// [`Gap`]: never skipped silently.
pub fn plan_resume(
    known: Option<Watermark>,
    log: LogState,
    ids_decide: bool,
) -> Result<Resume, Gap> {
    let from_start = |why| begin_log(log, why);
    let Some(known) = known else {
        return Ok(from_start(ResumeReason::New));
    };
    match (known.topic_id, log.topic_id) {
        (Some(before), Some(now)) if before != now => {
            return Ok(from_start(ResumeReason::Recreated));
        }
        _ if known.next_offset > log.high => {
            let first = first_offset(known, log);
            let mut resumed = from_start(ResumeReason::Doubtful);
            (resumed.start, resumed.floor) = (first, first);
            resumed.watermark.next_offset = first;
            resumed.watermark.started_at = known.started_at.filter(|offset| *offset <= first);
            return Ok(resumed);
        }
        _ if known.next_offset < log.low => {
            return Err(Gap {
                next_offset: known.next_offset,
                low: log.low,
            });
        }
        _ => {}
    }
    let first = first_offset(known, log);
    let committed = log.committed.unwrap_or(first).max(first);
    let same = known.topic_id.is_some() && known.topic_id == log.topic_id;
    let sure = same || !ids_decide;
    let watermark = Watermark {
        topic_id: log.topic_id,
        ..known
    };
    let start = match committed.min(known.next_offset) {
        start if sure || start == known.next_offset => start,
        start => (start - DOUBTFUL_REWIND_OFFSETS).max(first),
    };
    let why = match committed.cmp(&known.next_offset) {
        _ if !sure => ResumeReason::Doubtful,
        std::cmp::Ordering::Less => ResumeReason::Behind,
        std::cmp::Ordering::Equal => ResumeReason::Continue,
        std::cmp::Ordering::Greater => ResumeReason::Restored,
    };
    Ok(Resume {
        start,
        floor: if sure { known.next_offset } else { start },
        watermark,
        why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Option<Uuid> = Some(Uuid::from_u128(1));
    const B: Option<Uuid> = Some(Uuid::from_u128(2));

    fn at(topic_id: Option<Uuid>, next_offset: i64) -> Option<Watermark> {
        Some(Watermark {
            topic_id,
            next_offset,
            started_at: None,
        })
    }

    fn log(topic_id: Option<Uuid>, low: i64, high: i64, committed: Option<i64>) -> LogState {
        LogState {
            topic_id,
            low,
            high,
            committed,
        }
    }

    fn outcome(known: Option<Watermark>, log: LogState) -> (i64, i64, ResumeReason) {
        let resume = plan_resume(known, log, true).unwrap();
        (resume.start, resume.floor, resume.why)
    }

    #[test]
    fn a_partition_without_watermark_starts_at_its_beginning_whatever_kafka_committed() {
        assert_eq!(
            outcome(None, log(A, 5, 90, Some(70))),
            (5, 5, ResumeReason::New)
        );
    }

    #[test]
    fn kafka_behind_means_duplicates_to_count() {
        assert_eq!(
            outcome(at(A, 50), log(A, 0, 90, Some(10))),
            (10, 50, ResumeReason::Behind)
        );
        assert_eq!(
            outcome(at(A, 50), log(A, 3, 90, None)),
            (3, 50, ResumeReason::Behind)
        );
        assert_eq!(
            outcome(at(A, 50), log(A, 0, 90, Some(50))),
            (50, 50, ResumeReason::Continue)
        );
    }

    #[test]
    fn kafka_ahead_means_seeking_back() {
        assert_eq!(
            outcome(at(A, 50), log(A, 0, 90, Some(80))),
            (50, 50, ResumeReason::Restored)
        );
    }

    #[test]
    fn an_offset_that_kafka_no_longer_has_is_an_error() {
        assert_eq!(
            plan_resume(at(A, 50), log(A, 60, 90, Some(80)), true),
            Err(Gap {
                next_offset: 50,
                low: 60
            })
        );
        assert_eq!(
            plan_resume(at(None, 50), log(None, 60, 90, None), true),
            Err(Gap {
                next_offset: 50,
                low: 60
            })
        );
    }

    #[test]
    fn a_recreated_topic_is_read_from_its_beginning_even_if_it_is_longer() {
        assert_eq!(
            outcome(at(A, 50), log(B, 0, 90, Some(50))),
            (0, 0, ResumeReason::Recreated)
        );
        assert_eq!(
            outcome(at(A, 50), log(B, 0, 10, None)),
            (0, 0, ResumeReason::Recreated)
        );
    }

    #[test]
    fn where_the_incarnation_is_in_doubt_ids_decide() {
        assert_eq!(
            outcome(at(A, 50), log(A, 0, 10, None)),
            (0, 0, ResumeReason::Doubtful)
        );
        assert_eq!(
            outcome(at(None, 50), log(None, 10, 90, Some(20))),
            (10, 10, ResumeReason::Doubtful)
        );
        assert_eq!(
            outcome(at(None, 50), log(A, 0, 90, Some(50))),
            (50, 50, ResumeReason::Doubtful)
        );
        assert_eq!(
            outcome(at(A, 50), log(None, 0, 10, None)),
            (0, 0, ResumeReason::Doubtful)
        );
    }

    #[test]
    fn a_doubtful_partition_is_read_from_a_little_earlier_so_that_no_tombstone_comes_without_its_delete()
     {
        assert_eq!(
            outcome(at(None, 5_000), log(None, 0, 9_000, Some(2_000))),
            (1_936, 1_936, ResumeReason::Doubtful)
        );
        // nothing is read again: what is open is known from the watermark's row
        assert_eq!(
            outcome(at(None, 5_000), log(None, 0, 9_000, Some(5_000))),
            (5_000, 5_000, ResumeReason::Doubtful)
        );
    }

    #[test]
    fn where_the_configuration_had_a_partition_begin_nothing_before_it_is_read_as_new() {
        let started = |next_offset| {
            at(None, next_offset).map(|it| Watermark {
                started_at: Some(40),
                ..it
            })
        };
        // doubtful, as no topic id is told, and the group has committed nothing yet
        let resume = outcome(started(40), log(None, 0, 90, None));
        assert_eq!(resume, (40, 40, ResumeReason::Doubtful));
        let resume = outcome(started(70), log(None, 0, 50, None));
        assert_eq!(resume, (40, 40, ResumeReason::Doubtful));
        // what lies there was written since
        let resume = outcome(started(70), log(None, 0, 30, None));
        assert_eq!(resume, (0, 0, ResumeReason::Doubtful));
        let resume = outcome(started(40), log(A, 0, 90, Some(10)));
        assert_eq!(resume.0, 40);
    }

    #[test]
    fn where_no_ids_are_kept_the_watermark_is_believed_without_a_topic_id() {
        let resume = plan_resume(at(None, 50), log(None, 0, 90, Some(20)), false).unwrap();
        assert_eq!(
            (resume.start, resume.floor, resume.why),
            (20, 50, ResumeReason::Behind)
        );
    }
}
