//! What is known of a table as a number, which tells in one short query whether it still holds.
//!
//! Why: `docs/decisions/18`.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::GenericClient;
use tokio_postgres::types::Type;

use crate::rows::table::Table;
use crate::verdict::Failure;

/// Tables, partitioned ones, foreign ones and views, by schemas `$1` and names `$2`: the place in the lists,
/// the oid, and a hash of every fact of the table that anything is built on: its columns, what
/// `ON CONFLICT (columns)` can infer, and the foreign keys that lead to it and away from it, which the
/// triggers tell that enforce them. Oids stand for what can't change without another oid: the base type
/// of a domain, the operators of an operator class.
pub const FINGERPRINTS: &str = "\
    SELECT u.place, c.oid, pg_catalog.hashtextextended(pg_catalog.concat_ws(' ', c.oid, c.relkind, \
        ARRAY(SELECT (a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation, a.attgenerated, a.attidentity) \
            FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
            ORDER BY a.attnum), \
        ARRAY(SELECT (i.indexrelid, i.indkey, i.indnkeyatts, i.indclass, i.indcollation, i.indisprimary, \
                i.indisexclusion, i.indpred IS NULL, i.indexprs IS NULL) \
            FROM pg_catalog.pg_index i \
            WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate ORDER BY i.indexrelid), \
        ARRAY(SELECT (g.tgconstraint, g.tgconstrrelid) \
            FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid AND g.tgconstrrelid <> 0 ORDER BY g.oid)), 0) \
    FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) WITH ORDINALITY \
        AS u(schema, name, place) \
    JOIN pg_catalog.pg_namespace n ON n.nspname = u.schema \
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = u.name AND c.relkind IN ('r', 'p', 'f', 'v')";

/// Those of the tables that aren't what they are taken to be, or are gone.
///
/// # Errors
/// As Postgres says.
pub async fn find_altered<'t>(
    client: &impl GenericClient,
    tables: &'t [Arc<Table>],
) -> Result<Vec<&'t Arc<Table>>, Failure> {
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let schemas: Vec<&str> = tables.iter().map(|t| t.name.schema.as_str()).collect();
    let names: Vec<&str> = tables.iter().map(|t| t.name.name.as_str()).collect();
    let lists: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&schemas, Type::TEXT_ARRAY), (&names, Type::TEXT_ARRAY)];
    let rows = client.query_typed(FINGERPRINTS, &lists).await?;
    // places count from 1
    let now: HashMap<i64, i64> = rows.iter().map(|row| (row.get(0), row.get(2))).collect();
    let places = (1..).zip(tables);
    let altered = places.filter(|(place, table)| now.get(place) != Some(&table.fingerprint));
    Ok(altered.map(|(_, table)| table).collect())
}
