//! Net changes → SQL: one statement per table, kind and column set, its rows as arrays, in the
//! order in which foreign keys take them: see [`Table::write_turn`].

use std::collections::HashMap;
use std::sync::Arc;

use crate::rows::binary::Column;
use crate::rows::fold::Net;
use crate::rows::row_change::{Layout, Text};
use crate::rows::statement_sql::{
    Forms, column_sql, count_sql, delete_sql, fill_sql, insert_sql, rank_sql, respelled_sql,
    type_of, update_sql, upsert_sql,
};
use crate::rows::table::{Table, Turn, UniqueKey};
use crate::table_name::TableName;

/// What a statement does to its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatementKind {
    /// The rows go.
    Delete,
    /// A key deleted and inserted again. The row is changed in place, so that no foreign key takes
    /// others with it; columns that the event doesn't carry start from their defaults.
    Replace,
    /// Rows that are new, as far as anybody knows.
    Insert,
    /// Rows that may be there or not.
    Upsert,
    /// Changes that carry only part of their row; touches as many rows as it carries, or one is missing.
    Update,
    /// Columns that later changes have left out; of rows that may be gone.
    Fill,
    /// A column says that the row is deleted; of rows that are spelled as the delete is.
    Mark,
    /// Rows of their own, whatever rows there are; in arrival order.
    Append,
}

impl StatementKind {
    /// SQL's word for it.
    pub fn operation(self) -> &'static str {
        match self {
            StatementKind::Delete => "DELETE",
            StatementKind::Insert | StatementKind::Upsert | StatementKind::Append => "INSERT",
            StatementKind::Replace
            | StatementKind::Update
            | StatementKind::Fill
            | StatementKind::Mark => "UPDATE",
        }
    }
}

/// Whether what is to be inserted may be there already. To have Postgres look first, with ON CONFLICT, is
/// half of an insert's work, and in vain nearly always. So at first it isn't asked to: a conflict fails the
/// attempt with SQLSTATE 23505, and the next one expects it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conflicts {
    #[default]
    Unexpected,
    Possible,
}

/// One statement with its rows as arrays.
#[derive(Debug)]
pub struct Statement<'n> {
    /// What it does to its rows.
    pub kind: StatementKind,
    /// The destination table.
    pub table: Arc<Table>,
    /// The statement's text, with a parameter for each column.
    pub sql: String,
    /// Of an update: counts how many of its rows exist, as a trigger may skip a row that does.
    pub count_sql: Option<String>,
    /// Of a delete that removes only rows which are spelled as its keys are: counts those of the same keys that are
    /// spelled otherwise.
    pub respelled_sql: Option<String>,
    /// One array for each parameter.
    pub columns: Vec<Column<'n>>,
}

impl Statement<'_> {
    /// How many rows the statement writes.
    pub fn row_count(&self) -> usize {
        self.columns.first().map_or(0, |column| column.texts.len())
    }

    /// Whether what it has done may have to be asked about.
    pub fn may_ask(&self) -> bool {
        self.count_sql.is_some() || self.respelled_sql.is_some()
    }

    /// How much text it has, and its rows, in bytes.
    pub fn text_bytes(&self) -> usize {
        let texts = self.columns.iter().flat_map(|column| &column.texts);
        let rows: usize = texts.flatten().map(|text| text.len()).sum();
        self.sql.len() + rows
    }
}

/// The statements for a folded batch. Tables and keys come in sorted order, the same in every lane,
/// so that two lanes on one table can't lock each other's rows crosswise.
pub fn build_statements<'n>(nets: &'n [Net<'_, '_>], conflicts: Conflicts) -> Vec<Statement<'n>> {
    let mut groups: Vec<Group<'n>> = Vec::new();
    let mut by_shape: HashMap<Shape<'n>, usize, foldhash::fast::RandomState> = HashMap::default();
    let mut known: HashMap<
        (*const Layout, StatementKind, bool),
        usize,
        foldhash::fast::RandomState,
    > = HashMap::default();
    for net in nets {
        let kind = match &net.row {
            None => StatementKind::Delete,
            Some(row) => match (row.whole, net.delete_first) {
                (true, _) if net.layout.key.is_empty() => StatementKind::Append,
                (true, true) => StatementKind::Replace,
                (true, false) if net.created && conflicts == Conflicts::Unexpected => {
                    StatementKind::Insert
                }
                (true, false) => StatementKind::Upsert,
                (false, _) if row.marks => StatementKind::Mark,
                (false, _) if row.fills => StatementKind::Fill,
                (false, _) => StatementKind::Update,
            },
        };
        let layout: &'n Arc<Layout> = &net.layout;
        let removes = matches!(kind, StatementKind::Delete | StatementKind::Mark);
        let spelled = removes && !net.any_spelling;
        let same = (Arc::as_ptr(layout), kind, spelled);
        let at = *known.entry(same).or_insert_with(|| {
            let shape = Shape::of_layout(layout, kind, spelled);
            *by_shape.entry(shape).or_insert_with(|| {
                let rows = Vec::new();
                groups.push(Group {
                    layout,
                    shape,
                    rows,
                });
                groups.len() - 1
            })
        });
        if let Some(group) = groups.get_mut(at) {
            let key = net.key.row_texts();
            let texts = net.row.as_ref().map_or(net.key.texts, |row| &*row.texts);
            group.rows.push((key, texts));
            let others = net.other_spellings.iter();
            group.rows.extend(others.map(|other| (key, other.texts)));
        }
    }
    groups.sort_unstable_by(|a, b| a.write_order().cmp(&b.write_order()));
    groups.into_iter().map(Group::into_statement).collect()
}

