//! The rows of `dead_letters` as they stand: read, counted and summed up for the operator.

use std::time::SystemTime;

use deadpool_postgres::Object;
use serde::{Serialize, Serializer};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::ledger::letter_filter::LetterFilter;
use crate::letter::LetterState;
use crate::rows::sql::quote;
use crate::verdict::{Failure, Verdict};

/// What to SELECT for a [`LetterRow`].
const LETTER_COLUMNS: &str = "id, event_id, state, state_changed_at, topic, partition, \"offset\", table_name, operation, \
    key, key_hash, old_key_hash, reason, stage, sqlstate, message, attempts, first_failed_at, last_failed_at, consumer_group, \
    dlq_topic, dlq_partition, dlq_offset, left_out_bytes, superseded_by";

/// A letter's row: every column, under its name. The migration has their meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LetterRow {
    /// The letter's number; a key's letters are replayed in this order.
    pub id: i64,
    /// By which the event is recognised.
    pub event_id: Uuid,
    /// What became of the letter.
    pub state: LetterState,
    /// Since when.
    #[serde(serialize_with = "as_rfc3339")]
    pub state_changed_at: SystemTime,
    /// Of the event's record.
    pub topic: String,
    /// Of the event's record.
    pub partition: i32,
    /// Of the event's record.
    pub offset: i64,
    /// `schema.table`, if anything told it.
    pub table_name: Option<String>,
    /// What the event does with its row.
    pub operation: Option<String>,
    /// The row's key, as JSON.
    pub key: Option<String>,
    /// By which the events of one row meet.
    pub key_hash: Option<i64>,
    /// The same of the key that the row had before, if the event gives it another one.
    pub old_key_hash: Option<i64>,
    /// Why the event was put aside.
    pub reason: String,
    /// Where in the worker that was found out.
    pub stage: String,
    /// What Postgres called it.
    pub sqlstate: Option<String>,
    /// May quote values of the row.
    pub message: String,
    /// How often it was tried.
    pub attempts: i32,
    /// When the first attempt failed.
    #[serde(serialize_with = "as_rfc3339")]
    pub first_failed_at: SystemTime,
    /// When the last attempt failed.
    #[serde(serialize_with = "as_rfc3339")]
    pub last_failed_at: SystemTime,
    /// Of the worker that put the event aside.
    pub consumer_group: String,
    /// Where the letter lies, its latest copy if it failed again.
    pub dlq_topic: String,
    /// Where the letter lies, its latest copy if it failed again.
    pub dlq_partition: i32,
    /// Where the letter lies, its latest copy if it failed again.
    pub dlq_offset: i64,
    /// The record's size, if it was too large for the dead letter topic.
    pub left_out_bytes: Option<i64>,
    /// The later event that made the letter obsolete.
    pub superseded_by: Option<Uuid>,
}

/// The letters of one table, reason and state together.
#[derive(Clone, Debug, Serialize)]
pub struct LetterGroup {
    /// `schema.table`; `None` for letters of which nothing told the table.
    pub table_name: Option<String>,
    /// Why the events were put aside.
    pub reason: String,
    /// What became of the letters.
    pub state: String,
    /// How many they are.
    pub count: i64,
    /// When the first of the letters failed first.
    #[serde(serialize_with = "as_rfc3339")]
    pub first_failed_at: SystemTime,
    /// When the last of the letters failed last.
    #[serde(serialize_with = "as_rfc3339")]
    pub last_failed_at: SystemTime,
}

/// Reads `dead_letters`, and changes nothing.
pub struct LetterRows {
    /// The quoted name of the bookkeeping schema.
    schema: String,
}

impl LetterRows {
    /// `schema`: the bookkeeping schema's name as it is configured.
    pub fn new(schema: &str) -> Self {
        Self {
            schema: quote(schema),
        }
    }

