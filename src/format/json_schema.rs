//! JSON in Confluent's wire format, whose JSON Schema a registry has, as JsonSchemaConverter and KafkaJsonSchemaSerializer
//! write it.
//!
//! The schema is read once, to what Connect would say of the same values ([`crate::format::schema::Field`]): JSON by
//! itself doesn't tell a date from a number. Messages aren't validated: whether a value can be what its column holds
//! is judged where values are read, for all encodings alike. That is why no library is used: those that there are
//! validate, and none knows what `connect.type` means.

mod document;
mod fields;

#[cfg(test)]
mod tests;

use std::str::Utf8Error;

use crate::format::framed::Referred;
use crate::format::json_message::{EventSchema, Message};
use crate::format::json_schema::document::Documents;
use crate::format::json_schema::fields::FieldBuilder;

/// A registered schema, as Connect would have it.
#[derive(Debug)]
pub struct JsonSchema(EventSchema);

/// Why a schema can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonSchemaError {
    #[error("it is not JSON (line {line}, column {column})")]
    Json { line: usize, column: usize },
    #[error("what it refers to as {0:?} is not JSON")]
    ReferredJson(String),
    #[error("it is neither an object nor a boolean")]
    NoSchema,
    #[error("it refers to {0:?}, which neither it nor the registry has")]
    Missing(String),
}

impl JsonSchema {
    /// `referred` are the schemas that this one refers to, by the names by which it does so.
    ///
    /// # Errors
    /// It is no JSON Schema, or refers to what isn't there.
    pub fn compile(schema: &str, referred: &[Referred]) -> Result<Self, JsonSchemaError> {
        let documents = Documents::parse(schema, referred)?;
        let whole = FieldBuilder::new(&documents).connect_root()?;
        Ok(Self(EventSchema::new(whole)))
    }

    /// A message's JSON, to be read by this schema.
    ///
    /// # Errors
    /// It is no text.
    pub(super) fn message<'r>(&self, json: &'r [u8]) -> Result<Message<'r>, Utf8Error> {
        let text = std::str::from_utf8(json)?;
        Ok(Message::new(text, Some(self.0.clone())))
    }
}
