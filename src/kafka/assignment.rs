//! Which partitions the group has given us, and in which lane they are.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;

use crate::locked::Locked;
use crate::record::TopicPartition;

/// By topic and partition, for each record that is polled.
pub(super) type AssignedByTopic = HashMap<String, HashMap<i32, Assigned, RandomState>, RandomState>;

/// A partition that is ours.
#[derive(Clone)]
pub struct Assigned {
    /// The partition.
    pub source: TopicPartition,
    /// The number of the lane that has it.
    pub lane: usize,
    /// Rises each time that the partition is positioned; its records carry it.
    pub epoch: u64,
    /// Positioned at its watermark; until then it is paused.
    started: bool,
}

/// The partitions that are ours. Changed by the poll thread alone.
pub struct Assignment {
    partitions: Locked<BTreeMap<TopicPartition, Assigned>>,
    /// The next epoch.
    epochs: AtomicU64,
    /// Rises with every change.
    generation: AtomicU64,
}

impl Default for Assignment {
    fn default() -> Self {
        Self {
            partitions: Locked::default(),
            epochs: AtomicU64::new(1),
            generation: AtomicU64::new(1),
        }
    }
}

impl Assignment {
    fn mark_changed(&self) {
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Another number after each change of the assignment.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// How many partitions are ours.
    pub fn count_partitions(&self) -> usize {
        self.partitions.lock().len()
    }

    /// The partitions that are ours.
    pub fn list_partitions(&self) -> Vec<TopicPartition> {
        self.partitions.lock().keys().cloned().collect()
    }

    /// The topics of which partitions are ours.
    pub fn list_topics(&self) -> HashSet<Arc<str>> {
        let partitions = self.partitions.lock();
        partitions
            .keys()
            .map(|source| source.topic.clone())
            .collect()
    }

    /// Whether the partition is ours.
    pub fn has_partition(&self, source: &TopicPartition) -> bool {
        self.partitions.lock().contains_key(source)
    }

    /// Whether the partition is that lane's. It may have been given up and be another one's since.
    pub fn is_held_by(&self, source: &TopicPartition, lane: usize) -> bool {
        let partitions = self.partitions.lock();
        partitions.get(source).is_some_and(|a| a.lane == lane)
    }

    /// The epoch of the partition's records, as it was positioned last; `None` if it isn't ours.
    pub fn epoch_of(&self, source: &TopicPartition) -> Option<u64> {
        self.partitions.lock().get(source).map(|a| a.epoch)
    }

    /// The lane of a partition that is positioned, and the epoch of its records.
    pub fn find_started(&self, source: &TopicPartition) -> Option<(usize, u64)> {
        let partitions = self.partitions.lock();
        let started = partitions.get(source).filter(|a| a.started);
        started.map(|a| (a.lane, a.epoch))
    }

    /// Whether every partition has been positioned, but for those that are left out.
    pub fn is_started(&self, left_out: impl Fn(&TopicPartition) -> bool) -> bool {
        let partitions = self.partitions.lock();
        partitions
            .values()
            .all(|a| a.started || left_out(&a.source))
    }

    /// The partitions of a lane.
    pub fn partitions_of(&self, lane: usize) -> Vec<TopicPartition> {
        self.partitions
            .lock()
            .values()
            .filter(|a| a.lane == lane)
            .map(|a| a.source.clone())
            .collect()
    }

    /// The partitions of a lane that are positioned.
    pub fn started_partitions_of(&self, lane: usize) -> Vec<TopicPartition> {
        self.partitions
            .lock()
            .values()
            .filter(|a| a.lane == lane && a.started)
            .map(|a| a.source.clone())
            .collect()
    }

    /// The assignment by topic and partition, to look records up in without copying names.
    pub(super) fn copy_by_topic(&self) -> AssignedByTopic {
        let mut topics = AssignedByTopic::default();
        for assigned in self.partitions.lock().values() {
            topics
                .entry(assigned.source.topic.to_string())
                .or_default()
                .insert(assigned.source.partition, assigned.clone());
        }
        topics
    }

    /// Gives each partition to the lane that has the fewest then. Returns the lanes' numbers, in the order
    /// of the partitions.
    pub(super) fn add_partitions(&self, sources: &[TopicPartition], lanes: usize) -> Vec<usize> {
        let mut partitions = self.partitions.lock();
        let mut load: Vec<usize> = (0..lanes)
            .map(|lane| partitions.values().filter(|a| a.lane == lane).count())
            .collect();
        let mut chosen = Vec::with_capacity(sources.len());
        for source in sources {
            let lane = load
                .iter()
                .enumerate()
                .min_by_key(|(_, n)| **n)
                .map_or(0, |(lane, _)| lane);
            load[lane] += 1;
            let assigned = Assigned {
                source: source.clone(),
                lane,
                epoch: 0,
                started: false,
            };
            partitions.insert(source.clone(), assigned);
            chosen.push(lane);
        }
        self.mark_changed();
        chosen
    }

    /// The partitions are ours no more. Returns the numbers of the lanes that had them.
    pub(super) fn remove_partitions(&self, sources: &HashSet<TopicPartition>) -> HashSet<usize> {
        let mut partitions = self.partitions.lock();
        let removed = sources.iter().filter_map(|s| partitions.remove(s));
        let lanes = removed.map(|a| a.lane).collect();
        self.mark_changed();
        lanes
    }

    /// The partition isn't read for now. Returns whether it is the lane's.
    pub(super) fn mark_held(&self, source: &TopicPartition, lane: usize) -> bool {
        let mut partitions = self.partitions.lock();
        let Some(assigned) = partitions.get_mut(source).filter(|a| a.lane == lane) else {
            return false;
        };
        assigned.started = false;
        self.mark_changed();
        true
    }

    /// The partition is positioned: its records from here on carry the epoch returned. `None` if it
    /// isn't the lane's any more.
    pub(super) fn mark_started(&self, source: &TopicPartition, lane: usize) -> Option<u64> {
        let epoch = self.epochs.fetch_add(1, Ordering::Relaxed);
        let mut partitions = self.partitions.lock();
        let assigned = partitions.get_mut(source).filter(|a| a.lane == lane)?;
        assigned.epoch = epoch;
        assigned.started = true;
        self.mark_changed();
        Some(epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition {
            topic: "t".into(),
            partition: number,
        }
    }

    /// Partitions 0 and 1 in lanes 0 and 1.
    fn assignment() -> Assignment {
        let assignment = Assignment::default();
        assignment.add_partitions(&[partition(0), partition(1)], 2);
        assignment
    }

    #[test]
    fn each_partition_goes_to_the_lane_that_has_the_fewest() {
        let assignment = assignment();
        assignment.remove_partitions(&HashSet::from([partition(0)]));
        let lanes = assignment.add_partitions(&[partition(2), partition(3), partition(4)], 2);
        assert_eq!(lanes, [0, 0, 1]);
        assert_eq!(assignment.partitions_of(1), [partition(1), partition(4)]);
    }

    #[test]
    fn a_lane_that_lost_its_partition_to_another_one_can_not_start_it() {
        let assignment = assignment();
        let epoch = assignment.mark_started(&partition(1), 1);
        assert!(epoch.is_some());
        // lane 0 had the partition before a rebalance, and is still taking it up
        assert_eq!(assignment.mark_started(&partition(1), 0), None);
        assert_eq!(
            assignment.copy_by_topic()["t"][&1].epoch,
            epoch.unwrap(),
            "the records still carry the epoch that lane 1 waits for"
        );
        let held_by = |lane| assignment.is_held_by(&partition(1), lane);
        assert!(held_by(1) && !held_by(0));
    }

    #[test]
    fn each_start_has_an_epoch_of_its_own_and_shows_in_the_generation() {
        let assignment = Assignment::default();
        assignment.add_partitions(&[partition(0)], 2);
        assert!(!assignment.is_started(|_| false) && assignment.is_started(|_| true));
        let before = assignment.generation();
        let start = || assignment.mark_started(&partition(0), 0);
        let (first, second) = (start(), start());
        assert!(first < second && assignment.generation() > before);
        assert!(assignment.is_started(|_| false));
    }
}
