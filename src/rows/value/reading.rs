//! What the configuration says of values.

use super::placeholder::Placeholder;
use crate::config::{FormatConfig, SchemalessConfig};

/// What stands in place of a value that an event leaves out, and what values mean where events don't tell.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    pub(super) placeholder: Placeholder,
    /// `[format.schemaless]`.
    pub schemaless: SchemalessConfig,
}

impl Reading {
    /// As `[format]` says.
    pub fn new(format: &FormatConfig) -> Self {
        Self {
            placeholder: Placeholder::new(&format.unavailable_placeholder),
            schemaless: format.schemaless,
        }
    }

    /// The same, but for `[format.schemaless]`.
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
}
