//! Net changes → SQL: one statement per table, kind and column set, its rows as text arrays, in the
//! order in which foreign keys take them: see [`Table::turn`].

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use crate::fold::Net;
use crate::row_change::Text;
use crate::table::{Table, Turn};
use crate::table_name::TableName;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Delete,
    /// A key deleted and inserted again. The row is changed in place, so that no foreign key takes
    /// others with it; columns that the event doesn't carry start from their defaults.
    Replace,
    Upsert,
    /// Changes that carry only part of their row; touches as many rows as it carries, or one is missing.
    Update,
}

#[derive(Debug)]
pub struct Statement<'r> {
    pub kind: Kind,
    pub table: Arc<Table>,
    pub sql: String,
    /// Of an update: counts how many of its rows exist, as a trigger may skip a row that does.
    pub count_sql: Option<String>,
    /// One text array for each parameter.
    pub columns: Vec<Vec<Text<'r>>>,
}

impl Statement<'_> {
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }
}

/// A name as SQL: quoted, whatever it holds.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The statements for a folded batch. Tables and keys come in sorted order, the same in every lane,
/// so that two lanes on one table can't lock each other's rows crosswise.
pub fn build<'r>(mut nets: Vec<Net<'r>>) -> Vec<Statement<'r>> {
    nets.sort_unstable_by(|a, b| (&a.table.name, &a.key).cmp(&(&b.table.name, &b.key)));
    let mut groups: BTreeMap<(Turn, Shape), Rows<'r>> = BTreeMap::new();
    for net in nets {
        let mut add = |kind, written: Vec<usize>, row: Vec<Text<'r>>| {
            let shape = Shape {
                table: net.table.name.clone(),
                kind,
                key: net.key_columns.clone(),
                written,
            };
            let turn = net.table.turn(kind == Kind::Delete);
            let rows = groups.entry((turn, shape)).or_insert_with(|| Rows {
                table: net.table.clone(),
                columns: Vec::new(),
            });
            rows.push(row);
        };
        match net.row {
            None => add(Kind::Delete, net.key_columns.clone(), net.key),
            Some(row) => {
                let kind = match (row.whole, net.delete_first) {
                    (true, true) => Kind::Replace,
                    (true, false) => Kind::Upsert,
                    (false, _) => Kind::Update,
                };
                let (written, texts) = row.cells.into_iter().unzip();
                add(kind, written, texts);
            }
        }
    }
    groups
        .into_iter()
        .map(|((_, shape), rows)| shape.statement(rows))
        .collect()
}

/// What rows must have in common to go into one statement; its order is the statements'.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    table: TableName,
    kind: Kind,
    key: Vec<usize>,
    written: Vec<usize>,
}

struct Rows<'r> {
    table: Arc<Table>,
    columns: Vec<Vec<Text<'r>>>,
}

impl<'r> Rows<'r> {
    fn push(&mut self, row: Vec<Text<'r>>) {
        self.columns.resize_with(row.len(), Vec::new);
        for (column, text) in self.columns.iter_mut().zip(row) {
            column.push(text);
        }
    }
}

