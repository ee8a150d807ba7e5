//! The bookkeeping tables: the partitions' watermarks and the processed events.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use deadpool_postgres::{GenericClient, Transaction};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::config::Idempotency;
use crate::message::TopicPartition;
use crate::open_deletes::OpenDeletes;
use crate::pipeline::batch::{Batch, Holding, State};
use crate::position::Watermark;
use crate::postgres::failure;
use crate::statement::quote;
use crate::verdict::Failure;

const DAY_MS: u64 = 86_400_000;

pub struct Ledger {
    schema: String,
    group: String,
    idempotency: Idempotency,
    /// Days whose partition is there, or can't be.
    days: Mutex<HashSet<u64>>,
}

/// A partition's row as it stands.
pub struct Row {
    pub partition_id: i32,
    pub watermark: Watermark,
    pub batch: Uuid,
    pub open_deletes: OpenDeletes,
    pub group: String,
}

/// Somebody else has written the partition since this lane last saw it.
#[derive(Debug, PartialEq, Eq)]
pub struct Fenced;

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

    /// # Errors
    /// As Postgres says.
    pub async fn read(
        &self,
        client: &impl GenericClient,
        source: &TopicPartition,
    ) -> Result<Option<Row>, Failure> {
        let sql = format!(
            "SELECT partition_id, topic_id, next_offset, batch, open_deletes, consumer_group FROM {}.partitions WHERE topic = $1 AND partition = $2",
            self.schema
        );
        let row = client
            .query_opt(&sql, &[&&*source.topic, &source.partition])
            .await
            .map_err(|e| failure(&e))?;
        Ok(row.map(|row| Row {
            partition_id: row.get(0),
            watermark: Watermark {
                topic_id: row.get(1),
                next_offset: row.get(2),
            },
            batch: row.get(3),
            open_deletes: OpenDeletes::from_bigints(row.get(4)),
            group: row.get(5),
        }))
    }

    /// Enters a partition that was never applied, or one that has become another topic's, if its row
    /// is still as `before` says. Returns the row's new batch id.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn enter(
        &self,
        client: &impl GenericClient,
        source: &TopicPartition,
        before: Option<&Row>,
        watermark: Watermark,
    ) -> Result<(), Failure> {
        let (sql, expected) = match before {
            None => (
                "INSERT INTO {}.partitions (topic, partition, topic_id, next_offset, batch, consumer_group) \
                 SELECT $1, $2, $3, $4, $5, $6 WHERE $7::uuid IS NULL ON CONFLICT DO NOTHING",
                None,
            ),
            Some(row) => (
                "UPDATE {}.partitions SET topic_id = $3, next_offset = $4, batch = $5, consumer_group = $6, \
                 open_deletes = '{}', updated_at = now() WHERE topic = $1 AND partition = $2 AND batch = $7",
                Some(row.batch),
            ),
        };
        let sql = sql.replacen("{}", &self.schema, 1);
        let (topic, batch) = (&*source.topic, Uuid::new_v4());
        client
            .execute(
                &sql,
                &[
                    &topic,
                    &source.partition,
                    &watermark.topic_id,
                    &watermark.next_offset,
                    &batch,
                    &self.group,
                    &expected,
                ],
            )
            .await
            .map_err(|e| failure(&e))?;
        Ok(())
    }

    /// Moves the watermarks of the batch's partitions, first of all: it locks their rows, so that
    /// of two writers one waits and then finds itself fenced.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn advance(
        &self,
        tx: &Transaction<'_>,
        batch: &Batch<'_>,
    ) -> Result<Result<(), Fenced>, Failure> {
        let mut moving: Vec<_> = batch.advances.iter().filter(|a| a.moves()).collect();
        moving.sort_unstable_by_key(|a| a.held.partition_id);
        let ids: Vec<i32> = moving.iter().map(|a| a.held.partition_id).collect();
        let seen: Vec<Uuid> = moving.iter().map(|a| a.held.batch).collect();
        let from: Vec<i64> = moving.iter().map(|a| a.held.next_offset).collect();
        let to: Vec<i64> = moving.iter().map(|a| a.watermark()).collect();
        // an array of arrays would have to be rectangular, so each list travels as text
        let deletes: Vec<String> = moving.iter().map(|a| bigints(&a.open_deletes)).collect();
        let sql = format!(
            "UPDATE {}.partitions p SET next_offset = u.next, batch = $6, open_deletes = u.deletes::bigint[], \
             consumer_group = $7, updated_at = now() \
             FROM unnest($1::int[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[]) AS u(id, seen, was, next, deletes) \
             WHERE p.partition_id = u.id AND p.batch = u.seen AND p.next_offset = u.was",
            self.schema
        );
        let written = tx
            .execute_typed(
                &sql,
                &[
                    (&ids, Type::INT4_ARRAY),
                    (&seen, Type::UUID_ARRAY),
                    (&from, Type::INT8_ARRAY),
                    (&to, Type::INT8_ARRAY),
                    (&deletes, Type::TEXT_ARRAY),
                    (&batch.id, Type::UUID),
                    (&self.group, Type::TEXT),
                ],
            )
            .await
            .map_err(|e| failure(&e))?;
        Ok(if written == moving.len() as u64 {
            Ok(())
        } else {
            Err(Fenced)
        })
    }

    /// Whether the batch is in: asked after a COMMIT whose answer got lost.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn holds(
        &self,
        client: &impl GenericClient,
        batch: &Batch<'_>,
    ) -> Result<bool, Failure> {
        let sql = format!(
            "SELECT count(*) FROM {}.partitions WHERE batch = $1",
            self.schema
        );
        let row = client
            .query_one(&sql, &[&batch.id])
            .await
            .map_err(|e| failure(&e))?;
        Ok(row.get::<_, i64>(0) > 0)
    }

    /// Enters the ids of the batch's pending events, and marks those that were there already. Of
    /// two equal ids in the batch the first counts.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn record(&self, tx: &Transaction<'_>, batch: &mut Batch<'_>) -> Result<(), Failure> {
        for entry in &mut batch.entries {
            entry.duplicate = false;
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
        let pending = batch
            .entries
            .iter()
            .filter(|e| matches!(e.state, State::Pending(_)));
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
        for entry in batch
            .entries
            .iter_mut()
            .filter(|e| matches!(e.state, State::Pending(_)))
        {
            entry.duplicate = !fresh.remove(&entry.id);
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

fn bigints(deletes: &OpenDeletes) -> String {
    let list: Vec<String> = deletes.to_bigints().iter().map(i64::to_string).collect();
    format!("{{{}}}", list.join(","))
}

impl Holding {
    /// A partition that is read from `start` on.
    pub fn new(row: &Row, start: i64, floor: i64, epoch: u64) -> Self {
        Self {
            partition_id: row.partition_id,
            topic_id: row.watermark.topic_id,
            next_offset: row.watermark.next_offset,
            batch: row.batch,
            // the row's are those at its watermark
            open_deletes: match floor < row.watermark.next_offset {
                true => OpenDeletes::default(),
                false => row.open_deletes.clone(),
            },
            floor,
            epoch,
            read_to: Some(start),
        }
    }
}
