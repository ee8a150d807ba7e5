//! How far each assigned partition has come, put together from what the lanes land and what
//! librdkafka's statistics say of the log. Tells the lag, and when everything is caught up.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::clock::now_ms;
use crate::locked::Locked;
use crate::record::TopicPartition;
use crate::watch::held_back::HeldBack;
use crate::watch::position::Position;

/// What librdkafka tells of a partition's log.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToldEnd {
    /// Behind its last record.
    pub high: Option<i64>,
    /// As far as it can be read: behind lies what a transaction hides that is open.
    pub readable: Option<i64>,
    /// The broker that leads it; -1: none.
    pub leader: i32,
    /// A broker is asked for its records, and answers. Else this is what was there when one did last.
    pub is_fetched: bool,
}

/// How far each assigned partition has come.
#[derive(Default)]
pub struct Progress {
    /// Whether it is `apply.rate` that they wait for.
    pub held_back: HeldBack,
    partitions: Locked<HashMap<TopicPartition, Position>>,
}

/// How many of a partition's last events were refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Refusals {
    pub refused: usize,
    /// So many events it was.
    pub of: usize,
}

/// How far an assigned partition has come at this moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// The number of the lane that has it.
    pub lane: Option<usize>,
    /// Everything below is in the destination.
    pub applied: Option<i64>,
    /// Everything below is done with: applied, or a duplicate.
    pub read: Option<i64>,
    /// The end of the log as last heard.
    pub end: Option<i64>,
    /// Records that aren't applied.
    pub lag: Option<i64>,
    /// How late it is, in seconds; `None`: nothing is known yet.
    pub lag_seconds: Option<f64>,
    pub refusals: Refusals,
}

impl Progress {
    /// Changes what is known of a partition, if it is still assigned.
    fn change_position(&self, source: &TopicPartition, change: impl FnOnce(&mut Position)) {
        if let Some(position) = self.partitions.lock().get_mut(source) {
            change(position);
        }
    }

    /// The partition is assigned to this process.
    pub fn note_assigned(&self, source: &TopicPartition) {
        let mut partitions = self.partitions.lock();
        let position = partitions.entry(source.clone());
        position.or_insert_with(|| Position::new(now_ms()));
    }

    /// The partition is that lane's.
    pub fn note_lane(&self, source: &TopicPartition, lane: usize) {
        self.change_position(source, |p| p.lane = Some(lane));
    }

