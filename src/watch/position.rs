//! How far an assigned partition has come, and how far its log goes.

use crate::record::TopicPartition;
use crate::watch::lateness::Lateness;
use crate::watch::metrics::PartitionGauges;
use crate::watch::progress::Refusals;

/// librdkafka tells ends once a second: of one that it hasn't told for so long, Kafka is asked.
const FETCHED_HOLDS_MS: i64 = 1_500;

/// How far a partition has come.
pub(super) struct Position {
    pub applied: Option<i64>,
    /// Where the group would go on, which tells how far it has come before it is taken up.
    pub committed: Option<i64>,
    /// The next offset to read, whether there are records below or not. Behind `applied` while duplicates are
    /// counted.
    pub read: Option<i64>,
    /// The end of the log when the partition was taken up.
    pub target: Option<i64>,
    /// The end of the log as last heard.
    pub high: Option<i64>,
    /// The same, without what a transaction hides that is open.
    pub readable: Option<i64>,
    /// Below this offset there are no records that aren't done with, whatever the watermark says.
    pub drained: Option<i64>,
    /// When librdkafka told the end last, having fetched.
    pub fetched: Option<i64>,
    /// The broker that leads it, as librdkafka knows; -1: none.
    pub leader: i32,
    /// When the source made the last change that was applied, in milliseconds since 1970.
    pub applied_time: Option<i64>,
    pub lateness: Lateness,
    /// Some of it lies in the dead letter topic alone, until Postgres is back.
    pub diverted: bool,
    /// The number of the lane that has it.
    pub lane: Option<usize>,
    pub refusals: Refusals,
    gauges: PartitionGauges,
}

impl Position {
    pub fn new(now: i64) -> Self {
        Self {
            applied: None,
            committed: None,
            read: None,
            target: None,
            high: None,
            readable: None,
            drained: None,
            fetched: None,
            leader: -1,
            applied_time: None,
            lateness: Lateness::new(now),
            diverted: false,
            lane: None,
            refusals: Refusals::default(),
            gauges: PartitionGauges::default(),
        }
    }

    pub fn is_caught_up(&self) -> bool {
        let is_read = |target| self.read.is_some_and(|read| read >= target);
        !self.diverted && self.target.is_some_and(is_read)
    }

    /// Whether all is in that can be read of the log, as far as it was heard of.
    pub fn is_at_end(&self) -> bool {
        let done = self.applied.max(self.drained).or(self.committed);
        let end = self.readable.or(self.high);
        !self.diverted && done.is_some() && end.is_some_and(|end| done >= Some(end))
    }

    /// The end of the log has just been heard of.
    pub fn hear_of_end(&mut self, now: i64) {
        let is_at_end = self.is_at_end();
        self.lateness.note_heard(is_at_end, now);
    }

    /// Whether librdkafka doesn't tell the end: the partition is paused, or its leader isn't reached.
    pub fn is_untold(&self, now: i64) -> bool {
        let told = |fetched| now - fetched < FETCHED_HOLDS_MS;
        !self.fetched.is_some_and(told)
    }

    /// In seconds, if it is known.
    pub fn lag(&self, now: i64) -> Option<f64> {
        self.lateness.seconds(self.is_at_end(), now)
    }

    /// In records. So many there were when the log's end was heard of last; if that is long ago, none is no news any more.
    pub fn events_behind(&self, now: i64) -> Option<i64> {
        let (done, high) = (self.applied.or(self.committed)?, self.high?);
        let behind = (high - done).max(0);
        (behind > 0 || self.lateness.has_heard(now)).then_some(behind)
    }

    /// Has the metrics tell how far it is.
    pub fn publish(&mut self, source: &TopicPartition, now: i64) {
        if let Some(applied) = self.applied {
            self.gauges.set_watermark(source, applied);
        }
        if let Some(ms) = self.applied_time {
            self.gauges.set_applied_time(source, ms);
        }
        let (events, seconds) = (self.events_behind(now), self.lag(now));
        self.gauges.set_lag(source, events);
        self.gauges.set_lag_seconds(source, seconds);
    }

    /// Has the metrics tell nothing of it any more.
    pub fn withdraw(mut self) {
        self.gauges.clear();
    }
}
