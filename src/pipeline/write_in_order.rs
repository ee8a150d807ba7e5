//! The rows of a batch, written within its transaction.

use std::collections::{BTreeMap, BTreeSet};

use deadpool_postgres::Transaction;

use crate::pipeline::apply::Destination;
use crate::pipeline::batch::Batch;
use crate::pipeline::entry::Entry;
use crate::pipeline::isolate;
use crate::pipeline::order::{Item, Order};
use crate::postgres::write::write_rows;
use crate::rows::row_change::RowChange;
use crate::verdict::{Failure, Verdict};

impl Destination {
    /// Writes the changes, but for those that are refused and those that must wait behind a letter of
    /// their key; notes both, and the letters that were made obsolete. While there are no letters
    /// and nothing is refused, keys needn't be looked at.
    pub(super) async fn write_in_order(
        &self,
        tx: &Transaction<'_>,
        batch: &mut Batch<'_>,
        changes: &[(usize, RowChange<'_>)],
        parked: bool,
    ) -> Result<(), Failure> {
        batch.waiting.clear();
        let rejects = batch.entries.iter().any(Entry::is_rejected);
        if !parked && !rejects && !batch.trial.approach.isolates() {
            let all: Vec<_> = changes.iter().map(|(_, change)| change).collect();
            return write_rows(tx, &all, batch.trial.conflicts).await;
        }
        let items: Vec<Item> = changes
            .iter()
            .map(|(at, change)| Item {
                entry: *at,
                key: batch.entries[*at].key_hash().unwrap_or_default(),
                whole: change.is_whole(),
            })
            .collect();
        let mut order = Order::new(self.later_events);
        if parked {
            let keys: BTreeSet<i64> = items.iter().map(|item| item.key).collect();
            let keys: Vec<i64> = keys.into_iter().collect();
            self.ledger.queue(tx, &keys, &mut order).await?;
        }
        for (at, entry) in batch.entries.iter().enumerate() {
            if let Some(key) = entry.key_hash().filter(|_| entry.is_rejected()) {
                order.add_entry(key, at);
            }
        }
        let refused = if batch.trial.approach.isolates() {
            let found = isolate::write(tx, batch, changes, &items, &mut order).await?;
            batch.waiting = found.waiting;
            let mut refused = found.refused.iter();
            let early = refused.find(|(_, f)| f.verdict == Verdict::Early);
            if let Some((_, early)) = early.filter(|_| !batch.waiting.is_empty()) {
                return Err(early.clone());
            }
            let (refused, parked) = (found.refused.len(), order.parked().len());
            tracing::info!(
                events = changes.len(),
                refused,
                parked,
                statements = found.statements,
                "refused batch taken apart"
            );
            found.refused
        } else {
            let sifted = order.sift(items.iter().copied());
            let write_them = sifted.write.iter().filter_map(|at| changes.get(*at));
            let write_them: Vec<_> = write_them.map(|(_, change)| change).collect();
            write_rows(tx, &write_them, batch.trial.conflicts).await?;
            order.note(sifted);
            BTreeMap::new()
        };
        batch.put_aside(&refused, &order);
        let set_aside = refused.keys().chain(order.parked());
        let ids: Vec<_> = set_aside
            .filter_map(|at| batch.entries.get(*at))
            .map(|entry| entry.id)
            .collect();
        self.ledger.strike(tx, &ids).await?;
        self.ledger
            .supersede(tx, batch, &order.superseded_rows())
            .await
    }
}