    /// So many of the partition's last events were refused.
    pub fn note_refusals(&self, source: &TopicPartition, refusals: Refusals) {
        self.change_position(source, |p| p.refusals = refusals);
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
            p.hear_of_end(now_ms());
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
            p.applied_time = last.or(p.applied_time);
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

    /// What librdkafka's statistics tell of an assigned partition's log.
    pub fn note_log_end(&self, source: &TopicPartition, told: ToldEnd) {
        self.change_position(source, |p| {
            p.leader = told.leader;
            if told.is_fetched {
                p.high = told.high.or(p.high);
                p.readable = told.readable.or(p.readable);
                let now = now_ms();
                p.fetched = Some(now);
                p.hear_of_end(now);
            } else {
                p.high = p.high.max(told.high);
            }
        });
    }

    /// Where the group would go on in an assigned partition, as Kafka tells.
    pub fn note_committed(&self, source: &TopicPartition, next_offset: i64) {
        self.change_position(source, |p| p.committed = Some(next_offset));
    }

    /// How far the log of an assigned partition can be read, as Kafka has just told.
    pub fn note_readable_end(&self, source: &TopicPartition, end: i64) {
        self.change_position(source, |p| {
            p.high = p.high.max(Some(end));
            p.readable = Some(end);
            p.hear_of_end(now_ms());
        });
    }

    /// The assigned partitions of which librdkafka doesn't tell where their logs end, by the brokers that lead them.
    pub fn list_untold_ends(&self) -> BTreeMap<i32, Vec<TopicPartition>> {
        let (now, partitions) = (now_ms(), self.partitions.lock());
        let mut untold: BTreeMap<i32, Vec<TopicPartition>> = BTreeMap::new();
        for (source, p) in partitions.iter().filter(|(_, p)| p.is_untold(now)) {
            untold.entry(p.leader).or_default().push(source.clone());
        }
        untold
    }

    /// The assigned partitions of which nothing tells how far they have come: they aren't taken up yet.
    pub fn list_without_position(&self) -> Vec<TopicPartition> {
        let partitions = self.partitions.lock();
        let without = partitions
            .iter()
            .filter(|(_, p)| p.applied.or(p.committed).is_none());
        without.map(|(source, _)| source.clone()).collect()
    }

    /// How late each assigned partition is, in seconds, as far as it is known.
    pub fn list_lags(&self) -> BTreeMap<TopicPartition, f64> {
        let (now, partitions) = (now_ms(), self.partitions.lock());
        let lags = partitions.iter();
        lags.filter_map(|(source, p)| Some((source.clone(), p.lag(now)?)))
            .collect()
    }

    /// How far each assigned partition has come.
    pub fn list_readings(&self) -> BTreeMap<TopicPartition, Reading> {
        let (now, partitions) = (now_ms(), self.partitions.lock());
        let reading = |p: &Position| Reading {
            lane: p.lane,
            applied: p.applied,
            read: p.read,
            end: p.high,
            lag: p.events_behind(now),
            lag_seconds: p.lag(now),
            refusals: p.refusals,
        };
        let readings = partitions.iter();
        readings
            .map(|(source, p)| (source.clone(), reading(p)))
            .collect()
    }

    /// Has the metrics tell how far each assigned partition is.
    pub fn publish(&self) {
        let (now, mut partitions) = (now_ms(), self.partitions.lock());
        for (source, position) in partitions.iter_mut() {
            position.publish(source, now);
        }
    }

    /// The partition is somebody else's.
    pub fn note_given_up(&self, source: &TopicPartition) {
        let mut partitions = self.partitions.lock();
        if let Some(position) = partitions.remove(source) {
            position.withdraw();
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
    use metrics::with_local_recorder;

    use super::*;
    use crate::watch::metrics::Series;

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
        let end = |high, readable, is_fetched| ToldEnd {
            high: Some(high),
            readable: Some(readable),
            leader: 1,
            is_fetched,
        };
        let is_at_end = || progress.partitions.lock()[&source].is_at_end();
        progress.note_log_end(&source, end(20, 12, true));
        assert_eq!((lag(), is_at_end()), (Some(0.0), true));
        progress.note_log_end(&source, end(20, 20, true));
        assert!(lag() < Some(5.0), "everything was in a moment ago");
        assert!(!is_at_end());
        progress.note_log_end(&source, end(12, 12, false));
        assert!(!is_at_end(), "it is paused, and that is old");
    }

    fn told(leader: i32, is_fetched: bool) -> ToldEnd {
        let (high, readable) = (Some(10), Some(10));
        ToldEnd {
            high,
            readable,
            leader,
            is_fetched,
        }
    }

    #[test]
    fn kafka_is_asked_for_the_ends_that_no_fetch_tells_by_the_brokers_that_lead_them() {
        let progress = Progress::default();
        let sources = [0, 1, 2, 3].map(|partition| TopicPartition {
            topic: "orders".into(),
            partition,
        });
        sources.iter().for_each(|s| progress.note_assigned(s));
        for (source, told) in [
            (&sources[0], told(1, true)),
            (&sources[1], told(2, false)),
            (&sources[2], told(-1, false)),
        ] {
            progress.note_log_end(source, told);
        }
        let asked = progress.list_untold_ends();
        assert_eq!(asked[&2], [sources[1].clone()]);
        assert_eq!(asked[&-1].len(), 2, "of one nothing was told at all");
        assert!(!asked.contains_key(&1));
    }

    #[test]
    fn a_partition_that_is_not_taken_up_is_as_far_as_the_group_has_committed() {
        let (series, progress) = (Series::default(), Progress::default());
        let [source, other] = [0, 1].map(|partition| TopicPartition {
            topic: "orders".into(),
            partition,
        });
        with_local_recorder(&series, || {
            for source in [&source, &other] {
                progress.note_assigned(source);
                progress.note_readable_end(source, 10);
            }
            progress.note_committed(&source, 10);
            progress.note_committed(&other, 3);
            progress.publish();
        });
        let text = series.render();
        let says = |name: &str, partition: &str, value: &str| {
            let line =
                format!("landfall_{name}{{topic=\"orders\",partition=\"{partition}\"}} {value}\n");
            text.contains(&line)
        };
        assert!(says("lag_events", "0", "0") && says("lag_seconds", "0", "0"));
        assert!(
            says("lag_events", "1", "7")
                && !text.contains("lag_seconds{topic=\"orders\",partition=\"1\"")
        );
        assert!(!text.contains("landfall_watermark_offset"));
        assert_eq!(progress.list_without_position(), []);
    }

    #[test]
    fn a_partition_that_is_given_up_leaves_no_series() {
        let (series, progress) = (Series::default(), Progress::default());
        let source = TopicPartition {
            topic: "orders".into(),
            partition: 0,
        };
        with_local_recorder(&series, || {
            progress.note_assigned(&source);
            progress.note_taken_up(&source, 10, 10, 10);
            progress.note_applied(&source, 11, Some(now_ms()));
            progress.publish();
            assert_eq!(series.render().matches("partition=\"0\"").count(), 4);
            progress.note_given_up(&source);
            progress.publish();
        });
        assert_eq!(series.render(), "");
    }
}
