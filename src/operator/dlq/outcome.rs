//! What became of a letter, or would become of it.

use std::collections::BTreeMap;

use crate::letter::{Cause, LetterState};

/// Why a letter isn't put in, unless an operator insists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForceReason {
    /// Superseded or discarded.
    Is(LetterState),
    /// It has no row: its batch was never committed, and the worker will read its event again.
    LeftToWorker,
    /// It has no row, and nothing tells what came after it.
    Unordered,
    /// When it was put aside nothing told which row it is about, or something else did; so nobody has
    /// looked for what came after it.
    RowUnknown,
}

impl ForceReason {
    /// What becomes of the letter where nobody insists.
    pub fn outcome_without_force(self) -> ReplayOutcome {
        match self {
            ForceReason::Is(state) => ReplayOutcome::NotParked(state),
            ForceReason::LeftToWorker => ReplayOutcome::LeftToWorker,
            ForceReason::Unordered => ReplayOutcome::Unordered,
            ForceReason::RowUnknown => ReplayOutcome::RowUnknown,
        }
    }

    /// What stands behind "though", where somebody insisted.
    fn to_clause(self) -> String {
        match self {
            ForceReason::Is(state) => format!("it is {state}"),
            ForceReason::LeftToWorker => "it is left to the worker".to_owned(),
            ForceReason::Unordered | ForceReason::RowUnknown => {
                "nothing tells what came after it".to_owned()
            }
        }
    }
}

/// What became of a letter, or would become of it.
#[derive(Clone, Debug)]
pub enum ReplayOutcome {
    /// In by this replay.
    Applied,
    /// By force, over what a later event of its key has written or an operator has decided.
    Forced(ForceReason),
    /// Its event is in the destination already.
    InAlready,
    /// Superseded, discarded or replayed.
    NotParked(LetterState),
    /// This letter of its key comes first.
    Behind(String),
    /// It carries nothing to land as Landfall is configured now.
    Nothing(&'static str),
    /// See [`ForceReason::LeftToWorker`].
    LeftToWorker,
    /// See [`ForceReason::Unordered`].
    Unordered,
    /// See [`ForceReason::RowUnknown`].
    RowUnknown,
    /// The record isn't in Kafka any more.
    Missing(String),
    /// Refused once more.
    Failed(Cause),
}

impl ReplayOutcome {
    /// For the counts, and for programs.
    pub fn name(&self) -> &'static str {
        match self {
            ReplayOutcome::Applied => "replayed",
            ReplayOutcome::Forced(_) => "forced",
            ReplayOutcome::InAlready => "in_already",
            ReplayOutcome::NotParked(LetterState::Replayed) => "replayed_before",
            ReplayOutcome::NotParked(state) => state.name(),
            ReplayOutcome::Behind(_) => "behind",
            ReplayOutcome::Nothing(_) => "nothing_to_land",
            ReplayOutcome::LeftToWorker => "left_to_worker",
            ReplayOutcome::Unordered | ReplayOutcome::RowUnknown => "unordered",
            ReplayOutcome::Missing(_) => "missing",
            ReplayOutcome::Failed(_) => "failed",
        }
    }

    /// A sentence for people; `would`: of a dry run.
    pub fn to_sentence(&self, would: bool) -> String {
        let (was, is) = if would {
            ("would be", "would be")
        } else {
            ("was", "is")
        };
        match self {
            ReplayOutcome::Applied => format!("{was} applied"),
            ReplayOutcome::Forced(why) => {
                let though = why.to_clause();
                format!("{was} applied by force, though {though}: it may overwrite newer data")
            }
            ReplayOutcome::InAlready => "is in the destination already".to_owned(),
            ReplayOutcome::NotParked(LetterState::Superseded) => {
                "is superseded by a later event of its key; --force would apply it over that".to_owned()
            }
            ReplayOutcome::NotParked(LetterState::Parked) => {
                "was entered by the worker this moment: run the same command again".to_owned()
            }
            ReplayOutcome::NotParked(state) => format!("is {state}; nothing to do"),
            ReplayOutcome::Behind(first) => format!("waits behind letter {first}"),
            ReplayOutcome::Nothing(what) => {
                format!("carries nothing to land ({what}), as Landfall is configured now")
            }
            ReplayOutcome::LeftToWorker => {
                "is left to the worker, which has not got past its event yet and will read it again".to_owned()
            }
            ReplayOutcome::Unordered => {
                "has no row in dead_letters, so nothing tells what came after it; --force would apply it all the same".to_owned()
            }
            ReplayOutcome::RowUnknown => {
                "was put aside before it was known that it is about this row, so nothing tells what came after it; --force would apply it all the same".to_owned()
            }
            ReplayOutcome::Missing(why) => format!("{is} lost: {why}"),
            ReplayOutcome::Failed(cause) => {
                let code = cause.sqlstate.as_deref();
                let code = code.map_or(String::new(), |code| format!(", SQLSTATE {code}"));
                let failed = if would { "would fail" } else { "failed again" };
                format!("{failed} ({}{code}): {}", cause.reason.name(), cause.message)
            }
        }
    }
}

/// How many letters came to what.
#[derive(Debug, Default)]
pub struct ReplayCounts(BTreeMap<&'static str, u64>);

impl ReplayCounts {
    /// Counts one letter more.
    pub fn add_outcome(&mut self, outcome: &ReplayOutcome) {
        *self.0.entry(outcome.name()).or_default() += 1;
    }

    /// How many letters failed again or are lost.
    pub fn count_failed(&self) -> u64 {
        self.count_of("failed") + self.count_of("missing")
    }

    /// "replayed 3, failed 1"; those that were replayed are told in any case.
    pub fn to_line(&self, would: bool) -> String {
        let others = self.0.iter().filter(|(name, _)| **name != "replayed");
        let others = others.map(|(name, count)| format!(", {} {count}", name.replace('_', " ")));
        let replayed = if would {
            "would be replayed"
        } else {
            "replayed"
        };
        format!(
            "{replayed} {}{}",
            self.count_of("replayed"),
            others.collect::<String>()
        )
    }

    /// The counts by the outcomes' names.
    pub fn as_map(&self) -> &BTreeMap<&'static str, u64> {
        &self.0
    }

    fn count_of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }
}
