//! Which events of a batch were dealt with before: what the ledger says of them, marked on the entries.

use std::collections::HashSet;

use deadpool_postgres::Transaction;
use uuid::Uuid;

use crate::ledger::Ledger;
use crate::ledger::event_ids::{InsertedIds, OnKnownId};
use crate::pipeline::batch::Batch;
use crate::pipeline::entry::{Entry, EntryState};
use crate::rows::statement::Conflicts;
use crate::verdict::Failure;

/// What the ledger knows of the events that a source may have sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerKnows {
    /// All of them, or none was sent again.
    All,
    /// Not all of them, so that it can't be asked about any.
    APart,
}

/// Inserts the ids of the batch's pending events, and marks those that were there already, or that have
/// a dead letter if there are `letters`. Of two equal ids in the batch the first counts. What is sent again is
/// applied whether its id was there or not.
///
/// # Errors
/// As Postgres says: also that an id is there already, where the batch doesn't expect it.
pub async fn insert_event_ids(
    tx: &Transaction<'_>,
    ledger: &Ledger,
    batch: &mut Batch<'_>,
    letters: bool,
) -> Result<LedgerKnows, Failure> {
    let entries = &mut batch.entries;
    forget_marks(entries);
    if letters {
        let again = ids_of(entries, Entry::is_sent_again);
        ledger.letters.forget_sent_again(tx, &again).await?;
        let ids = ids_of(entries, may_have_letter);
        let lettered = ledger.letters.find_lettered_ids(tx, &ids).await?;
        mark_lettered(entries, &lettered);
    }
    let again = ids_of(entries, |e| e.is_rejected() && e.is_sent_again());
    ledger.event_ids.delete_event_ids(tx, &again).await?;
    let rejects = ids_of(entries, Entry::is_rejected);
    let applied = ledger.event_ids.find_applied_ids(tx, &rejects).await?;
    mark_applied_rejects(entries, &applied);
    mark_twins(entries);
    let fresh = entries.iter().filter(|e| e.is_fresh());
    let fresh = fresh.map(|e| (e.id, e.partition_id));
    let on_known_id = match batch.trial.conflicts {
        Conflicts::Unexpected if !entries.iter().any(Entry::is_sent_again) => OnKnownId::Fail,
        _ => OnKnownId::Skip,
    };
    let inserted = ledger.event_ids.insert_event_ids(tx, fresh, on_known_id);
    if let InsertedIds::AllBut(known) = inserted.await? {
        mark_known(entries, known);
    }
    let is_unknown = |entry: &Entry<'_>| entry.is_fresh() && entry.gone_back().is_some();
    match ledger.event_ids.are_kept() && entries.iter().any(is_unknown) {
        true => Ok(LedgerKnows::APart),
        false => Ok(LedgerKnows::All),
    }
}

fn ids_of<'r>(entries: &[Entry<'r>], which: impl Fn(&Entry<'r>) -> bool) -> Vec<Uuid> {
    let entries = entries.iter().filter(|e| which(e));
    entries.map(|e| e.id).collect()
}

