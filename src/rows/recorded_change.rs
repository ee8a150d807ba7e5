//! What the ledger keeps of a row's last change, where its changes come through several partitions.

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
}
