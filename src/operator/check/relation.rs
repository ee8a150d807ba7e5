//! What Postgres knows of a destination table, and what our role may do with it.

use std::sync::Arc;

use tokio_postgres::types::Type;

use crate::postgres::catalogue::{Catalogue, missing_table};
use crate::postgres::table_rights::{TableRights, read_table_rights};
use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::rows::table::Table;
use crate::table_name::TableName;
use crate::verdict::Failure;

/// A column that takes no null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotNull {
    /// The name of the column.
    pub column: String,
    /// Postgres fills it in if an event leaves it out.
    pub has_default: bool,
}

/// A destination table and our rights on it.
#[derive(Debug)]
pub struct Relation {
    /// The table as the worker knows it.
    pub table: Arc<Table>,
    /// The columns that take no null.
    pub not_null: Vec<NotNull>,
    /// What our role may do with it.
    pub rights: TableRights,
    /// Its rules that do something else instead of a change. Of a view they may be what makes it one that takes changes.
    pub rules_instead: Vec<String>,
}

const NOT_NULL_QUERY: &str = "\
    SELECT a.attname::text, \
           a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '' OR t.typdefault IS NOT NULL \
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
    WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped AND (a.attnotnull OR t.typnotnull) \
    ORDER BY a.attnum";

const RULES_QUERY: &str = "\
    SELECT r.rulename::text FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class \
    WHERE r.ev_class = $1 AND r.is_instead AND c.relkind IN ('r', 'p') ORDER BY 1";

const SIMILAR_QUERY: &str = "\
    SELECT n.nspname::text, c.relname::text \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE lower(c.relname) = lower($1) AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' \
    ORDER BY 1, 2 LIMIT 3";

/// Reads what Postgres knows of the table.
///
/// # Errors
/// SQLSTATE 42P01 if there is no such table; else as Postgres says.
pub async fn read_relation(
    client: &impl UnnamedStatements,
    name: &TableName,
) -> Result<Relation, Failure> {
    let table = Catalogue::default().find_table(client, name).await?;
    let Some(rights) = read_table_rights(client, name).await? else {
        return Err(missing_table(name)); // dropped this moment
    };
    let oid = rights.oid;
    let columns = client
        .query_typed(NOT_NULL_QUERY, &[(&oid, Type::OID)])
        .await?;
    let rules = client
        .query_typed(RULES_QUERY, &[(&oid, Type::OID)])
        .await?;
    Ok(Relation {
        table,
        not_null: columns
            .iter()
            .map(|row| NotNull {
                column: row.get(0),
                has_default: row.get(1),
            })
            .collect(),
        rights,
        rules_instead: rules.iter().map(|row| row.get(0)).collect(),
    })
}

/// Tables whose name differs in case or schema only.
///
/// # Errors
/// As Postgres says.
pub async fn find_similar(
    client: &impl UnnamedStatements,
    name: &TableName,
) -> Result<Vec<TableName>, Failure> {
    let rows = client
        .query_typed(SIMILAR_QUERY, &[(&name.name, Type::TEXT)])
        .await?;
    Ok(rows
        .iter()
        .map(|row| TableName {
            schema: row.get(0),
            name: row.get(1),
        })
        .collect())
}
