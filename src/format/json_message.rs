//! A key or a value in JSON, and the schema that it is read by, wherever that comes from: out of the message's wrapper, or
//! from a registry.

use std::sync::Arc;

use bumpalo::Bump;
use serde_json::Value;

use crate::format::change::{Fields, Shape};
use crate::format::debezium::Envelope;
use crate::format::json_object::Object;
use crate::format::message_error::MessageError;
use crate::format::schema::{self, Field};
use crate::format::value::{ReadKey, ReadValue, Wanted};

/// The schema of a key or of an envelope, read once and shared by all events that are written by it.
#[derive(Clone, Debug)]
pub(super) struct EventSchema {
    /// The struct itself: a key's fields.
    pub whole: Arc<Field>,
    /// An envelope's row, `after`.
    row: Option<Arc<Field>>,
}

impl EventSchema {
    /// Of a wrapper's `schema`.
    ///
    /// # Errors
    /// It isn't one of Connect's.
    pub fn parse(raw: &str) -> Result<Self, MessageError> {
        Ok(Self::new(schema::parse(raw)?))
    }

    /// Of what Connect would say of the message.
    pub fn new(whole: Field) -> Self {
        let row = whole.find_field("after").cloned().map(Arc::new);
        Self {
            whole: Arc::new(whole),
            row,
        }
    }
}

/// What a key or a value says, and by which schema. What is read of it is compared with the shape that messages of its
/// kind had last (`src/format/json_object.rs`).
pub(super) struct Message<'r> {
    /// JSON.
    payload: &'r str,
    schema: Option<EventSchema>,
}

impl<'r> Message<'r> {
    /// A JSON text, which is read by the schema if there is one.
    pub fn new(payload: &'r str, schema: Option<EventSchema>) -> Self {
        Self {
            payload: payload.trim_ascii(),
            schema,
        }
    }

    fn is_null(&self) -> bool {
        self.payload == "null"
    }

    /// A number, a text, true or false.
    fn is_single(&self) -> bool {
        let is_scalar = |value| !matches!(value, Value::Null | Value::Array(_) | Value::Object(_));
        !self.payload.starts_with(['{', '['])
            && serde_json::from_str(self.payload).is_ok_and(is_scalar)
    }

    /// Nothing that begins like JSON's objects and lists.
    pub fn is_text(&self) -> bool {
        !self.payload.starts_with(['{', '['])
    }

    /// A key: its fields, none where it is null; or a single value.
    ///
    /// # Errors
    /// It is a list, or no JSON.
    pub fn read_key(
        &self,
        shape: &mut Arc<Shape>,
        arena: &'r Bump,
    ) -> Result<ReadKey<'r>, MessageError> {
        if self.is_single() {
            return Ok(ReadKey::Single(self.payload));
        }
        self.read_fields(shape, arena).map(ReadKey::Fields)
    }

    /// A value; `None` where it is null.
    ///
    /// # Errors
    /// It isn't what is wanted, or no JSON.
    pub fn read_value(
        &self,
        shape: &mut Arc<Shape>,
        wanted: Wanted,
        arena: &'r Bump,
    ) -> Result<Option<ReadValue<'r>>, MessageError> {
        if self.is_null() {
            return Ok(None);
        }
        let Wanted::Envelope { with_before } = wanted else {
            let row = self.read_fields(shape, arena)?;
            return Ok(Some(ReadValue::Row(row)));
        };
        let schema = self.schema.as_ref().and_then(|s| s.row.as_ref());
        let row = Object::new(shape, schema, arena);
        let envelope = Envelope::parse(self.payload, row, with_before)?;
        Ok(Some(ReadValue::Envelope(envelope)))
    }

    fn read_fields(
        &self,
        shape: &mut Arc<Shape>,
        arena: &'r Bump,
    ) -> Result<Fields<'r>, MessageError> {
        if self.is_null() {
            return Ok(Fields::default());
        }
        let schema = self.schema.as_ref().map(|schema| &schema.whole);
        Object::new(shape, schema, arena).read_fields(self.payload)
    }
}
