//! A topic's keys and values in JSON, out of the wrapper that may be around them (`src/format/wrapper.rs`), and the
//! schemas that they bring.

use std::sync::Arc;

use bumpalo::Bump;

use crate::format::change::Shape;
use crate::format::json_message::{EventSchema, Message};
use crate::format::message_error::MessageError;
use crate::format::value::{ReadKey, ReadValue, Wanted};
use crate::format::wrapper::{PAYLOAD, Wrapper, begins_like_wrapper};
use crate::record::body::{self, Body};

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
            && let Ok(key) = message.read_key(&mut self.shape, arena)
        {
            return Ok(key);
        }
        if begins_like_wrapper(text)
            && let Some(message) = self.unwrap_message(text)?
        {
            return message.read_key(&mut self.shape, arena);
        }
        let message = Message::new(text, None);
        let key = match message.read_key(&mut self.shape, arena) {
            Ok(key) => key,
            Err(_) if message.is_text() => return Ok(ReadKey::of_text(text, arena)),
            Err(error) => return Err(error),
        };
        // a wrapper that begins with something else
        if let ReadKey::Fields(fields) = &key
            && fields.get(PAYLOAD).is_some()
            && let Some(message) = self.unwrap_message(text)?
        {
            return message.read_key(&mut self.shape, arena);
        }
        Ok(key)
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
                Message::new(payload, Some(schema)).read_value(&mut self.shape, wanted, arena)
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
            && let Ok(value) = message.read_value(&mut self.shape, wanted, arena)
        {
            return Ok(value);
        }
        if begins_like_wrapper(text)
            && let Some(message) = self.unwrap_message(text)?
        {
            return message.read_value(&mut self.shape, wanted, arena);
        }
        let refusal = match Message::new(text, None).read_value(&mut self.shape, wanted, arena) {
            // any object is a row, also a wrapper that begins with something else
            Ok(Some(ReadValue::Row(row))) if row.get(PAYLOAD).is_some() => {
                return match self.unwrap_message(text)? {
                    Some(message) => message.read_value(&mut self.shape, wanted, arena),
                    None => Ok(Some(ReadValue::Row(row))),
                };
            }
            Ok(value) => return Ok(value),
            Err(refusal) => refusal,
        };
        // the same around an envelope
        match self.unwrap_message(text) {
            Ok(Some(message)) => message.read_value(&mut self.shape, wanted, arena),
            _ => Err(refusal),
        }
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
