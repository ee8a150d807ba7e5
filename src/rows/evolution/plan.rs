//! The statements by which a table comes to what its events ask for.

use super::column_type::ColumnType;
use super::default_value::ColumnDefault;
use super::names::{explain_column_name, explain_table_name};
use super::sharing::explain_sharing;
use super::wanted::{WantedColumn, WantedTable, Wants};
use super::width::{Width, compare_width};
use crate::config::SchemaEvolution;
use crate::rows::sql::quote;
use crate::rows::table::{Column, Table};
use crate::table_name::TableName;

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DdlKind {
    CreateSchema,
    CreateTable,
    AddColumn,
    AlterType,
    DropNotNull,
}

impl DdlKind {
    /// The value of the metric's label.
    pub fn name(self) -> &'static str {
        match self {
            DdlKind::CreateSchema => "create_schema",
            DdlKind::CreateTable => "create_table",
            DdlKind::AddColumn => "add_column",
            DdlKind::AlterType => "alter_type",
            DdlKind::DropNotNull => "drop_not_null",
        }
    }
}

/// One statement, without its semicolon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ddl {
    pub kind: DdlKind,
    pub sql: String,
    /// The columns that it makes or alters.
    pub columns: Vec<String>,
    /// What a person who looks at it should know.
    pub comment: Option<String>,
}

/// What is to be done so that a table takes its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which they are run.
    pub statements: Vec<Ddl>,
    /// Why no statement helps: each with what does. None is run then.
    pub obstacles: Vec<String>,
    /// Statements for a person, who knows what they cost: events get along without them, but for some values.
    pub by_hand: Vec<String>,
}

impl Plan {
    /// Whether one of the statements makes the table.
    pub fn makes_table(&self) -> bool {
        let mut kinds = self.statements.iter().map(|ddl| ddl.kind);
        kinds.any(|kind| kind == DdlKind::CreateTable)
    }

    /// Whether one of the statements has this column take null.
    pub fn loosens_column(&self, column: &str) -> bool {
        let mut loosenings = self.statements.iter();
        loosenings
            .any(|ddl| ddl.kind == DdlKind::DropNotNull && ddl.columns.iter().any(|c| c == column))
    }

    /// The columns that there are only since its statements are run.
    pub fn made_columns(&self) -> impl Iterator<Item = &str> {
        let is_maker = |ddl: &&Ddl| matches!(ddl.kind, DdlKind::CreateTable | DdlKind::AddColumn);
        let makers = self.statements.iter().filter(is_maker);
        makers.flat_map(|ddl| ddl.columns.iter().map(String::as_str))
    }

    /// Whether nothing needs to be done or said.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty() && self.obstacles.is_empty() && self.by_hand.is_empty()
    }
}

/// What has to be done about the table `now`, `None` where there is none, for the events that want it so.
/// `has_schema`: whether a table that is missing could be made in its schema.
pub fn plan_table(
    now: Option<&Table>,
    has_schema: bool,
    wanted: &WantedTable,
    policy: SchemaEvolution,
) -> Plan {
    let mut plan = Plan::default();
    match (now, policy) {
        (_, SchemaEvolution::None) | (None, SchemaEvolution::AddColumns) => {}
        (None, SchemaEvolution::Create) => plan.create_table(wanted, has_schema),
        (Some(now), _) => plan.alter_table(now, wanted, policy == SchemaEvolution::Create),
    }
    plan
}

impl Plan {
    fn create_table(&mut self, wanted: &WantedTable, has_schema: bool) {
        let name = &wanted.name;
        self.obstacles.extend(explain_table_name(name));
        if !wanted.appended && !wanted.sharing.is_empty() {
            self.obstacles.push(explain_sharing(name, &wanted.sharing));
        }
        let mut keys = wanted.keys.iter();
        let key = match (keys.next(), keys.next()) {
            _ if wanted.appended => &[],
            (Some(key), None) => key.as_slice(),
            (None, _) => {
                self.obstacles.push(format!(
                    "table {name} does not exist, and its events have no key that it could have: name one with key in the [[route]], or create the table"
                ));
                &[]
            }
            (Some(_), Some(_)) => {
                self.obstacles.push(format!(
                    "table {name} does not exist, and its events have several keys: name one with key in the [[route]], or create the table"
                ));
                &[]
            }
        };
        let columns = wanted.columns.iter();
        let mut lines: Vec<String> = columns
            .clone()
            .filter_map(|column| {
                let found = self.require_type(name, column)?;
                let required = wanted.is_required(column);
                let default = column.default.as_ref();
                let default = default.filter(|default| required || !default.may_be_invented);
                let defined = define_column(column, found, required, default);
                Some(match &column.comment {
                    Some(comment) => format!("-- {comment}\n  {defined}"),
                    None => defined,
                })
            })
            .collect();
        let key: Vec<String> = key.iter().map(|column| quote(column)).collect();
        if !wanted.appended {
            lines.push(format!("PRIMARY KEY ({})", key.join(", ")));
        }
        if !self.obstacles.is_empty() {
            return;
        }
        if !has_schema {
            let sql = format!("CREATE SCHEMA IF NOT EXISTS {}", quote(&name.schema));
            self.add(DdlKind::CreateSchema, sql, &[]);
        }
        let sql = format!(
            "CREATE TABLE IF NOT EXISTS {} (\n  {}\n)",
            quote_table(name),
            lines.join(",\n  ")
        );
        let columns: Vec<&str> = columns.map(|column| column.name.as_str()).collect();
        self.add(DdlKind::CreateTable, sql, &columns);
    }

