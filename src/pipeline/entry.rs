//! A record within a batch: what it turned out to be, and what becomes of it.

use std::sync::Arc;
use std::time::SystemTime;

use bumpalo::Bump;
use uuid::Uuid;

use crate::format::change::{
    Change, Decoded, Fields, Operation, RowKey, RowOrder, Unplaced, key_json, row_hash,
    spelling_hash,
};
use crate::format::decode::Decoder;
use crate::format::event_id;
use crate::format::stream_ends::{StreamId, StreamStanding};
use crate::format::undecodable::Blame;
use crate::letter::{Cause, KeyHashes, Letter, Place, Stage};
use crate::pipeline::advance::Advance;
use crate::pipeline::last_events::Fate;
use crate::record::Record;
use crate::table_name::TableName;
use crate::verdict::{Failure, Reason};

/// Why an event is a dead letter, or about to be one.
#[derive(Clone, Debug)]
pub struct Reject {
    /// What was wrong.
    pub cause: Cause,
    /// What is to blame.
    pub blame: Blame,
    /// A batch that is tried again publishes its rejects once.
    pub published: Option<Place>,
    /// A later event of the batch has made it obsolete.
    pub superseded_by: Option<Uuid>,
}

/// What becomes of an entry, as far as is known.
#[derive(Clone, Debug)]
pub enum EntryState {
    /// Its change is to be applied.
    Pending,
    /// There is nothing to apply, as the record is of this kind.
    Nothing(&'static str),
    /// It is put aside.
    Rejected(Box<Reject>),
}

/// A record of a batch.
#[derive(Clone, Debug)]
pub struct Entry<'r> {
    /// As it was read.
    pub record: &'r Record,
    /// The event's id, by which it is recognised when it comes again.
    pub id: Uuid,
    /// Of its partition's row in `partitions`.
    pub partition_id: i32,
    /// Always there if pending.
    pub change: Option<Change<'r>>,
    /// Of a record that can't be decoded.
    row_key: Option<Box<RowKey<'r>>>,
    /// A tombstone on its own, for whose table the whole batch has to be known.
    unplaced: Option<Box<Unplaced<'r>>>,
    /// By which the events of one row meet, once its table has told.
    known_keys: Option<KeyHashes>,
    /// What becomes of it.
    pub state: EntryState,
    /// Found in the ledger or among the letters by the attempt that went through.
    pub duplicate: bool,
    /// A later change of its row was written before, by the attempt that went through.
    pub stale: bool,
}

impl<'r> Entry<'r> {
    /// Decodes a record, which takes part in the open deletes of its partition.
    pub fn decode_record(
        record: &'r Record,
        arena: &'r Bump,
        advance: &mut Advance,
        decoder: &mut Decoder,
    ) -> Self {
        let topic_id = advance.held.topic_id;
        let generation = advance.memory.generation_of(record);
        let own_id = || event_id::id_of_coordinates(record, topic_id, generation);
        let mut entry = Self {
            record,
            id: Uuid::nil(),
            partition_id: advance.held.partition_id,
            change: None,
            row_key: None,
            unplaced: None,
            known_keys: None,
            state: EntryState::Pending,
            duplicate: false,
            stale: false,
        };
        match decoder.decode_record(record, arena, topic_id, &mut advance.memory) {
            Ok(Decoded::Change(change)) => {
                entry.id = change.id;
                entry.change = Some(change);
            }
            Ok(Decoded::Nothing(what)) => {
                entry.id = own_id();
                entry.state = EntryState::Nothing(what);
            }
            Ok(Decoded::BelongsToDelete) => {
                entry.id = own_id();
                entry.state = EntryState::Nothing("tombstone");
            }
            Ok(Decoded::Unplaced(tombstone)) => {
                entry.id = tombstone.id;
                entry.unplaced = Some(Box::new(tombstone));
                let cause = Cause::new(
                    Reason::Undecodable,
                    Stage::Transformation,
                    Unplaced::REFUSAL.to_owned(),
                    1,
                );
                entry.put_aside(cause, Blame::Record);
            }
            Err(error) => {
                entry.id = own_id();
                entry.row_key = decoder.row_key(record, arena).map(Box::new);
                let cause = Cause::new(error.reason, error.stage, error.message, 1);
                entry.put_aside(cause, error.blame);
            }
        }
        entry
    }

