//! What became of a letter, or would become of it.

use std::collections::BTreeMap;

use crate::letter::Cause;
use crate::operator::dlq::row::State;

/// Why a letter isn't put in, unless an operator insists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Superseded or discarded.
    Is(State),
    /// It has no row: its batch was never committed, and the worker will read its event again.
    LeftToWorker,
    /// It has no row, and nothing tells what came after it.
    Unordered,
    /// When it was put aside nothing told which row it is about, or something else did; so nobody has
    /// looked for what came after it.
    RowUnknown,
}

impl Why {
    fn clause(self) -> String {
        match self {
            Why::Is(state) => format!("it is {state}"),
            Why::LeftToWorker => "it is left to the worker".to_owned(),
            Why::Unordered | Why::RowUnknown => "nothing tells what came after it".to_owned(),
        }
    }
}

#[derive(Clone, Debug)]
pub enum Outcome {
    Applied,
    /// By force, over what a later event of its key has written or an operator has decided.
    Forced(Why),
    /// Its event is in the destination already.
    InAlready,
    /// Superseded, discarded or replayed.
    NotParked(State),
    /// This letter of its key comes first.
    Behind(String),
    /// It carries nothing to land as Landfall is configured now.
    Nothing(&'static str),
    /// See [`Why::LeftToWorker`].
    LeftToWorker,
    /// See [`Why::Unordered`].
    Unordered,
    /// See [`Why::RowUnknown`].
    RowUnknown,
    /// The record isn't in Kafka any more.
    Missing(String),
    Failed(Cause),
}

impl Outcome {
    /// For the counts, and for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Applied => "replayed",
            Outcome::Forced(_) => "forced",
            Outcome::InAlready => "in_already",
            Outcome::NotParked(State::Replayed) => "replayed_before",
            Outcome::NotParked(state) => state.name(),
            Outcome::Behind(_) => "behind",
            Outcome::Nothing(_) => "nothing_to_land",
            Outcome::LeftToWorker => "left_to_worker",
            Outcome::Unordered | Outcome::RowUnknown => "unordered",
            Outcome::Missing(_) => "missing",
            Outcome::Failed(_) => "failed",
        }
    }

    /// A sentence; `would`: of a dry run.
    pub fn sentence(&self, would: bool) -> String {
        let (was, is) = match would {
            true => ("would be", "would be"),
            false => ("was", "is"),
        };
        match self {
            Outcome::Applied => format!("{was} applied"),
            Outcome::Forced(why) => {
                let though = why.clause();
                format!("{was} applied by force, though {though}: it may overwrite newer data")
            }
            Outcome::InAlready => "is in the destination already".to_owned(),
            Outcome::NotParked(State::Superseded) => {
                "is superseded by a later event of its key; --force would apply it over that".to_owned()
            }
            Outcome::NotParked(State::Parked) => {
                "was entered by the worker this moment: run the same command again".to_owned()
            }
            Outcome::NotParked(state) => format!("is {state}; nothing to do"),
            Outcome::Behind(first) => format!("waits behind letter {first}"),
            Outcome::Nothing(what) => {
                format!("carries nothing to land ({what}), as Landfall is configured now")
            }
            Outcome::LeftToWorker => {
                "is left to the worker, which has not got past its event yet and will read it again".to_owned()
            }
            Outcome::Unordered => {
                "has no row in dead_letters, so nothing tells what came after it; --force would apply it all the same".to_owned()
            }
            Outcome::RowUnknown => {
                "was put aside before it was known that it is about this row, so nothing tells what came after it; --force would apply it all the same".to_owned()
            }
            Outcome::Missing(why) => format!("{is} lost: {why}"),
            Outcome::Failed(cause) => {
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
pub struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    pub fn add(&mut self, outcome: &Outcome) {
        *self.0.entry(outcome.name()).or_default() += 1;
    }

    pub fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// "replayed 3, failed 1"; those that were replayed are told in any case.
    pub fn line(&self, would: bool) -> String {
        let others = self.0.iter().filter(|(name, _)| **name != "replayed");
        let others = others.map(|(name, count)| format!(", {} {count}", name.replace('_', " ")));
        let replayed = match would {
            true => "would be replayed",
            false => "replayed",
        };
        format!(
            "{replayed} {}{}",
            self.of("replayed"),
            others.collect::<String>()
        )
    }

    pub fn as_map(&self) -> &BTreeMap<&'static str, u64> {
        &self.0
    }
}
