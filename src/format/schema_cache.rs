//! A topic's keys and values in JSON, out of the wrapper that may be around them (`src/format/wrapper.rs`), and the
//! schemas that they bring.

use std::sync::Arc;

use bumpalo::Bump;
use serde_json::Value;

use crate::format::change::{Fields, Shape};
use crate::format::debezium::Envelope;
use crate::format::json_object::Object;
use crate::format::message_error::MessageError;
use crate::format::schema::{self, Field};
use crate::format::value::{ReadKey, ReadValue, Wanted};
use crate::format::wrapper::{PAYLOAD, Wrapper, begins_like_wrapper};
use crate::record::body::{self, Body};

/// The schema of a key or of an envelope, read once and shared by all events that bring it.
#[derive(Clone)]
struct EventSchema {
    /// The struct itself: a key's fields.
    whole: Arc<Field>,
    /// An envelope's row, `after`.
    row: Option<Arc<Field>>,
}

impl EventSchema {
    fn parse(raw: &str) -> Result<Self, MessageError> {
        let whole = schema::parse(raw)?;
        let row = whole.find_field("after").cloned().map(Arc::new);
        Ok(Self {
            whole: Arc::new(whole),
            row,
        })
    }
}

/// What a key or a value says, and by which schema.
struct Message<'r> {
    /// JSON.
    payload: &'r str,
    schema: Option<EventSchema>,
}

