//! A batch: the unit of everything. Read together, written in one transaction, dead-lettered
//! together, committed together; rejects ride inside.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use uuid::Uuid;

use crate::change::{Change, Decoded, Operation};
use crate::event_id;
use crate::message::{Record, TopicPartition};
use crate::open_deletes::OpenDeletes;
use crate::pipeline::decode::Decoder;
use crate::table_name::TableName;
use crate::verdict::{Failure, Reason, Verdict};

/// A lane's knowledge of a partition that it owns: its row in `partitions` as last seen or written.
#[derive(Clone, Debug)]
pub struct Holding {
    pub partition_id: i32,
    pub topic_id: Option<Uuid>,
    pub next_offset: i64,
    /// The batch that wrote the row last. Nobody else has written since as long as it stands there.
    pub batch: Uuid,
    pub open_deletes: OpenDeletes,
    /// Events below are duplicates by their offset.
    pub floor: i64,
    pub epoch: u64,
    /// The offset after the last record that was taken into a batch under this epoch.
    pub read_to: Option<i64>,
}

pub type Holdings = HashMap<TopicPartition, Holding>;

/// How far the batch takes a partition.
#[derive(Clone, Debug)]
pub struct Advance {
    pub source: TopicPartition,
    /// The row as it must still be for the batch to be written.
    pub held: Holding,
    /// Offset of the first record of the batch.
    pub first_offset: i64,
    /// The next offset to read, which is what is committed to Kafka.
    pub next_offset: i64,
    pub open_deletes: OpenDeletes,
    /// Duplicates by offset.
    pub below_floor: u64,
    /// The first offset that was expected and didn't come. Compaction and transaction markers leave
    /// such gaps; so does retention that overtook us.
    pub gap: Option<i64>,
    /// Offsets began anew in the middle of the batch: what follows is another topic's, and is read
    /// again once this batch is done with.
    pub jumped_back: bool,
}

impl Advance {
    /// What the watermark becomes. Reading duplicates again doesn't take it back.
    pub fn watermark(&self) -> i64 {
        if self.moves() {
            self.next_offset
        } else {
            self.held.next_offset
        }
    }

    pub fn moves(&self) -> bool {
        self.next_offset > self.held.floor
    }
}

#[derive(Clone, Debug)]
pub struct Reject {
    pub reason: Reason,
    /// Kafka Connect's name of the step: KEY_CONVERTER, VALUE_CONVERTER, TRANSFORMATION, TASK_PUT.
    pub stage: &'static str,
    pub sqlstate: Option<String>,
    /// May quote values of the row: for the letter, not for the log.
    pub message: String,
    pub attempts: u32,
    pub first_failed_at: SystemTime,
    pub last_failed_at: SystemTime,
    /// A batch that is tried again publishes its rejects once.
    pub published: bool,
}

#[derive(Clone, Debug)]
pub enum State<'r> {
    Pending(Change<'r>),
    Nothing(&'static str),
    Rejected(Reject),
}

#[derive(Clone, Debug)]
pub struct Entry<'r> {
    pub record: &'r Record,
    pub id: Uuid,
    pub table: Option<Arc<TableName>>,
    pub operation: Option<Operation>,
    pub state: State<'r>,
    /// Found in the ledger by the attempt that went through.
    pub duplicate: bool,
}

pub struct Batch<'r> {
    /// Written to the partitions' rows: tells later whether this batch is in.
    pub id: Uuid,
    /// In arrival order.
    pub entries: Vec<Entry<'r>>,
    pub advances: Vec<Advance>,
    pub attempts: u32,
    pub first_failed_at: Option<SystemTime>,
    /// Something in it was refused: find the culprits instead of writing it whole.
    pub isolate: bool,
    /// What was refused was refused at COMMIT, by a constraint that is checked only then.
    pub constraints_immediate: bool,
    /// Every attempt met a deadlock or a lock: whoever still does is put aside.
    pub out_of_attempts: bool,
}

