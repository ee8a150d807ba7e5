//! `moved_rows`: what rows had that get another key, until the event comes that writes them under it, and that it
//! has come.
//!
//! Why: `docs/decisions/06`.

use std::collections::{HashMap, HashSet};

use deadpool_postgres::Transaction;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::postgres::row_keeper::{NamedTexts, RowKeeper, RowsToKeep};
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
             SELECT k.number, ${}, ${}, k.texts FROM ({}) AS k ORDER BY k.number \
             ON CONFLICT (move_id) DO UPDATE SET columns = EXCLUDED.columns, texts = EXCLUDED.texts, kept_at = now() \
             WHERE EXCLUDED.texts IS NOT NULL OR m.columns = '{{}}'",
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

    async fn find_finished(
        &self,
        tx: &Transaction<'_>,
        moves: &[Uuid],
    ) -> Result<HashSet<Uuid>, Failure> {
        let sql = format!(
            "SELECT move_id FROM {}.moved_rows WHERE move_id = ANY($1) AND taken_at IS NOT NULL",
            self.schema
        );
        let rows = tx.query_typed(&sql, &[(&moves, Type::UUID_ARRAY)]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    async fn take_rows(
        &self,
        tx: &Transaction<'_>,
        needed: &[Uuid],
        spare: &[Uuid],
    ) -> Result<HashMap<Uuid, Option<NamedTexts>>, Failure> {
        let sql = format!(
            "WITH spare AS (DELETE FROM {schema}.moved_rows WHERE move_id = ANY($2)) \
             SELECT move_id, columns, texts FROM {schema}.moved_rows WHERE move_id = ANY($1) AND columns <> '{{}}'",
            schema = self.schema
        );
        let parameters = [
            (&needed as _, Type::UUID_ARRAY),
            (&spare as _, Type::UUID_ARRAY),
        ];
        let rows = tx.query_typed(&sql, &parameters).await?;
        let kept = rows.iter().map(|row| {
            let texts: Option<Vec<Option<String>>> = row.get(2);
            (row.get(0), texts.map(|texts| (row.get(1), texts)))
        });
        Ok(kept.collect())
    }

    async fn finish_moves(
        &self,
        tx: &Transaction<'_>,
        moves: &[Uuid],
        tables: &[String],
    ) -> Result<(), Failure> {
        let sql = format!(
            "INSERT INTO {}.moved_rows (move_id, table_name, columns, taken_at) \
             SELECT DISTINCT ON (u.move) u.move, u.name, '{{}}'::pg_catalog.text[], now() \
             FROM unnest($1, $2) AS u (move, name) ORDER BY u.move \
             ON CONFLICT (move_id) DO UPDATE SET columns = '{{}}', texts = NULL, kept_at = now(), taken_at = now()",
            self.schema
        );
        let parameters = [
            (&moves as _, Type::UUID_ARRAY),
            (&tables as _, Type::TEXT_ARRAY),
        ];
        tx.execute_typed(&sql, &parameters).await?;
        Ok(())
    }
}
