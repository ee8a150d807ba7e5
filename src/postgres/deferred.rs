//! Deferred constraints, checked before COMMIT, which doesn't say of which table it is what it meets: a lock, or a right
//! that is missing.

use std::sync::Arc;

use deadpool_postgres::Transaction;
use tokio_postgres::types::Type;

use crate::rows::sql::quote;
use crate::rows::table::Table;
use crate::table_name::TableName;
use crate::verdict::Failure;

/// The constraints that are checked at COMMIT because of writes to these tables, each with the table to blame: its own
/// rather than the one that it refers to.
const DEFERRED: &str = "\
    SELECT s.nspname::text, con.conname::text, n.nspname::text, c.relname::text \
    FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS t(schema, name) \
    JOIN pg_catalog.pg_namespace n ON n.nspname = t.schema \
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = t.name \
    JOIN pg_catalog.pg_constraint con ON c.oid IN (con.conrelid, con.confrelid) AND con.condeferred \
    JOIN pg_catalog.pg_namespace s ON s.oid = con.connamespace \
    ORDER BY c.oid <> con.conrelid, 3, 4, 1, 2";

/// Checks the deferred constraints of these tables, once everything is written.
///
/// # Errors
/// As Postgres says, about the table.
pub async fn check_deferred(tx: &Transaction<'_>, tables: &[Arc<Table>]) -> Result<(), Failure> {
    let schemas: Vec<&str> = tables.iter().map(|table| &*table.name.schema).collect();
    let names: Vec<&str> = tables.iter().map(|table| &*table.name.name).collect();
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&schemas, Type::TEXT_ARRAY), (&names, Type::TEXT_ARRAY)];
    for row in tx.query_typed(DEFERRED, &parameters).await? {
        let text = |at: usize| row.get::<_, String>(at);
        let (schema, constraint) = (quote(&text(0)), quote(&text(1)));
        let sql = format!("SET CONSTRAINTS {schema}.{constraint} IMMEDIATE");
        let checked = tx.batch_execute(&sql).await;
        let table = TableName::new(text(2), text(3));
        checked.map_err(|error| Failure::from(error).about_table(&table))?;
    }
    Ok(())
}
