//! The order of letters without a row. The worker will read their events again, from the first that
//! isn't in; what went in before that one would be overwritten by it. So a partition's go in by
//! their offsets, up to the first that doesn't.
//!
//! Why: `docs/decisions/12`.

use std::collections::HashMap;

use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::outcome::ReplayOutcome;
use crate::record::TopicPartition;

/// For each partition the first letter without a row that isn't in.
#[derive(Default)]
pub struct PartitionOrder(HashMap<TopicPartition, String>);

impl PartitionOrder {
    /// The name of the letter that keeps this one waiting, if any does.
    pub fn find_stop(&self, letter: &Candidate) -> Option<&String> {
        let first = self.0.get(&letter.source)?;
        letter.row.is_none().then_some(first)
    }

    /// The letter isn't in: the letters behind it wait.
    pub fn stop_at(&mut self, letter: &Candidate) {
        if letter.row.is_none() {
            self.0
                .entry(letter.source.clone())
                .or_insert_with(|| letter.name());
        }
    }

    /// The letters behind this one wait, unless its outcome lets them go on.
    pub fn stop_unless_done(&mut self, letter: &Candidate, outcome: &ReplayOutcome) {
        let stops = matches!(
            outcome,
            ReplayOutcome::Behind(_)
                | ReplayOutcome::LeftToWorker
                | ReplayOutcome::Missing(_)
                | ReplayOutcome::Failed(_)
        );
        if stops {
            self.stop_at(letter);
        }
    }
}