impl<'r> Message<'r> {
    fn new(payload: &'r str, schema: Option<EventSchema>) -> Self {
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
    fn is_text(&self) -> bool {
        !self.payload.starts_with(['{', '['])
    }
}

/// Reads a topic's keys or values, and keeps the `schema` parts that they brought lately. One comes with
/// every message (4 kB of a 4.5 kB record), hardly ever changes, and is recognised instead of being read again.
#[derive(Default)]
pub struct SchemaCache {
    /// By their heads: `{"schema":…,"payload":`.
    known: Vec<(Arc<[u8]>, EventSchema)>,
    /// What the key, or `after`, looked like last.
    shape: Arc<Shape>,
}

impl SchemaCache {
    /// A key, with or without its wrapper: its fields, none where it is null; or a single value. What is no JSON is text.
    ///
    /// # Errors
    /// The key is a list, or its schema isn't one of Connect's.
    pub fn read_key<'r>(
        &mut self,
        text: &'r str,
        arena: &'r Bump,
    ) -> Result<ReadKey<'r>, MessageError> {
        if let Some(message) = self.recognise_message(text)
            && let Ok(key) = self.read_key_payload(&message, arena)
        {
            return Ok(key);
        }
        if begins_like_wrapper(text)
            && let Some(message) = self.unwrap_message(text)?
        {
            return self.read_key_payload(&message, arena);
        }
        let message = Message::new(text, None);
        let key = match self.read_key_payload(&message, arena) {
            Ok(key) => key,
            Err(_) if message.is_text() => return Ok(ReadKey::of_text(text, arena)),
            Err(error) => return Err(error),
        };
        // a wrapper that begins with something else
        if let ReadKey::Fields(fields) = &key
            && fields.get(PAYLOAD).is_some()
            && let Some(message) = self.unwrap_message(text)?
        {
            return self.read_key_payload(&message, arena);
        }
        Ok(key)
    }

    fn read_key_payload<'r>(
        &mut self,
        message: &Message<'r>,
        arena: &'r Bump,
    ) -> Result<ReadKey<'r>, MessageError> {
        if message.is_single() {
            return Ok(ReadKey::Single(message.payload));
        }
        self.read_fields(message, arena).map(ReadKey::Fields)
    }

    /// A value, with or without its wrapper; `None` where it is null.
    ///
    /// # Errors
    /// The value isn't what is wanted, or its schema isn't one of Connect's.
    pub fn read_value<'r>(
        &mut self,
        body: &'r Body,
        wanted: Wanted,
        arena: &'r Bump,
    ) -> Result<Option<ReadValue<'r>>, MessageError> {
        let (head, rest) = body.head_and_rest();
        let text = std::str::from_utf8(rest).map_err(MessageError::ValueNoText)?;
        let Some(head) = head else {
            return self.read_whole_value(text, wanted, arena);
        };
        let Some(payload) = text.trim_ascii_end().strip_suffix('}') else {
            return Err(MessageError::CutOff);
        };
        if let Ok(schema) = self.schema_of_head(head)
            && let Ok(value) =
                self.read_payload(&Message::new(payload, Some(schema)), wanted, arena)
        {
            return Ok(value);
        }
        // there is more behind the payload, or something is wrong: read as if nothing were recognised
        let whole = arena.alloc_slice_copy(&body.whole_value());
        let whole = std::str::from_utf8(whole).map_err(MessageError::ValueNoText)?;
        self.read_whole_value(whole, wanted, arena)
    }

    fn read_whole_value<'r>(
        &mut self,
        text: &'r str,
        wanted: Wanted,
        arena: &'r Bump,
    ) -> Result<Option<ReadValue<'r>>, MessageError> {
        if let Some(message) = self.recognise_message(text)
            && let Ok(value) = self.read_payload(&message, wanted, arena)
        {
            return Ok(value);
        }
        if begins_like_wrapper(text)
            && let Some(message) = self.unwrap_message(text)?
        {
            return self.read_payload(&message, wanted, arena);
        }
        let refusal = match self.read_payload(&Message::new(text, None), wanted, arena) {
            // any object is a row, also a wrapper that begins with something else
            Ok(Some(ReadValue::Row(row))) if row.get(PAYLOAD).is_some() => {
                return match self.unwrap_message(text)? {
                    Some(message) => self.read_payload(&message, wanted, arena),
                    None => Ok(Some(ReadValue::Row(row))),
                };
            }
            Ok(value) => return Ok(value),
            Err(refusal) => refusal,
        };
        // the same around an envelope
        match self.unwrap_message(text) {
            Ok(Some(message)) => self.read_payload(&message, wanted, arena),
            _ => Err(refusal),
        }
    }

    fn read_fields<'r>(
        &mut self,
        message: &Message<'r>,
        arena: &'r Bump,
    ) -> Result<Fields<'r>, MessageError> {
        if message.is_null() {
            return Ok(Fields::default());
        }
        let schema = message.schema.as_ref().map(|schema| &schema.whole);
        Object::new(&mut self.shape, schema, arena).read_fields(message.payload)
    }

    fn read_payload<'r>(
        &mut self,
        message: &Message<'r>,
        wanted: Wanted,
        arena: &'r Bump,
    ) -> Result<Option<ReadValue<'r>>, MessageError> {
        if message.is_null() {
            return Ok(None);
        }
        let Wanted::Envelope { with_before } = wanted else {
            let row = self.read_fields(message, arena)?;
            return Ok(Some(ReadValue::Row(row)));
        };
        let schema = message.schema.as_ref().and_then(|s| s.row.as_ref());
        let row = Object::new(&mut self.shape, schema, arena);
        let envelope = Envelope::parse(message.payload, row, with_before)?;
        Ok(Some(ReadValue::Envelope(envelope)))
    }

    /// Recognises a wrapper by the bytes that it begins with. Whether it ends behind its payload shows when the
    /// payload is read.
    fn recognise_message<'r>(&self, text: &'r str) -> Option<Message<'r>> {
        let text = text.trim_ascii();
        self.known.iter().find_map(|(head, schema)| {
            let rest = text.as_bytes().strip_prefix(&**head)?;
            let rest = text.get(text.len() - rest.len()..)?;
            Some(Message::new(rest.strip_suffix('}')?, Some(schema.clone())))
        })
    }

    /// Reads a wrapper member by member. `None`: the text is no wrapper.
    fn unwrap_message<'r>(&mut self, text: &'r str) -> Result<Option<Message<'r>>, MessageError> {
        let Some(wrapper) = Wrapper::from_text(text)? else {
            return Ok(None);
        };
        let schema = match wrapper.schema.map(|raw| self.schema_of_text(raw)) {
            None => None,
            Some(Ok(schema)) => Some(schema),
            Some(Err(_)) if wrapper.may_be_row => return Ok(None),
            Some(Err(error)) => return Err(error),
        };
        Ok(Some(Message::new(wrapper.payload, schema)))
    }

    fn schema_of_text(&mut self, raw: &str) -> Result<EventSchema, MessageError> {
        let is_known = |(head, _): &&(Arc<[u8]>, EventSchema)| {
            body::schema_of(head) == raw.as_bytes() // however the wrapper around it is written
        };
        if let Some((_, schema)) = self.known.iter().find(is_known) {
            return Ok(schema.clone());
        }
        let schema = EventSchema::parse(raw)?;
        self.remember_schema(body::head_of(raw), schema.clone());
        Ok(schema)
    }

    /// The same where the poll thread has recognised the schema already, which it tells by the head's address.
    fn schema_of_head(&mut self, head: &Arc<[u8]>) -> Result<EventSchema, MessageError> {
        let known = self
            .known
            .iter()
            .find(|(known, _)| Arc::ptr_eq(known, head));
        if let Some((_, schema)) = known {
            return Ok(schema.clone());
        }
        // learnt of a wrapper that was written otherwise, or by a head that the poll thread has forgotten since
        if let Some((known, schema)) = self.known.iter_mut().find(|(known, _)| *known == *head) {
            *known = head.clone();
            return Ok(schema.clone());
        }
        let text = std::str::from_utf8(body::schema_of(head));
        let schema = EventSchema::parse(text.map_err(MessageError::SchemaNoText)?)?;
        self.remember_schema(head.clone(), schema.clone());
        Ok(schema)
    }

    fn remember_schema(&mut self, head: Arc<[u8]>, schema: EventSchema) {
        if self.known.len() == body::MOST_HEADS {
            self.known.remove(0);
        }
        self.known.push((head, schema));
    }
}

#[cfg(test)]
#[path = "schema_cache_tests.rs"]
mod tests;
