//! A partition as its lane owns it.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::format::named_tables::NamedTables;
use crate::format::partition_memory::PartitionMemory;
use crate::ledger::watermarks::PartitionRow;
use crate::letter::Letter;
use crate::record::{LogPlace, TopicPartition};

/// A lane's knowledge of a partition that it owns: its row in `partitions` as last seen or written.
#[derive(Clone, Debug)]
pub struct OwnedPartition {
    /// The number of its row.
    pub partition_id: i32,
    /// The topic's id when the partition was taken up.
    pub topic_id: Option<Uuid>,
    /// Everything below this offset has been applied.
    pub next_offset: i64,
    /// Of the last record below, if it is known.
    pub leader_epoch: Option<i32>,
    /// The batch that wrote the row last. Nobody else has written since as long as it stands there.
    pub batch: Uuid,
    /// What its records so far have left behind.
    pub memory: PartitionMemory,
    /// Events below are duplicates by their offset.
    pub floor: i64,
    /// Records of another epoch were read before the partition was positioned anew.
    pub epoch: u64,
    /// The offset after the last record that was taken into a batch under this epoch.
    pub read_to: Option<i64>,
    /// Of that record, or of the last one below the watermark, if none was.
    pub read_epoch: Option<i32>,
    /// The latest leader that was known of when the partition was positioned.
    pub seen_epoch: Option<i32>,
    /// It isn't known yet what goes before the partition: its first record tells.
    pub is_undecided: bool,
    /// Its topic has others.
    pub has_siblings: bool,
    /// Nothing of it was applied to this destination before it was taken up.
    pub is_untried: bool,
    /// There was nothing to read of it when it was taken up.
    pub is_at_end: bool,
    /// How far the log was read, records or not, when the partition had last come to its end.
    pub position: Option<LogPlace>,
    /// The position below which Kafka had deleted nothing unseen when it was asked.
    pub confirmed: Option<i64>,
    /// Letters that were published while Postgres was away, and have no row yet: the next batch of
    /// the partition writes them. If it never comes to that, the partition is read from its
    /// watermark again, and their events with it.
    pub owed: Arc<Vec<Letter>>,
}

/// A lane's partitions.
pub type OwnedPartitions = HashMap<TopicPartition, OwnedPartition>;

impl OwnedPartition {
    /// A partition that is read from `start` on.
    pub fn new(row: &PartitionRow, start: i64, floor: i64, epoch: u64) -> Self {
        Self {
            partition_id: row.partition_id,
            topic_id: row.watermark.topic_id,
            next_offset: row.watermark.next_offset,
            leader_epoch: row.leader_epoch,
            batch: row.batch,
            memory: memory_to_resume(row, floor),
            floor,
            epoch,
            read_to: Some(start),
            read_epoch: row.leader_epoch,
            seen_epoch: None,
            is_undecided: false,
            has_siblings: false,
            is_untried: false,
            is_at_end: false,
            position: None,
            confirmed: None,
            owed: Arc::default(),
        }
    }

    /// How far the watermark can go without a record, if it lies behind: not while letters are owed, whose events
    /// are read again from the watermark if it never comes to their rows.
    pub fn end_to_pass(&self) -> Option<LogPlace> {
        let ahead = |end: &LogPlace| end.offset > self.next_offset && self.owed.is_empty();
        self.position.filter(ahead)
    }

    /// How far the log was read without a record, if the watermark is there already: as somebody else has taken it there, and
    /// Kafka's offset lay behind.
    pub fn end_read_below(&self) -> Option<i64> {
        let end = self.position?.offset;
        let is_news = self.read_to.is_some_and(|read| read < end);
        (is_news && end <= self.next_offset && self.owed.is_empty()).then_some(end)
    }
}

/// What is remembered of a partition whose events below the floor are duplicates.
fn memory_to_resume(row: &PartitionRow, floor: i64) -> PartitionMemory {
    // the row's is that at its watermark
    let mut memory = if floor < row.watermark.next_offset {
        row.memory.without_place()
    } else {
        row.memory.clone()
    };
    // without an id it may have been another topic's events that named them
    if row.watermark.topic_id.is_none() {
        memory.tables = NamedTables::default();
    }
    memory
}
