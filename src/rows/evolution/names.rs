//! Names that Postgres doesn't take as they are.

use crate::rows::sql::quote;
use crate::table_name::TableName;

/// An identifier's length that Postgres doesn't cut off, in bytes.
pub const MAX_NAME_BYTES: usize = 63;

/// What each table has of its own.
const SYSTEM_COLUMNS: [&str; 6] = ["cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"];

/// Why no column of the table can have this name, and what to do; `None`: one can.
pub fn explain_column_name(table: &TableName, name: &str) -> Option<String> {
    let why = if SYSTEM_COLUMNS.contains(&name) {
        "each table has a system column of this name".to_owned()
    } else {
        explain_name(name)?
    };
    Some(format!(
        "no column of {table} can be called {}: {why}; give it another name with rename in the topic's [[route]], or leave it out with exclude",
        shorten(name)
    ))
}

/// Why there can be no table of this name, and what to do; `None`: there can be.
pub(super) fn explain_table_name(table: &TableName) -> Option<String> {
    let why = explain_name(&table.schema).or_else(|| explain_name(&table.name))?;
    Some(format!(
        "there can be no table {}: {why}; send its events to another one with a [[route]]",
        shorten(&table.to_string())
    ))
}

/// What is done about a column that the table lacks, for a person.
pub fn suggest_column(table: &TableName, name: &str) -> String {
    explain_column_name(table, name).unwrap_or_else(|| {
        format!(
            "add it: ALTER TABLE {}.{} ADD COLUMN {} …",
            quote(&table.schema),
            quote(&table.name),
            quote(name)
        )
    })
}

fn explain_name(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("a name has at least one character".to_owned());
    }
    if name.contains('\0') {
        return Some("a name has no zero bytes".to_owned());
    }
    let bytes = name.len();
    (bytes > MAX_NAME_BYTES)
        .then(|| format!("it has {bytes} bytes, and Postgres' names {MAX_NAME_BYTES} at most"))
}

/// As much of a name as a message may show.
fn shorten(name: &str) -> String {
    name.chars().take(100).collect()
}
