//! How a batch is being tried: which way, how often, since when, and what was found. The value moves
//! from batch to batch when a batch grows or is divided.

use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use uuid::Uuid;

use crate::pipeline::entry::{Entry, EntryState, Reject};
use crate::pipeline::topic_looks::OneTopic;
use crate::postgres::settings::Patience;
use crate::record::Coordinates;
use crate::rows::statement::Conflicts;

/// The attempts at some records, until they are in.
#[derive(Clone, Default)]
pub struct Trial {
    /// The attempts that failed.
    pub attempts: u32,
    /// When the first of them failed.
    pub first_failed_at: Option<SystemTime>,
    /// How the next attempt is made.
    pub approach: Approach,
    /// Whether it is only looked whether the records can be landed by now, which is not to cost others much.
    pub is_probe: bool,
    /// What it looks at is of a table that its records needn't name.
    pub knew_table: bool,
    /// How long its statements may take, and wait.
    pub patience: Patience,
    /// Whether deferred constraints are checked table by table before COMMIT, which doesn't tell whose they are.
    pub checks_tables: bool,
    /// Whether rows and ids may be there already.
    pub conflicts: Conflicts,
    /// Records whose parents were waited for in vain: those that still have none are put aside.
    pub given_up: HashSet<Coordinates>,
    /// Topics at which it was looked what else they hold.
    pub looked: HashSet<OneTopic>,
}

/// Rejects that were published with records which aren't landed, by these, with the ids of their events: a topic that was
/// created anew has others there. Each is published once, whatever batch it is in, and whichever way that is tried.
#[derive(Clone, Default)]
pub struct PublishedRejects(HashMap<Coordinates, (Uuid, Reject)>);

/// How an attempt at a batch is made. An approach never goes back to an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Approach {
    /// The batch is written whole.
    #[default]
    Whole,
    /// Something in the batch was refused: the culprits are looked for.
    Isolate {
        /// Constraints are checked at once: a constraint objected at COMMIT, which doesn't tell whose
        /// event it was.
        constraints_immediate: bool,
    },
}

impl Approach {
    /// Looks for the culprits, and does nothing else differently.
    pub const ISOLATE: Self = Self::Isolate {
        constraints_immediate: false,
    };

    /// Whether culprits are looked for.
    pub fn looks_for_culprits(self) -> bool {
        self != Self::Whole
    }

    /// Whether constraints are checked at once, and not at COMMIT.
    pub fn has_constraints_immediate(self) -> bool {
        matches!(self, Self::Isolate { constraints_immediate, .. } if constraints_immediate)
    }

    /// The same, with constraints checked at once.
    pub fn with_constraints_immediate(self) -> Self {
        Self::Isolate {
            constraints_immediate: true,
        }
    }
}

impl Trial {
    /// Counts an attempt that failed.
    pub fn count_failure(&mut self) {
        self.attempts += 1;
        self.first_failed_at.get_or_insert_with(SystemTime::now);
    }
}

impl PublishedRejects {
    /// Keeps those of these entries.
    pub fn keep(&mut self, entries: Vec<Entry<'_>>) {
        for entry in entries {
            if let EntryState::Rejected(reject) = entry.state
                && reject.published.is_some()
            {
                let published = (entry.id, *reject);
                self.0.insert(entry.record.coordinates(), published);
            }
        }
    }

    /// Gives entries those of their records.
    pub fn restore(&mut self, entries: &mut [Entry<'_>]) {
        if self.0.is_empty() {
            return; // as mostly
        }
        for entry in entries {
            if let Some((id, reject)) = self.0.remove(&entry.record.coordinates())
                && id == entry.id
            {
                entry.state = EntryState::Rejected(Box::new(reject));
            }
        }
    }

    /// Adds others.
    pub fn append(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Forgets those of other records.
    pub fn retain(&mut self, is_kept: impl Fn(&Coordinates) -> bool) {
        self.0.retain(|record, _| is_kept(record));
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
