//! A destination table as the catalogue describes it.

use std::collections::HashMap;

use crate::table_name::TableName;

/// A destination column's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PgType {
    /// `pg_type.typname` of the base type ("int4", "numeric", "_text"); domains are resolved.
    pub name: String,
    /// `atttypmod`; -1 if none.
    pub modifier: i32,
    /// Of an array: its element, with the array's modifier.
    pub element: Option<Box<PgType>>,
}

/// A column of a destination table.
#[derive(Clone, Debug)]
pub struct Column {
    /// The column's name, not quoted.
    pub name: String,
    /// The column's type, domains resolved.
    pub pg_type: PgType,
    /// The base type as SQL, schema-qualified and quoted, without a modifier: an explicit cast to
    /// `varchar(3)` would cut the value silently, an assignment refuses it.
    pub cast: String,
    /// GENERATED ALWAYS AS (…) STORED: computed by Postgres, never written.
    pub generated: bool,
    /// GENERATED ALWAYS AS IDENTITY: may be inserted with OVERRIDING SYSTEM VALUE, never updated.
    pub identity_always: bool,
}

/// A destination table: columns, unique keys and its place among foreign keys.
#[derive(Debug)]
pub struct Table {
    /// The table's name, with its schema.
    pub name: TableName,
    /// In the table's order; all indexes of columns count in this list.
    pub columns: Vec<Column>,
    /// The column sets, each in column order, that a unique index without a predicate covers.
    pub unique_keys: Vec<Vec<usize>>,
    /// How many foreign keys lead from it to a table that refers to no other: parents have less.
    pub rank: usize,
    /// Whether a foreign key leads to it, be it one of its own: deleting a row may take others with it.
    pub referenced: bool,
    by_name: HashMap<String, usize>,
}

/// When a change is written: what comes first is less.
pub type Turn = (u8, i64);

impl Table {
    /// Rows to which nothing refers go first, which frees their unique values. Then the others are
    /// written, parents before their children; then parents go, children before their parents: by
    /// then nothing refers to them but what goes as well, even where a foreign key cascades.
    pub fn write_turn(&self, gone: bool) -> Turn {
        let rank = self.rank as i64;
        match (gone, self.referenced) {
            (true, false) => (0, -rank),
            (false, _) => (1, rank),
            (true, true) => (2, -rank),
        }
    }

    /// A table to which no foreign key leads, and from which none does.
    pub fn new(name: TableName, columns: Vec<Column>, unique_keys: Vec<Vec<usize>>) -> Self {
        let by_name = columns
            .iter()
            .enumerate()
            .map(|(i, c)| (c.name.clone(), i))
            .collect();
        Self {
            name,
            columns,
            unique_keys,
            rank: 0,
            referenced: false,
            by_name,
        }
    }

    /// Where the column of this name stands in `columns`.
    pub fn column_index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Whether Postgres computes the column, which then takes no value.
    pub fn is_computed(&self, column: usize) -> bool {
        self.columns.get(column).is_none_or(|c| c.generated)
    }

    /// Whether a key tells the rows apart, so that `ON CONFLICT (key)` has an index to go by and a delete
    /// removes one row at most; `key` in column order.
    pub fn is_unique(&self, key: &[usize]) -> bool {
        self.unique_keys.iter().any(|unique| unique == key)
    }

    /// The names of these columns, with commas between, for messages.
    pub fn column_names(&self, columns: &[usize]) -> String {
        columns
            .iter()
            .filter_map(|i| self.columns.get(*i))
            .map(|c| c.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    }
}
