//! The rows of a batch, written within its transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use deadpool_postgres::Transaction;

use crate::config::LaterEvents;
use crate::format::change::spelling_hash;
use crate::ledger::Ledger;
use crate::ledger::moved_rows::MovedRows;
use crate::letter::KeyHashes;
use crate::pipeline::batch::Batch;
use crate::pipeline::entry::Entry;
use crate::pipeline::event_place::EventPlace;
use crate::pipeline::isolate::write_isolating;
use crate::pipeline::order::{Order, OrderedEvent, Supersedes};
use crate::postgres::catalogue::{Catalogue, TablesAre};
use crate::postgres::moving::MovingWriter;
use crate::rows::row_change::{Effect, RowChange};
use crate::verdict::{Failure, Verdict};

/// Entries of a batch that were refused, with what was said of them.
type Refused = BTreeMap<usize, Failure>;

/// Writes a batch's rows within its transaction.
pub struct RowWriter<'t> {
    /// The batch's transaction.
    pub tx: &'t Transaction<'t>,
    /// Has the letters of earlier batches.
    pub ledger: &'t Ledger,
    /// What becomes of a key's events after a dead letter of the key.
    pub later_events: LaterEvents,
    /// What the changes' tables are taken to be.
    pub catalogue: &'t Catalogue,
}

