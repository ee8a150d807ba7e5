//! A type that a column is made with: what stands in the statement, and what values are converted by.

use std::collections::BTreeMap;
use std::fmt;

use crate::rows::sql::quote;
use crate::rows::table::PgType;

/// Postgres' own bounds: characters of a `varchar(n)`, bits of a `bit(n)`, digits of a `numeric(p, s)`.
const MOST_CHARACTERS: i32 = 10_485_760;
const MOST_BITS: i32 = 83_886_080;
const MOST_DIGITS: i32 = 1_000;

/// The type of a column that is to be made. Its names are Landfall's own, never an event's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnType {
    /// `pg_type.typname`; of an array, its element's.
    pub(super) name: &'static str,
    /// What stands in parentheses.
    pub(super) size: Size,
    /// Of an extension's type: where that was installed.
    schema: Option<String>,
    pub(super) is_array: bool,
}

/// What bounds a type's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Any,
    /// In characters or bits.
    Length(i32),
    /// Of a numeric, within Postgres' bounds.
    Digits {
        precision: i32,
        scale: i32,
    },
}

/// The types of extensions that columns are made of where the database has them, with their schemas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtensionTypes(pub BTreeMap<String, String>);

impl ExtensionTypes {
    /// All that are asked for.
    pub const NAMES: [&str; 7] = [
        "citext",
        "geography",
        "geometry",
        "hstore",
        "ltree",
        "sparsevec",
        "vector",
    ];

    /// The type, if the database has it.
    pub(super) fn find(&self, name: &'static str) -> Option<ColumnType> {
        let schema = self.0.get(name)?;
        Some(ColumnType {
            schema: Some(schema.clone()),
            ..ColumnType::plain(name)
        })
    }
}

impl ColumnType {
    /// One of Postgres' own types, without bounds.
    pub(super) fn plain(name: &'static str) -> Self {
        Self {
            name,
            size: Size::Any,
            schema: None,
            is_array: false,
        }
    }

    /// `varchar` or `bpchar` of so many characters; a text where that is more than Postgres takes, or isn't told.
    pub(super) fn characters(name: &'static str, length: Option<i32>) -> Self {
        match length {
            Some(length @ 1..=MOST_CHARACTERS) => Self::plain(name).sized(Size::Length(length)),
            _ => Self::plain("text"),
        }
    }

    /// `bit` or `varbit` of so many bits; any number of them where that is more than Postgres takes, or isn't told.
    pub(super) fn bits(name: &'static str, length: Option<i32>) -> Self {
        match length {
            Some(length @ 1..=MOST_BITS) => Self::plain(name).sized(Size::Length(length)),
            _ => Self::plain("varbit"),
        }
    }

    /// A numeric; without bounds where they aren't told, or aren't those of every Postgres.
    pub(super) fn numeric(precision: Option<i32>, scale: Option<i32>) -> Self {
        match (precision, scale) {
            (Some(precision @ 1..=MOST_DIGITS), Some(scale))
                if (0..=precision).contains(&scale) =>
            {
                Self::plain("numeric").sized(Size::Digits { precision, scale })
            }
            _ => Self::plain("numeric"),
        }
    }

    pub(super) fn array_of(self) -> Self {
        Self {
            is_array: true,
            ..self
        }
    }

    fn sized(self, size: Size) -> Self {
        Self { size, ..self }
    }

    /// As the catalogue describes a column of it.
    pub fn to_pg_type(&self) -> PgType {
        let modifier = match self.size {
            Size::Any => -1,
            Size::Length(length) if matches!(self.name, "varchar" | "bpchar") => length + 4,
            Size::Length(length) => length,
            Size::Digits { precision, scale } => ((precision << 16) | scale) + 4,
        };
        let element = PgType {
            name: self.name.to_owned(),
            modifier,
            element: None,
        };
        if !self.is_array {
            return element;
        }
        PgType {
            name: format!("_{}", self.name),
            modifier,
            element: Some(Box::new(element)),
        }
    }

    fn sql_name(&self) -> String {
        let name = match self.name {
            "bool" => "boolean",
            "bpchar" => "character",
            "float4" => "real",
            "float8" => "double precision",
            "int2" => "smallint",
            "int4" => "integer",
            "int8" => "bigint",
            "timestamptz" => "timestamp with time zone",
            "timetz" => "time with time zone",
            "varbit" => "bit varying",
            "varchar" => "character varying",
            name => name,
        };
        match &self.schema {
            Some(schema) => format!("{}.{}", quote(schema), quote(name)),
            None => name.to_owned(),
        }
    }
}

/// As SQL.
impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sql_name())?;
        match self.size {
            Size::Any => {}
            Size::Length(length) => write!(f, "({length})")?,
            Size::Digits { precision, scale } => write!(f, "({precision},{scale})")?,
        }
        f.write_str(if self.is_array { "[]" } else { "" })
    }
}
