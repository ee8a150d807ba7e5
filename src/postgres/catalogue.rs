//! The destination's tables, read once and cached. Whoever writes to a table has it verified in the same
//! transaction, and what was altered is read again.
//!
//! Why: `docs/decisions/18`.

use std::collections::HashMap;
use std::sync::Arc;

use deadpool_postgres::Object;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::locked::Locked;
use crate::postgres::fingerprint::{FACTS, NAMES, find_altered};
use crate::postgres::settings::begin_pinned;
use crate::postgres::unique_keys::load_unique_keys;
use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::rows::foreign_keys::foreign_key_rank;
use crate::rows::sql::quote;
use crate::rows::table::{Column, PgType, Table};
use crate::table_name::TableName;
use crate::verdict::{Failure, Verdict, sqlstate};

/// What became of tables since they were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TablesAre {
    /// Nothing: what was done in their name was done to them.
    AsKnown,
    /// One of them was altered. What was done by what was known of it may be wrong, and errors may be
    /// nobody's fault: all of it is to be done anew.
    Altered,
}

/// The tables that were asked for so far. All lanes share one catalogue.
pub struct Catalogue {
    tables: Locked<HashMap<TableName, Arc<Table>>>,
    /// Verifies them: [`FACTS`], or what answers the same quicker.
    facts_query: String,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::verified_by(FACTS.to_owned())
    }
}

/// Domains are resolved to their base type (however deep), since a cast straight to a domain over
/// `varchar(3)` would cut the value; the domain's own rules are checked on assignment. An array's elements may be of a
/// domain, too.
const COLUMNS: &str = "\
    WITH RECURSIVE base AS ( \
        SELECT a.attnum, a.atttypid AS type, a.atttypmod AS modifier \
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped \
        UNION ALL \
        SELECT b.attnum, t.typbasetype, CASE WHEN b.modifier = -1 THEN t.typtypmod ELSE b.modifier END \
        FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.type WHERE t.typtype = 'd' \
    ), element AS ( \
        SELECT b.attnum, t.typelem AS type, b.modifier \
        FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.type \
        WHERE t.typtype <> 'd' AND t.typcategory = 'A' AND t.typelem <> 0 \
        UNION ALL \
        SELECT i.attnum, t.typbasetype, CASE WHEN i.modifier = -1 THEN t.typtypmod ELSE i.modifier END \
        FROM element i JOIN pg_catalog.pg_type t ON t.oid = i.type WHERE t.typtype = 'd' \
    ) \
    SELECT a.attname::text, n.nspname::text, t.typname::text, b.modifier, e.typname::text, \
           a.attgenerated::text, a.attidentity::text, a.attnum, b.type <> a.atttypid, i.modifier \
    FROM base b \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = $1 AND a.attnum = b.attnum \
    JOIN pg_catalog.pg_type t ON t.oid = b.type AND t.typtype <> 'd' \
    JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
    LEFT JOIN (element i JOIN pg_catalog.pg_type e ON e.oid = i.type AND e.typtype <> 'd') ON i.attnum = b.attnum \
    ORDER BY a.attnum";

/// Whether tables may inherit from the table, other than partitions (TimescaleDB's, which a trigger of its own tells: the
/// table itself has no row); and whether row-level security may hide rows of it
/// from us: it applies to our role, and not for each command there is a policy that lets all rows through and none that
/// stops any.
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
        FROM pg_catalog.unnest(ARRAY['r', 'a', 'w', 'd']::\"char\"[]) AS k(command)), false) THEN current_user::text END \
    FROM pg_catalog.pg_class c WHERE c.oid = $1";

/// Of every table, since what a parent refers to matters as well. Those of partitions follow theirs.
const FOREIGN_KEYS: &str = "\
    SELECT conrelid, confrelid FROM pg_catalog.pg_constraint WHERE contype = 'f'";

/// The tables at the other ends of a table's foreign keys, whichever way these lead.
const RELATIVES: &str = "\
    SELECT DISTINCT n.nspname::text, c.relname::text FROM pg_catalog.pg_constraint k \
    JOIN pg_catalog.pg_class c ON c.oid = CASE k.conrelid WHEN $1 THEN k.confrelid ELSE k.conrelid END \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE k.contype = 'f' AND $1 IN (k.conrelid, k.confrelid)";

impl Catalogue {
    /// With another query that answers what [`FACTS`] does.
    pub fn verified_by(facts_query: String) -> Self {
        Self {
            tables: Locked::default(),
            facts_query,
        }
    }

    /// The table as it is known, or as Postgres describes it now.
    ///
    /// # Errors
    /// Systemic if there is no such table; else whatever Postgres said.
    pub async fn find_table(
        &self,
        client: &impl UnnamedStatements,
        name: &TableName,
    ) -> Result<Arc<Table>, Failure> {
        if let Some(table) = self.tables.lock().get(name) {
            return Ok(table.clone());
        }
        let table = Arc::new(load_table(client, name).await?);
        self.tables.lock().insert(name.clone(), table.clone());
        Ok(table)
    }

    /// The same, asked in a transaction of its own, whose settings hold through a pooler too: names of types and
    /// operators depend on them.
    ///
    /// # Errors
    /// As for [`Catalogue::find_table`].
    pub async fn find_table_apart(
        &self,
        client: &mut Object,
        name: &TableName,
    ) -> Result<Arc<Table>, Failure> {
        if let Some(table) = self.tables.lock().get(name) {
            return Ok(table.clone());
        }
        // dropped, it is rolled back: nothing was done in it
        let tx = begin_pinned(client).await?;
        let found = self.find_table(&tx, name).await;
        found.map_err(|failure| failure.about_table(name))
    }

    /// Whether the tables still are what they are taken to be. Asked in a transaction, after its last
    /// statement on them, it holds to the transaction's end: they are locked by then. Those that were altered
    /// are read again when they are next asked for.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn verify_tables(
        &self,
        client: &impl UnnamedStatements,
        tables: &[Arc<Table>],
    ) -> Result<TablesAre, Failure> {
        let altered = find_altered(client, &self.facts_query, tables).await?;
        for table in &altered {
            self.forget_altered(table);
        }
        Ok(if altered.is_empty() {
            TablesAre::AsKnown
        } else {
            TablesAre::Altered
        })
    }

    /// Forgets the table, unless somebody has read it again since.
    fn forget_altered(&self, table: &Table) {
        let mut tables = self.tables.lock();
        let known = tables.get(&table.name);
        if known.is_some_and(|known| known.fingerprint == table.fingerprint) {
            tables.remove(&table.name);
            tracing::info!(table = %table.name, "the table was altered: it is read again, and the events in hand are written anew");
        }
    }

    /// Has every table read again.
    pub fn forget_all(&mut self) {
        self.tables.lock().clear();
    }

    /// Has the table read again when it is next asked for.
    pub fn forget_table(&self, name: &TableName) {
        self.tables.lock().remove(name);
    }
}

