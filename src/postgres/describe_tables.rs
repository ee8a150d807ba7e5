//! Destination tables as the catalogue describes them, many at a time: planning what is asked takes Postgres longer than
//! answering it does.
//!
//! Why: `docs/decisions/18`.

use std::collections::HashMap;

use futures::try_join;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::postgres::fingerprint::{FACTS, NAMES, ask_of_tables, hashes_by_place};
use crate::postgres::unique_keys::{UNIQUE_KEYS, read_unique_keys};
use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::rows::foreign_keys::ForeignKeys;
use crate::rows::sql::quote;
use crate::rows::table::{Column, Identity, PgType, Table};
use crate::table_name::TableName;
use crate::verdict::{Failure, Verdict};

/// Domains are resolved to their base type (however deep), since a cast straight to a domain over
/// `varchar(3)` would cut the value; the domain's own rules are checked on assignment. An array's elements may be of a
/// domain, too.
const COLUMNS: &str = "\
    WITH RECURSIVE base AS ( \
        SELECT a.attrelid AS relation, a.attnum, a.atttypid AS type, a.atttypmod AS modifier \
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = ANY ($1) AND a.attnum > 0 AND NOT a.attisdropped \
        UNION ALL \
        SELECT b.relation, b.attnum, t.typbasetype, CASE WHEN b.modifier = -1 THEN t.typtypmod ELSE b.modifier END \
        FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.type WHERE t.typtype = 'd' \
    ), element AS ( \
        SELECT b.relation, b.attnum, t.typelem AS type, b.modifier \
        FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.type \
        WHERE t.typtype <> 'd' AND t.typcategory = 'A' AND t.typelem <> 0 \
        UNION ALL \
        SELECT i.relation, i.attnum, t.typbasetype, CASE WHEN i.modifier = -1 THEN t.typtypmod ELSE i.modifier END \
        FROM element i JOIN pg_catalog.pg_type t ON t.oid = i.type WHERE t.typtype = 'd' \
    ) \
    SELECT a.attname::text, n.nspname::text, t.typname::text, b.modifier, e.typname::text, \
           a.attgenerated::text, a.attidentity::text, a.attnum, b.type <> a.atttypid, i.modifier, b.relation, \
           a.attnotnull, CASE WHEN a.attcollation <> t.typcollation THEN (SELECT pg_catalog.format('%I.%I', s.nspname, l.collname) \
               FROM pg_catalog.pg_collation l JOIN pg_catalog.pg_namespace s ON s.oid = l.collnamespace WHERE l.oid = a.attcollation) END, \
           EXISTS (SELECT FROM pg_catalog.pg_attrdef d CROSS JOIN LATERAL (SELECT pg_catalog.btrim(pg_catalog.split_part( \
               pg_catalog.pg_get_expr(d.adbin, d.adrelid), '::', 1), '''') AS value) literal \
               WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.attgenerated = '' \
               AND (literal.value IN ('', 'false', '{}', '[]', '\\x') OR literal.value ~ '^0([.]0*)?$')) \
    FROM base b \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = b.relation AND a.attnum = b.attnum \
    JOIN pg_catalog.pg_type t ON t.oid = b.type AND t.typtype <> 'd' \
    JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
    LEFT JOIN (element i JOIN pg_catalog.pg_type e ON e.oid = i.type AND e.typtype <> 'd') ON i.relation = b.relation AND i.attnum = b.attnum \
    ORDER BY b.relation, a.attnum";

