//! What rows had under another key, held in memory for the time of a trial: a check writes nothing to the bookkeeping,
//! which may not even be there.

use std::collections::{HashMap, HashSet};

use deadpool_postgres::Transaction;
use uuid::Uuid;

use crate::locked::Locked;
use crate::postgres::row_keeper::{NamedTexts, RowKeeper, RowsToKeep};
use crate::verdict::Failure;

/// What a row had; nothing, if there was none.
type HeldRow = Option<NamedTexts>;

/// The rows by their moves.
#[derive(Default)]
pub struct HeldRows(Locked<HashMap<Uuid, HeldRow>>);

impl RowKeeper for HeldRows {
    async fn keep_rows(&self, tx: &Transaction<'_>, rows: RowsToKeep<'_>) -> Result<(), Failure> {
        for row in tx.query_typed(rows.query, &rows.parameters).await? {
            let texts: Option<Vec<Option<String>>> = row.get(1);
            let held = texts.map(|texts| (rows.columns.clone(), texts));
            self.0.lock().insert(row.get(0), held);
        }
        Ok(())
    }

    async fn find_finished(
        &self,
        _: &Transaction<'_>,
        _: &[Uuid],
    ) -> Result<HashSet<Uuid>, Failure> {
        Ok(HashSet::new())
    }

    async fn take_rows(
        &self,
        _: &Transaction<'_>,
        needed: &[Uuid],
        _: &[Uuid],
    ) -> Result<HashMap<Uuid, HeldRow>, Failure> {
        let held = self.0.lock();
        let of_move = |id: &Uuid| Some((*id, held.get(id)?.clone()));
        Ok(needed.iter().filter_map(of_move).collect())
    }

    async fn finish_moves(
        &self,
        _: &Transaction<'_>,
        _: &[Uuid],
        _: &[String],
    ) -> Result<(), Failure> {
        Ok(())
    }
}
