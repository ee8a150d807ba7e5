//! The table that events ask for: all that their shapes tell together, whichever versions of a schema they are of.

use std::collections::{BTreeSet, HashMap};

use super::column_type::{ColumnType, ExtensionTypes};
use super::default_value::{ColumnDefault, find_default};
use super::meaning::{Known, type_of_field};
use super::width::common_type;
use crate::format::change::{Change, Fields, Operation};
use crate::format::column_name::{find_names_alike, may_stand_for};
use crate::format::landing::Landing;
use crate::format::schema::Field;
use crate::rows::value::Reading;
use crate::table_name::TableName;

/// A column as events ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedColumn {
    /// As the table is to have it.
    pub name: String,
    /// What holds all values that the schemas allow.
    pub wants: Wants,
    /// The shapes of rows that have it and allow no null.
    required: usize,
    /// The shapes of rows that have it.
    present: usize,
    /// Whether one of those allows null.
    takes_null: bool,
    pub(super) default: Option<ColumnDefault>,
    /// What people are told of it, where it is no more than a proposal.
    pub(super) comment: Option<String>,
    /// It says that rows are deleted, and no event has it.
    is_mark: bool,
    /// Names of fields beside it in an event that may stand for it, and it for them: each is a column of its own.
    beside: BTreeSet<String>,
}

impl WantedColumn {
    /// Whether the column of this name is that of another field of the same events.
    pub(super) fn is_beside(&self, column: &str) -> bool {
        self.beside.contains(column)
    }

    /// Whether it is the same column as one of this name, as a table would have it that was made of the one alone.
    fn is_column_of(&self, other: &Self) -> bool {
        self.name == other.name
            || may_stand_for(&self.name, &other.name)
                && !self.is_mark
                && !other.is_mark
                && !self.is_beside(&other.name)
                && !other.is_beside(&self.name)
    }

    /// Whether its events' schemas have a default that is the source's for certain.
    pub(super) fn tells_default(&self) -> bool {
        let default = self.default.as_ref();
        default.is_some_and(|default| !default.may_be_invented)
    }

    /// Whether it is there for nothing but to tell that rows are deleted.
    pub(super) fn is_of_mark(&self) -> bool {
        self.is_mark
    }

    fn beside(self, alike: &HashMap<&str, BTreeSet<&str>>) -> Self {
        let names = alike.get(self.name.as_str()).into_iter().flatten();
        let beside = names.map(ToString::to_string).collect();
        Self { beside, ..self }
    }

    /// When a row was deleted that stays (`soft_delete`), for whoever has no such column yet.
    fn of_mark(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            wants: Wants::Type(ColumnType::plain("timestamptz")),
            required: 0,
            present: 0,
            takes_null: true,
            default: None,
            comment: None,
            is_mark: true,
            beside: BTreeSet::new(),
        }
    }
}

/// A type, as far as schemas tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wants {
    Type(ColumnType),
    /// No schema tells.
    Untold,
    /// Two versions of the schema have types that nothing holds both of.
    Differing(ColumnType, ColumnType),
}

/// A table as events ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedTable {
    /// The destination table.
    pub name: TableName,
    /// In the events' order; those of the key that rows lack come first.
    pub columns: Vec<WantedColumn>,
    /// The key's columns, in each form that the events have it.
    pub keys: BTreeSet<Vec<String>>,
    /// Each change is a row of its own: there is no key, and a row may lack any column, as that of a delete does.
    pub appended: bool,
    /// The topics that lead to it, where nobody has said what tells their rows apart.
    pub sharing: Vec<String>,
    /// How many shapes of whole rows there were.
    rows: usize,
}

