//! What is remembered of a partition between its records, and kept with its watermark.

use crate::format::open_deletes::OpenDeletes;

/// What a record of a partition tells about those that come after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionMemory {
    /// Deletes whose tombstone is still to come.
    pub open_deletes: OpenDeletes,
}