impl Shape {
    fn statement(self, rows: Rows<'_>) -> Statement<'_> {
        let Rows { table, columns } = rows;
        let sql = match self.kind {
            Kind::Delete => delete(&table, &self.key),
            Kind::Replace => upsert(&table, &self.key, &self.written, true),
            Kind::Upsert => upsert(&table, &self.key, &self.written, false),
            Kind::Update => update(&table, &self.key, &self.written),
        };
        let count_sql =
            (self.kind == Kind::Update).then(|| count(&table, &self.key, &self.written));
        Statement {
            kind: self.kind,
            table,
            sql,
            count_sql,
            columns,
        }
    }
}

pub fn qualified(table: &Table) -> String {
    format!("{}.{}", quote(&table.name.schema), quote(&table.name.name))
}

/// `unnest($1::text[], …) AS u(c1, …)`
fn rows(count: usize) -> String {
    let list = |item: fn(usize) -> String| (1..=count).map(item).collect::<Vec<_>>().join(", ");
    format!(
        "unnest({}) AS u({})",
        list(|i| format!("${i}::text[]")),
        list(|i| format!("c{i}"))
    )
}

/// `u.c1::"pg_catalog"."int4"`: Postgres itself parses the text for the column's type.
fn cast(table: &Table, column: usize, parameter: usize) -> String {
    let cast = table
        .columns
        .get(column)
        .map_or("text", |c| c.cast.as_str());
    format!("u.c{}::{cast}", parameter + 1)
}

fn join(parts: impl Iterator<Item = String>, separator: &str) -> String {
    parts.collect::<Vec<_>>().join(separator)
}

fn name(table: &Table, column: usize) -> String {
    table
        .columns
        .get(column)
        .map(|c| quote(&c.name))
        .unwrap_or_default()
}

fn on_key(table: &Table, key: &[usize], written: &[usize]) -> String {
    let pairs = written
        .iter()
        .enumerate()
        .filter(|(_, column)| key.contains(column));
    join(
        pairs.map(|(at, column)| {
            format!("t.{} = {}", name(table, *column), cast(table, *column, at))
        }),
        " AND ",
    )
}

fn settable<'a>(
    table: &'a Table,
    key: &'a [usize],
    written: &'a [usize],
) -> impl Iterator<Item = (usize, usize)> + 'a {
    let pairs = written.iter().copied().enumerate();
    pairs.filter(|(_, column)| {
        !key.contains(column)
            && !table
                .columns
                .get(*column)
                .is_some_and(|c| c.identity_always)
    })
}

/// `anew`: what isn't written is set to its default.
fn upsert(table: &Table, key: &[usize], written: &[usize], anew: bool) -> String {
    let mut sql = format!(
        "INSERT INTO {} AS t ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} ON CONFLICT ({}) DO ",
        qualified(table),
        join(written.iter().map(|c| name(table, *c)), ", "),
        join(
            written
                .iter()
                .enumerate()
                .map(|(at, c)| cast(table, *c, at)),
            ", "
        ),
        rows(written.len()),
        join(key.iter().map(|c| name(table, *c)), ", "),
    );
    let carried =
        settable(table, key, written).map(|(_, c)| format!("{0} = EXCLUDED.{0}", name(table, c)));
    let left_out = (0..table.columns.len())
        .filter(|c| {
            anew && !written.contains(c) && !table.columns.get(*c).is_none_or(|c| c.generated)
        })
        .map(|c| format!("{} = DEFAULT", name(table, c)));
    let sets = join(carried.chain(left_out), ", ");
    let _ = match sets.is_empty() {
        true => write!(sql, "NOTHING"),
        false => write!(sql, "UPDATE SET {sets}"),
    };
    sql
}

fn delete(table: &Table, key: &[usize]) -> String {
    format!(
        "DELETE FROM {} AS t USING {} WHERE {}",
        qualified(table),
        rows(key.len()),
        on_key(table, key, key)
    )
}

fn update(table: &Table, key: &[usize], written: &[usize]) -> String {
    let mut sets = join(
        settable(table, key, written)
            .map(|(at, c)| format!("{} = {}", name(table, c), cast(table, c, at))),
        ", ",
    );
    if sets.is_empty() {
        // nothing but the key and values it leaves out: the row must be there all the same
        sets = key
            .first()
            .map(|c| format!("{0} = t.{0}", name(table, *c)))
            .unwrap_or_default();
    }
    format!(
        "UPDATE {} AS t SET {sets} FROM {} WHERE {}",
        qualified(table),
        rows(written.len()),
        on_key(table, key, written)
    )
}

fn count(table: &Table, key: &[usize], written: &[usize]) -> String {
    format!(
        "SELECT count(*) FROM {} AS t, {} WHERE {}",
        qualified(table),
        rows(written.len()),
        on_key(table, key, written)
    )
}

#[cfg(test)]
#[path = "statement_tests.rs"]
mod tests;
