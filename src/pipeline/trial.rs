//! What is kept of the attempts at a batch when it grows or is divided, and which of its events wait
//! for a parent.

use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use crate::pipeline::batch::Batch;
use crate::pipeline::entry::{Entry, Reject, State};
use crate::record::{Coordinates, TopicPartition};
use crate::rows::statement::Conflicts;

/// What is kept of a batch that grows, or is divided.
#[derive(Clone, Default)]
pub struct Progress {
    attempts: u32,
    first_failed_at: Option<SystemTime>,
    isolate: bool,
    conflicts: Conflicts,
    constraints_immediate: bool,
    out_of_attempts: bool,
    given_up: HashSet<Coordinates>,
    published: HashMap<Coordinates, Reject>,
}

impl Batch<'_> {
    /// Goes on where another batch of the same records left off.
    pub fn resume(mut self, mut before: Progress) -> Self {
        self.attempts = before.attempts;
        self.first_failed_at = before.first_failed_at;
        self.isolate = before.isolate;
        self.conflicts = before.conflicts;
        self.constraints_immediate = before.constraints_immediate;
        self.out_of_attempts = before.out_of_attempts;
        self.given_up = before.given_up;
        if !before.published.is_empty() {
            for entry in &mut self.entries {
                if let Some(reject) = before.published.remove(&entry.record.coordinates()) {
                    entry.state = State::Rejected(Box::new(reject));
                }
            }
        }
        self.published = before.published;
        self
    }

    /// How far the attempts at the batch have come, to [`Batch::resume`] with.
    pub fn progress(self) -> Progress {
        let mut published = self.published;
        for entry in self.entries {
            if let State::Rejected(reject) = entry.state
                && reject.published.is_some()
            {
                published.insert(entry.record.coordinates(), *reject);
            }
        }
        Progress {
            attempts: self.attempts,
            first_failed_at: self.first_failed_at,
            isolate: self.isolate,
            conflicts: self.conflicts,
            constraints_immediate: self.constraints_immediate,
            out_of_attempts: self.out_of_attempts,
            given_up: self.given_up,
            published,
        }
    }

    /// Whether the entry's parent was waited for in vain.
    pub fn has_given_up(&self, entry: usize) -> bool {
        let record = self.entries.get(entry).map(|e| e.record.coordinates());
        !self.given_up.is_empty() && record.is_some_and(|r| self.given_up.contains(&r))
    }

    /// The records whose parents may still come.
    pub fn waiting_records(&self) -> Vec<Coordinates> {
        let entries = self.waiting.iter().filter_map(|at| self.entries.get(*at));
        entries.map(|e| e.record.coordinates()).collect()
    }

    /// The first such record of each partition, if there are others before one of them.
    pub fn first_waiting(&self) -> Option<HashMap<TopicPartition, i64>> {
        let mut first: HashMap<TopicPartition, i64> = HashMap::new();
        for (source, offset) in self.waiting_records() {
            let first = first.entry(source).or_insert(offset);
            *first = offset.min(*first);
        }
        let ahead = |entry: &Entry<'_>| {
            let wait = first.get(&entry.record.source);
            wait.is_none_or(|wait| entry.record.offset < *wait)
        };
        let any = self.entries.iter().any(ahead);
        any.then_some(first)
    }
}