async fn load_table(client: &impl UnnamedStatements, name: &TableName) -> Result<Table, Failure> {
    let (schemas, names) = ([&name.schema], [&name.name]);
    // first of all: what is read after it is at least as new, so that nothing older goes by this fingerprint
    let (schemas, names) = (&schemas[..], &names[..]);
    let lists: [(&(dyn ToSql + Sync), Type); 2] =
        [(&schemas, Type::TEXT_ARRAY), (&names, Type::TEXT_ARRAY)];
    let Some(row) = client.query_typed_opt(FACTS, &lists).await? else {
        return Err(missing_table(name));
    };
    let (facts, oid): (i64, u32) = (row.get(1), row.get(2));
    let own_names = client.query_typed_opt(NAMES, &lists).await?;
    let traits = client.query_typed_one(TRAITS, &[(&oid, Type::OID)]).await?;
    let (columns, numbers) = load_columns(client, oid).await?;
    let unique_keys = load_unique_keys(client, oid, &columns, &numbers).await?;
    let references = load_references(client).await?;
    let mut table = Table::new(name.clone(), columns, unique_keys);
    table.fingerprint = (facts, own_names.and_then(|row| row.get(1)));
    table.may_have_heirs = traits.get(0);
    table.hidden_from = traits.get(1);
    table.rank = foreign_key_rank(oid, &references);
    table.referenced = references.iter().any(|(_, parent)| *parent == oid);
    if references
        .iter()
        .any(|(child, parent)| [*child, *parent].contains(&oid))
    {
        table.relatives = load_relatives(client, oid).await?;
    }
    Ok(table)
}

fn missing_table(name: &TableName) -> Failure {
    Failure {
        sqlstate: Some(sqlstate::UNDEFINED_TABLE.into()),
        ..Failure::new(
            Verdict::Systemic,
            format!(
                "table {name} does not exist in the destination; create it, or send its events elsewhere with a [[route]]"
            ),
        )
        .about_table(name)
    }
}

/// Index by `pg_attribute.attnum`, which has gaps where columns were dropped.
type ColumnNumbers = HashMap<i16, usize>;

async fn load_columns(
    client: &impl UnnamedStatements,
    oid: u32,
) -> Result<(Vec<Column>, ColumnNumbers), Failure> {
    let mut columns = Vec::new();
    let mut numbers = ColumnNumbers::new();
    for row in client.query_typed(COLUMNS, &[(&oid, Type::OID)]).await? {
        numbers.insert(row.get(7), columns.len());
        columns.push(read_column(&row));
    }
    Ok((columns, numbers))
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
        identity_always: row.get::<_, String>(6) == "a",
        of_domain: row.get(8),
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

/// Pairs of child and parent, of all foreign keys of the database.
async fn load_references(client: &impl UnnamedStatements) -> Result<Vec<(u32, u32)>, Failure> {
    let rows = client.query_typed(FOREIGN_KEYS, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

async fn load_relatives(
    client: &impl UnnamedStatements,
    oid: u32,
) -> Result<Vec<TableName>, Failure> {
    let rows = client.query_typed(RELATIVES, &[(&oid, Type::OID)]).await?;
    let name = |row: &Row| TableName::new(row.get::<_, String>(0), row.get::<_, String>(1));
    Ok(rows.iter().map(name).collect())
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
