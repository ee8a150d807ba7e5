//! The order of letters without a row. The worker will read their events again, from the first that
//! isn't in; what went in before that one would be overwritten by it. So a partition's go in by
//! their offsets, up to the first that doesn't.
//!
//! Why: `docs/decisions/12`.

use std::collections::HashMap;

use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::outcome::Outcome;
use crate::record::TopicPartition;

#[derive(Default)]
pub struct Line(HashMap<TopicPartition, String>);

impl Line {
    /// What keeps the letter waiting, if anything does.
    pub fn before(&self, letter: &Candidate) -> Option<Outcome> {
        let first = self.0.get(&letter.source)?;
        letter.row.is_none().then(|| Outcome::Behind(first.clone()))
    }

    /// The letter isn't in: those behind it wait.
    pub fn stop_at(&mut self, letter: &Candidate) {
        if letter.row.is_none() {
            self.0
                .entry(letter.source.clone())
                .or_insert_with(|| letter.name());
        }
    }

    pub fn note(&mut self, letter: &Candidate, outcome: &Outcome) {
        let stops = matches!(
            outcome,
            Outcome::Behind(_) | Outcome::LeftToWorker | Outcome::Missing(_) | Outcome::Failed(_)
        );
        if stops {
            self.stop_at(letter);
        }
    }
}
