//! The table that a sink has made, and in what it falls short of the source's.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use postgres::Client;

use super::fixture::{Column, Fixture};

pub struct MadeTable {
    /// In the order of the table's.
    pub key: Vec<String>,
    pub columns: BTreeMap<String, MadeColumn>,
}

pub struct MadeColumn {
    /// As Postgres writes it.
    pub kind: String,
    pub is_required: bool,
    pub default: Option<String>,
    pub lacks: BTreeMap<Facet, String>,
}

/// In what columns are compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Facet {
    Type,
    Nullability,
    Default,
    Values,
}

const COLUMNS: &str = "
    SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
    WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped";
const KEY: &str = "
    SELECT a.attname::text FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
    WHERE c.conrelid = $1::text::regclass AND c.contype = 'p' ORDER BY a.attnum";

/// Reads the table of this topic, and compares it with what the topic tells.
///
/// # Errors
/// If it isn't there, or lacks a column.
pub fn read_table(client: &mut Client, fixture: &Fixture) -> Result<MadeTable> {
    let table = format!("public.{}", fixture.table);
    let mut columns = BTreeMap::new();
    for row in client.query(COLUMNS, &[&table])? {
        let column = MadeColumn {
            kind: row.get(1),
            is_required: row.get(2),
            default: row.get(3),
            lacks: BTreeMap::new(),
        };
        columns.insert(row.get::<_, String>(0), column);
    }
    for column in &fixture.columns {
        let made = columns.get_mut(&column.name);
        let made = made.with_context(|| format!("{table} has no column {}", column.name))?;
        compare(client, fixture, column, made);
    }
    let key = client.query(KEY, &[&table])?;
    Ok(MadeTable {
        key: key.iter().map(|row| row.get(0)).collect(),
        columns,
    })
}

fn compare(client: &mut Client, fixture: &Fixture, column: &Column, made: &mut MadeColumn) {
    let exact = column.types.iter().find(|kind| **kind == made.kind);
    if exact.is_none() {
        let wanted = column.types.first().map_or("", String::as_str);
        made.lacks
            .insert(Facet::Type, format!("{} for {wanted}", made.kind));
    }
    if made.is_required != column.is_required() {
        let said = if made.is_required {
            "takes no null"
        } else {
            "takes null"
        };
        made.lacks.insert(Facet::Nullability, said.to_owned());
    }
    // what differs in spelling only is the same in the type that would be exact
    let kind = match exact
        .or(column.types.first())
        .map_or("text", String::as_str)
    {
        "json" => "jsonb", // texts of which nothing says whether they are equal
        kind => kind,
    };
    let mut is = |expression: &str, wanted: &Option<String>| {
        let sql =
            format!("SELECT ({expression})::text::{kind} IS NOT DISTINCT FROM $1::text::{kind}");
        // what the type doesn't take is another value
        client
            .query_one(&sql, &[wanted])
            .is_ok_and(|row| row.get(0))
    };
    if !is(made.default.as_deref().unwrap_or("NULL"), &column.default) {
        let said = match (&column.default, &made.default) {
            (Some(wanted), None) => format!("no default '{wanted}'"),
            (_, Some(default)) => format!("default {default}"),
            (None, None) => String::new(),
        };
        made.lacks.insert(Facet::Default, said);
    }
    for (id, means) in fixture.columns[0].means.iter().flatten().zip(&column.means) {
        let value = format!(
            "SELECT {} FROM public.{} WHERE id::text = '{id}'",
            column.name, fixture.table
        );
        if !is(&value, means) {
            let said = format!("other values than '{}'", means.as_deref().unwrap_or("null"));
            made.lacks.insert(Facet::Values, said);
        }
    }
}
