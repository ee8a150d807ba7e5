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

/// What looks at a lane's partitions have found.
#[derive(Default)]
pub struct DroppedFetches {
    looked_at: Option<Instant>,
    /// Where partitions were read to at the last look that had more to read.
    behind: HashMap<TopicPartition, i64>,
    /// Where partitions were read to when they were positioned anew.
    renewed: HashMap<TopicPartition, i64>,
}

impl DroppedFetches {
    fn is_due(&self, now: Instant) -> bool {
        let elapsed = self.looked_at.map(|at| now.saturating_duration_since(at));
        elapsed.is_none_or(|elapsed| elapsed >= LOOK_INTERVAL)
    }

    /// Takes in which partitions have more to read than was brought, and where each was read to. Returns those that have got on
    /// nowhere since the last look, and weren't positioned anew at that place.
    fn note_look(
        &mut self,
        now: Instant,
        behind: HashMap<TopicPartition, i64>,
    ) -> Vec<TopicPartition> {
        self.looked_at = Some(now);
        let is_stuck = |(source, read_to): &(&TopicPartition, &i64)| {
            self.behind.get(*source) == Some(*read_to)
                && self.renewed.get(*source) != Some(*read_to)
        };
        let stuck: Vec<_> = behind.iter().filter(is_stuck).collect();
        let stuck: Vec<_> = stuck.into_iter().map(|(s, at)| (s.clone(), *at)).collect();
        self.renewed.extend(stuck.iter().cloned());
        self.behind = behind;
        stuck.into_iter().map(|(source, _)| source).collect()
    }
}

impl Lane {
    /// Has partitions positioned anew of which something was fetched and dropped. By what is known: nobody is asked.
    pub(super) fn renew_dropped_fetches(&mut self) {
        let now = Instant::now();
        if !self.dropped_fetches.is_due(now) {
            return; // as mostly
        }
        let unread = &self.positions.consumer().group().unread_ends;
        let owned = self.partitions.owned.iter();
        // of what is set aside nothing is read now, and what is diverted isn't to be read again
        let owned = owned.filter(|(s, held)| held.owed.is_empty() && !self.aside.contains(s));
        let behind = owned.filter_map(|(source, held)| {
            let (read_to, end) = (held.read_to?, unread.find_end(source)?);
            (end > read_to).then(|| (source.clone(), read_to))
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
            let behind = read_to.map(|read_to| (source.clone(), read_to));
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
}
