//! What is remembered of a partition from record to record, and kept with its watermark: what one of its records
//! means may have been said by those before it.

use crate::format::named_tables::NamedTables;
use crate::format::open_deletes::OpenDeletes;

/// What a partition's records up to some offset have left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionMemory {
    /// Deletes whose tombstone is still to come.
    pub open_deletes: OpenDeletes,
    /// The tables that the events named.
    pub tables: NamedTables,
}
