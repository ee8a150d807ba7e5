//! How an attempt at a batch ended.

#[derive(Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    Committed,
    /// The partition is somebody else's, or was repositioned: nothing was written.
    Fenced,
    /// The topic was deleted and created again since the records' partition was taken up.
    Recreated,
    /// Kafka's retention has deleted events that were still to come. Nothing was written.
    Overtaken(String),
}
