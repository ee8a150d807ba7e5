//! What becomes of a letter's row in `dead_letters`: it is locked, marked, given up, or fails again.

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::types::Type;

use crate::ledger::forgotten_letters::letter_counts;
use crate::ledger::letters::without_nul;
use crate::letter::{Cause, LetterState, Place};
use crate::rows::sql::quote;
use crate::verdict::Failure;

/// A letter's row that a transaction has locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockedLetter {
    /// A state that this build doesn't know reads as discarded: such a letter may not be replayed.
    pub state: LetterState,
    /// The number of the first earlier letter of the same key, or of one of both keys, that can still be replayed.
    pub first_parked_before: Option<i64>,
}

/// Letters that are given up in one transaction.
const MAX_DISCARDED_LETTERS: usize = 5_000;

/// Has letters found by their key, and not by looking through all in the order of their numbers for the first of it.
const BY_KEY: &str = "OFFSET 0";

/// Changes the states of letters.
pub struct LetterStates {
    /// The quoted name of the bookkeeping schema.
    schema: String,
}

impl LetterStates {
    /// `schema`: the bookkeeping schema's name as it is configured.
    pub fn new(schema: &str) -> Self {
        Self {
            schema: quote(schema),
        }
    }

    /// Locks a letter's row until the transaction ends; `None` if there is no such row. Its partition can't be forgotten until
    /// then either, and is landed on meanwhile.
    ///
    /// # Errors
    /// Postgres can't be asked, or the lock can't be had.
    pub async fn lock_letter(
        &self,
        tx: &Transaction<'_>,
        id: i64,
    ) -> Result<Option<LockedLetter>, Failure> {
        let hold = format!(
            "SELECT FROM {0}.partitions p JOIN {0}.dead_letters d USING (topic, partition) WHERE d.id = $1 FOR KEY SHARE OF p",
            self.schema
        );
        tx.query_typed(&hold, &[(&id, Type::INT8)]).await?;
        let sql = format!(
            "SELECT d.state, (SELECT min(id) FROM (SELECT e.id FROM {0}.dead_letters e \
             WHERE e.state = 'parked' AND e.id < d.id AND (e.key_hash = ANY(ARRAY[d.key_hash, d.old_key_hash]) \
             OR e.old_key_hash = ANY(ARRAY[d.key_hash, d.old_key_hash])) AND {1} {BY_KEY}) k) \
             FROM {0}.dead_letters d WHERE d.id = $1 AND {2} FOR UPDATE OF d",
            self.schema,
            letter_counts(&self.schema, "e"),
            letter_counts(&self.schema, "d")
        );
        let rows = tx.query_typed(&sql, &[(&id, Type::INT8)]).await?;
        Ok(rows.first().map(|row| LockedLetter {
            state: known_state(row.get(0)),
            first_parked_before: row.get(1),
        }))
    }

    /// The number of the first letter of any of the keys that can still be replayed; `before`: only of those with
    /// a lower number.
    ///
    /// # Errors
    /// Postgres can't be asked.
    pub async fn find_first_parked(
        &self,
        tx: &Transaction<'_>,
        keys: &[i64],
        before: Option<i64>,
    ) -> Result<Option<i64>, Failure> {
        let sql = format!(
            "SELECT min(id) FROM (SELECT id FROM {}.dead_letters WHERE state = 'parked' \
             AND (key_hash = ANY($1) OR old_key_hash = ANY($1)) AND ($2 IS NULL OR id < $2) AND {} {BY_KEY}) k",
            self.schema,
            letter_counts(&self.schema, "dead_letters")
        );
        let row = tx
            .query_typed_one(&sql, &[(&keys, Type::INT8_ARRAY), (&before, Type::INT8)])
            .await?;
        Ok(row.get(0))
    }

    /// Marks a letter as applied.
    ///
    /// # Errors
    /// Postgres refuses the statement.
    pub async fn mark_replayed(&self, tx: &Transaction<'_>, id: i64) -> Result<(), Failure> {
        let sql = format!(
            "UPDATE {}.dead_letters SET state = 'replayed', state_changed_at = now() WHERE id = $1",
            self.schema
        );
        tx.execute_typed(&sql, &[(&id, Type::INT8)]).await?;
        Ok(())
    }

    /// Marks a letter as made obsolete by what is in the destination already.
    ///
    /// # Errors
    /// Postgres refuses the statement.
    pub async fn mark_superseded(&self, tx: &Transaction<'_>, id: i64) -> Result<(), Failure> {
        let sql = format!(
            "UPDATE {}.dead_letters SET state = 'superseded', state_changed_at = now() WHERE id = $1",
            self.schema
        );
        tx.execute_typed(&sql, &[(&id, Type::INT8)]).await?;
        Ok(())
    }

    /// Gives up those of the letters that are still parked, and returns how many these were. In portions: a lane that has
    /// an event of a letter's key waits for one.
    ///
    /// # Errors
    /// Postgres refuses the statement.
    pub async fn discard_letters(&self, client: &Object, ids: &[i64]) -> Result<u64, Failure> {
        let mut discarded = 0;
        for some in ids.chunks(MAX_DISCARDED_LETTERS) {
            discarded += self.discard_some(client, some).await?;
        }
        Ok(discarded)
    }

    async fn discard_some(&self, client: &Object, ids: &[i64]) -> Result<u64, Failure> {
        let sql = format!(
            "UPDATE {}.dead_letters SET state = 'discarded', state_changed_at = now() WHERE id = ANY($1) AND state = 'parked'",
            self.schema
        );
        Ok(client
            .execute_typed(&sql, &[(&ids, Type::INT8_ARRAY)])
            .await?)
    }

    /// Writes down that a letter has failed again, why, and where its new copy lies.
    ///
    /// # Errors
    /// Postgres refuses the statement.
    pub async fn update_cause(
        &self,
        client: &Object,
        id: i64,
        cause: &Cause,
        place: &Place,
    ) -> Result<(), Failure> {
        let sql = format!(
            "UPDATE {}.dead_letters SET reason = $2, stage = $3, sqlstate = $4, message = $5, attempts = $6, \
             last_failed_at = $7, dlq_topic = $8, dlq_partition = $9, dlq_offset = $10, left_out_bytes = $11 \
             WHERE id = $1",
            self.schema
        );
        let message = without_nul(&cause.message);
        let attempts = i32::try_from(cause.attempts).unwrap_or(i32::MAX);
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 11] = [
            (&id, Type::INT8),
            (&cause.reason.name(), Type::TEXT),
            (&cause.stage.name(), Type::TEXT),
            (&cause.sqlstate, Type::TEXT),
            (&message, Type::TEXT),
            (&attempts, Type::INT4),
            (&cause.last_failed_at, Type::TIMESTAMPTZ),
            (&&*place.topic, Type::TEXT),
            (&place.partition, Type::INT4),
            (&place.offset, Type::INT8),
            (&place.left_out, Type::INT8),
        ];
        client.execute_typed(&sql, &parameters).await?;
        Ok(())
    }
}

/// A state that this build doesn't know is none in which it may replay a letter.
pub(super) fn known_state(name: &str) -> LetterState {
    LetterState::from_name(name).unwrap_or(LetterState::Discarded)
}