/// Forgets what an attempt before this one has found.
fn forget_marks(entries: &mut [Entry<'_>]) {
    for entry in entries {
        entry.duplicate = false;
        entry.stale = false;
    }
}

/// Whether a letter of the event's would be from before the batch.
fn may_have_letter(entry: &Entry<'_>) -> bool {
    matches!(entry.state, EntryState::Pending) || entry.is_unpublished()
}

/// An event that has a letter was dealt with, whatever became of the letter since.
fn mark_lettered(entries: &mut [Entry<'_>], lettered: &HashSet<Uuid>) {
    for entry in entries.iter_mut().filter(|e| may_have_letter(e)) {
        entry.duplicate = lettered.contains(&entry.id);
    }
}

/// An event that was applied when its table still took it, and has come again since, is no reject.
fn mark_applied_rejects(entries: &mut [Entry<'_>], applied: &HashSet<Uuid>) {
    for entry in entries.iter_mut().filter(|e| e.is_rejected()) {
        entry.duplicate = applied.contains(&entry.id);
    }
}

/// Marks those that the batch has a letter for already, as the batch holds the same event twice. To be
/// asked before the rest is written.
pub fn mark_twins(entries: &mut [Entry<'_>]) {
    let mut letters = HashSet::new();
    for entry in entries.iter_mut().filter(|e| !e.duplicate) {
        entry.duplicate = match entry.state {
            EntryState::Rejected(_) => !letters.insert(entry.id),
            EntryState::Pending => letters.contains(&entry.id),
            EntryState::Nothing(_) => false,
        };
    }
}

/// Marks those whose id is known, and all but the first of each id; not what is to be applied again.
fn mark_known(entries: &mut [Entry<'_>], mut known: HashSet<Uuid>) {
    for entry in entries.iter_mut().filter(|e| e.is_fresh()) {
        entry.duplicate = !known.insert(entry.id) && !entry.is_sent_again();
    }
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::*;
    use crate::format::change::{Change, Fields, RowKey};
    use crate::format::decode::Decoder;
    use crate::format::partition_memory::PartitionMemory;
    use crate::format::stream_ends::StreamStanding;
    use crate::pipeline::advance::Advance;
    use crate::pipeline::owned_partition::OwnedPartition;
    use crate::record::{Record, TopicPartition};
    use crate::table_name::TableName;

    /// Of a test, which ends soon.
    fn entry(id: u128) -> Entry<'static> {
        let record: &Record = Box::leak(Box::new(Record {
            source: TopicPartition {
                topic: "t".into(),
                partition: 0,
            },
            offset: 0,
            timestamp: None,
            key: None,
            value: Some("not json".into()),
            headers: Default::default(),
            epoch: 0,
            leader_epoch: None,
        }));
        let owned = OwnedPartition {
            partition_id: 1,
            topic_id: None,
            next_offset: 0,
            batch: Uuid::nil(),
            memory: PartitionMemory::default(),
            floor: 0,
            epoch: 0,
            leader_epoch: None,
            is_undecided: false,
            has_siblings: false,
            is_untried: false,
            is_at_end: false,
            position: None,
            confirmed: None,
            read_to: None,
            read_epoch: None,
            seen_epoch: None,
            owed: Default::default(),
        };
        let arena: &Bump = Box::leak(Box::default());
        let mut decoder = Decoder::new(Vec::new().into(), true);
        let mut advance = Advance::new(record, owned);
        let mut entry = Entry::decode_record(record, arena, &mut advance, &mut decoder);
        entry.id = Uuid::from_u128(id);
        entry
    }

    fn rejected(id: u128) -> Entry<'static> {
        let entry = entry(id);
        assert!(entry.is_rejected());
        entry
    }

    fn pending(id: u128) -> Entry<'static> {
        let mut entry = entry(id);
        entry.state = EntryState::Pending;
        entry
    }

    fn ids(ids: &[u128]) -> HashSet<Uuid> {
        ids.iter().map(|id| Uuid::from_u128(*id)).collect()
    }

    fn duplicates(entries: &[Entry<'_>]) -> Vec<bool> {
        entries.iter().map(|e| e.duplicate).collect()
    }

    #[test]
    fn of_a_known_id_all_are_duplicates_and_of_a_new_one_all_but_the_first() {
        let mut entries = [pending(1), pending(2), pending(1), pending(2), rejected(3)];
        mark_known(&mut entries, ids(&[2, 3]));
        assert_eq!(duplicates(&entries), [false, true, true, true, false]);
    }

    #[test]
    fn what_is_sent_again_is_no_duplicate_though_its_id_is_known() {
        let mut entries = [pending(1), pending(2), pending(2), pending(3)];
        for entry in &mut entries[1..] {
            let key = RowKey {
                table: Some(TableName::new("public", "t").into()),
                key: Fields::default(),
            };
            let change = key.to_change();
            entry.change = change.map(|change| Change {
                standing: StreamStanding::SentAgain,
                ..change
            });
        }
        mark_known(&mut entries, ids(&[1, 2]));
        assert_eq!(duplicates(&entries), [true, false, false, false]);
    }

    #[test]
    fn an_event_that_the_batch_has_a_letter_for_is_a_duplicate_where_it_comes_again() {
        let mut entries = [pending(1), rejected(1), rejected(1), pending(1), pending(2)];
        mark_twins(&mut entries);
        assert_eq!(duplicates(&entries), [false, false, true, true, false]);
    }

    #[test]
    fn an_event_with_a_letter_or_that_was_applied_is_rejected_no_more() {
        let mut entries = [pending(1), rejected(1), rejected(2), pending(2)];
        mark_lettered(&mut entries, &ids(&[1]));
        assert_eq!(duplicates(&entries), [true, true, false, false]);
        mark_applied_rejects(&mut entries, &ids(&[2]));
        assert_eq!(duplicates(&entries), [true, true, true, false]);
        forget_marks(&mut entries);
        assert_eq!(duplicates(&entries), [false; 4]);
    }
}
