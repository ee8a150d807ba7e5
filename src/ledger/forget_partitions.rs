//! Takes partitions out of the ledger, as if nothing of them had ever been applied.
//!
//! A partition's row is locked first, as a batch locks the row: a batch that is being written is waited
//! for. The next batch finds no row and is fenced, and its lane takes the partition up from its beginning. Until then it
//! waits for us, so that nothing is looked for under that lock: ids of events stay, and count as not entered from then
//! on, and so do letters, which are deleted afterwards.

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::types::Type;

use crate::ledger::forgotten_letters::{DeletedLetters, delete_forgotten_letters};
use crate::postgres::settings::begin_pinned;
use crate::rows::row_key::row_keys_of;
use crate::rows::sql::quote;
use crate::table_name::TableName;
use crate::verdict::Failure;

/// A batch that holds a row ends at the latest when its session times out, after 30 s.
const FORGET_TIMEOUTS: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'";

/// A partition that the ledger no longer knows, and what went with the partition's row.
#[derive(Debug, PartialEq, Eq)]
pub struct ForgottenPartition {
    /// The partition's number in its topic.
    pub number: i32,
    /// Everything below this offset had been applied.
    pub next_offset: i64,
    /// How many dead letters' rows are deleted.
    pub letters: u64,
}

/// What is forgotten.
#[derive(Default)]
pub struct Forgotten {
    /// The partitions, in order.
    pub partitions: Vec<ForgottenPartition>,
    /// Why rows of letters are left, if some are: they don't count any more, and retention deletes them.
    pub letters_left: Option<Failure>,
}

struct LockedPartition {
    id: i32,
    number: i32,
    next_offset: i64,
}

/// Forgets a topic's partitions, or the one with this number: their rows, the ids of their events and
/// their dead letters. All or nothing. `is_read`: the topic is one of those that are still read.
///
/// # Errors
/// As Postgres says.
pub async fn forget_partitions(
    client: &mut Object,
    schema: &str,
    topic: &str,
    number: Option<i32>,
    is_read: bool,
) -> Result<Forgotten, Failure> {
    let schema = &quote(schema);
    let tx = begin_pinned(client).await?;
    tx.batch_execute(FORGET_TIMEOUTS).await?;
    let partitions = lock_partitions(&tx, schema, topic, number).await?;
    let ids: Vec<i32> = partitions.iter().map(|p| p.id).collect();
    let numbers: Vec<i32> = partitions.iter().map(|p| p.number).collect();
    // whoever enters a letter of theirs holds their rows: all letters that there are have lower numbers than those to come
    // not set to 0: Kafka may have deleted what is there, and that would be a gap
    let sql = format!(
        "WITH gone AS (DELETE FROM {schema}.partitions WHERE partition_id = ANY($1) RETURNING partition_id, topic, partition) \
         INSERT INTO {schema}.forgotten_partitions (partition_id, topic, partition, last_letter) \
         SELECT partition_id, topic, partition, (SELECT max(id) FROM {schema}.dead_letters) FROM gone"
    );
    tx.execute_typed(&sql, &[(&ids, Type::INT4_ARRAY)]).await?;
    let gone_for_good = (!is_read).then_some(ids.as_slice());
    forget_positions(&tx, schema, topic, gone_for_good).await?;
    delete_guessed_starts(&tx, schema, topic, &numbers).await?;
    tx.commit().await?;
    let mut letters = DeletedLetters::new();
    let deleted = delete_forgotten_letters(client, schema, &mut letters).await;
    let mut letters_of = |number| letters.remove(&(topic.to_owned(), number));
    let mut partitions: Vec<ForgottenPartition> = partitions
        .iter()
        .map(|partition| ForgottenPartition {
            number: partition.number,
            next_offset: partition.next_offset,
            letters: letters_of(partition.number).unwrap_or(0),
        })
        .collect();
    partitions.sort_unstable_by_key(|partition| partition.number);
    Ok(Forgotten {
        partitions,
        letters_left: deleted.err(),
    })
}

async fn lock_partitions(
    tx: &Transaction<'_>,
    schema: &str,
    topic: &str,
    number: Option<i32>,
) -> Result<Vec<LockedPartition>, Failure> {
    let sql = format!(
        "SELECT partition_id, partition, next_offset FROM {schema}.partitions \
         WHERE topic = $1 AND ($2::int IS NULL OR partition = $2) ORDER BY partition_id FOR UPDATE"
    );
    let asked = [(&topic as _, Type::TEXT), (&number as _, Type::INT4)];
    let rows = tx.query_typed(&sql, &asked).await?;
    let partition = |row: &tokio_postgres::Row| LockedPartition {
        id: row.get(0),
        number: row.get(1),
        next_offset: row.get(2),
    };
    Ok(rows.iter().map(partition).collect())
}