    fn alter_table(&mut self, now: &Table, wanted: &WantedTable, may_widen: bool) {
        for column in &wanted.columns {
            let is_beside = |other: &str| column.is_beside(other);
            let known = match now.find_column_beside(&column.name, is_beside) {
                Ok(known) => known,
                // whoever maps the events says which, and how to tell them apart
                Err(_) => continue,
            };
            match known.and_then(|at| now.columns.get(at)) {
                // a row that is marked may be so by a column of either kind
                Some(_) if column.is_of_mark() => {}
                None => self.add_column(wanted, column),
                Some(known) if may_widen => self.widen_column(wanted, known, column),
                Some(_) => {}
            }
        }
        if may_widen {
            self.loosen_columns(now, wanted);
        }
        if !self.obstacles.is_empty() {
            self.statements.clear();
        }
    }

    /// Columns that took no null as the first events had a value for each row, and of which later ones have none. Such a
    /// row has none here either, where a zero for a default would put one in.
    fn loosen_columns(&mut self, now: &Table, wanted: &WantedTable) {
        for (at, known) in now.columns.iter().enumerate() {
            let in_key = || now.unique_keys.iter().any(|key| key.columns.contains(&at));
            if !known.not_null || known.generated || known.identity.is_some() || in_key() {
                continue;
            }
            let mut columns = wanted.columns.iter();
            let column = columns.find(|column| {
                let is_beside = |other: &str| column.is_beside(other);
                now.find_column_beside(&column.name, is_beside) == Ok(Some(at))
            });
            if wanted.may_lack(column) {
                let (table, name) = (quote_table(&wanted.name), quote(&known.name));
                let mut sql = format!("ALTER TABLE {table} ALTER COLUMN {name} DROP NOT NULL");
                // rows that have no value would get one that perhaps nobody at the source has named
                if known.zero_default && !column.is_some_and(WantedColumn::tells_default) {
                    sql += &format!(", ALTER COLUMN {name} DROP DEFAULT");
                }
                self.add(DdlKind::DropNotNull, sql, &[&known.name]);
            }
        }
    }

    /// Rows that are there have the default of a column that allows no null, as they have it at the source; else they have
    /// no value for it, and the column comes as one that allows null.
    fn add_column(&mut self, wanted: &WantedTable, column: &WantedColumn) {
        let Some(found) = self.require_type(&wanted.name, column) else {
            return;
        };
        let default = column.default.as_ref();
        let default = default.filter(|default| !default.may_be_invented);
        let required = wanted.is_required(column) && default.is_some();
        let table = quote_table(&wanted.name);
        let sql = match default {
            Some(default) if !required => {
                let (name, default) = (quote(&column.name), &default.literal);
                format!(
                    "ALTER TABLE {table} ADD COLUMN {name} {found}, ALTER COLUMN {name} SET DEFAULT {default}"
                )
            }
            _ => format!(
                "ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {}",
                define_column(column, found, required, default)
            ),
        };
        self.add(DdlKind::AddColumn, sql, &[&column.name]);
        if let Some(ddl) = self.statements.last_mut() {
            ddl.comment = column.comment.clone();
        }
    }

    fn widen_column(&mut self, wanted: &WantedTable, known: &Column, column: &WantedColumn) {
        let Wants::Type(found) = &column.wants else {
            return; // its values are as the column reads them
        };
        if known.generated || known.of_domain || !known.is_of_postgres() {
            return;
        }
        let alter = |to: &ColumnType| {
            let (table, column) = (quote_table(&wanted.name), quote(&known.name));
            // else it would become the type's own, and compare as nobody asked it to
            let collation = known.collation.as_ref();
            let collation = collation.map_or(String::new(), |own| format!(" COLLATE {own}"));
            format!("ALTER TABLE {table} ALTER COLUMN {column} TYPE {to}{collation}")
        };
        match compare_width(&known.pg_type, found) {
            Width::Enough => {}
            Width::WidenTo(wider) => {
                self.add(DdlKind::AlterType, alter(&wider), &[&known.name]);
            }
            Width::ByHand(other) => self.by_hand.push(alter(&other)),
        }
    }

    /// The type of a column that is to be made; or notes why it can't be.
    fn require_type<'w>(
        &mut self,
        table: &TableName,
        column: &'w WantedColumn,
    ) -> Option<&'w ColumnType> {
        let name = &column.name;
        if let Some(obstacle) = explain_column_name(table, name) {
            self.obstacles.push(obstacle);
            return None;
        }
        match &column.wants {
            Wants::Type(found) => return Some(found),
            Wants::Untold => self.obstacles.push(format!(
                "no schema of its events tells of which type the column {name} of {table} is, and nothing is guessed: `landfall check --ddl` proposes statements to look at and run"
            )),
            Wants::Differing(one, other) => self.obstacles.push(format!(
                "the column {name} of {table} is {one} by one of its events' schemas and {other} by another: create it with a type that takes both"
            )),
        }
        None
    }

    fn add(&mut self, kind: DdlKind, sql: String, columns: &[&str]) {
        self.statements.push(Ddl {
            kind,
            sql,
            columns: columns.iter().map(ToString::to_string).collect(),
            comment: None,
        });
    }
}

fn define_column(
    column: &WantedColumn,
    found: &ColumnType,
    required: bool,
    default: Option<&ColumnDefault>,
) -> String {
    let not_null = if required { " NOT NULL" } else { "" };
    let default = default.map_or(String::new(), |d| format!(" DEFAULT {}", d.literal));
    format!("{} {found}{not_null}{default}", quote(&column.name))
}

fn quote_table(name: &TableName) -> String {
    format!("{}.{}", quote(&name.schema), quote(&name.name))
}