/// What rows must have in common to go into one statement; its order is the statements'.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Shape<'n> {
    table: &'n TableName,
    kind: StatementKind,
    key: &'n [usize],
    written: &'n [usize],
    /// Only rows that are spelled as the keys are.
    spelled: bool,
}

impl<'n> Shape<'n> {
    fn of_layout(layout: &'n Layout, kind: StatementKind, spelled: bool) -> Self {
        let unique = layout.table.unique_key(&layout.key);
        let keeps = |unique: &UniqueKey| layout.key.iter().any(|c| unique.keeps_as_written(*c));
        Self {
            spelled: spelled && unique.is_some_and(keeps),
            table: &layout.table.name,
            kind,
            key: &layout.key,
            written: match kind {
                StatementKind::Delete => &layout.key,
                _ => &layout.columns,
            },
        }
    }
}

struct Group<'n> {
    layout: &'n Layout,
    shape: Shape<'n>,
    /// What the keys are, by which rows are sorted in each lane alike, and the values that are written.
    rows: Vec<(&'n [Text<'n>], &'n [Text<'n>])>,
}

impl<'n> Group<'n> {
    fn write_order(&self) -> (Turn, &Shape<'n>) {
        let turn = self
            .layout
            .table
            .write_turn(self.shape.kind == StatementKind::Delete);
        (turn, &self.shape)
    }

    fn into_statement(mut self) -> Statement<'n> {
        if self.shape.kind != StatementKind::Append {
            self.rows.sort_unstable_by_key(|(key, _)| *key);
        }
        let (
            table,
            Shape {
                key,
                written,
                kind,
                spelled,
                ..
            },
        ) = (&self.layout.table, self.shape);
        let rows = &self.rows;
        let column = |(at, column): (usize, &usize)| {
            let texts = rows.iter().map(|(_, texts)| texts.get(at)?.as_deref());
            Column::new(texts.collect(), type_of(table, *column))
        };
        let columns: Vec<Column<'n>> = written.iter().enumerate().map(column).collect();
        let forms = Forms::of_arrays(&columns);
        let sql = match kind {
            StatementKind::Delete => delete_sql(table, key, &forms, spelled),
            StatementKind::Insert | StatementKind::Append => insert_sql(table, written, &forms),
            StatementKind::Replace => upsert_sql(table, key, written, &forms, true),
            StatementKind::Upsert => upsert_sql(table, key, written, &forms, false),
            StatementKind::Update => update_sql(table, key, written, &forms),
            StatementKind::Fill => fill_sql(table, key, written, &forms, false),
            StatementKind::Mark => fill_sql(table, key, written, &forms, spelled),
        };
        Statement {
            kind,
            table: table.clone(),
            sql,
            count_sql: (kind == StatementKind::Update)
                .then(|| count_sql(table, key, written, &forms)),
            respelled_sql: spelled.then(|| respelled_sql(table, key, written, &forms)),
            columns,
        }
    }
}

/// A question for what rows have in a column now.
pub struct ColumnQuestion<'n> {
    /// Answers with the row's place among the keys, counted from 1, and the text; not for a row that isn't there.
    pub sql: String,
    /// One array for each parameter.
    pub columns: Vec<Column<'n>>,
}

/// Asks what rows with these keys, whose columns are the layout's, have in a column.
pub fn ask_column<'n>(
    layout: &'n Layout,
    keys: &[&'n [Text<'n>]],
    column: usize,
) -> ColumnQuestion<'n> {
    let table = &layout.table;
    let key_column = |(at, key_column): (usize, &usize)| {
        let texts = keys.iter().map(|key| key.get(at)?.as_deref());
        Column::new(texts.collect(), type_of(table, *key_column))
    };
    let columns: Vec<Column<'n>> = layout.key.iter().enumerate().map(key_column).collect();
    let forms = Forms::of_arrays(&columns);
    ColumnQuestion {
        sql: column_sql(table, &layout.key, &forms, column),
        columns,
    }
}

/// Asks for the places of texts among each other, as a column's type sorts them.
pub fn ask_ranks(table: &Table, column: usize) -> String {
    rank_sql(table, column)
}

#[cfg(test)]
#[path = "statement_tests.rs"]
mod tests;
