//! A destination table as the catalogue describes it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::AtomicU64;

use crate::format::column_name::may_stand_for;
use crate::format::respelled::{RespelledColumn, RespelledValues};
use crate::rows::key_kind::KeyKind;
use crate::rows::sql::quote;
use crate::table_name::TableName;
use crate::verdict::{Failure, Verdict};

/// A hash of a table's facts, and one of the names in our SQL that aren't Postgres' own, where it has such.
pub type Fingerprint = (i64, Option<i64>);

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

/// Who numbers the rows of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Postgres: it may be inserted with OVERRIDING SYSTEM VALUE, never updated.
    Always,
    /// Postgres, where a row has no number.
    ByDefault,
}

/// A column of a destination table.
#[derive(Clone, Debug)]
pub struct Column {
    /// The column's name, not quoted.
    pub name: String,
    /// The column's type, domains resolved.
    pub pg_type: PgType,
    /// The base type as SQL, schema-qualified and quoted, without a modifier: an explicit cast to
    /// `varchar(3)` would cut the value silently, an assignment refuses it. Where the text means another value than
    /// the event's to that type, the way leads over a type to which it doesn't.
    pub cast: String,
    /// GENERATED ALWAYS AS (…) STORED: computed by Postgres, never written.
    pub generated: bool,
    /// GENERATED … AS IDENTITY, which takes no null.
    pub identity: Option<Identity>,
    /// NOT NULL, of the column itself.
    pub not_null: bool,
    /// Quoted and with its schema, if it isn't the type's own.
    pub collation: Option<String>,
    /// Its default is a zero, be it of a number, a text or a document: a source's schema has such a one for defaults that
    /// it can't tell, too.
    pub zero_default: bool,
    /// Of a domain. Whoever may create operators can have some for it that come before the base type's.
    pub of_domain: bool,
}

/// Types of Postgres' own that an assignment rounds to the column's precision, just as a cast does.
const ROUNDED: [&str; 6] = [
    "numeric",
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "interval",
];

impl Column {
    /// What the column, in a key of this kind, makes of several texts for one value, if it takes any.
    fn respelled_values(&self, kind: KeyKind) -> Option<RespelledValues> {
        match (kind, self.pg_type.name.as_str()) {
            (KeyKind::Text, _) | (KeyKind::WrittenAlike, "name" | "char") => None,
            (KeyKind::KeptAsWritten, _) => Some(RespelledValues::Kept),
            (KeyKind::Integer, _) => Some(RespelledValues::Whole),
            (_, "numeric") => Some(RespelledValues::Rounded(self.numeric_digits().1)),
            _ => Some(RespelledValues::Alike),
        }
    }

    /// Precision and scale of a numeric with a modifier, as numeric's own functions take it apart: the scale has 11 bits
    /// and a sign.
    fn numeric_digits(&self) -> (i32, i32) {
        let modifier = self.pg_type.modifier - 4;
        (
            (modifier >> 16) & 0xffff,
            ((modifier & 0x7ff) ^ 1024) - 1024,
        )
    }

    /// Whether the type is one of Postgres' own.
    pub fn is_of_postgres(&self) -> bool {
        self.cast.starts_with(r#""pg_catalog"."#)
    }

    /// The type as SQL, such that a cast gives the value that the column would hold: rounded where an
    /// assignment rounds, never cut.
    pub fn assigned_cast(&self) -> Cow<'_, str> {
        let (name, modifier) = (self.pg_type.name.as_str(), self.pg_type.modifier);
        let rounded = ROUNDED.contains(&name) && self.is_of_postgres() && modifier >= 0;
        if !rounded {
            return Cow::Borrowed(&self.cast);
        }
        if name == "interval" {
            // the fields that it keeps, and the digits of its seconds, as interval's own functions take it apart
            let (fields, digits) = ((modifier >> 16) & 0x7fff, modifier & 0xffff);
            return Cow::Owned(match digits {
                0xffff => format!("{}({fields})", self.cast),
                _ => format!("{}({fields},{digits})", self.cast),
            });
        }
        if name != "numeric" {
            return Cow::Owned(format!("{}({modifier})", self.cast));
        }
        let (precision, scale) = self.numeric_digits();
        Cow::Owned(format!("{}({precision},{scale})", self.cast))
    }
}