/// Whether tables may inherit from the table, other than partitions (TimescaleDB's, which a trigger of its own tells: the
/// table itself has no row); and whether row-level security may hide rows of it
/// from us: it applies to our role, and not for each command there is a policy that lets all rows through and none that
/// stops any; and whether the table has partitions.
const TRAITS: &str = "\
    SELECT c.relkind = 'r' AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger g \
        WHERE g.tgrelid = c.oid AND g.tgname = 'ts_insert_blocker'), CASE WHEN pg_catalog.row_security_active(c.oid) AND NOT coalesce(( \
        WITH p AS MATERIALIZED ( \
            SELECT polcmd, polpermissive, \
                   coalesce(pg_catalog.pg_get_expr(polqual, polrelid), 'true') = 'true' \
                   AND coalesce(pg_catalog.pg_get_expr(polwithcheck, polrelid), 'true') = 'true' AS is_open \
            FROM pg_catalog.pg_policy \
            WHERE polrelid = c.oid AND EXISTS (SELECT FROM pg_catalog.unnest(polroles) AS r(role) \
                WHERE role = 0 OR pg_catalog.pg_has_role(role, 'USAGE')) \
        ) \
        SELECT pg_catalog.bool_and( \
            EXISTS (SELECT FROM p WHERE polcmd IN (k.command, '*') AND polpermissive AND is_open) \
            AND NOT EXISTS (SELECT FROM p WHERE polcmd IN (k.command, '*') AND NOT polpermissive AND NOT is_open)) \
        FROM pg_catalog.unnest(ARRAY['r', 'a', 'w', 'd']::\"char\"[]) AS k(command)), false) THEN current_user::text END, c.oid, c.relkind = 'p' \
    FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1)";

/// Of every table, since what a parent refers to matters as well. Those of partitions follow theirs.
const FOREIGN_KEYS: &str = "\
    SELECT conrelid, confrelid FROM pg_catalog.pg_constraint WHERE contype = 'f'";

/// The tables at the other ends of tables' foreign keys, whichever way these lead.
const RELATIVES: &str = "\
    SELECT DISTINCT n.nspname::text, c.relname::text, e.own FROM ( \
        SELECT k.conrelid AS own, k.confrelid AS other FROM pg_catalog.unnest($1::oid[]) AS o(oid) \
        JOIN pg_catalog.pg_constraint k ON k.conrelid = o.oid WHERE k.contype = 'f' \
        UNION ALL \
        SELECT k.confrelid, k.conrelid FROM pg_catalog.unnest($1::oid[]) AS o(oid) \
        JOIN pg_catalog.pg_constraint k ON k.confrelid = o.oid WHERE k.contype = 'f') e \
    JOIN pg_catalog.pg_class c ON c.oid = e.other \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    ORDER BY e.own";

/// A table's rows by its oid.
type RowsByOid<'r> = HashMap<u32, &'r [Row]>;

/// Those of the tables that there are, as Postgres describes them now.
///
/// # Errors
/// As Postgres says; or one was dropped meanwhile.
pub(super) async fn describe_tables(
    client: &impl UnnamedStatements,
    names: &[&TableName],
) -> Result<Vec<Table>, Failure> {
    // first of all: what is read after them is at least as new, so that nothing older goes by this fingerprint
    let (facts, own_names) = try_join!(
        ask_of_tables(client, FACTS, names.iter().copied()),
        ask_of_tables(client, NAMES, names.iter().copied()),
    )?;
    let oids: Vec<u32> = facts.iter().map(|row| row.get(2)).collect();
    if oids.is_empty() {
        return Ok(Vec::new());
    }
    // sent together
    let (traits, columns, unique_keys, references) = try_join!(
        ask_by_oid(client, TRAITS, &oids),
        ask_by_oid(client, COLUMNS, &oids),
        ask_by_oid(client, UNIQUE_KEYS, &oids),
        load_foreign_keys(client),
    )?;
    let mut related = oids.clone();
    related.retain(|oid| references.has_any(*oid));
    let relatives = match related.is_empty() {
        true => Vec::new(),
        false => ask_by_oid(client, RELATIVES, &related).await?,
    };
    let own_names = hashes_by_place(&own_names);
    let (traits, relatives) = (group_by_oid(&traits, 2), group_by_oid(&relatives, 2));
    let (columns, unique_keys) = (group_by_oid(&columns, 10), group_by_oid(&unique_keys, 18));
    let mut tables = Vec::with_capacity(oids.len());
    for row in &facts {
        let (place, oid): (i64, u32) = (row.get(0), row.get(2));
        let name = usize::try_from(place - 1).ok().and_then(|at| names.get(at));
        let Some(name) = name else { continue };
        let Some(traits) = traits.get(&oid).and_then(|rows| rows.first()) else {
            let why = format!("table {name} was dropped while its description was read");
            return Err(Failure::new(Verdict::Retry, why).about_table(name));
        };
        let (columns, numbers) = read_columns(columns.get(&oid).copied().unwrap_or_default());
        let unique_keys = unique_keys.get(&oid).copied().unwrap_or_default();
        let unique_keys = read_unique_keys(unique_keys, &columns, &numbers);
        let mut table = Table::new((*name).clone(), columns, unique_keys);
        table.fingerprint = (row.get(1), own_names.get(&place).copied().flatten());
        table.may_have_heirs = traits.get(0);
        table.hidden_from = traits.get(1);
        table.is_partitioned = traits.get(3);
        table.rank = references.rank_of(oid);
        table.referenced = references.is_referenced(oid);
        let relatives = relatives.get(&oid).copied().unwrap_or_default();
        table.relatives = relatives.iter().map(read_relative).collect();
        tables.push(table);
    }
    Ok(tables)
}

