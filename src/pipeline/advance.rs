//! A partition within a batch: how far it was applied, how far the batch takes it.

use crate::format::partition_memory::PartitionMemory;
use crate::ledger::watermarks::WatermarkMove;
use crate::pipeline::owned_partition::OwnedPartition;
use crate::record::{Record, TopicPartition};

/// How far the batch takes a partition.
#[derive(Clone, Debug)]
pub struct Advance {
    /// The topic and the partition.
    pub source: TopicPartition,
    /// The row as it must still be for the batch to be written.
    pub held: OwnedPartition,
    /// Offset of the first record of the batch.
    pub first_offset: i64,
    /// The next offset to read, which is what is committed to Kafka.
    pub next_offset: i64,
    /// Of the last record, or that of the last one before the batch.
    pub leader_epoch: Option<i32>,
    /// What its records have left behind, after the batch.
    pub memory: PartitionMemory,
    /// Duplicates by offset.
    pub below_floor: u64,
    /// The first offset that was expected and didn't come. Compaction and transaction markers leave
    /// such gaps; so does retention that overtook us.
    pub gap: Option<i64>,
    /// Offsets began anew in the middle of the batch, at this record: what follows is another topic's, or was written
    /// anew where the log was cut, and is read again once this batch is done with.
    pub jumped_back: Option<JumpBack>,
}

/// A record where the log had been read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JumpBack {
    /// Its offset.
    pub offset: i64,
    /// Of the leader that took it.
    pub leader_epoch: Option<i32>,
}

/// Whether the log was cut below a record of the later epoch, if one of the earlier had been read there.
pub fn is_later_epoch(epoch: Option<i32>, than: Option<i32>) -> bool {
    matches!((epoch, than), (Some(epoch), Some(than)) if epoch > than)
}

impl Advance {
    /// What the watermark becomes. Reading duplicates again doesn't take it back.
    pub fn new_watermark(&self) -> i64 {
        if self.moves_watermark() {
            self.next_offset
        } else {
            self.held.next_offset
        }
    }

    /// Whether there is anything to write of the partition: else it was read again, and stays where it is.
    pub fn moves_watermark(&self) -> bool {
        self.next_offset > self.held.floor
    }

    /// What becomes of the partition's row.
    pub fn watermark_move(&self) -> WatermarkMove<'_> {
        WatermarkMove {
            partition_id: self.held.partition_id,
            seen_batch: self.held.batch,
            from: self.held.next_offset,
            to: self.new_watermark(),
            leader_epoch: self.leader_epoch,
            memory: &self.memory,
        }
    }

    /// To the position that was read to while Postgres was away.
    pub fn of_debt(source: &TopicPartition, held: &OwnedPartition) -> Option<Self> {
        let read_to = held.read_to?;
        Some(Self {
            source: source.clone(),
            held: held.clone(),
            first_offset: read_to,
            next_offset: read_to,
            leader_epoch: held.leader_epoch,
            memory: held.memory.clone(),
            below_floor: 0,
            gap: None,
            jumped_back: None,
        })
    }

    /// An advance that begins with this record, which isn't taken in yet.
    pub fn new(first: &Record, held: OwnedPartition) -> Self {
        Self {
            source: first.source.clone(),
            memory: held.memory.clone(),
            leader_epoch: held.leader_epoch,
            held,
            first_offset: first.offset,
            next_offset: first.offset,
            below_floor: 0,
            gap: None,
            jumped_back: None,
        }
    }

    /// Goes to where the log was read, if that is behind the last record: what lies between is no record, unless
    /// retention has deleted it unseen, which is asked of a gap.
    pub fn pass_end(&mut self) {
        let ahead = |end: &i64| *end > self.next_offset && self.jumped_back.is_none();
        if let Some(end) = self.held.position.filter(ahead) {
            self.gap.get_or_insert(self.next_offset);
            self.next_offset = end;
        }
    }

    /// Takes the record's offset in; not, if it lies before one that was taken in already, in this batch or before it,
    /// or was written after what had been landed there.
    pub fn follow_record(&mut self, record: &Record) -> bool {
        let offset = record.offset;
        let expected = if self.next_offset == self.first_offset {
            let read_to = self.held.read_to.unwrap_or(offset);
            if offset < read_to {
                // nothing is taken in, and nothing taken back
                (self.first_offset, self.next_offset) = (read_to, read_to);
            }
            read_to
        } else {
            self.next_offset
        };
        let was_cut = offset < self.held.next_offset
            && is_later_epoch(record.leader_epoch, self.held.leader_epoch);
        if offset < self.next_offset || was_cut {
            self.jumped_back = Some(JumpBack {
                offset,
                leader_epoch: record.leader_epoch,
            });
            return false;
        }
        if offset > expected {
            self.gap.get_or_insert(expected);
        }
        self.next_offset = offset + 1;
        self.leader_epoch = record.leader_epoch;
        true
    }
}
