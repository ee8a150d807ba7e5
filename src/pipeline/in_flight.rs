//! The records that a lane has in hand: those that it is at, and those that lie behind an event which
//! waits for its parent. What is before such an event is landed meanwhile, partition by partition:
//! it may be what another lane waits for, or this one. Since the source wrote parents before their
//! children, no two partitions can wait for each other then.

use std::collections::{HashMap, HashSet};

use crate::record::{Record, TopicPartition};

pub struct Hand {
    pub records: Vec<Record>,
    behind: Vec<Record>,
}

impl Hand {
    pub fn new(records: Vec<Record>) -> Self {
        Self {
            records,
            behind: Vec::new(),
        }
    }

    /// Whether nothing lies behind.
    pub fn is_whole(&self) -> bool {
        self.behind.is_empty()
    }

    /// Puts each partition's records from that offset on behind.
    pub fn put_behind(&mut self, from: &HashMap<TopicPartition, i64>) {
        let mut reached: HashSet<TopicPartition> = HashSet::new();
        let mut ready = Vec::with_capacity(self.records.len());
        let mut behind = Vec::new();
        for record in self.records.drain(..) {
            if from.get(&record.source) == Some(&record.offset) {
                reached.insert(record.source.clone());
            }
            match reached.contains(&record.source) {
                true => behind.push(record),
                false => ready.push(record),
            }
        }
        behind.append(&mut self.behind);
        (self.records, self.behind) = (ready, behind);
    }

    /// Takes up again what was put behind.
    pub fn take_all(&mut self) {
        self.records.append(&mut self.behind);
    }

    /// The records are done with: what lies behind is next, if anything.
    pub fn next(&mut self) -> bool {
        self.records = std::mem::take(&mut self.behind);
        !self.records.is_empty()
    }
}
