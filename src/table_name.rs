//! The name of a destination table.

use std::fmt;

/// A table of the destination database, as Postgres names it: not quoted, case kept.
///
/// `Display` is for people (`schema.name`); SQL quotes the two parts itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    /// The schema's name.
    pub schema: String,
    /// The table's name within the schema.
    pub name: String,
}

impl TableName {
    /// The table of that schema and name.
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            schema: schema.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}
