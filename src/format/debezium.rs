//! Debezium's envelope, read from JSON without copying it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bumpalo::Bump;
use serde::de::{self, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use crate::format::change::{Fields, Shape};
use crate::format::json_object::{Name, Nullable, Object, Wrapper};
use crate::format::message_error::MessageError;
use crate::format::schema::{self, Field};
use crate::record::body;

mod source;
pub use source::{Source, SourceField};

/// The `schema` parts seen lately of a topic's keys or values. One comes with every message (4 kB of a
/// 4.5 kB record), hardly ever changes, and is recognised instead of being read again.
#[derive(Default)]
pub struct SchemaCache {
    /// By their heads: `{"schema":…,"payload":`.
    known: Vec<(Arc<[u8]>, EventSchema)>,
    /// What the key, or `after`, looked like last.
    shape: Arc<Shape>,
}

impl SchemaCache {
    fn remember_schema(&mut self, head: Arc<[u8]>, schema: EventSchema) {
        if self.known.len() == body::MOST_HEADS {
            self.known.remove(0);
        }
        self.known.push((head, schema));
    }

    /// To read the key's struct with.
    pub fn key_reader<'s, 'r>(
        &'s mut self,
        schema: Option<&EventSchema>,
        arena: &'r Bump,
    ) -> Object<'s, 'r> {
        Object::new(&mut self.shape, schema.map(|s| &s.whole), arena)
    }

    /// To read a row with.
    pub fn row_reader<'s, 'r>(
        &'s mut self,
        schema: Option<&EventSchema>,
        arena: &'r Bump,
    ) -> Object<'s, 'r> {
        Object::new(&mut self.shape, schema.and_then(|s| s.row.as_ref()), arena)
    }
}

/// The schema of a key or of an envelope, read once and shared by all events that bring it.
#[derive(Clone)]
pub struct EventSchema {
    /// The struct itself: a key's fields.
    pub whole: Arc<Field>,
    /// An envelope's row, `after`.
    pub row: Option<Arc<Field>>,
}

type Unwrapped<'r> = Option<(&'r str, Option<EventSchema>)>;

/// Takes off the wrapper that Connect's JsonConverter adds with `schemas.enable=true`, if there is
/// one. `None` where the value is null.
///
/// # Errors
/// It isn't JSON, or the schema isn't one of Connect's.
pub fn unwrap_payload<'r>(
    text: &'r str,
    cache: &mut SchemaCache,
) -> Result<Unwrapped<'r>, MessageError> {
    let text = text.trim_ascii();
    let known = cache.known.iter().find_map(|(head, schema)| {
        let rest = text.as_bytes().strip_prefix(&**head)?;
        let rest = text.get(text.len() - rest.len()..)?;
        Some((rest.strip_suffix('}')?, schema))
    });
    if let Some((payload, schema)) = known {
        return Ok(unless_null(payload.trim_ascii(), Some(schema.clone())));
    }
    if text.starts_with("{\"schema\"") {
        let Wrapper(fields) = serde_json::from_str(text)?;
        if let [(Name(schema), raw_schema), (Name(payload), raw_payload)] = fields.as_slice()
            && let (raw_schema, raw_payload) = (raw_schema.get(), raw_payload.get())
            && schema == "schema"
            && payload == "payload"
            && (raw_schema.starts_with('{') || raw_schema == "null")
        {
            if raw_schema == "null" {
                return Ok(unless_null(raw_payload, None));
            }
            let parsed = event_schema(raw_schema)?;
            // only what JsonConverter itself writes can be recognised by its bytes
            let head = format!("{{\"schema\":{raw_schema},\"payload\":");
            if text.starts_with(&head) {
                cache.remember_schema(head.into_bytes().into(), parsed.clone());
            }
            return Ok(unless_null(raw_payload, Some(parsed)));
        }
    }
    Ok(unless_null(text, None))
}

