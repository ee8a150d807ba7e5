//! What was fetched of a log, and dropped by librdkafka before it was brought, as the log was cut behind it. With the next record
//! it shows that something is missing ([`jumps`]). Where none comes, nothing would tell: so a partition is positioned anew if it is
//! idle, and its log ends behind what was read of it. Once for each place: what is there may be hidden for another reason.
//!
//! [`jumps`]: crate::pipeline::jumps
//!
//! Why: `docs/decisions/02`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::pipeline::lane::Lane;
use crate::record::TopicPartition;

/// Two looks are at least so far apart. Less than a lane is idle before it hears of that.
const LOOK_INTERVAL: Duration = Duration::from_secs(4);
/// For so many looks what seems to be missing may be queued behind other partitions' records: a minute.
const LONGEST_QUEUED: u32 = 15;

/// What looks at a lane's partitions have found.
#[derive(Default)]
pub struct DroppedFetches {
    looked_at: Option<Instant>,
    /// The partitions that had more to read than was brought.
    behind: HashMap<TopicPartition, Behind>,
    /// Where partitions were read to when they were positioned anew.
    renewed: HashMap<TopicPartition, i64>,
}

/// A partition that has more to read than was brought.
#[derive(Clone, Copy, Debug)]
struct Behind {
    /// Where it was read to.
    read_to: i64,
    /// At how many looks in a row.
    looks: u32,
    /// Nothing was queued at one of the looks, of whatever partition.
    was_missing: bool,
}

impl DroppedFetches {
    fn is_due(&self, now: Instant) -> bool {
        let elapsed = self.looked_at.map(|at| now.saturating_duration_since(at));
        elapsed.is_none_or(|elapsed| elapsed >= LOOK_INTERVAL)
    }

    /// Takes in which partitions have more to read than was brought, where each was read to, and whether it may be queued. Returns
    /// those that have got on nowhere though nothing was queued at two looks, or for a minute's looks, and weren't positioned
    /// anew at that place.
    fn note_look(
        &mut self,
        now: Instant,
        looked: Vec<(TopicPartition, i64, bool)>,
    ) -> Vec<TopicPartition> {
        self.looked_at = Some(now);
        let before = std::mem::take(&mut self.behind);
        let mut stuck = Vec::new();
        for (source, read_to, may_be_queued) in looked {
            let before = before.get(&source).filter(|b| b.read_to == read_to);
            let (looks, was_missing) = before.map_or((0, false), |b| (b.looks, b.was_missing));
            let is_missing = was_missing && !may_be_queued || looks >= LONGEST_QUEUED;
            if is_missing && self.renewed.insert(source.clone(), read_to) != Some(read_to) {
                stuck.push(source.clone());
            }
            let behind = Behind {
                read_to,
                looks: looks + 1,
                was_missing: was_missing || !may_be_queued,
            };
            self.behind.insert(source, behind);
        }
        stuck
    }
}

impl Lane {
    /// Has partitions positioned anew of which something was fetched and dropped. By what is known: nobody is asked.
    pub(super) fn renew_dropped_fetches(&mut self) {
        let now = Instant::now();
        if !self.dropped_fetches.is_due(now) {
            return; // as mostly
        }
        let group = self.positions.consumer().group();
        let is_ours = |source: &TopicPartition| group.assignment.is_held_by(source, self.number);
        self.dropped_fetches
            .renewed
            .retain(|source, _| is_ours(source));
        let owned = self.partitions.owned.iter();
        // of what is set aside nothing is read now, and what is diverted isn't to be read again
        let owned = owned.filter(|(s, held)| held.owed.is_empty() && !self.aside.contains(s));
        let behind = owned.filter_map(|(source, held)| {
            let (read_to, end) = (held.read_to?, group.unread_ends.find_end(source)?);
            (end.offset > read_to).then(|| (source.clone(), read_to, end.may_be_queued))
        });
        let behind = behind.collect();
        let stuck = self.dropped_fetches.note_look(now, behind);
        for source in &stuck {
            tracing::debug!(partition = %source, "the log ends behind what was brought of it: positioned anew");
        }
        if !stuck.is_empty() {
            self.partitions.take_up_again(stuck);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_that_stays_behind_its_log_is_positioned_anew_once_for_each_place() {
        let mut dropped = DroppedFetches::default();
        let source = TopicPartition {
            topic: "t".into(),
            partition: 0,
        };
        let start = Instant::now();
        let mut look = |seconds, read_to: Option<i64>| {
            let now = start + Duration::from_secs(seconds);
            assert!(dropped.is_due(now));
            let behind = read_to.map(|read_to| (source.clone(), read_to, false));
            dropped.note_look(now, behind.into_iter().collect())
        };
        assert!(look(0, Some(100)).is_empty());
        // it gets on
        assert!(look(5, Some(150)).is_empty());
        assert_eq!(look(10, Some(150)), std::slice::from_ref(&source));
        assert!(look(15, Some(150)).is_empty());
        assert!(look(20, None).is_empty());
        assert!(look(25, Some(150)).is_empty() && look(30, Some(150)).is_empty());
        assert!(look(35, Some(200)).is_empty());
        assert_eq!(look(40, Some(200)), std::slice::from_ref(&source));
        assert!(!dropped.is_due(start + Duration::from_secs(43)));
    }

    #[test]
    fn what_may_be_queued_behind_another_partition_is_waited_for_a_minute() {
        let source = TopicPartition {
            topic: "t".into(),
            partition: 0,
        };
        let start = Instant::now();
        let stuck_at = |queued: fn(u64) -> bool| {
            let mut dropped = DroppedFetches::default();
            let mut stuck = |seconds: &u64| {
                let behind = vec![(source.clone(), 100, queued(*seconds))];
                let now = start + Duration::from_secs(*seconds);
                !dropped.note_look(now, behind).is_empty()
            };
            (0..100).step_by(5).filter(|s| stuck(s)).collect::<Vec<_>>()
        };
        assert_eq!(stuck_at(|_| false), [5]);
        assert_eq!(stuck_at(|_| true), [75]);
        // a look that can't tell takes nothing back
        assert_eq!(stuck_at(|seconds| !matches!(seconds, 10 | 25)), [25]);
    }
}
