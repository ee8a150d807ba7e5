//! What the ledger says of everything at once: how far each partition is, what was put aside.

use std::collections::HashSet;

use uuid::Uuid;

use crate::ledger::forgotten_letters::letter_counts;
use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::record::TopicPartition;
use crate::rows::sql::quote;
use crate::status::{LetterCount, Standstill};
use crate::verdict::Failure;

/// A partition of which something was applied.
#[derive(Debug, PartialEq, Eq)]
pub struct AppliedPartition {
    /// The topic and the partition's number.
    pub source: TopicPartition,
    /// Everything below this offset has been applied.
    pub next_offset: i64,
    /// The topic's id at that time, if Kafka told one.
    pub topic_id: Option<Uuid>,
    /// Why its next events can't be landed, if they can't.
    pub standstill: Option<Standstill>,
}

/// Every partition of which something was applied, in order of topic and number.
///
/// # Errors
/// As Postgres says.
pub async fn list_partitions(
    client: &impl UnnamedStatements,
    schema: &str,
) -> Result<Vec<AppliedPartition>, Failure> {
    let sql = format!(
        "SELECT topic, partition, next_offset, topic_id, \
         to_char(stands_since AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), stands_for FROM {}.partitions ORDER BY topic, partition",
        quote(schema)
    );
    let rows = client.query_typed(&sql, &[]).await?;
    let partition = |row: &tokio_postgres::Row| AppliedPartition {
        source: TopicPartition {
            topic: row.get::<_, &str>(0).into(),
            partition: row.get(1),
        },
        next_offset: row.get(2),
        topic_id: row.get(3),
        standstill: row.get::<_, Option<String>>(4).map(|since| Standstill {
            since,
            why: row.get::<_, Option<String>>(5).unwrap_or_default(),
        }),
    };
    Ok(rows.iter().map(partition).collect())
}

/// A topic as it was when it was first read.
#[derive(Debug, PartialEq, Eq)]
pub struct FirstRead {
    /// The topic's name.
    pub topic: String,
    /// Which topic of this name it was, if Kafka told.
    pub topic_id: Option<Uuid>,
    /// How many partitions it had.
    pub partitions: i32,
}

/// Every topic that was ever read.
///
/// # Errors
/// As Postgres says.
pub async fn list_first_reads(
    client: &impl UnnamedStatements,
    schema: &str,
) -> Result<Vec<FirstRead>, Failure> {
    let sql = format!(
        "SELECT topic, topic_id, partition_count FROM {}.topics",
        quote(schema)
    );
    let rows = client.query_typed(&sql, &[]).await?;
    let topic = |row: &tokio_postgres::Row| FirstRead {
        topic: row.get(0),
        topic_id: row.get(1),
        partitions: row.get(2),
    };
    Ok(rows.iter().map(topic).collect())
}

/// The partitions that others go before which aren't drained yet.
///
/// # Errors
/// As Postgres says.
pub async fn list_waiting(
    client: &impl UnnamedStatements,
    schema: &str,
) -> Result<HashSet<TopicPartition>, Failure> {
    let sql = format!(
        "SELECT s.topic, s.partition FROM {0}.partition_starts s LEFT JOIN {0}.partitions p USING (topic, partition) \
         WHERE coalesce(p.next_offset <= s.begins_at, true) AND EXISTS ( \
             SELECT FROM unnest(s.others, s.offsets) AS o(number, needed) \
             LEFT JOIN {0}.partitions q ON q.topic = s.topic AND q.partition = o.number \
             WHERE coalesce(q.next_offset < o.needed, true))",
        quote(schema)
    );
    let rows = client.query_typed(&sql, &[]).await?;
    let source = |row: &tokio_postgres::Row| TopicPartition {
        topic: row.get::<_, &str>(0).into(),
        partition: row.get(1),
    };
    Ok(rows.iter().map(source).collect())
}

/// Counts all letters by table and reason, those without a table first.
///
/// # Errors
/// As Postgres says.
pub async fn count_letters(
    client: &impl UnnamedStatements,
    schema: &str,
) -> Result<Vec<LetterCount>, Failure> {
    let sql = format!(
        "SELECT table_name, reason, count(*) FILTER (WHERE state = 'parked'), count(*) FILTER (WHERE state <> 'parked'), \
         count(DISTINCT key_hash) FILTER (WHERE state = 'parked'), \
         to_char(min(first_failed_at) FILTER (WHERE state = 'parked') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') \
         FROM {0}.dead_letters WHERE {1} GROUP BY 1, 2 ORDER BY 1 NULLS FIRST, 2",
        quote(schema),
        letter_counts(&quote(schema), "dead_letters")
    );
    let rows = client.query_typed(&sql, &[]).await?;
    let count = |row: &tokio_postgres::Row| LetterCount {
        table_name: row.get(0),
        reason: row.get(1),
        parked: row.get(2),
        done_with: row.get(3),
        parked_keys: row.get(4),
        parked_since: row.get(5),
    };
    Ok(rows.iter().map(count).collect())
}

/// The server's version, as it says itself.
///
/// # Errors
/// As Postgres says.
pub async fn server_version(client: &impl UnnamedStatements) -> Result<String, Failure> {
    let sql = "SELECT pg_catalog.current_setting('server_version')";
    Ok(client.query_typed_one(sql, &[]).await?.get(0))
}
