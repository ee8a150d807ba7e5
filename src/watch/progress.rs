//! How far each assigned partition has come, put together from what the lanes land and what
//! librdkafka's statistics say of the log. Tells the lag, and when everything is caught up.

use std::collections::{BTreeMap, HashMap};

use crate::locked::Locked;
use crate::record::TopicPartition;
use crate::watch::metrics;

/// How far each assigned partition has come.
#[derive(Default)]
pub struct Progress {
    partitions: Locked<HashMap<TopicPartition, Position>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Position {
    applied: Option<i64>,
    /// The next offset to read, whether there are records below or not. Behind `applied` while duplicates are
    /// counted.
    read: Option<i64>,
    /// The end of the log when the partition was taken up.
    target: Option<i64>,
    /// The end of the log as last heard.
    high: Option<i64>,
    /// Some of it lies in the dead letter topic alone, until Postgres is back.
    diverted: bool,
}

impl Position {
    fn publish_position(&self, source: &TopicPartition) {
        if let Some(applied) = self.applied {
            metrics::set_position(source, applied, self.events_behind());
        }
    }

    fn is_caught_up(&self) -> bool {
        let is_read = |target| self.read.is_some_and(|read| read >= target);
        !self.diverted && self.target.is_some_and(is_read)
    }

    fn events_behind(&self) -> Option<i64> {
        let (applied, high) = (self.applied?, self.high?);
        Some((high - applied).max(0))
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

    /// Everything below is done with: applied, or a duplicate.
    pub fn note_read(&self, source: &TopicPartition, next_offset: i64) {
        self.change_position(source, |p| p.read = Some(next_offset));
    }

    /// Put aside while Postgres was away: not caught up before it is entered there.
    pub fn note_diverted(&self, source: &TopicPartition) {
        self.change_position(source, |p| p.diverted = true);
    }

    /// From the statistics; only of partitions that are assigned.
    pub fn note_log_end(&self, topic: &str, partition: i32, high: Option<i64>) {
        let source = TopicPartition {
            topic: topic.into(),
            partition,
        };
        self.change_position(&source, |p| p.high = high.or(p.high));
    }

    /// The partition is somebody else's.
    pub fn note_given_up(&self, source: &TopicPartition) {
        self.partitions.lock().remove(source);
        metrics::clear_lag(source);
    }

    /// The watermark of an assigned partition, as far as it is known.
    pub fn applied(&self, source: &TopicPartition) -> Option<i64> {
        self.partitions.lock().get(source)?.applied
    }

    /// The assigned partitions that aren't read to the ends that their logs had when they were taken up, each with how far
    /// it is read, as far as that is known.
    pub fn list_unread(
        &self,
        left_out: impl Fn(&TopicPartition) -> bool,
    ) -> BTreeMap<TopicPartition, Option<i64>> {
        let partitions = self.partitions.lock();
        let unread = partitions
            .iter()
            .filter(|(source, p)| !p.is_caught_up() && !left_out(source));
        unread.map(|(source, p)| (source.clone(), p.read)).collect()
    }

    /// Whether every assigned partition, but for those that are left out, has been read to the end that its log
    /// had when it was taken up.
    pub fn is_caught_up(&self, left_out: impl Fn(&TopicPartition) -> bool) -> bool {
        let partitions = self.partitions.lock();
        partitions
            .iter()
            .all(|(source, p)| left_out(source) || p.is_caught_up())
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
        assert!(!progress.is_caught_up(|_| false));
        progress.note_read(&source, 4);
        assert!(!progress.is_caught_up(|_| false));
        progress.note_read(&source, 10);
        assert!(progress.is_caught_up(|_| false));
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
        assert!(!progress.is_caught_up(|_| false));
        progress.note_applied(&source, 10);
        assert!(progress.is_caught_up(|_| false));
    }
}
