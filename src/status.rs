//! What is told of everything at once: by `landfall status`, and by the page of a worker. Both say the same in the same words,
//! as both are made of these values. `docs/status.schema.json` says what they look like as JSON.

mod letters;
mod partition;

use serde::Serialize;

pub use crate::status::letters::LetterCount;
pub use crate::status::partition::{PartitionLine, PartitionState, Standstill};

/// What Kafka and Postgres say.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// All partitions of the subscribed topics and all that were ever applied, in order.
    pub partitions: Vec<PartitionLine>,
    /// The letters by table and reason; `None` where Postgres doesn't tell.
    pub dead_letters: Option<Vec<LetterCount>>,
    /// Which versions are at work.
    pub versions: Versions,
    /// What couldn't be asked.
    pub problems: Vec<Problem>,
}

/// Which versions are at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Versions {
    /// Landfall's.
    pub landfall: &'static str,
    /// The commit that it was built from, if the build was told.
    pub build: Option<&'static str>,
    /// The server's, as it says itself; `None` where Postgres doesn't tell.
    pub postgres: Option<String>,
    /// The bookkeeping tables'; `None` where Postgres doesn't tell.
    pub ledger_schema: Option<i32>,
}

/// Whom something is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Kafka,
    Postgres,
}

/// Something that couldn't be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Whom.
    pub side: Side,
    /// For people.
    pub message: String,
}

impl Status {
    /// Adds what a side couldn't be asked.
    pub fn note_problems(&mut self, side: Side, messages: impl IntoIterator<Item = String>) {
        let messages = messages.into_iter();
        self.problems
            .extend(messages.map(|message| Problem { side, message }));
    }

    /// What a side couldn't be asked, for people; `None` if it answered everything.
    pub fn problem_of(&self, side: Side) -> Option<String> {
        let problems = self.problems.iter().filter(|p| p.side == side);
        let messages: Vec<&str> = problems.map(|p| &*p.message).collect();
        (!messages.is_empty()).then(|| messages.join("; "))
    }
}

impl Default for Versions {
    fn default() -> Self {
        Self {
            landfall: env!("CARGO_PKG_VERSION"),
            build: option_env!("LANDFALL_COMMIT").filter(|commit| !commit.is_empty()),
            postgres: None,
            ledger_schema: None,
        }
    }
}
