//! Logs that end behind what was brought of them, as librdkafka's statistics tell. When a leader changes, librdkafka goes back to
//! where the log was cut, and drops what it had fetched, which may be more than was cut (`pipeline::jumps`). It has forgotten its
//! position then, and that comes again only with the next record.

use std::collections::HashMap;

use rdkafka::Statistics;
use rdkafka::statistics::Partition;

use crate::locked::Locked;
use crate::record::TopicPartition;

/// The ends of those logs of which nothing was brought since they were sought in last, as of the last statistics.
#[derive(Default)]
pub struct UnreadEnds(Locked<HashMap<TopicPartition, UnreadEnd>>);

/// Where a log ends of which nothing was brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnreadEnd {
    /// The offset behind its last record, as far as that may be read.
    pub offset: i64,
    /// Records are queued, of whatever partition: they may be what seems to be missing.
    pub may_be_queued: bool,
}

impl UnreadEnds {
    /// Takes in what the statistics tell, once a second.
    pub(super) fn note_statistics(&self, statistics: &Statistics) {
        let mut ends = HashMap::new();
        for (name, topic) in &statistics.topics {
            let partitions = topic.partitions.iter();
            let unread = partitions.filter_map(|(number, p)| Some((*number, unread_end(p)?)));
            for (partition, end) in unread {
                let topic = name.as_str().into();
                ends.insert(TopicPartition { topic, partition }, end);
            }
        }
        *self.0.lock() = ends;
    }

    /// Where the partition's log ends, if nothing was brought of it since it was sought in last.
    pub fn find_end(&self, source: &TopicPartition) -> Option<UnreadEnd> {
        self.0.lock().get(source).copied()
    }
}

/// What a transaction hides that is open isn't waited for.
fn unread_end(partition: &Partition) -> Option<UnreadEnd> {
    let Partition {
        app_offset,
        fetchq_cnt,
        hi_offset,
        ls_offset,
        ..
    } = *partition;
    let offset = match ls_offset >= 0 {
        true => hi_offset.min(ls_offset),
        false => hi_offset, // a broker without transactions
    };
    (app_offset < 0 && offset >= 0).then_some(UnreadEnd {
        offset,
        may_be_queued: fetchq_cnt > 0, // librdkafka counts the queue that all partitions share
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_log_of_which_nothing_was_brought_since_it_was_sought_in_is_unread() {
        let end = |app_offset, hi_offset, ls_offset| {
            unread_end(&Partition {
                app_offset,
                hi_offset,
                ls_offset,
                ..Partition::default()
            })
            .map(|end| end.offset)
        };
        assert_eq!(end(-1001, 1_100, 1_100), Some(1_100));
        assert_eq!(end(1_050, 1_100, 1_100), None);
        // a transaction is open
        assert_eq!(end(-1001, 1_100, 1_040), Some(1_040));
        assert_eq!(end(-1001, 1_100, -1001), Some(1_100));
        // nothing was fetched yet
        assert_eq!(end(-1001, -1001, -1001), None);
        let queued = Partition {
            app_offset: -1001,
            fetchq_cnt: 3,
            hi_offset: 1_100,
            ls_offset: 1_100,
            ..Partition::default()
        };
        assert!(unread_end(&queued).is_some_and(|end| end.may_be_queued));
    }
}