    /// When its event was made at the source, else when its record was written, in milliseconds since 1970, if anything
    /// tells.
    pub fn source_time(&self) -> Option<i64> {
        let told = self.change.as_ref().map(|change| change.source_time);
        told.filter(|time| *time > 0).or(self.record.timestamp)
    }

    /// The key of a row whose table nothing has told yet.
    pub fn key_without_table(&self) -> Option<&Fields<'r>> {
        match (&self.unplaced, &self.row_key) {
            (Some(tombstone), _) => Some(&tombstone.key),
            (None, Some(row)) if row.table.is_none() => Some(&row.key),
            (None, _) => None,
        }
    }

    /// Whether it is a tombstone whose table nothing has told.
    pub fn is_unplaced(&self) -> bool {
        self.unplaced.is_some()
    }

    /// Says which table the row is of whose key is all that was known. A tombstone becomes its delete.
    pub fn place_in(&mut self, table: Arc<TableName>) {
        if let Some(tombstone) = self.unplaced.take() {
            self.change = Some(tombstone.into_change(table));
            self.state = EntryState::Pending;
        } else if let Some(row) = &mut self.row_key {
            row.table = Some(table);
        }
    }

    /// Whether it is to be applied, as far as is known.
    pub fn is_fresh(&self) -> bool {
        matches!(self.state, EntryState::Pending) && !self.duplicate && !self.stale
    }

    /// Whether its change is put in order by its position at the source.
    pub fn is_ordered_by_source(&self) -> bool {
        let order = self.change.as_ref().map(|change| &change.order);
        matches!(order, Some(RowOrder::Source { .. }))
    }

    /// Whether earlier changes of its row may still come through another partition.
    pub fn may_be_early(&self) -> bool {
        let change = self.change.as_ref();
        change.is_some_and(|change| change.order.may_be_early())
    }

    /// Whether a column of its row tells which of two changes is the later one.
    pub fn is_versioned(&self) -> bool {
        let change = self.change.as_ref();
        change.is_some_and(|change| change.version.is_some())
    }

    /// Whether its source sends it again, and it is applied whatever is known of it.
    pub fn is_sent_again(&self) -> bool {
        let standing = self.change.as_ref().map(|change| change.standing);
        standing == Some(StreamStanding::SentAgain)
    }

    /// The stream that it comes from, if that had come further before it.
    pub fn gone_back(&self) -> Option<StreamId> {
        match self.change.as_ref()?.standing {
            StreamStanding::GoneBack(stream) => Some(stream),
            StreamStanding::Onward | StreamStanding::SentAgain => None,
        }
    }

    /// Whether it is a tombstone without its delete.
    pub fn is_lone_tombstone(&self) -> bool {
        self.operation() == Some(Operation::Tombstone)
    }

    /// Whether it is a dead letter, or about to be one.
    pub fn is_rejected(&self) -> bool {
        matches!(self.state, EntryState::Rejected(_)) && !self.duplicate
    }

    /// Whether it was refused for what it is, or else landed; nothing, if it is neither.
    pub fn fate(&self) -> Option<Fate> {
        match &self.state {
            _ if self.duplicate => None,
            // it says nothing of what the topic's events are like
            EntryState::Pending if self.is_lone_tombstone() => None,
            EntryState::Pending => Some(Fate::Landed),
            EntryState::Rejected(reject) if !reject.cause.reason.is_refusal() => None,
            EntryState::Rejected(reject) => Some(match reject.blame {
                Blame::Topic => Fate::Stray,
                Blame::Record | Blame::Converter | Blame::Route => Fate::Refused,
            }),
            EntryState::Nothing(_) => None,
        }
    }

    /// Whether it is to be published yet.
    pub fn is_unpublished(&self) -> bool {
        matches!(&self.state, EntryState::Rejected(reject) if reject.published.is_none() && !self.duplicate)
    }

    /// The destination table, if anything tells.
    pub fn table(&self) -> Option<&Arc<TableName>> {
        self.row_identity().map(|(table, _)| table)
    }

    /// What the event does with its row, if it is a change.
    pub fn operation(&self) -> Option<Operation> {
        self.change.as_ref().map(|c| c.operation)
    }

    /// Whether it empties its table, if it is to be applied.
    pub fn is_truncate(&self) -> bool {
        self.operation() == Some(Operation::Truncate)
    }

    /// Which row it is about, if anything tells.
    fn row_identity(&self) -> Option<(&Arc<TableName>, &Fields<'r>)> {
        match (&self.change, &self.row_key) {
            (Some(change), _) => Some((&change.table, &change.key)),
            (None, Some(row)) => Some((row.table.as_ref()?, &row.key)),
            (None, None) => None,
        }
    }

    /// By which the events of one row meet: what its table has told, else what the key's JSON tells.
    pub fn key_hashes(&self) -> Option<KeyHashes> {
        // a truncate's letter must not be taken for one whose order is known
        let known = self.known_keys.filter(|_| !self.is_truncate());
        known.or_else(|| self.written_hashes())
    }

    /// Notes by which the events of its row meet.
    pub fn note_key_hashes(&mut self, keys: KeyHashes) {
        self.known_keys = Some(keys);
    }

    /// What is known of the key of an event that won't be applied, as a change of its row.
    pub fn to_key_change(&self) -> Option<Change<'r>> {
        match (&self.change, &self.row_key) {
            (Some(_), _) if self.is_truncate() => None,
            (Some(change), _) => Some(change.of_key_alone()),
            (None, Some(row)) => row.to_change(),
            (None, None) => None,
        }
    }

    /// How the key is written.
    pub fn spelling(&self) -> Option<u64> {
        let (_, key) = self.row_identity()?;
        Some(spelling_hash(&key_json(key)))
    }

    /// By which letters of versions that knew no other hash meet the event: what the key's JSON tells.
    pub fn written_hashes(&self) -> Option<KeyHashes> {
        match (&self.change, &self.row_key) {
            (Some(_), _) if self.is_truncate() => None,
            (Some(change), _) => Some(change.key_hashes()),
            (None, Some(row)) => Some(KeyHashes::of_key(row_hash(row.table.as_ref()?, &row.key))),
            (None, None) => None,
        }
    }

    /// Puts the entry aside because of what Postgres, or a look at its table, said.
    pub fn reject_for(
        &mut self,
        failure: &Failure,
        attempts: u32,
        first_failed_at: Option<SystemTime>,
    ) {
        self.put_aside(Cause::of(failure, attempts, first_failed_at), Blame::Record);
    }

    /// Puts the entry behind a letter of its key.
    pub fn park_behind_letter(&mut self, attempts: u32) {
        let message = "an earlier event of this key is a dead letter; replayed after it";
        let cause = Cause::new(Reason::Behind, Stage::TaskPut, message.to_owned(), attempts);
        self.put_aside(cause, Blame::Record);
    }

    fn put_aside(&mut self, cause: Cause, blame: Blame) {
        self.state = EntryState::Rejected(Box::new(Reject {
            cause,
            blame,
            published: None,
            superseded_by: None,
        }));
    }

    /// Once it is published.
    pub fn published_letter(&self) -> Option<Letter> {
        let EntryState::Rejected(reject) = &self.state else {
            return None;
        };
        let row = self.row_identity();
        Some(Letter {
            event_id: self.id,
            source: self.record.source.clone(),
            offset: self.record.offset,
            table: row.map(|(table, _)| table.to_string()),
            operation: self.operation().map(Operation::name),
            key: row.map(|(_, key)| key_json(key)),
            key_hashes: self.key_hashes(),
            cause: reject.cause.clone(),
            place: reject.published.clone()?,
            superseded_by: reject.superseded_by,
        })
    }
}
