//! `partition_starts` and `topics`: what has to be drained before a partition is begun. A row whose partition was
//! added to a topic has its earlier events in another partition.
//!
//! Why: `docs/decisions/19`.

use std::collections::{BTreeMap, HashMap};

use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::record::TopicPartition;
use crate::verdict::Failure;

/// The tables `partition_starts` and `topics`.
pub struct PartitionStarts {
    /// Quoted.
    schema: String,
}

/// What a partition waits for before it is begun.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionStart {
    /// Its watermark as long as it hasn't begun.
    pub begins_at: i64,
    /// Where the watermarks of other partitions have to be, by their numbers.
    pub others: BTreeMap<i32, i64>,
    /// From timestamps, as nobody saw whether the partition was added later.
    pub is_guessed: bool,
}

/// A partition that isn't drained far enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undrained {
    /// Its number.
    pub number: i32,
    /// Its watermark; `None`: it was never taken up.
    pub watermark: Option<i64>,
    /// Where its watermark has to be.
    pub needed: i64,
}

impl Undrained {
    /// The partition, of the same topic as this one.
    pub fn source(&self, sibling: &TopicPartition) -> TopicPartition {
        TopicPartition {
            topic: sibling.topic.clone(),
            partition: self.number,
        }
    }

    /// Whether it is drained all the same, as its log ends here by now. One that was never taken up isn't.
    pub fn is_drained_to(&self, end: i64) -> bool {
        self.watermark
            .is_some_and(|watermark| watermark >= end.min(self.needed))
    }
}

impl PartitionStart {
    /// Whether a partition with this watermark has begun. One without a watermark hasn't.
    pub fn has_begun(&self, watermark: Option<i64>) -> bool {
        watermark.is_some_and(|watermark| watermark > self.begins_at)
    }

    /// The others that aren't drained far enough, by their watermarks.
    pub fn find_undrained(&self, watermarks: &HashMap<i32, i64>) -> Vec<Undrained> {
        let undrained = self.others.iter().map(|(number, needed)| Undrained {
            number: *number,
            watermark: watermarks.get(number).copied(),
            needed: *needed,
        });
        undrained
            .filter(|u| u.watermark.is_none_or(|watermark| watermark < u.needed))
            .collect()
    }
}

impl PartitionStarts {
    pub(super) fn new(schema: String) -> Self {
        Self { schema }
    }

