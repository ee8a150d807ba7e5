//! What is known of a table as a number, which tells in one short query whether it still holds.
//!
//! Why: `docs/decisions/18`.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::try_join;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::rows::table::Table;
use crate::table_name::TableName;
use crate::verdict::Failure;

/// What is selected of those tables, partitioned ones, foreign ones and views, `c`, that there are of schemas `$1` and
/// names `$2`; `u.place` is the place in the lists, from 1 on.
macro_rules! of_tables {
    ($select:literal) => {
        concat!(
            "SELECT u.place, ",
            $select,
            " FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) WITH ORDINALITY \
                AS u(schema, name, place) \
            JOIN pg_catalog.pg_namespace n ON n.nspname = u.schema \
            JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = u.name AND c.relkind IN ('r', 'p', 'f', 'v')"
        )
    };
}

/// A hash of every fact of the table that anything is built on: its columns, the unique indexes that
/// `ON CONFLICT` can go by, the foreign keys that lead to it and away from it, which the triggers tell that enforce
/// them, and the policies of its rows; and the oid. Oids stand for what can't change without another oid: the base type of
/// a domain, the operators of an operator class.
pub const FACTS: &str = of_tables!(
    "pg_catalog.hashtextextended(pg_catalog.concat_ws(' ', c.oid, c.relkind, \
        pg_catalog.row_security_active(c.oid), \
        CASE WHEN c.relrowsecurity THEN ARRAY(SELECT (p.oid, p.xmin) FROM pg_catalog.pg_policy p \
            WHERE p.polrelid = c.oid ORDER BY p.oid) END, \
        ARRAY(SELECT (a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation, a.attgenerated, a.attidentity) \
            FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
            ORDER BY a.attnum), \
        ARRAY(SELECT (i.indexrelid, i.indkey, i.indnkeyatts, i.indclass, i.indcollation, i.indisprimary, \
                i.indisexclusion, i.indpred IS NULL, i.indexprs IS NULL, x.relname) \
            FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid \
            WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate ORDER BY i.indexrelid), \
        ARRAY(SELECT (g.tgconstraint, g.tgconstrrelid) \
            FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid \
            AND (g.tgconstrrelid <> 0 OR g.tgname = 'ts_insert_blocker') ORDER BY g.oid)), 0), c.oid"
);

/// A hash of the names by which our SQL has what isn't Postgres' own (its oids are 16384 and above): such types, operators
/// and collations can be renamed or moved, and another take the name. Null where the table has none, as most. Planning
/// this takes Postgres three times as long as [`FACTS`], so it is asked of the others alone.
pub const NAMES: &str = of_tables!(
    "pg_catalog.hashtextextended(nullif(pg_catalog.concat( \
        (SELECT pg_catalog.string_agg(pg_catalog.concat(a.attnum, ' ', ( \
                WITH RECURSIVE b AS ( \
                    SELECT t.typbasetype AS base, pg_catalog.concat(t.typnamespace::pg_catalog.regnamespace, '.', t.typname) AS name \
                    FROM pg_catalog.pg_type t WHERE t.oid = a.atttypid \
                    UNION ALL SELECT t.typbasetype, pg_catalog.concat(t.typnamespace::pg_catalog.regnamespace, '.', t.typname) \
                    FROM b JOIN pg_catalog.pg_type t ON t.oid = b.base) \
                SELECT pg_catalog.string_agg(b.name, ' ') FROM b)), ' ' ORDER BY a.attnum) \
            FROM pg_catalog.pg_attribute a \
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid >= 16384), \
        (SELECT pg_catalog.string_agg(pg_catalog.concat(i.indexrelid, ' ', \
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
                    WHERE l.oid = ANY (i.indcollation::oid[]) ORDER BY l.oid) END), ' ' ORDER BY i.indexrelid) \
            FROM pg_catalog.pg_index i \
            WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate \
                AND (16384 <= ANY (i.indclass::oid[]) OR 16384 <= ANY (i.indcollation::oid[])))), ''), 0)"
);

/// Those of the tables that aren't what they are taken to be, or are gone. `facts_query` answers what [`FACTS`] does.
///
/// # Errors
/// As Postgres says.
pub async fn find_altered<'t>(
    client: &impl UnnamedStatements,
    facts_query: &str,
    tables: &'t [Arc<Table>],
) -> Result<Vec<&'t Arc<Table>>, Failure> {
    let named = tables.iter().filter(|table| table.fingerprint.1.is_some());
    let named: Vec<&Arc<Table>> = named.collect();
    // sent together
    let (facts, names) = try_join(
        ask_of_tables(client, facts_query, tables.iter().map(|table| &table.name)),
        ask_of_tables(client, NAMES, named.iter().map(|table| &table.name)),
    )
    .await?;
    let (facts, names) = (hashes_by_place(&facts), hashes_by_place(&names));
    let has_new_facts = |(place, table): &(i64, &'t Arc<Table>)| {
        facts.get(place).copied().flatten() != Some(table.fingerprint.0)
    };
    let has_new_names = |(place, table): &(i64, &'t Arc<Table>)| {
        names.get(place).copied().flatten() != table.fingerprint.1
    };
    let altered = (1..).zip(tables).filter(has_new_facts);
    let renamed = (1..).zip(named).filter(has_new_names);
    Ok(altered.chain(renamed).map(|(_, table)| table).collect())
}

/// Asks one of the queries above; not at all where there is nothing to ask of.
pub(super) async fn ask_of_tables<'t>(
    client: &impl UnnamedStatements,
    query: &str,
    tables: impl IntoIterator<Item = &'t TableName>,
) -> Result<Vec<Row>, Failure> {
    let (schemas, names): (Vec<&str>, Vec<&str>) = tables
        .into_iter()
        .map(|table| (table.schema.as_str(), table.name.as_str()))
        .unzip();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let lists: [(&(dyn ToSql + Sync), Type); 2] =
        [(&schemas, Type::TEXT_ARRAY), (&names, Type::TEXT_ARRAY)];
    Ok(client.query_typed(query, &lists).await?)
}

pub(super) fn hashes_by_place(rows: &[Row]) -> HashMap<i64, Option<i64>> {
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}
