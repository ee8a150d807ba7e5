//! `dead_letters`: a row for each letter, by which its event is recognised when it comes again, and
//! later events of its key are put in order.

use std::collections::HashSet;

use deadpool_postgres::Transaction;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::ledger::event_ids::{find_ids, is_forgotten};
use crate::ledger::forgotten_letters::letter_counts;
use crate::letter::{KeyHashes, Letter};
use crate::record::TopicPartition;
use crate::table_name::TableName;
use crate::verdict::Failure;

/// Rows in one statement.
const MAX_INSERTED_ROWS: usize = 1_000;

/// What a letter's row is entered with, but for its state.
const LETTER_COLUMNS: &str = "event_id, topic, partition, \"offset\", table_name, operation, key, key_hash, \
    old_key_hash, reason, stage, sqlstate, message, attempts, first_failed_at, last_failed_at, consumer_group, \
    dlq_topic, dlq_partition, dlq_offset, left_out_bytes, superseded_by";

/// The table `dead_letters`.
pub struct Letters {
    /// Quoted.
    schema: String,
    /// The consumer group, noted with each letter.
    group: String,
}

/// A row of `dead_letters`, by its number.
pub type LetterNumber = i64;

/// A letter that can still be replayed.
#[derive(Debug)]
pub struct ParkedLetter {
    /// Its row.
    pub number: LetterNumber,
    /// By which the events of its row meet it.
    pub keys: KeyHashes,
    /// The key's fields as JSON, as they are written.
    pub key: Option<String>,
    /// The partition that its event came through.
    pub source: TopicPartition,
    /// The event's offset there.
    pub offset: i64,
    /// When it was put aside first, in milliseconds since 1970.
    pub put_aside_at: i64,
}

impl Letters {
    pub(super) fn new(schema: String, group: String) -> Self {
        Self { schema, group }
    }

