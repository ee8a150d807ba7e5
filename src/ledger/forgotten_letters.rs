//! Letters of partitions that were forgotten. They don't count from the very moment on in which their partition is
//! forgotten, and are deleted after it: there may be millions, for which no lane waits, and whoever deletes them may be
//! ended. Before it they all count.

use std::collections::HashMap;

use deadpool_postgres::Object;
use tokio_postgres::types::{ToSql, Type};

use crate::postgres::settings::begin_pinned;
use crate::verdict::{Failure, sqlstate};

/// Letters that are deleted in one transaction.
const MAX_DELETED_LETTERS: u64 = 5_000;

/// Topic and number of a partition, and how many of its letters' rows are deleted.
pub type DeletedLetters = HashMap<(String, i32), u64>;

/// Whether a row of `dead_letters`, by the name that it has in the query, counts. Asked of each row apart, so that rows
/// are found by the same indexes. `schema`: quoted.
pub(super) fn letter_counts(schema: &str, row: &str) -> String {
    format!(
        "coalesce({row}.id > (SELECT max(f.last_letter) FROM {schema}.forgotten_partitions f \
         WHERE f.topic = {row}.topic AND f.partition = {row}.partition AND f.last_letter IS NOT NULL), true)"
    )
}

/// Deletes all that don't count any more, in transactions that hold nobody up. How many they are is added to `deleted`, also
/// if some are left at the end. `schema`: quoted.
///
/// # Errors
/// As Postgres says.
pub async fn delete_forgotten_letters(
    client: &mut Object,
    schema: &str,
    deleted: &mut DeletedLetters,
) -> Result<(), Failure> {
    let pending = format!(
        "SELECT topic, partition, max(last_letter) FROM {schema}.forgotten_partitions WHERE last_letter IS NOT NULL \
         GROUP BY 1, 2 ORDER BY 1, 2"
    );
    loop {
        let tx = begin_pinned(client).await?;
        let rows = tx.query_typed(&pending, &[]).await?;
        tx.commit().await?;
        let mut changed = 0;
        for row in rows {
            let (topic, partition): (String, i32) = (row.get(0), row.get(1));
            let some = delete_some(client, schema, (&topic, partition, row.get(2))).await?;
            changed += some.letters + some.partitions;
            *deleted.entry((topic, partition)).or_default() += some.letters;
        }
        if changed == 0 {
            return Ok(()); // what is left is somebody else's to delete, or to note
        }
    }
}

/// What was done in one go.
struct Deleted {
    letters: u64,
    /// Those of which it is noted that none is left.
    partitions: u64,
}

/// Notes that none is left, if it is so.
async fn delete_some(
    client: &mut Object,
    schema: &str,
    (topic, partition, last): (&str, i32, i64),
) -> Result<Deleted, Failure> {
    let parameters: [(&(dyn ToSql + Sync), Type); 3] = [
        (&topic, Type::TEXT),
        (&partition, Type::INT4),
        (&last, Type::INT8),
    ];
    let of_partition = "topic = $1 AND partition = $2 AND id <= $3";
    let delete = format!(
        "DELETE FROM {schema}.dead_letters WHERE id = ANY (ARRAY(SELECT id FROM {schema}.dead_letters \
         WHERE {of_partition} ORDER BY id LIMIT {MAX_DELETED_LETTERS}))"
    );
    let tx = begin_pinned(client).await?;
    let letters = tx.execute_typed(&delete, &parameters).await?;
    tx.commit().await?;
    let mut partitions = 0;
    if letters < MAX_DELETED_LETTERS {
        let done = format!(
            "UPDATE {schema}.forgotten_partitions SET last_letter = NULL WHERE topic = $1 AND partition = $2 \
             AND last_letter <= $3 AND NOT EXISTS (SELECT FROM {schema}.dead_letters WHERE {of_partition})"
        );
        let tx = begin_pinned(client).await?;
        let noted = tx.execute_typed(&done, &parameters).await;
        match noted.map_err(Failure::from) {
            Ok(noted) => {
                partitions = noted;
                tx.commit().await?;
            }
            // it is the owner's to note, and the other partitions' letters go meanwhile
            Err(failure) if failure.has_sqlstate(&[sqlstate::INSUFFICIENT_PRIVILEGE]) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(Deleted {
        letters,
        partitions,
    })
}
