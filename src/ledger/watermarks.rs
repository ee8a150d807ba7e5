//! `partitions`: how far each Kafka partition has been applied, and by which batch.

use std::collections::{HashMap, HashSet};

use deadpool_postgres::Transaction;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::format::named_tables::NamedTables;
use crate::format::open_deletes::OpenDeletes;
use crate::format::partition_memory::PartitionMemory;
use crate::format::positions::{Doubt, Positions};
use crate::format::single_key::KeyBelief;
use crate::format::stream_ends::StreamEnds;
use crate::ledger::resume::Watermark;
use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::record::TopicPartition;
use crate::table_name::TableName;
use crate::verdict::Failure;

/// The table `partitions`.
pub struct Watermarks {
    /// Quoted.
    schema: String,
    /// The consumer group, noted with each write.
    group: String,
}

/// A partition's row as it stands.
pub struct PartitionRow {
    /// The number by which event ids name the partition.
    pub partition_id: i32,
    /// How far the partition has been applied.
    pub watermark: Watermark,
    /// The batch that wrote the row last.
    pub batch: Uuid,
    /// What the records below the watermark have left behind.
    pub memory: PartitionMemory,
    /// The consumer group that wrote the row last.
    pub group: String,
    /// A partition of the topic waits for nobody, though others may have earlier changes of its rows.
    pub gave_way: bool,
    /// Whether it is noted that it stands still.
    pub stands: bool,
    /// That of the last record below the watermark, if it is known.
    pub leader_epoch: Option<i32>,
}

/// How a batch moves a partition's watermark.
pub struct WatermarkMove<'b> {
    /// Which row is moved.
    pub partition_id: i32,
    /// The batch that had written the row last when the lane saw it: if it is another one now, the fence is lost.
    pub seen_batch: Uuid,
    /// The offset where the watermark must still be.
    pub from: i64,
    /// The offset where it goes.
    pub to: i64,
    /// That of the last record below.
    pub leader_epoch: Option<i32>,
    /// What the records below have left behind.
    pub memory: &'b PartitionMemory,
}

/// Whether the rows of a batch's partitions were as its lane last saw them.
#[derive(Debug, PartialEq, Eq)]
pub enum Fence {
    /// They were, and are locked until the transaction ends.
    Held {
        /// What the transaction has to look at.
        letters: LetterPresence,
        /// Partitions of whose topics another one was begun before its turn.
        overtaken: Vec<i32>,
    },
    /// Somebody else has written one of the partitions since.
    Lost,
}

/// Whether there are dead letters at all: what needs no looking at costs nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LetterPresence {
    /// Any in whatever state.
    pub any: bool,
    /// Any that can still be replayed.
    pub parked: bool,
}

impl Watermarks {
    pub(super) fn new(schema: String, group: String) -> Self {
        Self { schema, group }
    }

