//! `row_positions`: where the last change of a row stands in its source's log. Only of tables whose rows come through
//! several partitions.
//!
//! Why: `docs/decisions/21`.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::rows::left_out::{read_json, write_json};
use crate::rows::recorded_change::RecordedChange;
use crate::rows::row_key::row_keys_of;
use crate::rows::sql::quote;
use crate::table_name::TableName;
use crate::verdict::Failure;

/// The table `row_positions`.
pub struct RowPositions {
    /// Quoted.
    schema: String,
}

impl RowPositions {
    /// `schema`: the bookkeeping schema's name as it is configured.
    pub fn new(schema: &str) -> Self {
        Self {
            schema: quote(schema),
        }
    }

    /// Claims rows for the transaction, so that nobody else changes them until it ends: a row that nothing is
    /// recorded of is entered as given, and of any other what is recorded is locked and returned.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn claim_rows(
        &self,
        tx: &Transaction<'_>,
        rows: &mut [(Uuid, RecordedChange)],
    ) -> Result<HashMap<Uuid, RecordedChange>, Failure> {
        if rows.is_empty() {
            return Ok(HashMap::new());
        }
        // sorted, so that two transactions wait for each other one way only
        rows.sort_unstable_by_key(|(key, _)| *key);
        let columns = Columns::of(rows);
        let insert = format!(
            "INSERT INTO {}.row_positions (row_key, source, position, partition_id, version, gone_at, left_out) \
             SELECT k, s, p, i, v, CASE WHEN g THEN now() END, l::jsonb FROM ({UNNESTED}) AS u ON CONFLICT DO NOTHING",
            self.schema
        );
        // those that we entered are here too, and as they were given
        let select = format!(
            "SELECT row_key, source, position, partition_id, version, gone_at IS NOT NULL, left_out::text \
             FROM {}.row_positions WHERE row_key = ANY($1) AND xmin <> (txid_current() & 4294967295)::text::xid \
             ORDER BY row_key FOR UPDATE",
            self.schema
        );
        let asked = rows.len() as u64;
        let mut entered = 0;
        loop {
            entered += tx.execute_typed(&insert, &columns.parameters()).await?;
            if entered == asked {
                return Ok(HashMap::new());
            }
            let found = tx
                .query_typed(&select, &[(&columns.keys, Type::UUID_ARRAY)])
                .await?;
            // what was forgotten between the two is neither: it is entered now
            if entered + found.len() as u64 >= asked {
                return Ok(found.iter().map(read_recorded).collect());
            }
        }
    }

    /// Records the last changes of rows that were claimed.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn record_changes(
        &self,
        tx: &Transaction<'_>,
        mut rows: Vec<(Uuid, RecordedChange)>,
    ) -> Result<(), Failure> {
        if rows.is_empty() {
            return Ok(());
        }
        rows.sort_unstable_by_key(|(row, _)| *row);
        let columns = Columns::of(&rows);
        let sql = format!(
            "UPDATE {}.row_positions AS r SET source = u.s, position = u.p, partition_id = u.i, version = u.v, \
             gone_at = CASE WHEN u.g THEN now() END, left_out = u.l::jsonb FROM ({UNNESTED}) AS u WHERE r.row_key = u.k",
            self.schema
        );
        tx.execute_typed(&sql, &columns.parameters()).await?;
        Ok(())
    }

    /// Takes out rows that were claimed, and that nothing was written of.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn release_rows(&self, tx: &Transaction<'_>, rows: &[Uuid]) -> Result<(), Failure> {
        if rows.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "DELETE FROM {}.row_positions WHERE row_key = ANY($1)",
            self.schema
        );
        tx.execute_typed(&sql, &[(&rows, Type::UUID_ARRAY)]).await?;
        Ok(())
    }

    /// Whether rows of the table have their positions kept: something is recorded of one, or several topics have
    /// led to it.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn are_kept_of(
        &self,
        tx: &Transaction<'_>,
        table: &TableName,
    ) -> Result<bool, Failure> {
        let sql = format!(
            "SELECT EXISTS (SELECT FROM {0}.row_positions WHERE row_key >= $1 AND row_key < $2) \
             OR (SELECT count(*) FROM {0}.table_topics WHERE schema_name = $3 AND table_name = $4) > 1",
            self.schema
        );
        let keys = row_keys_of(table);
        let parameters: [(&(dyn ToSql + Sync), Type); 4] = [
            (&keys.start, Type::UUID),
            (&keys.end, Type::UUID),
            (&table.schema, Type::TEXT),
            (&table.name, Type::TEXT),
        ];
        let row = tx.query_typed_one(&sql, &parameters).await?;
        Ok(row.get(0))
    }

    /// The names of sources, for messages.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn name_sources(
        &self,
        tx: &Transaction<'_>,
        sources: &[i64],
    ) -> Result<HashMap<i64, String>, Failure> {
        let sql = format!(
            "SELECT source, name FROM {}.row_sources WHERE source = ANY($1)",
            self.schema
        );
        let rows = tx
            .query_typed(&sql, &[(&sources, Type::INT8_ARRAY)])
            .await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }
}

fn read_recorded(row: &Row) -> (Uuid, RecordedChange) {
    let left_out: Option<&str> = row.get(6);
    let change = RecordedChange {
        source: row.get(1),
        position: row.get(2),
        partition_id: row.get(3),
        version: row.get(4),
        gone: row.get(5),
        left_out: left_out.map(read_json).unwrap_or_default(),
    };
    (row.get(0), change)
}

/// The arrays of [`Columns::parameters`], row by row.
const UNNESTED: &str = "SELECT unnest($1::uuid[]) AS k, unnest($2::bigint[]) AS s, unnest($3::bytea[]) AS p, \
    unnest($4::int[]) AS i, unnest($5::text[]) AS v, unnest($6::bool[]) AS g, \
    unnest($7::text[]) AS l";

struct Columns<'a> {
    keys: Vec<Uuid>,
    sources: Vec<i64>,
    positions: Vec<&'a [u8]>,
    partitions: Vec<i32>,
    versions: Vec<Option<&'a str>>,
    gone: Vec<bool>,
    left_out: Vec<Option<String>>,
}

impl<'a> Columns<'a> {
    fn of(rows: &'a [(Uuid, RecordedChange)]) -> Self {
        let changes = || rows.iter().map(|(_, change)| change);
        Self {
            keys: rows.iter().map(|(key, _)| *key).collect(),
            sources: changes().map(|c| c.source).collect(),
            positions: changes().map(|c| c.position.as_slice()).collect(),
            partitions: changes().map(|c| c.partition_id).collect(),
            versions: changes().map(|c| c.version.as_deref()).collect(),
            gone: changes().map(|c| c.gone).collect(),
            left_out: changes().map(|c| write_json(&c.left_out)).collect(),
        }
    }

    fn parameters(&self) -> [(&(dyn ToSql + Sync), Type); 7] {
        [
            (&self.keys, Type::UUID_ARRAY),
            (&self.sources, Type::INT8_ARRAY),
            (&self.positions, Type::BYTEA_ARRAY),
            (&self.partitions, Type::INT4_ARRAY),
            (&self.versions, Type::TEXT_ARRAY),
            (&self.gone, Type::BOOL_ARRAY),
            (&self.left_out, Type::TEXT_ARRAY),
        ]
    }
}