    /// Finds those of these events that have a letter.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn find_lettered_ids(
        &self,
        tx: &Transaction<'_>,
        ids: &[Uuid],
    ) -> Result<HashSet<Uuid>, Failure> {
        let sql = format!(
            "SELECT event_id FROM {}.dead_letters WHERE event_id = ANY($1) AND {}",
            self.schema,
            letter_counts(&self.schema, "dead_letters")
        );
        find_ids(tx, &sql, ids).await
    }

    /// Deletes the letters of events that are sent again and tried again, in their order: those that were given up stay.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn forget_sent_again(
        &self,
        tx: &Transaction<'_>,
        ids: &[Uuid],
    ) -> Result<(), Failure> {
        if ids.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "DELETE FROM {}.dead_letters WHERE event_id = ANY($1) AND state <> 'discarded'",
            self.schema
        );
        tx.execute_typed(&sql, &[(&ids, Type::UUID_ARRAY)]).await?;
        Ok(())
    }

    /// Locks the letters of these keys that can still be replayed, and returns them
    /// in the order in which they are replayed. A replay at the same time is waited for, or waits and
    /// finds its letter superseded.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn lock_parked_letters(
        &self,
        tx: &Transaction<'_>,
        keys: &[i64],
    ) -> Result<Vec<ParkedLetter>, Failure> {
        let sql = format!(
            "SELECT key_hash, old_key_hash, id, key, topic, partition, \"offset\", \
             (extract(epoch FROM first_failed_at) * 1000)::bigint FROM {}.dead_letters WHERE state = 'parked' \
             AND key_hash IS NOT NULL AND (key_hash = ANY($1) OR old_key_hash = ANY($1)) AND {} ORDER BY id FOR UPDATE",
            self.schema,
            letter_counts(&self.schema, "dead_letters")
        );
        let rows = tx.query_typed(&sql, &[(&keys, Type::INT8_ARRAY)]).await?;
        let letters = rows.iter().map(|row| {
            let keys = KeyHashes {
                key: row.get(0),
                old_key: row.get(1),
            };
            ParkedLetter {
                number: row.get(2),
                keys,
                key: row.get(3),
                source: TopicPartition {
                    topic: row.get::<_, &str>(4).into(),
                    partition: row.get(5),
                },
                offset: row.get(6),
                put_aside_at: row.get(7),
            }
        });
        Ok(letters.collect())
    }

    /// Marks letters as superseded, each by the event that came later for its key.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn supersede_letters(
        &self,
        tx: &Transaction<'_>,
        letters: &[(LetterNumber, Uuid)],
    ) -> Result<(), Failure> {
        if letters.is_empty() {
            return Ok(());
        }
        let (ids, by): (Vec<LetterNumber>, Vec<Uuid>) = letters.iter().copied().unzip();
        let sql = format!(
            "UPDATE {}.dead_letters d SET state = 'superseded', superseded_by = u.by, state_changed_at = now() \
             FROM unnest($1::bigint[], $2::uuid[]) AS u(id, by) WHERE d.id = u.id AND d.state = 'parked'",
            self.schema
        );
        tx.execute_typed(&sql, &[(&ids, Type::INT8_ARRAY), (&by, Type::UUID_ARRAY)])
            .await?;
        Ok(())
    }

    /// Marks all letters of a table as superseded, by the truncate that came later.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn supersede_table(
        &self,
        tx: &Transaction<'_>,
        table: &TableName,
        by: Uuid,
    ) -> Result<(), Failure> {
        let sql = format!(
            "UPDATE {}.dead_letters SET state = 'superseded', superseded_by = $2, state_changed_at = now() \
             WHERE state = 'parked' AND table_name = $1 AND event_id <> $2",
            self.schema
        );
        let table = table.to_string();
        tx.execute_typed(&sql, &[(&table, Type::TEXT), (&by, Type::UUID)])
            .await?;
        Ok(())
    }

    /// Inserts letters that are safe in their topic. One whose event has been applied, or has a
    /// letter already, is none: it was published by an attempt whose COMMIT came to nothing.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn insert_letters(
        &self,
        tx: &Transaction<'_>,
        letters: &[Letter],
    ) -> Result<(), Failure> {
        if letters.is_empty() {
            return Ok(()); // as mostly
        }
        self.make_room(tx, letters).await?;
        // numbered as they came, however Postgres goes through them: a key's letters are replayed by number
        let sql = format!(
            "INSERT INTO {0}.dead_letters ({LETTER_COLUMNS}, state) \
             SELECT {LETTER_COLUMNS}, CASE WHEN superseded_by IS NULL THEN 'parked' ELSE 'superseded' END \
             FROM json_to_recordset($1::json) AS u(turn int, event_id uuid, topic text, partition int, \"offset\" bigint, \
             table_name text, operation text, key text, key_hash bigint, old_key_hash bigint, reason text, stage text, sqlstate text, \
             message text, attempts int, first_failed_at timestamptz, last_failed_at timestamptz, consumer_group text, \
             dlq_topic text, dlq_partition int, dlq_offset bigint, left_out_bytes bigint, superseded_by uuid) \
             WHERE NOT EXISTS (SELECT FROM {0}.processed_events WHERE id = u.event_id AND NOT {1}) \
             ORDER BY turn ON CONFLICT (event_id) DO NOTHING",
            self.schema,
            is_forgotten(&self.schema)
        );
        for some in letters.chunks(MAX_INSERTED_ROWS) {
            let rows = some.iter().enumerate();
            let rows: Vec<_> = rows
                .map(|(n, l)| letter_as_json(n, l, &self.group))
                .collect();
            let rows = serde_json::Value::from(rows).to_string();
            tx.execute_typed(&sql, &[(&rows, Type::TEXT)]).await?;
        }
        Ok(())
    }

    /// Deletes what is left of these events' letters of before their partition was forgotten.
    async fn make_room(&self, tx: &Transaction<'_>, letters: &[Letter]) -> Result<(), Failure> {
        let ids: Vec<Uuid> = letters.iter().map(|letter| letter.event_id).collect();
        let left = format!(
            "FROM {}.dead_letters WHERE event_id = ANY($1) AND NOT {}",
            self.schema,
            letter_counts(&self.schema, "dead_letters")
        );
        // nearly always there are none, and then no right to delete is asked for
        let found = find_ids(tx, &format!("SELECT event_id {left}"), &ids).await?;
        if !found.is_empty() {
            tx.execute_typed(&format!("DELETE {left}"), &[(&ids, Type::UUID_ARRAY)])
                .await?;
        }
        Ok(())
    }
}

/// As Postgres takes a text, which holds no NUL.
pub(super) fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// As `json_to_recordset` takes it: a name for each column.
fn letter_as_json(turn: usize, letter: &Letter, group: &str) -> serde_json::Value {
    let Letter { cause, place, .. } = letter;
    let time = |at| humantime::format_rfc3339_micros(at).to_string();
    serde_json::json!({
        "turn": turn,
        "event_id": letter.event_id.to_string(),
        "topic": &*letter.source.topic,
        "partition": letter.source.partition,
        "offset": letter.offset,
        "table_name": letter.table.as_deref().map(without_nul),
        "operation": letter.operation,
        "key": letter.key.as_deref().map(without_nul),
        "key_hash": letter.key_hashes.map(|keys| keys.key),
        "old_key_hash": letter.key_hashes.and_then(|keys| keys.old_key),
        "reason": cause.reason.name(),
        "stage": cause.stage.name(),
        "sqlstate": cause.sqlstate,
        "message": without_nul(&cause.message),
        "attempts": cause.attempts.min(i32::MAX as u32),
        "first_failed_at": time(cause.first_failed_at),
        "last_failed_at": time(cause.last_failed_at),
        "consumer_group": group,
        "dlq_topic": &*place.topic,
        "dlq_partition": place.partition,
        "dlq_offset": place.offset,
        "left_out_bytes": place.left_out,
        "superseded_by": letter.superseded_by.map(|id| id.to_string()),
    })
}
