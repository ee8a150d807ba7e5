//! What is remembered of a partition from record to record, and kept with its watermark: what one of its records
//! means may have been said by those before it.

use crate::format::named_tables::NamedTables;
use crate::format::open_deletes::OpenDeletes;
use crate::format::positions::Positions;
use crate::format::single_key::KeyBelief;
use crate::format::stream_ends::StreamEnds;
use crate::record::Record;

/// What a partition's records up to some offset have left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionMemory {
    /// Deletes whose tombstone is still to come.
    pub open_deletes: OpenDeletes,
    /// The tables that the events named.
    pub tables: NamedTables,
    /// Whether the positions of its events tell them apart.
    pub positions: Positions,
    /// Ids of events of this time or later, in milliseconds since 1970, say what the event says: those of
    /// earlier ones may be in the ledger as an earlier Landfall made them.
    pub full_ids_since: i64,
    /// Events of this time or later are known by their place in their transaction, if they tell it. Earlier ones
    /// came without, and are known without, whatever they tell when they are sent again.
    pub ordered_since: Option<i64>,
    /// How far the sources of its events have come.
    pub stream_ends: StreamEnds,
    /// The log was cut once, and records of later leader epochs than this one were written after that, at offsets that
    /// others had had before.
    pub cut_after: Option<i32>,
    /// Whether keys that are single values are those of the route's key column.
    pub key_belief: KeyBelief,
}

impl PartitionMemory {
    /// What holds wherever the partition is read from.
    pub fn without_place(&self) -> Self {
        Self {
            open_deletes: OpenDeletes::default(),
            tables: self.tables.clone(),
            positions: Positions::from_bigints(&[], self.positions.doubt),
            full_ids_since: self.full_ids_since,
            ordered_since: self.ordered_since,
            stream_ends: self.stream_ends.clone(),
            cut_after: self.cut_after,
            key_belief: self.key_belief,
        }
    }

    /// The leader epoch of a record whose offset another record may have had before.
    pub fn generation_of(&self, record: &Record) -> Option<i32> {
        let cut_after = self.cut_after?;
        record.leader_epoch.filter(|epoch| *epoch > cut_after)
    }
}
