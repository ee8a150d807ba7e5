//! Which partitions stand still, for whoever asks from outside of their worker.

use std::collections::BTreeMap;

use tokio_postgres::types::Type;

use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::record::TopicPartition;
use crate::verdict::Failure;

/// A part of the table of partitions.
pub struct Standstills {
    /// Quoted.
    schema: String,
}

impl Standstills {
    /// Of the quoted schema.
    pub fn new(schema: String) -> Self {
        Self { schema }
    }

    /// Notes why each of these partitions stands still: from now on, if it isn't noted that it does.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn record_standstills(
        &self,
        client: &impl UnnamedStatements,
        standing: &BTreeMap<TopicPartition, String>,
    ) -> Result<(), Failure> {
        let topics: Vec<&str> = standing.keys().map(|source| &*source.topic).collect();
        let numbers: Vec<i32> = standing.keys().map(|source| source.partition).collect();
        let reasons: Vec<&str> = standing.values().map(String::as_str).collect();
        let sql = format!(
            "UPDATE {}.partitions p SET stands_since = coalesce(p.stands_since, pg_catalog.now()), stands_for = s.why \
             FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::int[]), pg_catalog.unnest($3::text[])) AS s(topic, number, why) \
             WHERE p.topic = s.topic AND p.partition = s.number",
            self.schema
        );
        let lists = [
            (&topics as _, Type::TEXT_ARRAY),
            (&numbers as _, Type::INT4_ARRAY),
            (&reasons as _, Type::TEXT_ARRAY),
        ];
        client.execute_typed(&sql, &lists).await?;
        Ok(())
    }

    /// The partitions of this consumer group that are noted to stand still, each with the reason.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn list_standstills(
        &self,
        client: &impl UnnamedStatements,
        group: &str,
    ) -> Result<Vec<(TopicPartition, String)>, Failure> {
        let sql = format!(
            "SELECT topic, partition, coalesce(stands_for, '') FROM {}.partitions WHERE stands_since IS NOT NULL AND consumer_group = $1",
            self.schema
        );
        let group = [(&group as _, Type::TEXT)];
        let rows = client.query_typed(&sql, &group).await?;
        let standstill = |row: &tokio_postgres::Row| {
            let source = TopicPartition {
                topic: row.get::<_, String>(0).into(),
                partition: row.get(1),
            };
            (source, row.get(2))
        };
        Ok(rows.iter().map(standstill).collect())
    }

    /// The partition goes on.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn clear_standstill(
        &self,
        client: &impl UnnamedStatements,
        partition_id: i32,
    ) -> Result<(), Failure> {
        let sql = format!(
            "UPDATE {}.partitions SET stands_since = NULL, stands_for = NULL WHERE partition_id = $1",
            self.schema
        );
        client
            .execute_typed(&sql, &[(&partition_id, Type::INT4)])
            .await?;
        Ok(())
    }
}