impl WantedTable {
    /// What the changes of this table ask for, one of each shape. `reading` as for values, which defaults are too.
    pub fn of_changes(
        name: &TableName,
        changes: &[&Change<'_>],
        reading: &Reading,
        extensions: &ExtensionTypes,
    ) -> Self {
        let mut wanted = Self {
            name: name.clone(),
            columns: Vec::new(),
            keys: BTreeSet::new(),
            appended: false,
            sharing: Vec::new(),
            rows: 0,
        };
        for change in changes {
            if change.operation != Operation::Truncate {
                wanted.add_shape(change, reading, extensions);
            }
        }
        wanted
    }

    fn add_shape(&mut self, change: &Change<'_>, reading: &Reading, extensions: &ExtensionTypes) {
        let known = Known {
            extensions,
            of_binlog: change.of_binlog,
        };
        let describe = |name: &str, field: Option<&Field>, is_row| {
            describe_column(name, field, is_row, reading, known)
        };
        match &change.landing {
            Landing::Row => {}
            Landing::Marked(mark) => self.add_column(WantedColumn::of_mark(&mark.column), false),
            Landing::Appended => {
                self.appended = true;
                let alike = names_alike(&change.row, None);
                for (name, field) in in_schema_order(&change.row) {
                    let column = describe(name, field, false);
                    self.add_column(column.beside(&alike), false);
                }
                return;
            }
        }
        let key: Vec<String> = change.key.names().iter().map(ToString::to_string).collect();
        let is_row = !change.row.is_empty();
        self.rows += usize::from(is_row);
        let in_key = in_schema_order(&change.key);
        let missing = in_key
            .into_iter()
            .filter(|(name, _)| !change.row.names().iter().any(|n| **n == **name));
        let in_row = in_schema_order(&change.row).into_iter();
        let of_row = in_row.map(|(name, field)| (name, field.or(change.key.field_of(0, name))));
        let of_key = names_alike(&change.row, Some(&change.key));
        let of_row_alone = names_alike(&change.row, None);
        let missing = missing.map(|field| (field, &of_key));
        let of_row = of_row.map(|field| (field, &of_row_alone));
        for ((name, field), alike) in missing.chain(of_row) {
            let column = describe(name, field, is_row);
            self.add_column(
                column.beside(alike),
                key.iter().any(|column| column == name),
            );
        }
        if !key.is_empty() {
            self.keys.insert(key);
        }
    }

    fn add_column(&mut self, column: WantedColumn, is_of_key: bool) {
        let exact = self.columns.iter().position(|c| c.name == column.name);
        let known = exact.or_else(|| self.columns.iter().position(|c| c.is_column_of(&column)));
        let Some(known) = known.and_then(|at| self.columns.get_mut(at)) else {
            self.columns.push(WantedColumn {
                // Debezium writes the 0 of a type where a sequence gives the value
                default: column.default.filter(|_| !is_of_key),
                ..column
            });
            return;
        };
        known.required += column.required;
        known.present += column.present;
        known.takes_null |= column.takes_null;
        known.beside.extend(column.beside);
        known.default = column
            .default
            .filter(|_| !is_of_key)
            .or(known.default.take());
        known.wants = match (&known.wants, column.wants) {
            (Wants::Untold, wants) => wants,
            (known, Wants::Untold) => known.clone(),
            (Wants::Type(one), Wants::Type(other)) => match common_type(one, &other) {
                Some(common) => Wants::Type(common),
                None => Wants::Differing(one.clone(), other),
            },
            (Wants::Differing(..), _) => known.wants.clone(),
            (_, differing @ Wants::Differing(..)) => differing,
        };
    }

    /// The same of a table that these topics share.
    pub fn shared_by(self, topics: &[String]) -> Self {
        Self {
            sharing: topics.to_vec(),
            ..self
        }
    }

    /// Adds what other events of the same table ask for.
    pub fn add_wanted(&mut self, other: Self) {
        for column in other.columns {
            self.add_column(column, false);
        }
        self.keys.extend(other.keys);
        self.appended |= other.appended;
        self.rows += other.rows;
    }

    /// Whether rows may have no value for a column of the table: by a schema, or as they lack it.
    pub(super) fn may_lack(&self, column: Option<&WantedColumn>) -> bool {
        let present = column.map_or(0, |column| column.present);
        present < self.rows || column.is_some_and(|column| column.takes_null)
    }

    /// Whether every row has the column, and a value in it.
    pub(super) fn is_required(&self, column: &WantedColumn) -> bool {
        let in_key = || self.keys.iter().any(|key| key.contains(&column.name));
        self.rows > 0 && column.required == self.rows || in_key()
    }
}

/// The row's names that may stand for each other, and the key's.
fn names_alike<'n>(
    row: &'n Fields<'_>,
    key: Option<&'n Fields<'_>>,
) -> HashMap<&'n str, BTreeSet<&'n str>> {
    let key = key.map_or(&[][..], |key| key.names());
    let names: Vec<&str> = row.names().iter().chain(key).map(AsRef::as_ref).collect();
    find_names_alike(&names)
}

/// The fields that are columns, with their schemas, in the source's order.
fn in_schema_order<'f>(fields: &'f Fields<'_>) -> Vec<(&'f str, Option<&'f Field>)> {
    let names = fields.names().iter().enumerate();
    let mut all: Vec<(&str, Option<&Field>)> = names
        .filter(|(at, _)| !fields.is_fact(*at))
        .map(|(at, name)| (&**name, fields.field_of(at, name)))
        .collect();
    if let Some(schema) = fields.schema() {
        let place = |name: &str| {
            schema
                .fields()
                .iter()
                .position(|field| &*field.name == name)
        };
        all.sort_by_cached_key(|(name, _)| place(name).unwrap_or(usize::MAX));
    }
    all
}

fn describe_column(
    name: &str,
    field: Option<&Field>,
    is_row: bool,
    reading: &Reading,
    known: Known<'_>,
) -> WantedColumn {
    let found = field.and_then(|field| type_of_field(field, known));
    let default = match (field, &found) {
        (Some(field), Some(found)) => find_default(field, found, reading),
        _ => None,
    };
    WantedColumn {
        name: name.to_owned(),
        required: usize::from(is_row && field.is_some_and(|field| !field.optional)),
        wants: found.map_or(Wants::Untold, Wants::Type),
        present: usize::from(is_row),
        takes_null: is_row && field.is_some_and(|field| field.optional),
        default,
        comment: None,
        is_mark: false,
        beside: BTreeSet::new(),
    }
}
