//! `partitions`: how far each Kafka partition has been applied, and by which batch.

use std::collections::HashMap;

use deadpool_postgres::{GenericClient, Transaction};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::format::open_deletes::OpenDeletes;
use crate::ledger::event_ids::Ledger;
use crate::ledger::letters::LetterPresence;
use crate::ledger::resume::Watermark;
use crate::pipeline::batch::Batch;
use crate::pipeline::owned_partition::OwnedPartitions;
use crate::record::TopicPartition;
use crate::verdict::Failure;

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
            .await?;
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
            .await?;
        Ok(())
    }

    /// Moves the watermarks of the batch's partitions, first of all: it locks their rows, so that
    /// of two writers one waits and then finds itself fenced. Tells by the way whether there are
    /// letters: a lane's own are in by then, since it writes its batches one after the other.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn advance(
        &self,
        tx: &Transaction<'_>,
        batch: &Batch<'_>,
    ) -> Result<Result<LetterPresence, Fenced>, Failure> {
        let mut moving: Vec<_> = batch.advances.iter().filter(|a| a.moves()).collect();
        moving.sort_unstable_by_key(|a| a.held.partition_id);
        let ids: Vec<i32> = moving.iter().map(|a| a.held.partition_id).collect();
        let seen: Vec<Uuid> = moving.iter().map(|a| a.held.batch).collect();
        let from: Vec<i64> = moving.iter().map(|a| a.held.next_offset).collect();
        let to: Vec<i64> = moving.iter().map(|a| a.watermark()).collect();
        // an array of arrays would have to be rectangular, so each list travels as text
        let deletes: Vec<String> = moving.iter().map(|a| bigints(&a.open_deletes)).collect();
        let sql = format!(
            "UPDATE {0}.partitions p SET next_offset = u.next, batch = $6, open_deletes = u.deletes::bigint[], \
             consumer_group = $7, updated_at = now() \
             FROM unnest($1::int[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[]) AS u(id, seen, was, next, deletes) \
             WHERE p.partition_id = u.id AND p.batch = u.seen AND p.next_offset = u.was \
             RETURNING (SELECT EXISTS (SELECT FROM {0}.dead_letters)), \
             (SELECT EXISTS (SELECT FROM {0}.dead_letters WHERE state = 'parked'))",
            self.schema
        );
        let rows = tx
            .query_typed(
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
            .await?;
        Ok(match rows.first().filter(|_| rows.len() == moving.len()) {
            Some(row) => Ok(LetterPresence {
                any: row.get(0),
                parked: row.get(1),
            }),
            None => Err(Fenced),
        })
    }

    /// The partitions whose row isn't any more as the lane last saw or wrote it.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn moved(
        &self,
        client: &impl GenericClient,
        owned_partitions: &OwnedPartitions,
    ) -> Result<Vec<TopicPartition>, Failure> {
        let ids: Vec<i32> = owned_partitions
            .values()
            .map(|held| held.partition_id)
            .collect();
        let sql = format!(
            "SELECT partition_id, batch FROM {}.partitions WHERE partition_id = ANY($1)",
            self.schema
        );
        let rows = client.query(&sql, &[&ids]).await?;
        let there: HashMap<i32, Uuid> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let moved = owned_partitions
            .iter()
            .filter(|(_, held)| there.get(&held.partition_id) != Some(&held.batch));
        Ok(moved.map(|(source, _)| source.clone()).collect())
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
        let row = client.query_one(&sql, &[&batch.id]).await?;
        Ok(row.get::<_, i64>(0) > 0)
    }
}

fn bigints(deletes: &OpenDeletes) -> String {
    let list: Vec<String> = deletes.to_bigints().iter().map(i64::to_string).collect();
    format!("{{{}}}", list.join(","))
}