/// Forgets where rows stood that the topic's partitions changed last, if the topic isn't read any more, and with it
/// that it led to their tables. Else all positions of its tables, unless another topic that is known leads to them: its
/// events keep their order with what is read again.
async fn forget_positions(
    tx: &Transaction<'_>,
    schema: &str,
    topic: &str,
    partition_ids: Option<&[i32]>,
) -> Result<(), Failure> {
    let sql = format!(
        "SELECT schema_name, table_name, EXISTS \
         (SELECT FROM {schema}.table_topics o JOIN {schema}.partitions p ON p.topic = o.topic \
          WHERE (o.schema_name, o.table_name) = (t.schema_name, t.table_name)) \
         FROM {schema}.table_topics t WHERE topic = $1"
    );
    let delete = format!(
        "DELETE FROM {schema}.row_positions WHERE row_key >= $1 AND row_key < $2 \
         AND ($3::int[] IS NULL OR partition_id = ANY($3))"
    );
    for row in tx.query_typed(&sql, &[(&topic, Type::TEXT)]).await? {
        let name = TableName::new(row.get::<_, String>(0), row.get::<_, String>(1));
        let is_shared: bool = row.get(2);
        let keys = row_keys_of(&name);
        let of_partitions = partition_ids.filter(|_| is_shared);
        if !is_shared || of_partitions.is_some() {
            let bounds = [
                (&keys.start as _, Type::UUID),
                (&keys.end as _, Type::UUID),
                (&of_partitions as _, Type::INT4_ARRAY),
            ];
            tx.execute_typed(&delete, &bounds).await?;
        }
        if !is_shared {
            for of_tables in ["row_identities", "destination_tables", "made_columns"] {
                let sql = format!(
                    "DELETE FROM {schema}.{of_tables} WHERE schema_name = $1 AND table_name = $2"
                );
                let of_table = [
                    (&name.schema as _, Type::TEXT),
                    (&name.name as _, Type::TEXT),
                ];
                tx.execute_typed(&sql, &of_table).await?;
            }
        }
    }
    if partition_ids.is_some() {
        let sql = format!(
            "DELETE FROM {schema}.table_topics WHERE topic = $1 AND NOT EXISTS (SELECT FROM {schema}.partitions WHERE topic = $1)"
        );
        tx.execute_typed(&sql, &[(&topic, Type::TEXT)]).await?;
    }
    Ok(())
}

/// A partition that was added to a topic, and waited for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddedBehind {
    /// The partition's number.
    pub number: i32,
    /// Nobody saw it being added: it looks so by timestamps.
    pub is_guessed: bool,
}

/// The topic's partitions that were added behind the one with this number: they have later events of its rows.
///
/// # Errors
/// As Postgres says.
pub async fn list_added_behind(
    client: &Object,
    schema: &str,
    topic: &str,
    number: i32,
) -> Result<Vec<AddedBehind>, Failure> {
    let sql = format!(
        "SELECT partition, is_guessed FROM {}.partition_starts WHERE topic = $1 AND $2 = ANY(others) ORDER BY partition",
        quote(schema)
    );
    let asked = [(&topic as _, Type::TEXT), (&number as _, Type::INT4)];
    let rows = client.query_typed(&sql, &asked).await?;
    let added = |row: &tokio_postgres::Row| AddedBehind {
        number: row.get(0),
        is_guessed: row.get(1),
    };
    Ok(rows.iter().map(added).collect())
}

/// What was guessed from timestamps is found out again. What was seen is kept: nothing tells it any more.
async fn delete_guessed_starts(
    tx: &Transaction<'_>,
    schema: &str,
    topic: &str,
    numbers: &[i32],
) -> Result<(), Failure> {
    let sql = format!(
        "DELETE FROM {schema}.partition_starts WHERE topic = $1 AND partition = ANY($2) AND is_guessed"
    );
    let asked = [(&topic as _, Type::TEXT), (&numbers as _, Type::INT4_ARRAY)];
    tx.execute_typed(&sql, &asked).await?;
    Ok(())
}
