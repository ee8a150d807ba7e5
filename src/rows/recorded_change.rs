//! What the ledger keeps of a row's last change, where its changes come through several partitions.

use crate::format::source_position::SourcePosition;
use crate::rows::left_out::LeftOut;
use crate::rows::row_sequence::Arrival;
use crate::table_name::TableName;

/// A row's last change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedChange {
    /// The number of the source that its position is of.
    pub source: i64,
    /// As `SourcePosition::to_bytes` writes it; empty if the event told none.
    pub position: Vec<u8>,
    /// Of its partition's row in `partitions`.
    pub partition_id: i32,
    /// What it had in the column of `route.version`; it counts for a row that is gone.
    pub version: Option<String>,
    /// Whether it removed the row.
    pub gone: bool,
    /// What it, and those before it up to the last whole one, have left out of the row.
    pub left_out: LeftOut,
}

impl RecordedChange {
    /// The change as it came, but for its version, whose place among others isn't known.
    pub fn arrival(&self) -> Arrival<'_> {
        Arrival {
            version: None,
            position: SourcePosition::from_bytes(self.source, &self.position),
            partition_id: self.partition_id,
            gone: self.gone,
        }
    }
}

/// By what rows of a table are told, as words: where two of them differ, so do the rows' keys in `row_positions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowIdentity {
    /// The names of the key's columns.
    pub key_columns: Vec<String>,
    /// The columns in order, each with what its values are told by, for messages.
    pub told_by: String,
}

/// By what rows of a table are told now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableIdentity {
    /// The table's name.
    pub table: TableName,
    /// All of its columns.
    pub columns: Vec<String>,
    /// By what its rows are told.
    pub identity: RowIdentity,
}

impl TableIdentity {
    /// Whether rows that are told so aren't found any more: by another type of the same columns, or by columns that the
    /// table doesn't have.
    pub fn is_changed_from(&self, recorded: &RowIdentity) -> bool {
        if recorded.key_columns == self.identity.key_columns {
            return *recorded != self.identity;
        }
        let mut columns = recorded.key_columns.iter();
        !columns.all(|name| self.columns.contains(name))
    }
}
