//! How far each assigned partition has come, put together from what the lanes land and what
//! librdkafka's statistics say of the log. Tells the lag, and when everything is caught up.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::locked::Locked;
use crate::record::TopicPartition;
use crate::watch::metrics;

/// librdkafka's statistics are up to two seconds old: for so long they may speak of what had been
/// fetched before a seek.
const STATISTICS_MAX_AGE: Duration = Duration::from_secs(3);

/// How far each assigned partition has come.
#[derive(Default)]
pub struct Progress {
    partitions: Locked<HashMap<TopicPartition, Position>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Position {
    applied: Option<i64>,
    /// The next offset to read. Behind `applied` while duplicates are counted.
    read: Option<i64>,
    /// The end of the log when the partition was taken up.
    target: Option<i64>,
    /// The end of the log as last heard.
    high: Option<i64>,
    /// Everything up to this offset was fetched; beyond the last record there may be nothing but
    /// transaction markers and compacted records, so the watermark alone never gets there.
    fetched: Option<i64>,
    taken_up_at: Option<Instant>,
    /// As `fetched`, and the lanes have nothing left to do.
    dealt_with: Option<i64>,
    /// Some of it lies in the dead letter topic alone, until Postgres is back.
    diverted: bool,
}

impl Position {
    fn publish_position(&self, source: &TopicPartition) {
        if let Some(applied) = self.applied {
            metrics::set_position(source, applied, self.events_behind());
        }
    }

    /// A log that ends in transaction markers or compacted records has no more to give once all
    /// of it was fetched; its watermark stays behind the end for good.
    fn events_behind(&self) -> Option<i64> {
        let (applied, high) = (self.applied?, self.high?);
        let rest = (high - applied).max(0);
        let nothing_more = self.dealt_with >= self.high && !self.diverted;
        Some(if nothing_more { 0 } else { rest })
    }
}

impl Progress {
    /// Changes what is known of a partition, if it is still assigned.
    fn change_position(&self, source: &TopicPartition, change: impl FnOnce(&mut Position)) {
        if let Some(position) = self.partitions.lock().get_mut(source) {
            change(position);
            position.publish_position(source);
        }
    }

    /// The partition is assigned to this process.
    pub fn note_assigned(&self, source: &TopicPartition) {
        self.partitions.lock().entry(source.clone()).or_default();
    }

    /// The partition is read from `start` on; `applied` and `high` are its watermark and the end of its log.
    pub fn note_taken_up(&self, source: &TopicPartition, applied: i64, start: i64, high: i64) {
        self.change_position(source, |p| {
            p.applied = Some(applied);
            p.read = Some(start);
            p.high = Some(high);
            p.fetched = None;
            p.taken_up_at = Some(Instant::now());
            p.dealt_with = None;
            p.diverted = false;
            // a topic created again may be shorter than it was
            p.target = Some(p.target.map_or(high, |target| target.min(high)));
        });
    }

    /// Everything below this offset is in the destination.
    pub fn note_applied(&self, source: &TopicPartition, next_offset: i64) {
        self.change_position(source, |p| {
            p.applied = Some(next_offset);
            p.diverted = false;
            p.high = p.high.max(Some(next_offset));
        });
    }

    /// Paused records were thrown away: what had been fetched is fetched again.
    pub fn note_resumed(&self, source: &TopicPartition) {
        self.change_position(source, |p| {
            p.fetched = None;
            p.taken_up_at = Some(Instant::now());
            p.dealt_with = None;
        });
    }

    /// Everything below is done with: applied, or a duplicate.
    pub fn note_read(&self, source: &TopicPartition, next_offset: i64) {
        self.change_position(source, |p| p.read = Some(next_offset));
    }

    /// Put aside while Postgres was away: not caught up before it is entered there.
    pub fn note_diverted(&self, source: &TopicPartition) {
        self.change_position(source, |p| p.diverted = true);
    }

    /// From the statistics; only of partitions that are assigned.
    pub fn note_log_end(
        &self,
        topic: &str,
        partition: i32,
        high: Option<i64>,
        fetched: Option<i64>,
    ) {
        let source = TopicPartition {
            topic: topic.into(),
            partition,
        };
        self.change_position(&source, |p| {
            p.high = high.or(p.high);
            if p.taken_up_at
                .is_some_and(|at| at.elapsed() > STATISTICS_MAX_AGE)
            {
                p.fetched = fetched.or(p.fetched);
            }
        });
    }

    /// The consumer's queue and the lanes were found empty, in this order.
    pub fn note_nothing_left(&self) {
        let mut partitions = self.partitions.lock();
        for (source, position) in partitions.iter_mut() {
            if position.dealt_with != position.fetched {
                position.dealt_with = position.fetched;
                position.publish_position(source);
            }
        }
    }

    /// The partition is somebody else's.
    pub fn note_given_up(&self, source: &TopicPartition) {
        self.partitions.lock().remove(source);
        metrics::clear_lag(source);
    }

    /// Whether every assigned partition has been read to the end that its log had when it was taken up.
    pub fn is_caught_up(&self) -> bool {
        let partitions = self.partitions.lock();
        partitions.values().all(|p| match (p.target, p.read) {
            _ if p.diverted => false,
            (Some(target), Some(read)) => read >= target || p.dealt_with >= Some(target),
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_applied_long_ago_is_read_to_its_end_before_everything_is_caught_up() {
        let progress = Progress::default();
        let source = TopicPartition {
            topic: "orders".into(),
            partition: 0,
        };
        progress.note_assigned(&source);
        progress.note_taken_up(&source, 10, 0, 10);
        assert!(!progress.is_caught_up());
        progress.note_read(&source, 4);
        assert!(!progress.is_caught_up());
        progress.note_read(&source, 10);
        assert!(progress.is_caught_up());
    }

    #[test]
    fn what_lies_in_the_dead_letter_topic_alone_is_not_caught_up() {
        let progress = Progress::default();
        let source = TopicPartition {
            topic: "orders".into(),
            partition: 0,
        };
        progress.note_assigned(&source);
        progress.note_taken_up(&source, 0, 0, 10);
        progress.note_read(&source, 10);
        progress.note_diverted(&source);
        assert!(!progress.is_caught_up());
        progress.note_applied(&source, 10);
        assert!(progress.is_caught_up());
    }
}
