//! How an attempt at a batch ended.

use crate::pipeline::topic_looks::DoubtfulRecord;

/// What became of a batch that was attempted, unless the attempt failed.
#[derive(Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// Something new is known of where topics lead: the records are to be decoded by it. Nothing was written.
    DecodeAnew,
    /// What these records are is told by what else their topics hold: that is to be looked at. Nothing was written.
    LookAround(Vec<DoubtfulRecord>),
    /// All of the batch is in.
    Committed,
    /// The partition is somebody else's, or was repositioned: nothing was written.
    Fenced,
    /// A source sends again what was landed, and the ledger knows a part of it: the events in hand are applied again,
    /// known or not. Nothing was written.
    SourceGoneBack,
    /// The topic was deleted and created again since the records' partition was taken up.
    Recreated,
    /// A table isn't what the attempt took it to be: nothing was written, and nobody is to blame.
    TablesAltered,
    /// Kafka has deleted events of a partition that were still to come. Nothing was written.
    Overtaken,
}