impl Column {
    /// The text as a `varchar(n)` of Postgres' own takes it: without the blanks that are too many for it.
    #[inline]
    pub fn drop_spare_blanks<'t>(&self, text: Cow<'t, str>) -> Cow<'t, str> {
        if text.ends_with(' ') {
            self.drop_blanks_at_end(text)
        } else {
            text // as nearly all
        }
    }

    fn drop_blanks_at_end<'t>(&self, text: Cow<'t, str>) -> Cow<'t, str> {
        let limit = self.pg_type.modifier.checked_sub(4);
        let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()) else {
            return text;
        };
        if self.pg_type.name != "varchar" || !self.is_of_postgres() {
            return text;
        }
        let Some((end, _)) = text.char_indices().nth(limit) else {
            return text;
        };
        match text.get(end..) {
            Some(spare) if spare.bytes().all(|byte| byte == b' ') => match text {
                Cow::Borrowed(text) => Cow::Borrowed(text.get(..end).unwrap_or(text)),
                Cow::Owned(mut text) => {
                    text.truncate(end);
                    Cow::Owned(text)
                }
            },
            _ => text,
        }
    }
}

/// How an index tells that two values of a column are equal, as SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equality {
    /// The equality of the index's operator class, with its schema: `OPERATOR("pg_catalog".=)`.
    pub operator: String,
    /// The type that the operator is for, quoted and with its schema, where it isn't the column's own.
    pub operand: Option<String>,
    /// The index's collation, quoted and with its schema, where it isn't the column's own.
    pub collation: Option<String>,
}

impl Default for Equality {
    /// What Postgres' own types have.
    fn default() -> Self {
        Self {
            operator: r#"OPERATOR("pg_catalog".=)"#.to_owned(),
            operand: None,
            collation: None,
        }
    }
}

/// The columns that a unique index without a predicate covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniqueKey {
    /// In column order.
    pub columns: Vec<usize>,
    /// How the index compares each of the columns, in the same order.
    pub equality: Vec<Equality>,
    /// How equal values of each of the columns are told, in the same order.
    pub sameness: Vec<Sameness>,
    /// What `ON CONFLICT` is told, so that it goes by this index alone: the constraint, or the columns with collation and
    /// operator class. `None`: the columns will do.
    pub arbiter: Option<String>,
}

/// How equal values of a key column are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sameness {
    /// What can be told without asking Postgres.
    pub kind: KeyKind,
    /// The index's collation, quoted and with its schema, if the type has any.
    pub collation: Option<String>,
    /// The function, quoted and with its schema, by which Postgres hashes values so that those that the index
    /// holds equal have one hash; it takes a seed.
    pub hash: Option<String>,
    /// A decimal number, which one spelling can stand for.
    pub is_decimal: bool,
}

impl UniqueKey {
    /// A key of these columns, in column order, of types of Postgres' own.
    pub fn of_columns(columns: Vec<usize>) -> Self {
        Self {
            equality: vec![Equality::default(); columns.len()],
            sameness: vec![Sameness::default(); columns.len()],
            columns,
            arbiter: None,
        }
    }

    /// Whether all texts of the key are values of their own, so that nothing needs to be looked at.
    pub fn is_of_texts(&self) -> bool {
        self.sameness.iter().all(|s| s.kind == KeyKind::Text)
    }

    /// Whether Postgres keeps the column's equal values as they were written.
    pub fn keeps_as_written(&self, column: usize) -> bool {
        let at = self.columns.iter().position(|c| *c == column);
        let sameness = at.and_then(|at| self.sameness.get(at));
        sameness.is_some_and(|s| s.kind == KeyKind::KeptAsWritten)
    }

    /// How the index compares the column; nothing, if it isn't of the key.
    pub fn equality_of(&self, column: usize) -> Option<&Equality> {
        let at = self.columns.iter().position(|c| *c == column)?;
        self.equality.get(at)
    }
}

