//! Dead letters, counted.

use serde::Serialize;

/// How many letters of a table were put aside for a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LetterCount {
    /// The table; `None` where nothing told one.
    pub table_name: Option<String>,
    /// The name of the reason.
    pub reason: String,
    /// Letters that wait for a decision.
    pub parked: i64,
    /// How many keys have such letters.
    pub parked_keys: i64,
    /// When the first of them failed first, in UTC as RFC 3339 has it; `None` if there is none.
    pub parked_since: Option<String>,
    /// Letters that were replayed, superseded or discarded.
    pub done_with: i64,
}