/// [`unwrap_payload`] where the poll thread has recognised the schema already. `rest` is the payload with the
/// wrapper's closing brace.
///
/// # Errors
/// As for [`unwrap_payload`].
pub fn unwrap_headed<'r>(
    head: &Arc<[u8]>,
    rest: &'r str,
    cache: &mut SchemaCache,
) -> Result<Unwrapped<'r>, MessageError> {
    let payload = rest.trim_ascii_end().strip_suffix('}');
    let payload = payload.ok_or(MessageError::CutOff)?;
    let known = cache
        .known
        .iter()
        .find(|(known, _)| Arc::ptr_eq(known, head));
    let schema = match known {
        Some((_, schema)) => schema.clone(),
        None => {
            let text = std::str::from_utf8(body::schema_of(head));
            let schema = event_schema(text.map_err(MessageError::SchemaNoText)?)?;
            cache.remember_schema(head.clone(), schema.clone());
            schema
        }
    };
    Ok(unless_null(payload.trim_ascii(), Some(schema)))
}

fn event_schema(raw: &str) -> Result<EventSchema, MessageError> {
    let whole = schema::parse(raw)?;
    let row = whole.find_field("after").cloned().map(Arc::new);
    Ok(EventSchema {
        whole: Arc::new(whole),
        row,
    })
}

fn unless_null(payload: &str, schema: Option<EventSchema>) -> Unwrapped<'_> {
    (payload != "null").then_some((payload, schema))
}

/// Debezium's envelope: what happened to a row, and where.
pub struct Envelope<'r> {
    /// One letter: `c`, `r`, `u`, `d`, `t` or `m`.
    pub op: Cow<'r, str>,
    /// The row as it was; read only if it is asked for.
    pub before: Option<Fields<'r>>,
    /// The row as it is now; `None` for a delete.
    pub after: Option<Fields<'r>>,
    /// Where the event comes from.
    pub source: Source<'r>,
}

/// The envelope with its rows in one pass.
struct EnvelopeSeed<'s, 'r> {
    row: Object<'s, 'r>,
    with_before: bool,
}

impl<'de: 'r, 'r> DeserializeSeed<'de> for EnvelopeSeed<'_, 'r> {
    type Value = Envelope<'r>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de: 'r, 'r> Visitor<'de> for EnvelopeSeed<'_, 'r> {
    type Value = Envelope<'r>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with op, after and source")
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut op, mut before, mut after, mut source) = (None, None, None, None);
        while let Some(Name(name)) = map.next_key::<Name<'de>>()? {
            match name.as_ref() {
                "op" => set_once(&mut op, map.next_value::<Name<'de>>()?.0, "op")?,
                "before" if self.with_before => {
                    let row = map.next_value_seed(Nullable(self.row.reborrow()))?;
                    set_once(&mut before, row, "before")?;
                }
                "after" => {
                    let row = map.next_value_seed(Nullable(self.row.reborrow()))?;
                    set_once(&mut after, row, "after")?;
                }
                "source" => set_once(
                    &mut source,
                    map.next_value::<Option<Source<'de>>>()?,
                    "source",
                )?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Envelope {
            op: op.ok_or_else(|| A::Error::missing_field("op"))?,
            before: before.flatten(),
            after: after.flatten(),
            source: source.flatten().unwrap_or_default(),
        })
    }
}

/// A name that stands twice in an envelope says two things.
fn set_once<T, E: de::Error>(field: &mut Option<T>, value: T, name: &'static str) -> Result<(), E> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::duplicate_field(name)),
    }
}

impl<'r> Envelope<'r> {
    /// `row` reads `after`, and `before` if that is wanted: only a delete whose route names key
    /// columns needs it.
    ///
    /// # Errors
    /// It isn't an envelope of Debezium's.
    pub fn parse(
        payload: &'r str,
        row: Object<'_, 'r>,
        with_before: bool,
    ) -> Result<Self, MessageError> {
        let mut json = serde_json::Deserializer::from_str(payload);
        let envelope = EnvelopeSeed { row, with_before }.deserialize(&mut json);
        envelope
            .and_then(|envelope| json.end().map(|()| envelope))
            .map_err(MessageError::NoEnvelope)
    }
}
