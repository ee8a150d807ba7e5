//! What the configuration says of values.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::placeholder::Placeholder;
use crate::config::{FormatConfig, SchemalessColumns, SchemalessConfig};
use crate::locked::Locked;
use crate::table_name::TableName;

/// What stands in place of a value that an event leaves out, and what values mean where events don't tell.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    pub(super) placeholder: Placeholder,
    /// `[format.schemaless]`, of columns of which it says nothing else.
    pub schemaless: SchemalessConfig,
    columns: Arc<SchemalessColumns>,
    /// The columns of which it was said that their scale is assumed.
    told: Arc<Locked<BTreeSet<String>>>,
}

impl Reading {
    /// As `[format]` says.
    pub fn new(format: &FormatConfig) -> Self {
        Self {
            placeholder: Placeholder::new(&format.unavailable_placeholder),
            schemaless: format.schemaless,
            columns: Arc::new(format.schemaless_columns.clone()),
            told: Arc::default(),
        }
    }

    /// The same, but for `[format.schemaless]`; what it says of single columns stays.
    pub fn with_schemaless(&self, schemaless: SchemalessConfig) -> Self {
        Self {
            schemaless,
            ..self.clone()
        }
    }

    /// With Debezium's own placeholder.
    pub fn of_schemaless(schemaless: SchemalessConfig) -> Self {
        Self::default().with_schemaless(schemaless)
    }

    /// `[format.schemaless]` for a column of the table.
    pub fn schemaless_of(&self, table: &TableName, column: &str) -> SchemalessConfig {
        self.columns.settings_of(table, column, self.schemaless)
    }

    /// Says once of a column that the scale of its decimals is assumed.
    pub fn tell_assumed_scale(&self, table: &TableName, column: &str, scale: i32) {
        if self.told.lock().insert(format!("{table}.{column}")) {
            tracing::warn!(
                table = %table,
                column,
                scale,
                "the scale of decimals in base64 is taken from their column, and must be the source's: set format.schemaless.scales"
            );
        }
    }
}
