//! `schema_evolution`, of `[apply]` and of a route: what is done about tables and columns that events have and the
//! destination hasn't.

use super::reader::Reader;
use super::value::{one_of, word_for};

/// What is done about a destination that lacks what events have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchemaEvolution {
    /// Nothing: the table's partitions wait.
    #[default]
    None,
    /// Columns are added to tables that are there.
    AddColumns,
    /// Tables and schemas are made too, and columns widened.
    Create,
}

const POLICIES: [(&str, SchemaEvolution); 3] = [
    ("none", SchemaEvolution::None),
    ("add_columns", SchemaEvolution::AddColumns),
    ("create", SchemaEvolution::Create),
];

impl SchemaEvolution {
    /// The word in the configuration.
    pub fn name(self) -> &'static str {
        word_for(&POLICIES, self)
    }

    /// Reads the key; `None` where it isn't there, or is wrong.
    pub(super) fn read(reader: &mut Reader, key: &str) -> Option<Self> {
        reader.read(key, one_of(&POLICIES))
    }
}
