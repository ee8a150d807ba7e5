//! Triggers that may do what no rollback takes back.

use tokio_postgres::types::Type;

use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::table_name::TableName;
use crate::verdict::Failure;

/// By the language of their function (those that may do anything on the server, other than C's, in which extensions'
/// own triggers are), or by what its text calls. It sees one function deep.
const FAR_TRIGGERS: &str = "\
    SELECT g.tgname::text FROM pg_catalog.pg_trigger g \
    JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid \
    JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
    WHERE n.nspname = $1 AND c.relname = $2 AND NOT g.tgisinternal AND g.tgenabled IN ('O', 'A') \
    AND (NOT l.lanpltrusted AND l.lanname NOT IN ('internal', 'c') \
        OR p.prosrc ~* '\\m(dblink\\w*|http_\\w+|http|pg_background\\w*|lo_export|pg_file_\\w+|copy\\M.*\\mprogram)\\M') \
    ORDER BY 1 LIMIT 1";

/// The name of a trigger of the table that may reach beyond Postgres.
///
/// # Errors
/// As Postgres says.
pub async fn find_far_trigger(
    client: &impl UnnamedStatements,
    table: &TableName,
) -> Result<Option<String>, Failure> {
    let row = client
        .query_typed_opt(
            FAR_TRIGGERS,
            &[(&table.schema, Type::TEXT), (&table.name, Type::TEXT)],
        )
        .await?;
    Ok(row.map(|row| row.get(0)))
}
