//! `processed_events`: the ids of what has been applied.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use deadpool_postgres::Transaction;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::config::Idempotency;
use crate::message::TopicPartition;
use crate::pipeline::batch::Batch;
use crate::pipeline::entry::State;
use crate::postgres::failure;
use crate::statement::quote;
use crate::verdict::Failure;

const DAY_MS: u64 = 86_400_000;

/// The bookkeeping tables; `partitions` is in [`crate::pipeline::watermark`].
pub struct Ledger {
    pub(super) schema: String,
    pub(super) group: String,
    idempotency: Idempotency,
    /// Days whose partition is there, or can't be.
    days: Mutex<HashSet<u64>>,
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
    /// As Postgres says.
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
        if self.idempotency == Idempotency::Offset {
            return Ok(());
        }
        let held = |source: &TopicPartition| {
            batch
                .advances
                .iter()
                .find(|a| a.source == *source)
                .map_or(0, |a| a.held.partition_id)
        };
        let pending = batch.entries.iter().filter(|e| e.is_fresh());
        let mut ids: Vec<(Uuid, i32)> = pending.map(|e| (e.id, held(&e.record.source))).collect();
        if ids.is_empty() {
            return Ok(());
        }
        // sorted: local in the index, and no deadlock between lanes that meet the same events
        ids.sort_unstable();
        let (ids, partitions): (Vec<Uuid>, Vec<i32>) = ids.into_iter().unzip();
        let sql = format!(
            "INSERT INTO {}.processed_events (id, partition_id) SELECT * FROM unnest($1::uuid[], $2::int[]) ON CONFLICT DO NOTHING RETURNING id",
            self.schema
        );
        let rows = tx
            .query_typed(
                &sql,
                &[(&ids, Type::UUID_ARRAY), (&partitions, Type::INT4_ARRAY)],
            )
            .await
            .map_err(|e| failure(&e))?;
        let mut fresh: HashSet<Uuid> = rows.iter().map(|row| row.get(0)).collect();
        for entry in batch.entries.iter_mut().filter(|e| e.is_fresh()) {
            entry.duplicate = !fresh.remove(&entry.id);
        }
        Ok(())
    }

    /// An event that has a letter was dealt with, whatever became of the letter since.
    async fn mark_letters(
        &self,
        tx: &Transaction<'_>,
        batch: &mut Batch<'_>,
    ) -> Result<(), Failure> {
        let unpublished = |state: &State| match state {
            State::Pending => true,
            State::Rejected(reject) => reject.published.is_none(),
            State::Nothing(_) => false,
        };
        let asked = batch.entries.iter().filter(|e| unpublished(&e.state));
        let ids: Vec<Uuid> = asked.map(|e| e.id).collect();
        let known = self.known_letters(tx, &ids).await?;
        for entry in &mut batch.entries {
            entry.duplicate = unpublished(&entry.state) && known.contains(&entry.id);
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
        tx.execute_typed(&sql, &[(&ids, Type::UUID_ARRAY)])
            .await
            .map_err(|e| failure(&e))?;
        Ok(())
    }

    /// Creates the ledger's partitions for the days of these events, outside of any transaction of
    /// theirs. Days far from today share the default partition, whatever a wrong clock may say.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn prepare(
        &self,
        client: &mut deadpool_postgres::Object,
        batch: &Batch<'_>,
    ) -> Result<(), Failure> {
        if self.idempotency == Idempotency::Offset {
            return Ok(());
        }
        let today = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_millis() as u64)
            / DAY_MS;
        let missing: BTreeSet<u64> = {
            let known = self.days.lock().unwrap_or_else(PoisonError::into_inner);
            let days = batch
                .entries
                .iter()
                .map(|e| (e.id.as_u128() >> 80) as u64 / DAY_MS);
            days.filter(|d| *d + 400 > today && *d < today + 2 && !known.contains(d))
                .collect()
        };
        for day in missing {
            self.create_day(client, day).await?;
            self.days
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(day);
        }
        Ok(())
    }

    async fn create_day(
        &self,
        client: &mut deadpool_postgres::Object,
        day: u64,
    ) -> Result<(), Failure> {
        let bound = |day: u64| Uuid::from_u128(u128::from(day * DAY_MS) << 80);
        let tx = client.transaction().await.map_err(|e| failure(&e))?;
        // one at a time: CREATE … IF NOT EXISTS can fail when two sessions race for it
        let sql = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0)), \
                   'processed_events_' || to_char(to_timestamp($2::bigint * 86400) AT TIME ZONE 'UTC', 'YYYYMMDD')";
        let name: String = tx
            .query_one(sql, &[&self.schema, &(day as i64)])
            .await
            .map_err(|e| failure(&e))?
            .get(1);
        let table = format!("{}.{name}", self.schema);
        let exists = tx
            .query_one("SELECT to_regclass($1) IS NOT NULL", &[&table])
            .await
            .map_err(|e| failure(&e))?;
        if exists.get::<_, bool>(0) {
            return Ok(());
        }
        let sql = format!(
            "CREATE TABLE {table} PARTITION OF {}.processed_events FOR VALUES FROM ('{}') TO ('{}')",
            self.schema,
            bound(day),
            bound(day + 1)
        );
        match tx.batch_execute(&sql).await {
            Ok(()) => tx.commit().await.map_err(|e| failure(&e)),
            // 23514: events of that day are in the default partition already, and so they stay
            // together. 42501: a role that may only write to the ledger; then all days do that.
            Err(e)
                if e.code()
                    .is_some_and(|c| ["23514", "42501"].contains(&c.code())) =>
            {
                Ok(())
            }
            Err(e) => Err(failure(&e)),
        }
    }
}
