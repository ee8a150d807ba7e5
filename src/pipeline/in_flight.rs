//! The records that a lane has in flight: those of the batch that is tried, and those that are deferred,
//! as they lie behind an event which waits for its parent. What is before such an event is landed
//! meanwhile, partition by partition: it may be what another lane waits for, or this one. Since the
//! source wrote parents before their children, no two partitions can wait for each other then.
//!
//! Why: `docs/decisions/10`.

use std::collections::{HashMap, HashSet};

use crate::record::{Record, TopicPartition};

/// What a lane has read and not landed.
pub struct InFlight {
    /// Those that are tried.
    pub records: Vec<Record>,
    deferred: Vec<Record>,
}

impl InFlight {
    /// All of them are to be tried.
    pub fn new(records: Vec<Record>) -> Self {
        Self {
            records,
            deferred: Vec::new(),
        }
    }

    /// Whether nothing is deferred.
    pub fn is_whole(&self) -> bool {
        self.deferred.is_empty()
    }

    /// Defers each partition's records from that offset on.
    pub fn defer_from(&mut self, from: &HashMap<TopicPartition, i64>) {
        let mut reached: HashSet<TopicPartition> = HashSet::new();
        let mut ready = Vec::with_capacity(self.records.len());
        let mut deferred = Vec::new();
        for record in self.records.drain(..) {
            if from.get(&record.source) == Some(&record.offset) {
                reached.insert(record.source.clone());
            }
            if reached.contains(&record.source) {
                deferred.push(record);
            } else {
                ready.push(record);
            }
        }
        deferred.append(&mut self.deferred);
        (self.records, self.deferred) = (ready, deferred);
    }

    /// Takes out each partition's records from that offset on, deferred or not.
    pub fn cut_from(&mut self, from: &HashMap<TopicPartition, i64>) -> Vec<Record> {
        let mut reached: HashSet<TopicPartition> = HashSet::new();
        let is_cut = |record: &mut Record| {
            if from.get(&record.source) == Some(&record.offset) {
                reached.insert(record.source.clone());
            }
            reached.contains(&record.source)
        };
        let mut cut: Vec<Record> = self.records.extract_if(.., is_cut).collect();
        let is_behind = |record: &mut Record| from.contains_key(&record.source);
        cut.extend(self.deferred.extract_if(.., is_behind));
        cut
    }

    /// Tries what is deferred together with the others again.
    pub fn restore_deferred(&mut self) {
        self.records.append(&mut self.deferred);
    }

    /// The records are done with: those that are deferred are tried next. Returns whether there are any.
    pub fn next_deferred(&mut self) -> bool {
        self.records = std::mem::take(&mut self.deferred);
        !self.records.is_empty()
    }
}

#[cfg(test)]
#[path = "in_flight_tests.rs"]
mod tests;
