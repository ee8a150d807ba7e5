//! `processed_events`: the ids of what has been applied.
//!
//! Why: `docs/decisions/05`.

use std::collections::HashSet;
use std::sync::Mutex;

use deadpool_postgres::Transaction;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::config::Idempotency;
use crate::pipeline::batch::Batch;
use crate::pipeline::entry::{Entry, State};
use crate::rows::sql::quote;
use crate::rows::statement::Conflicts;
use crate::verdict::Failure;

/// The bookkeeping tables; `partitions` is in [`crate::ledger::watermarks`], their days in [`crate::ledger::days`].
pub struct Ledger {
    pub(super) schema: String,
    pub(super) group: String,
    idempotency: Idempotency,
    /// Days whose partition is there, or can't be.
    pub(super) days: Mutex<HashSet<u64>>,
}

impl Ledger {
    pub fn new(schema: &str, group: &str, idempotency: Idempotency) -> Self {
        Self {
            schema: quote(schema),
            group: group.to_owned(),
            idempotency,
            days: Mutex::default(),
        }
    }

    /// The quoted name of the bookkeeping schema.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// Whether events are recognised by their ids; else by their offsets alone.
    pub fn keeps_ids(&self) -> bool {
        self.idempotency == Idempotency::EventId
    }

    /// Enters the ids of the batch's pending events, and marks those that were there already, or
    /// have a dead letter if there are `letters`. Of two equal ids in the batch the first counts.
    ///
    /// # Errors
    /// As Postgres says: also that an id is there already, where the batch doesn't expect it.
    pub async fn record(
        &self,
        tx: &Transaction<'_>,
        batch: &mut Batch<'_>,
        letters: bool,
    ) -> Result<(), Failure> {
        for entry in &mut batch.entries {
            entry.duplicate = false;
        }
        if letters {
            self.mark_letters(tx, batch).await?;
        }
        self.mark_applied_rejects(tx, batch).await?;
        batch.mark_twins();
        if self.idempotency == Idempotency::Offset {
            return Ok(());
        }
        let pending = batch.entries.iter().filter(|e| e.is_fresh());
        let mut ids: Vec<(Uuid, i32)> = pending.map(|e| (e.id, e.partition_id)).collect();
        if ids.is_empty() {
            return Ok(());
        }
        // sorted: local in the index, and no deadlock between lanes that meet the same events
        ids.sort_unstable();
        let (ids, partitions): (Vec<Uuid>, Vec<i32>) = ids.into_iter().unzip();
        let on_conflict = match batch.trial.conflicts {
            Conflicts::Unexpected => "",
            Conflicts::Possible => " ON CONFLICT DO NOTHING",
        };
        let sql = format!(
            "INSERT INTO {}.processed_events (id, partition_id) SELECT unnest($1::uuid[]), unnest($2::int[]){on_conflict}",
            self.schema
        );
        let entered = tx
            .execute_typed(
                &sql,
                &[(&ids, Type::UUID_ARRAY), (&partitions, Type::INT4_ARRAY)],
            )
            .await?;
        if entered == ids.len() as u64 {
            return Ok(()); // nearly always; which ones they were needn't travel then
        }
        let mut known = self.known(tx, &ids).await?;
        for entry in batch.entries.iter_mut().filter(|e| e.is_fresh()) {
            entry.duplicate = !known.insert(entry.id);
        }
        Ok(())
    }

    /// Which of these ids somebody else has entered. Ours were entered by this very transaction, and
    /// not under a savepoint, which would be a transaction of its own. (`pg_current_xact_id` is plainer,
    /// and not in Postgres 12.)
    async fn known(&self, tx: &Transaction<'_>, ids: &[Uuid]) -> Result<HashSet<Uuid>, Failure> {
        let sql = format!(
            "SELECT id FROM {}.processed_events WHERE id = ANY($1) AND xmin <> (txid_current() & 4294967295)::text::xid",
            self.schema
        );
        found(tx, &sql, ids).await
    }

    /// An event that was applied when its table still took it, and has come again since, is no reject.
    async fn mark_applied_rejects(
        &self,
        tx: &Transaction<'_>,
        batch: &mut Batch<'_>,
    ) -> Result<(), Failure> {
        let rejects = batch.entries.iter().filter(|e| e.is_rejected());
        let ids: Vec<Uuid> = rejects.map(|e| e.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "SELECT id FROM {}.processed_events WHERE id = ANY($1)",
            self.schema
        );
        let applied = found(tx, &sql, &ids).await?;
        for entry in batch.entries.iter_mut().filter(|e| e.is_rejected()) {
            entry.duplicate = applied.contains(&entry.id);
        }
        Ok(())
    }

    /// An event that has a letter was dealt with, whatever became of the letter since.
    async fn mark_letters(
        &self,
        tx: &Transaction<'_>,
        batch: &mut Batch<'_>,
    ) -> Result<(), Failure> {
        let asked = |e: &Entry<'_>| matches!(e.state, State::Pending) || e.is_unpublished();
        let ids: Vec<Uuid> = batch.ids(asked);
        let known = self.known_letters(tx, &ids).await?;
        for entry in batch.entries.iter_mut().filter(|e| asked(e)) {
            entry.duplicate = known.contains(&entry.id);
        }
        Ok(())
    }

    /// Takes out the ids of events that turned out to be rejects: a dead letter isn't processed.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn strike(&self, tx: &Transaction<'_>, ids: &[Uuid]) -> Result<(), Failure> {
        if ids.is_empty() || self.idempotency == Idempotency::Offset {
            return Ok(());
        }
        let sql = format!(
            "DELETE FROM {}.processed_events WHERE id = ANY($1)",
            self.schema
        );
        tx.execute_typed(&sql, &[(&ids, Type::UUID_ARRAY)]).await?;
        Ok(())
    }
}

/// Which of these ids the query finds.
pub(super) async fn found(
    tx: &Transaction<'_>,
    sql: &str,
    ids: &[Uuid],
) -> Result<HashSet<Uuid>, Failure> {
    let rows = tx.query_typed(sql, &[(&ids, Type::UUID_ARRAY)]).await;
    let rows = rows?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
