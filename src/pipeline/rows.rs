//! The rows of a batch, written within its transaction.

use std::collections::{BTreeMap, BTreeSet};

use bytes::BytesMut;
use deadpool_postgres::Transaction;
use tokio_postgres::types::{self, IsNull, ToSql, Type, to_sql_checked};

use crate::binary::{Column, Form};
use crate::fold::fold;
use crate::pipeline::apply::Destination;
use crate::pipeline::batch::Batch;
use crate::pipeline::entry::Entry;
use crate::pipeline::isolate;
use crate::pipeline::order::{Item, Order};
use crate::postgres::failure;
use crate::row_change::RowChange;
use crate::statement::{self, Conflicts, Kind, Statement};
use crate::verdict::{Failure, Reason, Verdict};

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
        if !parked && !rejects && !batch.isolate {
            let all: Vec<_> = changes.iter().map(|(_, change)| change).collect();
            return write(tx, &all, batch.conflicts).await;
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
        let refused = if batch.isolate {
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
            write(tx, &write_them, batch.conflicts).await?;
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

/// Writes the net effect of the changes, given in arrival order.
///
/// # Errors
/// As Postgres says, or a reject if a change carries only part of a row that isn't there.
pub async fn write(
    tx: &Transaction<'_>,
    changes: &[&RowChange<'_>],
    conflicts: Conflicts,
) -> Result<(), Failure> {
    let incomplete = || {
        let why = "the event leaves out an unchanged large value of its row, and the row is not in the destination";
        Failure::new(Verdict::Reject(Reason::Incomplete), why)
    };
    let nets = fold(changes.iter().copied()).map_err(|_| incomplete())?;
    for statement in statement::build(&nets, conflicts) {
        let written = tx
            .execute_typed(&statement.sql, &parameters(&statement))
            .await
            .map_err(|e| failure(&e))?;
        if statement.kind == Kind::Update && written < statement.rows() as u64 {
            let sql = statement.count_sql.as_deref().unwrap_or_default();
            let found = tx
                .query_typed_one(sql, &parameters(&statement))
                .await
                .map_err(|e| failure(&e))?;
            if found.get::<_, i64>(0) < statement.rows() as i64 {
                return Err(incomplete());
            }
        }
    }
    Ok(())
}

fn parameters<'s>(statement: &'s Statement<'_>) -> Vec<(&'s (dyn ToSql + Sync), Type)> {
    let columns = statement.columns.iter();
    columns
        .map(|column| (column as &(dyn ToSql + Sync), array_of(column.form)))
        .collect()
}

fn array_of(form: Form) -> Type {
    Type::from_oid(form.array_oid()).unwrap_or(Type::TEXT_ARRAY)
}

impl ToSql for Column<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        self.write(out);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(ty.kind(), types::Kind::Array(_))
    }

    to_sql_checked!();
}