    /// The numbers of the letters that the filter lets through.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn read_numbers(
        &self,
        client: &Object,
        filter: &LetterFilter,
    ) -> Result<Vec<i64>, Failure> {
        let condition = filter.to_condition(&self.schema);
        let sql = format!(
            "SELECT id FROM {}.dead_letters WHERE {}",
            self.schema,
            condition.to_sql()
        );
        let rows = client.query_typed(&sql, &condition.parameters()).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// The letters that the filter lets through, oldest first, at most `limit`. There may be millions: whoever wants all of
    /// them takes a page at a time, each after the last letter of the one before.
    ///
    /// # Errors
    /// Postgres can't be asked, or a letter's state is unknown to this build.
    pub async fn read_letters(
        &self,
        client: &Object,
        filter: &LetterFilter,
        limit: Option<i64>,
    ) -> Result<Vec<LetterRow>, Failure> {
        let condition = filter.to_condition(&self.schema);
        let limit = limit.map(|limit| format!(" LIMIT {limit}"));
        let sql = format!(
            "SELECT {LETTER_COLUMNS} FROM {}.dead_letters WHERE {} ORDER BY id{}",
            self.schema,
            condition.to_sql(),
            limit.unwrap_or_default()
        );
        let rows = client.query_typed(&sql, &condition.parameters()).await?;
        rows.iter().map(LetterRow::decode).collect()
    }

    /// How many letters the filter lets through, counted up to `most`.
    ///
    /// # Errors
    /// Postgres can't be asked.
    pub async fn count_letters(
        &self,
        client: &Object,
        filter: &LetterFilter,
        most: i64,
    ) -> Result<i64, Failure> {
        let condition = filter.to_condition(&self.schema);
        let sql = format!(
            "SELECT count(*) FROM (SELECT FROM {}.dead_letters WHERE {} ORDER BY id LIMIT {most}) d",
            self.schema,
            condition.to_sql()
        );
        let row = client
            .query_typed_one(&sql, &condition.parameters())
            .await?;
        Ok(row.get(0))
    }

    /// The letters that the filter lets through, by table, reason and state.
    ///
    /// # Errors
    /// Postgres can't be asked.
    pub async fn group_letters(
        &self,
        client: &Object,
        filter: &LetterFilter,
    ) -> Result<Vec<LetterGroup>, Failure> {
        let condition = filter.to_condition(&self.schema);
        let sql = format!(
            "SELECT table_name, reason, state, count(*), min(first_failed_at), max(last_failed_at) \
             FROM {}.dead_letters WHERE {} GROUP BY 1, 2, 3 ORDER BY 1 NULLS FIRST, 2, 3",
            self.schema,
            condition.to_sql()
        );
        let rows = client.query_typed(&sql, &condition.parameters()).await?;
        let groups = rows.iter().map(LetterGroup::decode);
        Ok(groups.collect::<Result<_, _>>()?)
    }
}

impl LetterRow {
    /// Decodes a row of [`LETTER_COLUMNS`].
    fn decode(row: &Row) -> Result<Self, Failure> {
        let name: &str = row.try_get("state")?;
        let Some(state) = LetterState::from_name(name) else {
            let message = format!("dead_letters: state {name:?} is unknown to this Landfall");
            return Err(Failure::new(Verdict::Systemic, message));
        };
        Self::decode_in_state(row, state).map_err(Failure::from)
    }

    fn decode_in_state(row: &Row, state: LetterState) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            event_id: row.try_get("event_id")?,
            state,
            state_changed_at: row.try_get("state_changed_at")?,
            topic: row.try_get("topic")?,
            partition: row.try_get("partition")?,
            offset: row.try_get("offset")?,
            table_name: row.try_get("table_name")?,
            operation: row.try_get("operation")?,
            key: row.try_get("key")?,
            key_hash: row.try_get("key_hash")?,
            old_key_hash: row.try_get("old_key_hash")?,
            reason: row.try_get("reason")?,
            stage: row.try_get("stage")?,
            sqlstate: row.try_get("sqlstate")?,
            message: row.try_get("message")?,
            attempts: row.try_get("attempts")?,
            first_failed_at: row.try_get("first_failed_at")?,
            last_failed_at: row.try_get("last_failed_at")?,
            consumer_group: row.try_get("consumer_group")?,
            dlq_topic: row.try_get("dlq_topic")?,
            dlq_partition: row.try_get("dlq_partition")?,
            dlq_offset: row.try_get("dlq_offset")?,
            left_out_bytes: row.try_get("left_out_bytes")?,
            superseded_by: row.try_get("superseded_by")?,
        })
    }
}

impl LetterGroup {
    fn decode(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            table_name: row.try_get(0)?,
            reason: row.try_get(1)?,
            state: row.try_get(2)?,
            count: row.try_get(3)?,
            first_failed_at: row.try_get(4)?,
            last_failed_at: row.try_get(5)?,
        })
    }
}

/// RFC 3339 in UTC, to the microsecond, which is what Postgres keeps.
fn as_rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_micros(*time))
}
