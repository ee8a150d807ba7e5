//! How far each assigned partition has come, put together from what the lanes land and what
//! librdkafka's statistics say of the log. Tells the lag, and when everything is caught up.

use std::collections::{BTreeMap, HashMap};

use crate::clock::now_ms;
use crate::locked::Locked;
use crate::record::TopicPartition;
use crate::watch::lateness::Lateness;
use crate::watch::metrics::PartitionGauges;

/// How far each assigned partition has come.
#[derive(Default)]
pub struct Progress {
    partitions: Locked<HashMap<TopicPartition, Position>>,
}

#[derive(Default)]
struct Position {
    applied: Option<i64>,
    /// The next offset to read, whether there are records below or not. Behind `applied` while duplicates are
    /// counted.
    read: Option<i64>,
    /// The end of the log when the partition was taken up.
    target: Option<i64>,
    /// The end of the log as last heard.
    high: Option<i64>,
    /// The same, without what a transaction hides that is open.
    readable: Option<i64>,
    /// Below this offset there are no records that aren't done with, whatever the watermark says.
    drained: Option<i64>,
    lateness: Lateness,
    gauges: PartitionGauges,
    /// Some of it lies in the dead letter topic alone, until Postgres is back.
    diverted: bool,
}

impl Position {
    fn publish_position(&mut self, source: &TopicPartition) {
        if let Some(applied) = self.applied {
            self.gauges.set_watermark(source, applied);
        }
        if let Some(behind) = self.events_behind() {
            self.gauges.set_lag(source, behind);
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

    /// Whether all is in that can be read of the log, as far as it was heard of.
    fn is_at_end(&self) -> bool {
        let done = self.applied.max(self.drained);
        let end = self.readable.or(self.high);
        !self.diverted && done.is_some() && end.is_some_and(|end| done >= Some(end))
    }

    fn hear_of_end(&mut self, now: i64) {
        let is_at_end = self.is_at_end();
        self.lateness.note_heard(is_at_end, now);
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
            p.lateness.take_up(p.applied <= Some(applied), now_ms());
            p.applied = Some(applied);
            p.read = Some(start);
            p.high = Some(high);
            (p.readable, p.drained) = (None, None);
            p.diverted = false;
            // a topic created again may be shorter than it was
            p.target = Some(p.target.map_or(high, |target| target.min(high)));
        });
    }

    /// These events are in hand, each given by its partition, its offset and when it was made at the source, in milliseconds
    /// since 1970. No earlier one of its partition is left to apply.
    pub fn note_in_hand<'e>(&self, events: impl Iterator<Item = (&'e TopicPartition, i64, i64)>) {
        let mut partitions = self.partitions.lock();
        for (source, offset, source_time) in events {
            if let Some(position) = partitions.get_mut(source) {
                position.lateness.note_in_hand(offset, source_time);
            }
        }
    }

    /// Everything below this offset is in the destination. `last`: when the last event of it was made at the source, in
    /// milliseconds since 1970, if there was one.
    pub fn note_applied(&self, source: &TopicPartition, next_offset: i64, last: Option<i64>) {
        self.change_position(source, |p| {
            p.lateness.note_applied(next_offset, last);
            if let Some(ms) = last {
                p.gauges.set_applied_time(source, ms);
            }
            p.applied = Some(next_offset);
            p.diverted = false;
            p.high = p.high.max(Some(next_offset));
        });
    }

    /// Everything below is done with: applied, or a duplicate.
    pub fn note_read(&self, source: &TopicPartition, next_offset: i64) {
        self.change_position(source, |p| p.read = Some(next_offset));
    }

    /// Everything below is done with, whatever the watermark says: what lies between are no records.
    pub fn note_drained(&self, source: &TopicPartition, next_offset: i64) {
        self.change_position(source, |p| p.drained = Some(next_offset));
    }

    /// Put aside while Postgres was away: not caught up before it is entered there.
    pub fn note_diverted(&self, source: &TopicPartition) {
        self.change_position(source, |p| p.diverted = true);
    }

    /// How far the log of an assigned partition goes, and how far it can be read, as librdkafka's statistics tell.
    /// `is_read`: it isn't paused; else they tell what was there when it was.
    pub fn note_log_end(
        &self,
        source: &TopicPartition,
        high: Option<i64>,
        readable: Option<i64>,
        is_read: bool,
    ) {
        self.change_position(source, |p| match is_read {
            true => {
                p.high = high.or(p.high);
                p.readable = readable.or(p.readable);
                p.hear_of_end(now_ms());
            }
            false => p.high = p.high.max(high),
        });
    }

    /// How far the log of an assigned partition can be read, as Kafka has just told.
    pub fn note_readable_end(&self, source: &TopicPartition, end: i64) {
        self.change_position(source, |p| {
            p.high = p.high.max(Some(end));
            p.readable = Some(end);
            p.hear_of_end(now_ms());
        });
    }

    /// The assigned partitions of which everything is in, as far as was heard of their logs' ends.
    pub fn list_at_end(&self) -> Vec<TopicPartition> {
        let partitions = self.partitions.lock();
        let at_end = partitions.iter().filter(|(_, p)| p.is_at_end());
        at_end.map(|(source, _)| source.clone()).collect()
    }

    /// How late each assigned partition is, in seconds, as far as it is known.
    pub fn list_lags(&self) -> BTreeMap<TopicPartition, f64> {
        let (now, partitions) = (now_ms(), self.partitions.lock());
        let lag = |p: &Position| p.lateness.seconds(p.is_at_end(), now);
        let lags = partitions.iter();
        lags.filter_map(|(source, p)| Some((source.clone(), lag(p)?)))
            .collect()
    }

    /// Sets the gauges of what changes by itself as time passes.
    pub fn publish_lags(&self) {
        let (now, mut partitions) = (now_ms(), self.partitions.lock());
        for (source, p) in partitions.iter_mut() {
            if let Some(seconds) = p.lateness.seconds(p.is_at_end(), now) {
                p.gauges.set_lag_seconds(source, seconds);
            }
        }
    }

    /// The partition is somebody else's.
    pub fn note_given_up(&self, source: &TopicPartition) {
        if let Some(mut position) = self.partitions.lock().remove(source) {
            position.gauges.clear();
        }
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
        progress.note_applied(&source, 10, None);
        assert!(progress.is_caught_up(|_| false));
    }

    #[test]
    fn what_a_transaction_hides_and_the_marks_of_those_that_ended_are_nothing_to_apply() {
        let progress = Progress::default();
        let source = TopicPartition {
            topic: "orders".into(),
            partition: 0,
        };
        let lag = || progress.list_lags().get(&source).copied();
        progress.note_assigned(&source);
        progress.note_taken_up(&source, 10, 10, 12);
        progress.note_in_hand([(&source, 10, now_ms() - 60_000)].into_iter());
        assert!(lag() >= Some(60.0));
        progress.note_applied(&source, 11, Some(now_ms() - 60_000));
        assert!(lag() >= Some(60.0), "another one may lie behind");
        progress.note_drained(&source, 12);
        assert_eq!(lag(), Some(0.0), "it was a mark");
        progress.note_log_end(&source, Some(20), Some(12), true);
        assert_eq!((lag(), progress.list_at_end().len()), (Some(0.0), 1));
        progress.note_log_end(&source, Some(20), Some(20), true);
        assert!(lag() < Some(5.0), "everything was in a moment ago");
        assert!(progress.list_at_end().is_empty());
        progress.note_log_end(&source, Some(12), Some(12), false);
        assert!(
            progress.list_at_end().is_empty(),
            "it is paused, and that is old"
        );
    }
}
