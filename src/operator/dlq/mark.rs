//! What is noted in a letter's row.

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::types::Type;

use crate::letter::{Cause, Place};
use crate::operator::dlq::apply::Attempts;
use crate::operator::dlq::refusal::Refusal;
use crate::verdict::Failure;

impl Attempts {
    pub(super) async fn mark_replayed(&self, tx: &Transaction<'_>, id: i64) -> Result<(), Refusal> {
        let sql = format!(
            "UPDATE {}.dead_letters SET state = 'replayed', state_changed_at = now() WHERE id = $1",
            self.schema
        );
        tx.execute_typed(&sql, &[(&id, Type::INT8)]).await?;
        Ok(())
    }

    /// Notes that the letter has failed again, and where its new copy lies.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn note_failure(
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
        // Postgres' text holds no NUL
        let message = cause.message.replace('\0', "\u{fffd}");
        let attempts = i32::try_from(cause.attempts).unwrap_or(i32::MAX);
        client
            .execute_typed(
                &sql,
                &[
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
                ],
            )
            .await?;
        Ok(())
    }
}
