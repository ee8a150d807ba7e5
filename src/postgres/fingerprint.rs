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
/// the oid, and a hash of every fact of the table that anything is built on: its columns, the unique indexes that
/// `ON CONFLICT` can go by, the foreign keys that lead to it and away from it, which the triggers tell that enforce
/// them, and the policies of its rows. Oids stand for what can't change without another oid: the base type of a domain,
/// the operators of an operator class. But what isn't Postgres' own (its oids are 16384 and above) can be renamed or
/// moved, and another take its name, by which our SQL has it: such names are among the facts.
pub const FINGERPRINTS: &str = "\
    SELECT u.place, c.oid, pg_catalog.hashtextextended(pg_catalog.concat_ws(' ', c.oid, c.relkind, \
        pg_catalog.row_security_active(c.oid), \
        CASE WHEN c.relrowsecurity THEN ARRAY(SELECT (p.oid, p.xmin) FROM pg_catalog.pg_policy p \
            WHERE p.polrelid = c.oid ORDER BY p.oid) END, \
        ARRAY(SELECT (a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation, a.attgenerated, a.attidentity, \
                CASE WHEN a.atttypid >= 16384 THEN ( \
                    WITH RECURSIVE b AS ( \
                        SELECT t.typbasetype AS base, pg_catalog.concat(t.typnamespace::pg_catalog.regnamespace, '.', t.typname) AS name \
                        FROM pg_catalog.pg_type t WHERE t.oid = a.atttypid \
                        UNION ALL SELECT t.typbasetype, pg_catalog.concat(t.typnamespace::pg_catalog.regnamespace, '.', t.typname) \
                        FROM b JOIN pg_catalog.pg_type t ON t.oid = b.base) \
                    SELECT pg_catalog.string_agg(b.name, ' ') FROM b) END) \
            FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
            ORDER BY a.attnum), \
        ARRAY(SELECT (i.indexrelid, i.indkey, i.indnkeyatts, i.indclass, i.indcollation, i.indisprimary, \
                i.indisexclusion, i.indpred IS NULL, i.indexprs IS NULL, x.relname, \
                CASE WHEN 16384 <= ANY (i.indclass::oid[]) THEN ARRAY( \
                    SELECT (k.opcname, k.opcnamespace::pg_catalog.regnamespace, o.oprname, \
                        o.oprnamespace::pg_catalog.regnamespace, ARRAY( \
                            SELECT (f.proname, f.pronamespace::pg_catalog.regnamespace) \
                            FROM pg_catalog.pg_amop e \
                            JOIN pg_catalog.pg_amproc h ON h.amprocfamily = e.amopfamily AND h.amprocnum = 2 \
                            JOIN pg_catalog.pg_proc f ON f.oid = h.amproc::oid \
                            WHERE e.amopopr = o.oid ORDER BY f.oid)) \
                    FROM pg_catalog.unnest(i.indclass::oid[]) AS u(class) \
                    JOIN pg_catalog.pg_opclass k ON k.oid = u.class \
                    LEFT JOIN pg_catalog.pg_amop m ON m.amopfamily = k.opcfamily AND m.amopstrategy = 3 \
                        AND m.amoplefttype = k.opcintype AND m.amoprighttype = k.opcintype \
                    LEFT JOIN pg_catalog.pg_operator o ON o.oid = m.amopopr \
                    WHERE k.oid >= 16384 ORDER BY k.oid, o.oid) END, \
                CASE WHEN 16384 <= ANY (i.indcollation::oid[]) THEN ARRAY( \
                    SELECT (l.collname, l.collnamespace::pg_catalog.regnamespace) FROM pg_catalog.pg_collation l \
                    WHERE l.oid = ANY (i.indcollation::oid[]) ORDER BY l.oid) END) \
            FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid \
            WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate ORDER BY i.indexrelid), \
        ARRAY(SELECT (g.tgconstraint, g.tgconstrrelid) \
            FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid \
            AND (g.tgconstrrelid <> 0 OR g.tgname = 'ts_insert_blocker') ORDER BY g.oid)), 0) \
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