impl<'t> RowWriter<'t> {
    fn writer(&self) -> MovingWriter<'t, MovedRows> {
        MovingWriter {
            tx: self.tx,
            keeper: &self.ledger.moved_rows,
        }
    }

    /// Writes the changes, but for those that are refused and those that must wait behind a letter of
    /// their key; notes both, and the letters that were made obsolete. While there are no letters
    /// (`parked`) and nothing is refused, keys needn't be looked at. If a table was altered since it was
    /// read, nothing is noted and nobody is blamed: the transaction is of no more use.
    ///
    /// # Errors
    /// Whatever isn't a refusal of a single row, or any refusal unless the batch is to be taken apart.
    pub async fn write_in_order(
        &self,
        batch: &mut Batch<'_>,
        changes: &[(usize, RowChange<'_>)],
        parked: bool,
    ) -> Result<TablesAre, Failure> {
        batch.waiting.clear();
        let rejects = batch.entries.iter().any(Entry::is_rejected);
        if !parked && !rejects && !batch.trial.approach.looks_for_culprits() {
            let all: Vec<_> = changes.iter().map(|(_, change)| change).collect();
            return self.write_verified(batch, &all).await;
        }
        let events = order_events(batch, changes);
        let mut order = Order::new(self.later_events);
        note_spellings(batch, changes, &mut order);
        note_places(batch, &events, &mut order);
        if parked {
            self.queue_parked_letters(batch, &events, &mut order)
                .await?;
        }
        for (at, entry) in batch.entries.iter().enumerate() {
            if let Some(keys) = entry.key_hashes().filter(|_| entry.is_rejected()) {
                order.add_entry(keys, at);
            }
        }
        let refused = if batch.trial.approach.looks_for_culprits() {
            let found = self.write_apart(batch, changes, &events, &mut order);
            let Some(refused) = found.await? else {
                return Ok(TablesAre::Altered);
            };
            refused
        } else {
            let written = self.write_whole(batch, changes, &events, &mut order);
            if written.await? == TablesAre::Altered {
                return Ok(TablesAre::Altered);
            }
            Refused::new()
        };
        batch.put_aside(&refused, &order);
        self.delete_ids_put_aside(batch, &refused, &order).await?;
        self.supersede_letters(batch, &order).await?;
        Ok(TablesAre::AsKnown)
    }

    /// Locks the parked letters of the changes' keys, which the changes come after. Those that a version has
    /// entered which went by how keys are written are met by that.
    async fn queue_parked_letters(
        &self,
        batch: &Batch<'_>,
        events: &[OrderedEvent],
        order: &mut Order,
    ) -> Result<(), Failure> {
        let hashes = hashes_of_letters(batch, events);
        let asked: BTreeSet<i64> = hashes.keys().copied().collect();
        let asked: Vec<i64> = asked.into_iter().collect();
        let own = |hash: i64| hashes.get(&hash).copied().unwrap_or(hash);
        let letters = &self.ledger.letters;
        for letter in letters.lock_parked_letters(self.tx, &asked).await? {
            let keys = KeyHashes {
                key: own(letter.keys.key),
                old_key: letter.keys.old_key.map(own),
            };
            order.add_row(keys, letter.number);
            if let Some(key) = &letter.key {
                order.spell_row(letter.number, spelling_hash(key));
            }
            let mut advances = batch.advances.iter();
            if let Some(own) = advances.find(|advance| advance.source == letter.source) {
                let place = EventPlace {
                    partition_id: own.held.partition_id,
                    offset: letter.offset,
                    time: Some(letter.put_aside_at),
                };
                order.locate_row(letter.number, place);
            }
        }
        Ok(())
    }

    /// Locks the parked letters of the changes' keys before their rows are claimed, as a replay does, which has locked
    /// its letter when it claims the letter's row: else each could wait for the other.
    pub async fn lock_letters(
        &self,
        batch: &mut Batch<'_>,
        changes: &[(usize, RowChange<'_>)],
    ) -> Result<(), Failure> {
        let events = order_events(batch, changes);
        let hashes = hashes_of_letters(batch, &events);
        let asked: Vec<i64> = hashes.into_keys().collect();
        let letters = &self.ledger.letters;
        letters.lock_parked_letters(self.tx, &asked).await?;
        Ok(())
    }

    /// Writes all that needn't wait behind a letter, as one.
    async fn write_whole(
        &self,
        batch: &Batch<'_>,
        changes: &[(usize, RowChange<'_>)],
        events: &[OrderedEvent],
        order: &mut Order,
    ) -> Result<TablesAre, Failure> {
        let sifted = order.sift_part(events.iter().copied());
        let write_them = sifted.write.iter().filter_map(|at| changes.get(*at));
        let write_them: Vec<_> = write_them.map(|(_, change)| change).collect();
        let tables = self.write_verified(batch, &write_them).await?;
        order.note_written(sifted);
        Ok(tables)
    }

    async fn write_verified(
        &self,
        batch: &Batch<'_>,
        changes: &[&RowChange<'_>],
    ) -> Result<TablesAre, Failure> {
        let (conflicts, tables) = (batch.trial.conflicts, &batch.tables);
        let writer = self.writer();
        let written = writer.write_and_verify(changes, conflicts, self.catalogue, tables);
        written.await
    }

    /// Writes all that can be written, and says what was refused; nothing, if a table was altered.
    async fn write_apart(
        &self,
        batch: &mut Batch<'_>,
        changes: &[(usize, RowChange<'_>)],
        events: &[OrderedEvent],
        order: &mut Order,
    ) -> Result<Option<Refused>, Failure> {
        let found = write_isolating(self.writer(), batch, changes, events, order).await?;
        let tables = self.catalogue.verify_tables(&**self.tx, &batch.tables);
        if tables.await? == TablesAre::Altered {
            return Ok(None);
        }
        batch.waiting = found.waiting;
        let first = batch.waiting.iter().min_by_key(|w| (w.is_put_off, w.entry));
        if let Some(first) = first {
            return Err(Failure {
                verdict: Verdict::Early,
                ..(*first.met).clone()
            });
        }
        let (refused, parked) = (found.refused.len(), order.parked_entries().len());
        tracing::info!(
            events = changes.len(),
            refused,
            parked,
            statements = found.statements,
            "refused batch taken apart"
        );
        Ok(Some(found.refused))
    }

    /// Takes the ids of those that were put aside out of the ledger again.
    async fn delete_ids_put_aside(
        &self,
        batch: &Batch<'_>,
        refused: &Refused,
        order: &Order,
    ) -> Result<(), Failure> {
        let set_aside = refused.keys().chain(order.parked_entries());
        let ids: Vec<_> = set_aside
            .filter_map(|at| batch.entries.get(*at))
            .map(|entry| entry.id)
            .collect();
        self.ledger.event_ids.delete_event_ids(self.tx, &ids).await
    }

    /// Marks the letters from before the batch that its events have made obsolete.
    async fn supersede_letters(&self, batch: &Batch<'_>, order: &Order) -> Result<(), Failure> {
        let superseded: Vec<_> = order
            .superseded_rows()
            .into_iter()
            .filter_map(|(letter, by)| Some((letter, batch.entries.get(by)?.id)))
            .collect();
        let letters = &self.ledger.letters;
        letters.supersede_letters(self.tx, &superseded).await
    }
}

/// By which letters may be kept that meet the events, each with the hash by which the events know it.
fn hashes_of_letters(batch: &Batch<'_>, events: &[OrderedEvent]) -> HashMap<i64, i64> {
    let mut hashes: HashMap<i64, i64> = HashMap::new();
    for event in events {
        let written = batch.entries.get(event.entry);
        let written = written.and_then(Entry::written_hashes);
        let written = written.unwrap_or(event.keys);
        hashes.insert(written.key, event.keys.key);
        hashes.extend(written.old_key.zip(event.keys.old_key));
    }
    let known = events.iter().flat_map(|event| event.keys.iter_hashes());
    hashes.extend(known.map(|key| (key, key)));
    hashes
}

/// What must be known of the changes' events for their order; their keys' hashes are noted with their entries.
fn order_events(batch: &mut Batch<'_>, changes: &[(usize, RowChange<'_>)]) -> Vec<OrderedEvent> {
    let mut events = Vec::with_capacity(changes.len());
    for (at, change) in changes {
        let keys = change.key_hashes();
        let spelled = change.effect == Effect::Gone && change.is_kept_as_written();
        let entry = batch.entries.get_mut(*at);
        let (mut by_source, mut supersedes) = (false, Supersedes::All);
        let deletes_spelling = entry.and_then(|entry| {
            entry.note_key_hashes(keys);
            by_source = entry.may_be_early();
            supersedes = find_superseded(entry);
            entry.spelling().filter(|_| spelled)
        });
        events.push(OrderedEvent {
            entry: *at,
            keys,
            // what fills in values is cut from a whole change, and its place is known by its position
            whole: change.is_whole() || change.effect == Effect::Fill,
            deletes_spelling,
            by_source,
            supersedes,
        });
    }
    events
}

/// Whose letters the entry's event makes obsolete. What comes through one partition comes in the order of its source there,
/// unless versions go before that, or the source sends it again.
fn find_superseded(entry: &Entry<'_>) -> Supersedes {
    if entry.is_lone_tombstone() {
        return Supersedes::OfPartition(place_of(entry));
    }
    match entry.may_be_early() {
        false => Supersedes::All,
        true if entry.is_versioned() || entry.is_sent_again() => Supersedes::Nothing,
        true => Supersedes::OfPartition(place_of(entry)),
    }
}

fn place_of(entry: &Entry<'_>) -> EventPlace {
    EventPlace {
        partition_id: entry.partition_id,
        offset: entry.record.offset,
        time: entry.record.timestamp,
    }
}

/// Notes where the events come, as any of them may become a letter, where an event asks.
fn note_places(batch: &Batch<'_>, events: &[OrderedEvent], order: &mut Order) {
    let asks = |event: &OrderedEvent| matches!(event.supersedes, Supersedes::OfPartition(_));
    if !events.iter().any(asks) {
        return;
    }
    for (at, entry) in batch.entries.iter().enumerate() {
        order.locate_entry(at, place_of(entry));
    }
}

/// Notes how the keys of those tables' events are written that keep equal keys as they are, as any of the
/// events may become a letter.
fn note_spellings(batch: &Batch<'_>, changes: &[(usize, RowChange<'_>)], order: &mut Order) {
    if !changes
        .iter()
        .any(|(_, change)| change.is_kept_as_written())
    {
        return;
    }
    for (at, entry) in batch.entries.iter().enumerate() {
        if let Some(spelling) = entry.spelling() {
            order.spell_entry(at, spelling);
        }
    }
}
