//! A partition within a batch: how far it was applied, how far the batch takes it.

use crate::format::partition_memory::PartitionMemory;
use crate::ledger::watermarks::WatermarkMove;
use crate::pipeline::jumps::{Jump, is_later_epoch, may_hide_records};
use crate::pipeline::owned_partition::OwnedPartition;
use crate::record::{LogPlace, Record, TopicPartition};

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
    /// Of the last record, or of what lies before where the log was read to; that of what was read last before the batch,
    /// if nothing was.
    pub leader_epoch: Option<i32>,
    /// What its records have left behind, after the batch.
    pub memory: PartitionMemory,
    /// The offset of the first event that isn't a duplicate by its offset, and when that was made at the source.
    pub first_event: Option<(i64, i64)>,
    /// When the last such event was made, in milliseconds since 1970.
    pub last_event: Option<i64>,
    /// Duplicates by offset.
    pub below_floor: u64,
    /// The first offset that was expected and didn't come. Compaction and transaction markers leave
    /// such gaps; so does retention that overtook us.
    pub gap: Option<i64>,
    /// Offsets began anew in the middle of the batch, at this record: what follows is another topic's, or was written
    /// anew where the log was cut. Or they went on where a later leader's begin, and what comes before may not have been
    /// brought. It is read again once this batch is done with.
    pub jump: Option<Jump>,
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
            leader_epoch: held.read_epoch,
            memory: held.memory.clone(),
            first_event: None,
            last_event: None,
            below_floor: 0,
            gap: None,
            jump: None,
        })
    }

    /// An advance that begins with this record, which isn't taken in yet.
    pub fn new(first: &Record, held: OwnedPartition) -> Self {
        Self {
            source: first.source.clone(),
            memory: held.memory.clone(),
            leader_epoch: held.read_epoch,
            held,
            first_offset: first.offset,
            next_offset: first.offset,
            first_event: None,
            last_event: None,
            below_floor: 0,
            gap: None,
            jump: None,
        }
    }

    /// Notes when an event was made at the source, if anything tells.
    pub fn note_event(&mut self, offset: i64, source_time: Option<i64>) {
        if let Some(time) = source_time {
            self.first_event.get_or_insert((offset, time));
            self.last_event = Some(time);
        }
    }

    /// Goes to where the log was read, if that is behind the last record: what lies between is no record, unless
    /// retention has deleted it unseen, which is asked of a gap.
    pub fn pass_end(&mut self) {
        let ahead = |end: &LogPlace| end.offset > self.next_offset && self.jump.is_none();
        let Some(end) = self.held.position.filter(ahead) else {
            return;
        };
        if self.may_hide_records(end.leader_epoch) {
            self.jump = Some(jump_to(end, true));
            return;
        }
        self.gap.get_or_insert(self.next_offset);
        self.next_offset = end.offset;
        self.leader_epoch = end.leader_epoch;
    }

    fn may_hide_records(&self, comes: Option<i32>) -> bool {
        may_hide_records(self.leader_epoch, comes, self.held.seen_epoch)
    }

    /// Takes the record's offset in; not, if it lies before one that was taken in already, in this batch or before it,
    /// or was written after what had been landed there, or may have others before it that didn't come.
    pub fn follow_record(&mut self, record: &Record) -> bool {
        let offset = record.offset;
        let expected = if self.next_offset == self.first_offset {
            self.held.read_to.unwrap_or(offset)
        } else {
            self.next_offset
        };
        // what was written anew is of a later leader; if leaders have gone back, so has the whole log
        let (landed, now) = (self.held.leader_epoch, record.leader_epoch);
        let is_other = match offset < self.held.next_offset {
            true => is_later_epoch(now, landed),
            false => is_later_epoch(landed, now),
        };
        let is_back = offset < expected || is_other;
        if is_back || (offset > expected && self.may_hide_records(record.leader_epoch)) {
            if self.next_offset == self.first_offset {
                // nothing is taken in, and nothing taken back
                (self.first_offset, self.next_offset) = (expected, expected);
            }
            let place = LogPlace {
                offset,
                leader_epoch: record.leader_epoch,
            };
            self.jump = Some(jump_to(place, !is_back));
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

fn jump_to(place: LogPlace, is_ahead: bool) -> Jump {
    Jump {
        offset: place.offset,
        leader_epoch: place.leader_epoch,
        is_ahead,
    }
}
