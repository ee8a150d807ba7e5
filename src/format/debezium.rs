//! Debezium's envelope, read from JSON without copying it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::format::change::Fields;
use crate::format::json_object::{Name, Nullable, Object};
use crate::format::message_error::MessageError;

mod log_position;
mod position;
mod source;
mod stream_position;
mod transaction;
pub use position::EventPosition;
pub use source::{Source, SourceField};
pub use stream_position::StreamPosition;
pub use transaction::TransactionOrder;

/// Debezium's envelope: what happened to a row, and where.
pub struct Envelope<'r> {
    /// One letter: `c`, `r`, `u`, `d`, `t` or `m`.
    pub op: Cow<'r, str>,
    /// The row as it was; read only if it is asked for.
    pub before: Option<Fields<'r>>,
    /// The row as it is now; `None` for a delete.
    pub after: Option<Fields<'r>>,
    /// Where the event comes from; boxed, as an envelope is moved some times.
    pub source: Box<Source<'r>>,
    /// JSON, for [`TransactionOrder::from_json`]; `None` where the source sends none.
    pub transaction: Option<&'r str>,
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
        let (mut op, mut before, mut after) = (None, None, None);
        let (mut source, mut transaction) = (None, None);
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
                    map.next_value::<Option<Box<Source<'de>>>>()?,
                    "source",
                )?,
                "transaction" => {
                    let raw = map.next_value::<Option<&'de RawValue>>()?;
                    set_once(&mut transaction, raw.map(RawValue::get), "transaction")?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Envelope {
            op: op.ok_or_else(|| A::Error::missing_field("op"))?,
            before: before.flatten(),
            after: after.flatten(),
            source: source.flatten().unwrap_or_default(),
            transaction: transaction.flatten(),
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
    /// `row` reads `after`, and `before` if that is wanted: only events whose route names key columns
    /// need it.
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