/// A destination table: columns, unique keys and its place among foreign keys.
#[derive(Debug)]
pub struct Table {
    /// The table's name, with its schema.
    pub name: TableName,
    /// In the table's order; all indexes of columns count in this list.
    pub columns: Vec<Column>,
    /// The column sets that a unique index without a predicate covers; the primary key first.
    pub unique_keys: Vec<UniqueKey>,
    /// How many foreign keys lead from it to a table that refers to no other: parents have less.
    pub rank: usize,
    /// Whether a foreign key leads to it, be it one of its own: deleting a row may take others with it.
    pub referenced: bool,
    /// Other tables may inherit from it, whose rows are none of its own: statements name it with ONLY.
    pub may_have_heirs: bool,
    /// It has partitions: a statement that finds rows opens and locks all of them, unless it says which it means.
    pub is_partitioned: bool,
    /// The role, ours, that row-level security may hide rows of the table from.
    pub hidden_from: Option<String>,
    /// The tables at the other ends of its foreign keys, and of those that lead to it.
    pub relatives: Vec<TableName>,
    /// When it was last said that a delete left a row of the table, as that is spelled otherwise; in seconds since
    /// 1970, 0 if never.
    pub told_of_spelling_at: AtomicU64,
    /// Of all that is known of it: another one, once it was altered.
    pub fingerprint: Fingerprint,
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
    pub fn new(name: TableName, columns: Vec<Column>, unique_keys: Vec<UniqueKey>) -> Self {
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
            may_have_heirs: false,
            is_partitioned: false,
            hidden_from: None,
            relatives: Vec::new(),
            told_of_spelling_at: AtomicU64::new(0),
            fingerprint: (0, None),
            by_name,
        }
    }

    /// What is wrong where row-level security may hide rows from our role, and what mends it. No statement would fail: a
    /// row that is hidden isn't there for a delete.
    pub fn explain_hidden_rows(&self) -> Option<(String, String)> {
        let role = self.hidden_from.as_deref()?;
        let what = format!(
            "row-level security of {} applies to the role {role}: rows that it hides can't be updated or deleted",
            self.name
        );
        let remedy = format!(
            "ALTER ROLE {} BYPASSRLS, or policies that let it see and write all rows",
            quote(role)
        );
        Some((what, remedy))
    }

    /// Refuses a table of which rows may be hidden.
    ///
    /// # Errors
    /// Systemic, with what mends it.
    pub fn refuse_hidden_rows(&self) -> Result<(), Failure> {
        match self.explain_hidden_rows() {
            None => Ok(()),
            Some((what, remedy)) => {
                let message = format!("{what}; {remedy}");
                Err(Failure::new(Verdict::Systemic, message))
            }
        }
    }

    /// Where the column of this name stands in `columns`; else of the one whose name may stand for it.
    pub fn column_index(&self, name: &str) -> Option<usize> {
        self.find_column(name).ok().flatten()
    }

    /// The same, where several may: their names.
    ///
    /// # Errors
    /// Several columns may be meant, and none has the name.
    pub fn find_column(&self, name: &str) -> Result<Option<usize>, String> {
        self.find_column_beside(name, |_| false)
    }

    /// The same, for one field of an event. `is_beside`: whether the event has another of this very name, whose column is
    /// nobody else's.
    ///
    /// # Errors
    /// As for [`Table::find_column`].
    pub fn find_column_beside(
        &self,
        name: &str,
        is_beside: impl Fn(&str) -> bool,
    ) -> Result<Option<usize>, String> {
        if let Some(at) = self.by_name.get(name) {
            return Ok(Some(*at));
        }
        let columns = self.columns.iter().enumerate();
        let alike = columns
            .filter(|(_, column)| may_stand_for(name, &column.name) && !is_beside(&column.name));
        let alike: Vec<usize> = alike.map(|(at, _)| at).collect();
        match alike.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(*only)),
            several => Err(self.column_names(several)),
        }
    }

    /// Whether Postgres computes the column, which then takes no value.
    pub fn is_computed(&self, column: usize) -> bool {
        self.columns.get(column).is_none_or(|c| c.generated)
    }

    /// Whether a key tells the rows apart, so that `ON CONFLICT (key)` has an index to go by and a delete
    /// removes one row at most; `key` in column order.
    pub fn is_unique(&self, key: &[usize]) -> bool {
        self.unique_key(key).is_some()
    }

    /// The first key of exactly these columns; `key` in column order.
    pub fn unique_key(&self, key: &[usize]) -> Option<&UniqueKey> {
        self.unique_keys.iter().find(|unique| unique.columns == key)
    }

    /// The key columns that take several texts for one value.
    pub fn respelled_columns(&self) -> Vec<RespelledColumn> {
        let mut found: Vec<RespelledColumn> = Vec::new();
        for unique in &self.unique_keys {
            for (at, sameness) in unique.columns.iter().zip(&unique.sameness) {
                let Some(column) = self.columns.get(*at) else {
                    continue;
                };
                let Some(values) = column.respelled_values(sameness.kind) else {
                    continue;
                };
                match found.iter_mut().find(|known| known.name == column.name) {
                    Some(known) if values == RespelledValues::Kept => known.values = values,
                    Some(_) => {}
                    None => found.push(RespelledColumn {
                        name: column.name.clone(),
                        values,
                    }),
                }
            }
        }
        found
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