async fn ask_by_oid(
    client: &impl UnnamedStatements,
    query: &str,
    oids: &[u32],
) -> Result<Vec<Row>, Failure> {
    let oids: (&(dyn ToSql + Sync), Type) = (&oids, Type::OID_ARRAY);
    Ok(client.query_typed(query, &[oids]).await?)
}

/// Rows of each table, whose oid is in this column; a table's are together.
fn group_by_oid(rows: &[Row], column: usize) -> RowsByOid<'_> {
    let oid = |row: &Row| row.get::<_, u32>(column);
    let groups = rows.chunk_by(|a, b| oid(a) == oid(b));
    groups
        .filter_map(|rows| Some((oid(rows.first()?), rows)))
        .collect()
}

/// Index by `pg_attribute.attnum`, which has gaps where columns were dropped.
type ColumnNumbers = HashMap<i16, usize>;

/// Out of a table's rows of [`COLUMNS`].
fn read_columns(rows: &[Row]) -> (Vec<Column>, ColumnNumbers) {
    let numbers = rows.iter().enumerate().map(|(at, row)| (row.get(7), at));
    (rows.iter().map(read_column).collect(), numbers.collect())
}

/// A column out of a row of [`COLUMNS`].
fn read_column(row: &Row) -> Column {
    let (schema, type_name, modifier): (String, String, i32) = (row.get(1), row.get(2), row.get(3));
    let element = row.get::<_, Option<String>>(4).map(|name| {
        Box::new(PgType {
            name,
            modifier: row.get::<_, Option<i32>>(9).unwrap_or(modifier),
            element: None,
        })
    });
    Column {
        name: row.get(0),
        cast: cast_to(&schema, &type_name),
        pg_type: PgType {
            name: type_name,
            modifier,
            element,
        },
        generated: !row.get::<_, String>(5).is_empty(),
        identity: match row.get(6) {
            "a" => Some(Identity::Always),
            "d" => Some(Identity::ByDefault),
            _ => None,
        },
        not_null: row.get(11),
        collation: row.get(12),
        of_domain: row.get(8),
        zero_default: row.get(13),
    }
}

/// Postgres reads a text as money by `lc_monetary`, and `12.34` may be 1234 then; a numeric is what it is.
fn cast_to(schema: &str, type_name: &str) -> String {
    let cast = format!("{}.{}", quote(schema), quote(type_name));
    match cast.as_str() {
        r#""pg_catalog"."money""# => format!(r#""pg_catalog"."numeric"::{cast}"#),
        r#""pg_catalog"."_money""# => format!(r#""pg_catalog"."_numeric"::{cast}"#),
        _ => cast,
    }
}

async fn load_foreign_keys(client: &impl UnnamedStatements) -> Result<ForeignKeys, Failure> {
    let rows = client.query_typed(FOREIGN_KEYS, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// A table out of a row of [`RELATIVES`].
fn read_relative(row: &Row) -> TableName {
    TableName::new(row.get::<_, String>(0), row.get::<_, String>(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_money_by_way_of_numeric() {
        for (type_name, cast) in [
            ("money", r#""pg_catalog"."numeric"::"pg_catalog"."money""#),
            (
                "_money",
                r#""pg_catalog"."_numeric"::"pg_catalog"."_money""#,
            ),
            ("numeric", r#""pg_catalog"."numeric""#),
        ] {
            assert_eq!(cast_to("pg_catalog", type_name), cast);
        }
        assert_eq!(cast_to("public", "money"), r#""public"."money""#);
    }
}
