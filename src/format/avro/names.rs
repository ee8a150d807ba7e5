//! Avro's names: how a type is found by what it is called.

use std::collections::HashMap;

use crate::format::avro::error::AvroSchemaError;
use crate::format::avro::node::NodeId;

/// The named types of a schema, and of those that it refers to.
#[derive(Default)]
pub(super) struct Names(HashMap<String, NodeId>);

impl Names {
    /// Enters a named type; its name must be new.
    pub fn define_type(&mut self, full: &str, node: NodeId) -> Result<(), AvroSchemaError> {
        match self.0.insert(full.to_owned(), node) {
            None => Ok(()),
            Some(_) => Err(AvroSchemaError::Twice(shorten_name(full))),
        }
    }

    /// A name without a dot is one of the namespace around it, or of none.
    pub fn find_type(&self, name: &str, namespace: &str) -> Result<NodeId, AvroSchemaError> {
        let found = self.0.get(&full_name(name, None, namespace));
        let found = found.or_else(|| self.0.get(name));
        found
            .copied()
            .ok_or_else(|| AvroSchemaError::Unknown(shorten_name(name)))
    }
}

/// A type's full name; `own` is its own namespace, `around` the one it stands in.
pub(super) fn full_name(name: &str, own: Option<&str>, around: &str) -> String {
    match own.unwrap_or(around) {
        _ if name.contains('.') => name.to_owned(),
        "" => name.to_owned(),
        namespace => format!("{namespace}.{name}"),
    }
}

pub(super) fn namespace_of(full: &str) -> &str {
    full.rsplit_once('.').map_or("", |(namespace, _)| namespace)
}

/// As much of a name as an error may show.
fn shorten_name(name: &str) -> String {
    name.chars().take(200).collect()
}
