//! The statements that made or altered destination tables lately: what they did, and no value.

use std::collections::VecDeque;
use std::sync::LazyLock;
use std::time::SystemTime;

use serde::Serialize;

use crate::clock::utc_text;
use crate::locked::Locked;
use crate::table_name::TableName;

/// So many are remembered; the log has all.
const KEPT: usize = 20;

static RECENT: LazyLock<Locked<VecDeque<DdlRun>>> = LazyLock::new(Locked::default);

/// A statement that this process ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DdlRun {
    /// When it was committed, in UTC as RFC 3339 has it.
    pub at: String,
    /// What it did, as the `kind` label of `landfall_ddl_statements_total` has it.
    pub kind: &'static str,
    /// The table, as `schema.table`.
    pub table: String,
}

/// Remembers a statement that was committed now.
pub fn note_ddl(kind: &'static str, table: &TableName) {
    let mut recent = RECENT.lock();
    recent.truncate(KEPT - 1);
    recent.push_front(DdlRun {
        at: utc_text(SystemTime::now()),
        kind,
        table: table.to_string(),
    });
}

/// The last ones, the latest first.
pub fn list_recent_ddl() -> Vec<DdlRun> {
    RECENT.lock().iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_statements_are_remembered_and_no_more_than_twenty() {
        for number in 0..25 {
            note_ddl(
                "add_column",
                &TableName::new("public", format!("t{number}")),
            );
        }
        let tables: Vec<String> = list_recent_ddl().into_iter().map(|run| run.table).collect();
        assert_eq!((tables.len(), &*tables[0]), (20, "public.t24"));
    }
}
