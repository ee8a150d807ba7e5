//! What Postgres knows of a destination table, and what our role may do with it.

use std::sync::Arc;

use tokio_postgres::types::Type;

use crate::postgres::catalogue::Catalogue;
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
    /// Our role.
    pub role: String,
    /// May name what is in the schema.
    pub usage: bool,
    /// What the role may do with the table, or with each of its columns.
    pub privileges: Vec<&'static str>,
    /// What it may do with some columns, whatever it may do with others.
    pub on_columns: Vec<(String, String)>,
    /// Columns that take numbers of a sequence where events leave them out, which the role may not.
    pub denied_sequences: Vec<DeniedSequence>,
    /// Its rules that do something else instead of a change. Of a view they may be what makes it one that takes changes.
    pub rules_instead: Vec<String>,
}

/// A sequence whose numbers our role may not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedSequence {
    /// The name of the column that it fills.
    pub column: String,
    /// Its own, as SQL.
    pub name: String,
}

impl Relation {
    /// The columns of these that the role lacks the privilege on. `None`: it has it on none at all.
    pub fn denied_columns<'c>(
        &self,
        privilege: &str,
        columns: &'c [String],
    ) -> Option<Vec<&'c str>> {
        let has_some = self.on_columns.iter().any(|(has, _)| has == privilege);
        let is_denied = |name: &&str| {
            let column = self.table.column_index(name);
            let granted = self.on_columns.iter().filter(|(has, _)| has == privilege);
            let mut granted = granted.map(|(_, on)| self.table.column_index(on));
            column.is_some() && !granted.any(|on| on == column)
        };
        let denied = columns.iter().map(String::as_str).filter(is_denied);
        has_some.then(|| denied.collect())
    }
}

/// In the order in which they are told.
pub const TABLE_PRIVILEGES: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "DELETE"];

const RIGHTS_QUERY: &str = "\
    SELECT c.oid, current_user::text, has_schema_privilege(n.oid, 'USAGE'), \
           ARRAY(SELECT p FROM unnest($3::text[]) p WHERE has_table_privilege(c.oid, p) \
               OR (p <> 'DELETE' AND (SELECT bool_and(has_column_privilege(c.oid, a.attnum, p)) \
                   FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))), \
           ARRAY(SELECT p || ' ' || a.attname FROM unnest($3::text[]) p, pg_catalog.pg_attribute a \
               WHERE p <> 'DELETE' AND a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
               AND has_column_privilege(c.oid, a.attnum, p)) \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = $1 AND c.relname = $2";

const NOT_NULL_QUERY: &str = "\
    SELECT a.attname::text, \
           a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '' OR t.typdefault IS NOT NULL \
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
    WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped AND (a.attnotnull OR t.typnotnull) \
    ORDER BY a.attnum";

/// An identity column's sequence asks nobody for a privilege.
const DENIED_SEQUENCES_QUERY: &str = "\
    SELECT a.attname::text, pg_catalog.format('%I.%I', n.nspname, s.relname) \
    FROM pg_catalog.pg_attrdef d \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum \
    JOIN pg_catalog.pg_depend u ON u.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND u.objid = d.oid \
    JOIN pg_catalog.pg_class s ON s.oid = u.refobjid AND u.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
    JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace \
    WHERE d.adrelid = $1 AND CASE WHEN s.relkind = 'S' THEN \
        NOT (pg_catalog.has_sequence_privilege(s.oid, 'USAGE') OR pg_catalog.has_sequence_privilege(s.oid, 'UPDATE')) ELSE false END";

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
    let asked: &[&str] = &TABLE_PRIVILEGES;
    let of_table = [
        (&name.schema as _, Type::TEXT),
        (&name.name as _, Type::TEXT),
        (&asked as _, Type::TEXT_ARRAY),
    ];
    let rights = client.query_typed_one(RIGHTS_QUERY, &of_table).await?;
    let oid: u32 = rights.get(0);
    let columns = client
        .query_typed(NOT_NULL_QUERY, &[(&oid, Type::OID)])
        .await?;
    let sequences = client
        .query_typed(DENIED_SEQUENCES_QUERY, &[(&oid, Type::OID)])
        .await?;
    let rules = client
        .query_typed(RULES_QUERY, &[(&oid, Type::OID)])
        .await?;
    let granted: Vec<String> = rights.get(3);
    let on_columns: Vec<String> = rights.get(4);
    let in_two = |pair: &String| {
        let (privilege, column) = pair.split_once(' ')?;
        Some((privilege.to_owned(), column.to_owned()))
    };
    Ok(Relation {
        table,
        not_null: columns
            .iter()
            .map(|row| NotNull {
                column: row.get(0),
                has_default: row.get(1),
            })
            .collect(),
        role: rights.get(1),
        usage: rights.get(2),
        privileges: TABLE_PRIVILEGES
            .into_iter()
            .filter(|p| granted.iter().any(|g| g == p))
            .collect(),
        on_columns: on_columns.iter().filter_map(in_two).collect(),
        denied_sequences: sequences
            .iter()
            .map(|row| DeniedSequence {
                column: row.get(0),
                name: row.get(1),
            })
            .collect(),
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