impl<'r> Batch<'r> {
    /// Decodes the records that belong to the lane's holdings; records of a partition that was given
    /// up or repositioned since they were read are dropped.
    pub fn gather(records: &'r [Record], holdings: &Holdings, decoder: &mut Decoder) -> Self {
        let mut advances: Vec<Advance> = Vec::new();
        let mut entries = Vec::with_capacity(records.len());
        for record in records {
            let at = match advances.iter().position(|a| a.source == record.source) {
                Some(at) => at,
                None => {
                    // not one that is left over from before a seek: the others would be measured by it
                    let held = holdings.get(&record.source);
                    let Some(held) = held.filter(|h| h.epoch == record.epoch) else {
                        continue;
                    };
                    advances.push(Advance::new(record, held.clone()));
                    advances.len() - 1
                }
            };
            let Some(advance) = advances
                .get_mut(at)
                .filter(|a| a.held.epoch == record.epoch && !a.jumped_back)
            else {
                continue;
            };
            if !advance.follow(record.offset) {
                continue;
            }
            if record.offset < advance.held.floor {
                advance.below_floor += 1;
                continue;
            }
            entries.push(Entry::decode(record, advance, decoder));
        }
        advances.retain(|a| a.next_offset > a.first_offset);
        Self {
            id: Uuid::new_v4(),
            entries,
            advances,
            attempts: 0,
            first_failed_at: None,
            isolate: false,
            constraints_immediate: false,
            out_of_attempts: false,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.advances.is_empty()
    }

    /// Whether offsets are missing whose fate hasn't been looked at.
    pub fn has_gaps(&self) -> bool {
        self.advances.iter().any(|a| a.gap.is_some())
    }

    /// Nothing was lost in them.
    pub fn accept_gaps(&mut self) {
        self.advances.iter_mut().for_each(|a| a.gap = None);
    }

    /// Whether Postgres has anything to write.
    pub fn moves(&self) -> bool {
        self.advances.iter().any(Advance::moves)
    }

    pub fn rejects(
        &mut self,
    ) -> impl Iterator<Item = (&'r Record, Uuid, Option<&Arc<TableName>>, &mut Reject)> {
        self.entries.iter_mut().filter_map(|e| match &mut e.state {
            State::Rejected(reject) => Some((e.record, e.id, e.table.as_ref(), reject)),
            _ => None,
        })
    }
}

impl Advance {
    fn new(first: &Record, held: Holding) -> Self {
        Self {
            source: first.source.clone(),
            open_deletes: held.open_deletes.clone(),
            held,
            first_offset: first.offset,
            next_offset: first.offset,
            below_floor: 0,
            gap: None,
            jumped_back: false,
        }
    }

    /// Takes the offset in; not, if it lies before one that was taken in already.
    fn follow(&mut self, offset: i64) -> bool {
        let expected = match self.next_offset == self.first_offset {
            true => self.held.read_to.unwrap_or(offset),
            false => self.next_offset,
        };
        if offset < self.next_offset {
            self.jumped_back = true;
            return false;
        }
        if offset > expected {
            self.gap.get_or_insert(expected);
        }
        self.next_offset = offset + 1;
        true
    }
}

impl<'r> Entry<'r> {
    fn decode(record: &'r Record, advance: &mut Advance, decoder: &mut Decoder) -> Self {
        let topic_id = advance.held.topic_id;
        let own_id = || event_id::of_coordinates(record, topic_id);
        let (id, state) = match decoder.decode(record, topic_id, &mut advance.open_deletes) {
            Ok(Decoded::Change(change)) => (change.id, State::Pending(change)),
            Ok(Decoded::Nothing(what)) => (own_id(), State::Nothing(what)),
            Ok(Decoded::BelongsToDelete) => (own_id(), State::Nothing("tombstone")),
            Err(error) => {
                let now = SystemTime::now();
                let reject = Reject {
                    reason: error.reason,
                    stage: error.stage,
                    sqlstate: None,
                    message: error.message,
                    attempts: 1,
                    first_failed_at: now,
                    last_failed_at: now,
                    published: false,
                };
                (own_id(), State::Rejected(reject))
            }
        };
        let change = match &state {
            State::Pending(change) => Some(change),
            _ => None,
        };
        let (table, operation) = (change.map(|c| c.table.clone()), change.map(|c| c.operation));
        Self {
            record,
            id,
            table,
            operation,
            state,
            duplicate: false,
        }
    }

    /// Puts the entry aside because of what Postgres, or a look at its table, said.
    pub fn reject(
        &mut self,
        failure: &Failure,
        attempts: u32,
        first_failed_at: Option<SystemTime>,
    ) {
        let reason = match failure.verdict {
            Verdict::Reject(reason) => reason,
            _ => Reason::Contention,
        };
        let now = SystemTime::now();
        self.state = State::Rejected(Reject {
            reason,
            stage: "TASK_PUT",
            sqlstate: failure.sqlstate.clone(),
            message: failure.message.clone(),
            attempts,
            first_failed_at: first_failed_at.unwrap_or(now),
            last_failed_at: now,
            published: false,
        });
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
