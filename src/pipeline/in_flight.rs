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
    /// What was landed in parts, and waits for parents, since something was landed last: from which offsets on.
    waiting: HashMap<TopicPartition, i64>,
}

/// What is read and isn't tried now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deferred {
    /// Nothing that could help those that are tried.
    Nothing,
    /// What lies behind.
    Behind,
    /// Other partitions' as well, as all of it would be too much at once: what these wait for may be among it.
    Others,
}

impl InFlight {
    /// All of them are to be tried.
    pub fn new(records: Vec<Record>) -> Self {
        Self {
            records,
            deferred: Vec::new(),
            waiting: HashMap::new(),
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

    /// What is deferred of records that are landed in parts.
    pub fn find_others(&self) -> Deferred {
        let may_help = |record: &Record| !self.waiting.contains_key(&record.source);
        match self.deferred.iter().any(may_help) {
            true => Deferred::Others,
            false => Deferred::Nothing,
        }
    }

    /// Some of the records that were tried wait for parents, from these offsets on: others are tried before them.
    pub fn defer_waiting(&mut self, from: HashMap<TopicPartition, i64>, deferred: Deferred) {
        match deferred {
            Deferred::Others => self.put_last(from),
            Deferred::Nothing | Deferred::Behind => self.defer_from(&from),
        }
    }

    /// Of records that are landed in parts, those that wait for parents come last: all others are tried before them.
    fn put_last(&mut self, from: HashMap<TopicPartition, i64>) {
        for (source, offset) in from {
            let first = self.waiting.entry(source).or_insert(offset);
            *first = offset.min(*first);
        }
        self.restore_deferred();
        let waiting = std::mem::take(&mut self.waiting);
        self.defer_from(&waiting);
        self.waiting = waiting;
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
        self.waiting.retain(|source, _| !from.contains_key(source));
        cut
    }

    /// Tries what is deferred together with the others again.
    pub fn restore_deferred(&mut self) {
        self.records.append(&mut self.deferred);
    }

    /// What waited may have come: it is to be looked at again.
    pub fn forget_waiting(&mut self) {
        self.waiting.clear();
    }

    /// The records are landed: those that are deferred are tried next, and what waits comes last still. Returns whether
    /// there are any.
    pub fn note_landed(&mut self) -> bool {
        let waiting = std::mem::take(&mut self.waiting);
        let is_other = |record: &Record| !waiting.contains_key(&record.source);
        let any = self.next_deferred();
        if !waiting.is_empty() && self.records.iter().any(is_other) {
            self.defer_from(&waiting);
            self.waiting = waiting;
        }
        any
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
