//! `moved_rows`: what rows had that get another key, until the event comes that writes them under it.
//!
//! Why: `docs/decisions/06`.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::postgres::moving::{NamedTexts, RowKeeper, RowsToKeep};
use crate::verdict::Failure;

/// The table `moved_rows`.
pub struct MovedRows {
    /// Quoted.
    schema: String,
}

impl MovedRows {
    /// `schema`: quoted.
    pub fn new(schema: String) -> Self {
        Self { schema }
    }
}

impl RowKeeper for MovedRows {
    /// Of a delete that is sent again, the row is gone: what was kept counts.
    async fn keep_rows(&self, tx: &Transaction<'_>, rows: RowsToKeep<'_>) -> Result<(), Failure> {
        let mut parameters = rows.parameters;
        let sql = format!(
            "INSERT INTO {}.moved_rows AS m (move_id, table_name, columns, texts) \
             SELECT k.number, ${}, ${}, k.texts FROM ({}) AS k \
             ON CONFLICT (move_id) DO UPDATE SET columns = EXCLUDED.columns, texts = EXCLUDED.texts, kept_at = now() \
             WHERE EXCLUDED.texts IS NOT NULL",
            self.schema,
            parameters.len() + 1,
            parameters.len() + 2,
            rows.query
        );
        parameters.push((&rows.table, Type::TEXT));
        parameters.push((&rows.columns, Type::TEXT_ARRAY));
        tx.execute_typed(&sql, &parameters).await?;
        Ok(())
    }

    async fn take_rows(
        &self,
        tx: &Transaction<'_>,
        moves: &[Uuid],
        needed: &[Uuid],
    ) -> Result<HashMap<Uuid, Option<NamedTexts>>, Failure> {
        let sql = format!(
            "DELETE FROM {}.moved_rows WHERE move_id = ANY($1) RETURNING move_id, \
             CASE WHEN move_id = ANY($2) THEN columns END, CASE WHEN move_id = ANY($2) THEN texts END",
            self.schema
        );
        let rows = tx
            .query_typed(
                &sql,
                &[(&moves, Type::UUID_ARRAY), (&needed, Type::UUID_ARRAY)],
            )
            .await?;
        let taken = rows.iter().map(|row| {
            let names: Option<Vec<String>> = row.get(1);
            let texts: Option<Vec<Option<String>>> = row.get(2);
            (row.get(0), names.zip(texts))
        });
        Ok(taken.collect())
    }
}
