//! Names as SQL.

/// A name as SQL: quoted, whatever it holds.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
