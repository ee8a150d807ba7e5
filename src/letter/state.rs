//! What has become of a dead letter since it was put aside.

use std::fmt;

use serde::Serialize;

/// A letter's state, as its row in `dead_letters` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LetterState {
    /// Can be replayed.
    Parked,
    /// Applied since.
    Replayed,
    /// A later event of its key made it obsolete.
    Superseded,
    /// Given up by an operator.
    Discarded,
}

impl LetterState {
    /// Every state there is.
    pub const ALL: [LetterState; 4] = [
        LetterState::Parked,
        LetterState::Replayed,
        LetterState::Superseded,
        LetterState::Discarded,
    ];

    /// The name in `dead_letters`.
    pub fn name(self) -> &'static str {
        match self {
            LetterState::Parked => "parked",
            LetterState::Replayed => "replayed",
            LetterState::Superseded => "superseded",
            LetterState::Discarded => "discarded",
        }
    }

    /// The state of that name; `None` if this build knows no such state.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl fmt::Display for LetterState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