    /// Reads a partition's row, if it has one.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn read_partition(
        &self,
        client: &impl UnnamedStatements,
        source: &TopicPartition,
    ) -> Result<Option<PartitionRow>, Failure> {
        let sql = format!(
            "SELECT partition_id, topic_id, next_offset, batch, open_deletes, consumer_group, \
             positions, position_doubt, full_ids_since, ordered_since, event_table, stream_ends, EXISTS (SELECT FROM {0}.partition_starts s WHERE s.topic = p.topic \
             AND s.topic_id IS NOT DISTINCT FROM p.topic_id AND s.others = '{{}}'), stands_since IS NOT NULL, \
             CASE WHEN leader_epoch_at = next_offset THEN leader_epoch END, cut_after, started_at, key_belief \
             FROM {0}.partitions p WHERE topic = $1 AND partition = $2",
            self.schema
        );
        let row = client
            .query_typed_opt(
                &sql,
                &[
                    (&&*source.topic, Type::TEXT),
                    (&source.partition, Type::INT4),
                ],
            )
            .await?;
        Ok(row.map(|row| PartitionRow {
            partition_id: row.get(0),
            watermark: Watermark {
                topic_id: row.get(1),
                next_offset: row.get(2),
                started_at: row.get(16),
            },
            batch: row.get(3),
            memory: PartitionMemory {
                open_deletes: OpenDeletes::from_bigints(row.get(4)),
                tables: NamedTables::from_texts(row.get(10)),
                positions: Positions::from_bigints(
                    &row.get::<_, Vec<i64>>(6),
                    Doubt::from_number(row.get(7)),
                ),
                full_ids_since: row.get(8),
                ordered_since: row.get(9),
                stream_ends: StreamEnds::from_bigints(&row.get::<_, Vec<i64>>(11)),
                cut_after: row.get(15),
                key_belief: KeyBelief::from_number(row.get(17)),
            },
            group: row.get(5),
            gave_way: row.get(12),
            stands: row.get(13),
            leader_epoch: row.get(14),
        }))
    }

    /// Enters a partition that was never applied, or one that has become another topic's, if its row
    /// is still as `before` says. What stands there afterwards has to be read.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn enter_partition(
        &self,
        client: &impl UnnamedStatements,
        source: &TopicPartition,
        before: Option<&PartitionRow>,
        watermark: Watermark,
    ) -> Result<(), Failure> {
        let (sql, expected) = match before {
            None => (
                // by what its topic's events were known so far, in whatever partition they were
                "INSERT INTO {}.partitions (topic, partition, topic_id, next_offset, batch, consumer_group, started_at, full_ids_since, ordered_since) \
                 SELECT $1, $2, $3, $4, $5, $6, $8::bigint, coalesce(max(full_ids_since), 0), max(ordered_since) FROM {}.partitions \
                 WHERE topic = $1 HAVING $7::uuid IS NULL ON CONFLICT DO NOTHING",
                None,
            ),
            Some(row) => (
                "UPDATE {}.partitions SET topic_id = $3, next_offset = $4, batch = $5, consumer_group = $6, started_at = $8, \
                 open_deletes = '{}', positions = '{}', key_belief = 0, event_table = NULL, is_overtaken = false, leader_epoch = NULL, cut_after = CASE WHEN topic_id = $3 THEN cut_after END, updated_at = now() \
                 WHERE topic = $1 AND partition = $2 AND batch = $7",
                Some(row.batch),
            ),
        };
        let sql = sql.replace("{}.", &format!("{}.", self.schema));
        let (topic, batch) = (&*source.topic, Uuid::new_v4());
        client
            .execute_typed(
                &sql,
                &[
                    (&topic, Type::TEXT),
                    (&source.partition, Type::INT4),
                    (&watermark.topic_id, Type::UUID),
                    (&watermark.next_offset, Type::INT8),
                    (&batch, Type::UUID),
                    (&self.group, Type::TEXT),
                    (&expected, Type::UUID),
                    (&watermark.started_at, Type::INT8),
                ],
            )
            .await?;
        Ok(())
    }

    /// Takes a partition's watermark back to where its log was cut, if its row is still as `before` says. What stands
    /// there afterwards has to be read. What is written from there on is known by its leader epoch too, where it is
    /// known by its offset.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn cut_back(
        &self,
        client: &impl UnnamedStatements,
        before: &PartitionRow,
        offset: i64,
    ) -> Result<(), Failure> {
        let sql = format!(
            "UPDATE {}.partitions SET next_offset = $2, leader_epoch_at = $2, cut_after = least(cut_after, leader_epoch), batch = $3, \
             started_at = CASE WHEN started_at <= $2 THEN started_at END, \
             consumer_group = $4, open_deletes = '{{}}', positions = '{{}}', updated_at = now() WHERE partition_id = $1 AND batch = $5",
            self.schema
        );
        let (id, batch) = (before.partition_id, Uuid::new_v4());
        client
            .execute_typed(
                &sql,
                &[
                    (&id, Type::INT4),
                    (&offset, Type::INT8),
                    (&batch, Type::UUID),
                    (&self.group, Type::TEXT),
                    (&before.batch, Type::UUID),
                ],
            )
            .await?;
        Ok(())
    }

    /// Moves the watermarks of a batch's partitions, first of all: it locks their rows, so that of two
    /// writers one waits and then finds its fence lost. Tells by the way whether there are letters: a
    /// lane's own are in by then, since it writes its batches one after the other. And which partitions were
    /// overtaken: whoever overtakes one writes its row, so that it is told here, or waits for the transaction.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn move_watermarks(
        &self,
        tx: &Transaction<'_>,
        batch: Uuid,
        moves: &[WatermarkMove<'_>],
    ) -> Result<Fence, Failure> {
        let mut moves: Vec<&WatermarkMove<'_>> = moves.iter().collect();
        moves.sort_unstable_by_key(|m| m.partition_id);
        let ids: Vec<i32> = moves.iter().map(|m| m.partition_id).collect();
        let seen: Vec<Uuid> = moves.iter().map(|m| m.seen_batch).collect();
        let from: Vec<i64> = moves.iter().map(|m| m.from).collect();
        let to: Vec<i64> = moves.iter().map(|m| m.to).collect();
        let memories = || moves.iter().map(|m| m.memory);
        // an array of arrays would have to be rectangular, so each list travels as text
        let lists = |list: fn(&PartitionMemory) -> Vec<i64>| -> Vec<String> {
            memories().map(|m| bigint_array(&list(m))).collect()
        };
        let deletes = lists(|memory| memory.open_deletes.to_bigints());
        let positions = lists(|memory| memory.positions.to_bigints());
        let streams = lists(|memory| memory.stream_ends.to_bigints());
        let tables: Vec<_> = memories().map(|m| text_array(&m.tables)).collect();
        let leaders: Vec<_> = moves.iter().map(|m| m.leader_epoch).collect();
        let beliefs: Vec<i16> = memories().map(|m| m.key_belief.to_number()).collect();
        let doubts = memories().map(|m| Doubt::to_number(m.positions.doubt));
        let (doubts, ordered): (Vec<_>, Vec<_>) =
            doubts.zip(memories().map(|m| m.ordered_since)).unzip();
        // whether there are letters: of the indexes one alone has that order, so that none is looked through for it, whatever
        // Postgres takes the table to hold
        let sql = format!(
            "UPDATE {0}.partitions p SET next_offset = u.next, batch = $6, open_deletes = u.deletes::bigint[], \
             positions = u.positions::bigint[], position_doubt = u.doubt, ordered_since = u.ordered, \
             event_table = u.tables::text[], stream_ends = u.streams::bigint[], leader_epoch = u.leader, leader_epoch_at = u.next, key_belief = u.belief, consumer_group = $7, updated_at = now() \
             FROM unnest($1::int[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $8::text[], $9::smallint[], $10::bigint[], $11::text[], $12::text[], $13::int[], $14::smallint[]) \
             AS u(id, seen, was, next, deletes, positions, doubt, ordered, tables, streams, leader, belief) \
             WHERE p.partition_id = u.id AND p.batch = u.seen AND p.next_offset = u.was \
             RETURNING EXISTS (SELECT FROM (SELECT FROM {0}.dead_letters ORDER BY id LIMIT 1) any_at_all), \
             EXISTS (SELECT FROM (SELECT FROM {0}.dead_letters WHERE state = 'parked' ORDER BY key_hash LIMIT 1) any_parked), p.partition_id, p.is_overtaken",
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
                    (&batch, Type::UUID),
                    (&self.group, Type::TEXT),
                    (&positions, Type::TEXT_ARRAY),
                    (&doubts, Type::INT2_ARRAY),
                    (&ordered, Type::INT8_ARRAY),
                    (&tables, Type::TEXT_ARRAY),
                    (&streams, Type::TEXT_ARRAY),
                    (&leaders, Type::INT4_ARRAY),
                    (&beliefs, Type::INT2_ARRAY),
                ],
            )
            .await?;
        Ok(match rows.first().filter(|_| rows.len() == moves.len()) {
            Some(row) => Fence::Held {
                letters: LetterPresence {
                    any: row.get(0),
                    parked: row.get(1),
                },
                overtaken: rows.iter().filter(|r| r.get(3)).map(|r| r.get(2)).collect(),
            },
            None => Fence::Lost,
        })
    }

    /// Finds the partitions whose row isn't any more as the lane last saw or wrote it: given by number,
    /// each with the batch that had written the row last.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn find_moved_partitions(
        &self,
        client: &impl UnnamedStatements,
        seen: &[(i32, Uuid)],
    ) -> Result<HashSet<i32>, Failure> {
        let ids: Vec<i32> = seen.iter().map(|(id, _)| *id).collect();
        let sql = format!(
            "SELECT partition_id, batch FROM {}.partitions WHERE partition_id = ANY($1)",
            self.schema
        );
        let rows = client
            .query_typed(&sql, &[(&ids, Type::INT4_ARRAY)])
            .await?;
        let there: HashMap<i32, Uuid> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let moved = seen
            .iter()
            .filter(|(id, batch)| there.get(id) != Some(batch));
        Ok(moved.map(|(id, _)| *id).collect())
    }

    /// The topics whose events name this table, or several.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn find_topics_naming(
        &self,
        client: &impl UnnamedStatements,
        table: &TableName,
    ) -> Result<Vec<String>, Failure> {
        let sql = format!(
            "SELECT DISTINCT topic FROM {}.partitions WHERE event_table IN (ARRAY[$1, $2], '{{}}')",
            self.schema
        );
        let rows = client
            .query_typed(
                &sql,
                &[(&table.schema, Type::TEXT), (&table.name, Type::TEXT)],
            )
            .await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Whether the batch is in: asked after a COMMIT whose answer got lost.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn has_batch(
        &self,
        client: &impl UnnamedStatements,
        batch: Uuid,
    ) -> Result<bool, Failure> {
        let sql = format!(
            "SELECT count(*) FROM {}.partitions WHERE batch = $1",
            self.schema
        );
        let row = client
            .query_typed_one(&sql, &[(&batch, Type::UUID)])
            .await?;
        Ok(row.get::<_, i64>(0) > 0)
    }
}

/// As Postgres writes an array of `bigint`.
fn bigint_array(numbers: &[i64]) -> String {
    let list: Vec<String> = numbers.iter().map(i64::to_string).collect();
    format!("{{{}}}", list.join(","))
}

/// As Postgres writes an array of `text`.
fn text_array(tables: &NamedTables) -> Option<String> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', r"\\").replace('"', r#"\""#));
    let list: Vec<String> = tables.to_texts()?.into_iter().map(quoted).collect();
    Some(format!("{{{}}}", list.join(",")))
}
