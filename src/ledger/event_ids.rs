//! `processed_events`: the ids of what has been applied.
//!
//! Why: `docs/decisions/05`.

use std::collections::HashSet;

use deadpool_postgres::Transaction;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::config::Idempotency;
use crate::verdict::Failure;

/// The table `processed_events`; its partitions are in [`crate::ledger::days`].
pub struct EventIds {
    /// Quoted.
    schema: String,
    idempotency: Idempotency,
}

/// An event's id, and the `partition_id` of the Kafka partition that it came from.
pub type PartitionedId = (Uuid, i32);

/// What to do where an id is in the table already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnKnownId {
    /// The statement fails, and with it the transaction: dear, and cheaper than to look where none is known.
    Fail,
    /// The id is left out, and told.
    Skip,
}

/// Which of the ids that were to be inserted are new.
#[derive(Debug, PartialEq, Eq)]
pub enum InsertedIds {
    /// All of them.
    All,
    /// All but these, which were known. Of an id that was given twice one is new.
    AllBut(HashSet<Uuid>),
}

impl EventIds {
    pub(super) fn new(schema: String, idempotency: Idempotency) -> Self {
        Self {
            schema,
            idempotency,
        }
    }

    /// Whether events are recognised by their ids; else by their offsets alone.
    pub fn are_kept(&self) -> bool {
        self.idempotency == Idempotency::EventId
    }

    /// Inserts the ids of events that are about to be applied, and says which of them were there already.
    /// Where ids aren't kept, all are new.
    ///
    /// # Errors
    /// As Postgres says: also that an id is there already, with [`OnKnownId::Fail`].
    pub async fn insert_event_ids(
        &self,
        tx: &Transaction<'_>,
        ids: impl Iterator<Item = PartitionedId>,
        on_known_id: OnKnownId,
    ) -> Result<InsertedIds, Failure> {
        if !self.are_kept() {
            return Ok(InsertedIds::All);
        }
        let mut ids: Vec<PartitionedId> = ids.collect();
        if ids.is_empty() {
            return Ok(InsertedIds::All);
        }
        // sorted: local in the index, and no deadlock between lanes that meet the same events
        ids.sort_unstable();
        let (ids, partitions): (Vec<Uuid>, Vec<i32>) = ids.into_iter().unzip();
        let on_conflict = match on_known_id {
            OnKnownId::Fail => "",
            OnKnownId::Skip => " ON CONFLICT DO NOTHING",
        };
        let sql = format!(
            "INSERT INTO {}.processed_events (id, partition_id) SELECT unnest($1::uuid[]), unnest($2::int[]){on_conflict}",
            self.schema
        );
        let inserted = tx
            .execute_typed(
                &sql,
                &[(&ids, Type::UUID_ARRAY), (&partitions, Type::INT4_ARRAY)],
            )
            .await?;
        if inserted == ids.len() as u64 {
            return Ok(InsertedIds::All); // nearly always; which ones they were needn't travel then
        }
        let known = self.find_known_ids(tx, &ids, &partitions).await?;
        Ok(InsertedIds::AllBut(known))
    }

    /// Finds those of these ids that somebody else has inserted. Ours were inserted by this very transaction,
    /// and not under a savepoint, which would be a transaction of its own. (`pg_current_xact_id` is plainer,
    /// and not in Postgres 12.) Those of partitions that were forgotten become ours.
    async fn find_known_ids(
        &self,
        tx: &Transaction<'_>,
        ids: &[Uuid],
        partitions: &[i32],
    ) -> Result<HashSet<Uuid>, Failure> {
        let sql = format!(
            "SELECT id, {} FROM {}.processed_events WHERE id = ANY($1) AND xmin <> (txid_current() & 4294967295)::text::xid",
            is_forgotten(&self.schema),
            self.schema
        );
        let rows = tx.query_typed(&sql, &[(&ids, Type::UUID_ARRAY)]).await?;
        let mut known: HashSet<Uuid> = rows.iter().map(|row| row.get(0)).collect();
        if rows.iter().any(|row| row.get(1)) {
            for id in self.take_over_forgotten(tx, ids, partitions).await? {
                known.remove(&id);
            }
        }
        Ok(known)
    }

    /// Takes over ids that came from partitions which were forgotten since: as if they weren't there. Of two that do so
    /// the second waits, and finds them known.
    async fn take_over_forgotten(
        &self,
        tx: &Transaction<'_>,
        ids: &[Uuid],
        partitions: &[i32],
    ) -> Result<Vec<Uuid>, Failure> {
        // their partitions of the table are found by the ids alone
        let sql = format!(
            "UPDATE {0}.processed_events SET partition_id = u.partition, applied_at = now() \
             FROM (SELECT DISTINCT ON (id) id, partition FROM unnest($1::uuid[], $2::int[]) AS u(id, partition)) u \
             WHERE processed_events.id = u.id AND processed_events.id = ANY($1) AND {1} RETURNING processed_events.id",
            self.schema,
            is_forgotten(&self.schema)
        );
        let rows = tx
            .query_typed(
                &sql,
                &[(&ids, Type::UUID_ARRAY), (&partitions, Type::INT4_ARRAY)],
            )
            .await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Finds those of these events that have been applied.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn find_applied_ids(
        &self,
        tx: &Transaction<'_>,
        ids: &[Uuid],
    ) -> Result<HashSet<Uuid>, Failure> {
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let sql = format!(
            "SELECT id FROM {}.processed_events WHERE id = ANY($1) AND NOT {}",
            self.schema,
            is_forgotten(&self.schema)
        );
        find_ids(tx, &sql, ids).await
    }

    /// Deletes the ids of events that turned out to be rejects: a dead letter isn't processed.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn delete_event_ids(
        &self,
        tx: &Transaction<'_>,
        ids: &[Uuid],
    ) -> Result<(), Failure> {
        if ids.is_empty() || !self.are_kept() {
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

/// Whether a row of `processed_events` came from a partition that was forgotten: then its event counts as not applied.
pub(super) fn is_forgotten(schema: &str) -> String {
    format!(
        "(processed_events.partition_id = ANY (ARRAY(SELECT partition_id FROM {schema}.forgotten_partitions)))"
    )
}

/// Which of these ids the query finds.
pub(super) async fn find_ids(
    tx: &Transaction<'_>,
    sql: &str,
    ids: &[Uuid],
) -> Result<HashSet<Uuid>, Failure> {
    let rows = tx.query_typed(sql, &[(&ids, Type::UUID_ARRAY)]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