    /// How many partitions the topic had when it was first read, which is now if it never was.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn remember_topic(
        &self,
        client: &impl UnnamedStatements,
        topic: &str,
        topic_id: Option<Uuid>,
        partitions: i32,
    ) -> Result<i32, Failure> {
        let insert = format!(
            "INSERT INTO {}.topics AS t (topic, topic_id, partition_count) VALUES ($1, $2, $3) \
             ON CONFLICT (topic) DO UPDATE SET topic_id = $2, partition_count = $3 WHERE t.topic_id IS DISTINCT FROM $2",
            self.schema
        );
        client
            .execute_typed(
                &insert,
                &[
                    (&topic, Type::TEXT),
                    (&topic_id, Type::UUID),
                    (&partitions, Type::INT4),
                ],
            )
            .await?;
        let select = format!(
            "SELECT partition_count FROM {}.topics WHERE topic = $1",
            self.schema
        );
        Ok(client
            .query_typed_one(&select, &[(&topic, Type::TEXT)])
            .await?
            .get(0))
    }

    /// What the partition of the topic with this id has to wait for; `None`: that is still to be found out.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn read_start(
        &self,
        client: &impl UnnamedStatements,
        source: &TopicPartition,
        topic_id: Option<Uuid>,
    ) -> Result<Option<PartitionStart>, Failure> {
        let sql = format!(
            "SELECT begins_at, others, offsets, is_guessed FROM {}.partition_starts \
             WHERE topic = $1 AND partition = $2 AND topic_id IS NOT DISTINCT FROM $3",
            self.schema
        );
        let row = client
            .query_typed_opt(
                &sql,
                &[
                    (&&*source.topic, Type::TEXT),
                    (&source.partition, Type::INT4),
                    (&topic_id, Type::UUID),
                ],
            )
            .await?;
        Ok(row.map(|row| PartitionStart {
            begins_at: row.get(0),
            others: pair_up(row.get(1), row.get(2)),
            is_guessed: row.get(3),
        }))
    }

    /// Enters what the partition waits for, unless that is there.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn enter_start(
        &self,
        client: &impl UnnamedStatements,
        source: &TopicPartition,
        topic_id: Option<Uuid>,
        start: &PartitionStart,
    ) -> Result<(), Failure> {
        let sql = format!(
            "INSERT INTO {}.partition_starts AS s (topic, partition, topic_id, begins_at, others, offsets, is_guessed) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (topic, partition) DO UPDATE \
             SET topic_id = $3, begins_at = $4, others = $5, offsets = $6, is_guessed = $7 WHERE s.topic_id IS DISTINCT FROM $3",
            self.schema
        );
        let others: Vec<i32> = start.others.keys().copied().collect();
        let offsets: Vec<i64> = start.others.values().copied().collect();
        client
            .execute_typed(
                &sql,
                &[
                    (&&*source.topic, Type::TEXT),
                    (&source.partition, Type::INT4),
                    (&topic_id, Type::UUID),
                    (&start.begins_at, Type::INT8),
                    (&others, Type::INT4_ARRAY),
                    (&offsets, Type::INT8_ARRAY),
                    (&start.is_guessed, Type::BOOL),
                ],
            )
            .await?;
        Ok(())
    }

    /// The partition waits for nobody from now on.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn clear_others(
        &self,
        client: &impl UnnamedStatements,
        source: &TopicPartition,
    ) -> Result<(), Failure> {
        let sql = format!(
            "UPDATE {}.partition_starts SET others = '{{}}', offsets = '{{}}' WHERE topic = $1 AND partition = $2",
            self.schema
        );
        client
            .execute_typed(
                &sql,
                &[
                    (&&*source.topic, Type::TEXT),
                    (&source.partition, Type::INT4),
                ],
            )
            .await?;
        Ok(())
    }

    /// Tells whoever lands other partitions of the topic that this one, whose others are cleared, goes before its turn:
    /// their next batches learn it by their watermarks, and transactions that didn't are waited for. Who takes up a
    /// partition afterwards reads it there. Again, it changes nothing.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn overtake_others(
        &self,
        client: &impl UnnamedStatements,
        source: &TopicPartition,
        topic_id: Option<Uuid>,
    ) -> Result<(), Failure> {
        let select = format!(
            "SELECT partition_id FROM {}.partitions WHERE topic = $1 AND topic_id IS NOT DISTINCT FROM $2 \
             AND partition <> $3 AND NOT is_overtaken",
            self.schema
        );
        // one by one, so that no lock is held while another one is waited for
        let update = format!(
            "UPDATE {}.partitions SET is_overtaken = true WHERE partition_id = $1",
            self.schema
        );
        let of_topic: [(&(dyn ToSql + Sync), Type); 3] = [
            (&&*source.topic, Type::TEXT),
            (&topic_id, Type::UUID),
            (&source.partition, Type::INT4),
        ];
        for row in client.query_typed(&select, &of_topic).await? {
            let partition_id: i32 = row.get(0);
            client
                .execute_typed(&update, &[(&partition_id, Type::INT4)])
                .await?;
        }
        Ok(())
    }

    /// The watermarks of these partitions of the topic with this id.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn read_watermarks(
        &self,
        client: &impl UnnamedStatements,
        topic: &str,
        topic_id: Option<Uuid>,
        numbers: &[i32],
    ) -> Result<HashMap<i32, i64>, Failure> {
        let sql = format!(
            "SELECT partition, next_offset FROM {}.partitions \
             WHERE topic = $1 AND topic_id IS NOT DISTINCT FROM $2 AND partition = ANY($3)",
            self.schema
        );
        let rows = client
            .query_typed(
                &sql,
                &[
                    (&topic, Type::TEXT),
                    (&topic_id, Type::UUID),
                    (&numbers, Type::INT4_ARRAY),
                ],
            )
            .await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }
}

/// Two columns of a row as they belong together.
pub(super) fn pair_up(others: Vec<i32>, offsets: Vec<i64>) -> BTreeMap<i32, i64> {
    others.into_iter().zip(offsets).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> PartitionStart {
        PartitionStart {
            begins_at: 5,
            others: BTreeMap::from([(0, 100), (1, 0)]),
            is_guessed: false,
        }
    }

    #[test]
    fn a_partition_waits_for_others_that_are_behind_or_were_never_taken_up() {
        let undrained = |watermarks: &[(i32, i64)]| {
            let watermarks = watermarks.iter().copied().collect();
            let undrained = start().find_undrained(&watermarks).into_iter();
            undrained.map(|u| u.number).collect::<Vec<_>>()
        };
        assert_eq!(undrained(&[]), [0, 1]);
        assert_eq!(undrained(&[(0, 99), (1, 0)]), [0]);
        assert_eq!(undrained(&[(0, 100), (1, 7), (2, 0)]), [0; 0]);
    }

    #[test]
    fn a_partition_has_begun_once_its_watermark_has_moved() {
        let begun = |watermark| start().has_begun(watermark);
        assert!(!begun(None) && !begun(Some(5)) && begun(Some(6)));
    }

    #[test]
    fn a_partition_whose_log_ends_sooner_by_now_is_drained_at_its_end() {
        let at = |watermark| Undrained {
            number: 0,
            watermark,
            needed: 1_000,
        };
        assert!(at(Some(600)).is_drained_to(600) && !at(Some(600)).is_drained_to(601));
        // it was filled again: no more is needed than what lay there
        assert!(at(Some(1_000)).is_drained_to(4_000));
        assert!(!at(None).is_drained_to(0));
    }
}
