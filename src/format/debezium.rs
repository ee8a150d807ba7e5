//! Debezium's envelope, read from JSON without copying it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::format::change::Fields;
use crate::format::json_object::{Name, Nullable, Object};
use crate::format::message_error::MessageError;

mod log_position;
mod position;
mod source;
mod stream_position;
mod transaction;
pub use log_position::LogKind;
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
    /// The table, where it stands beside the row.
    pub named: NamedBeside<'r>,
    /// By what the event is known.
    pub known_by: KnownBy<'r>,
}

/// Schema and table of an envelope that names them beside the row, as pg-replicate-kafka's does.
#[derive(Default)]
pub struct NamedBeside<'r> {
    pub schema: Option<Cow<'r, str>>,
    pub table: Option<Cow<'r, str>>,
}

/// By what an event is known when it comes again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KnownBy<'r> {
    /// Its place at its source.
    #[default]
    Source,
    /// The same, where no time is told that stays the same when it is sent again: a number that rises with the place.
    Place(i64),
    /// Its record's place in Kafka: it tells no other.
    Coordinates,
    /// An id of its own.
    Action(Action<'r>),
}

/// What tells a trigger's event from all others of its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action<'r> {
    /// JSON: a number or a text.
    pub id: &'r str,
    /// Milliseconds since 1970; another number that rises with the id, where none is told.
    pub time_ms: i64,
}

impl<'r> Envelope<'r> {
    /// The event of a row that stands by itself: what happened, as Debezium's letter has it.
    pub fn of_row(op: Cow<'r, str>, row: Fields<'r>) -> Self {
        let (before, after) = match op.as_ref() {
            "d" => (Some(row), None),
            _ => (None, Some(row)),
        };
        Self {
            op,
            before,
            after,
            source: Box::default(),
            transaction: None,
            named: NamedBeside::default(),
            known_by: KnownBy::default(),
        }
    }

    /// The same, of this topic: where nothing names its source, that is no other topic's, which may be of another database.
    pub fn of_topic(mut self, topic: &'r str) -> Self {
        self.source.name.get_or_insert(Cow::Borrowed(topic));
        self
    }
}

/// Whether a part of an envelope is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    #[default]
    Missing,
    Null,
    There,
}

/// What happened to a row of which an envelope has no `op`: Materialize and others write the row before and after, and
/// nothing else, which tells it. `None`: it doesn't.
pub fn op_of_rows(before: Part, after: Part) -> Option<&'static str> {
    match (before, after) {
        (Part::Null, Part::There) => Some("c"),
        (Part::There, Part::There) => Some("u"),
        (Part::There, Part::Null) => Some("d"),
        _ => None,
    }
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
        let (mut was, mut named) = (Part::Missing, NamedBeside::default());
        while let Some(Name(name)) = map.next_key::<Name<'de>>()? {
            match name.as_ref() {
                "op" => set_once(&mut op, map.next_value::<Name<'de>>()?.0, "op")?,
                "before" if self.with_before => {
                    let row = map.next_value_seed(Nullable(self.row.reborrow()))?;
                    was = part_of(&row);
                    set_once(&mut before, row, "before")?;
                }
                "before" => was = part_of(&map.next_value::<Option<IgnoredAny>>()?),
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
                "schema" => named.schema = text_of(map.next_value::<&'de RawValue>()?),
                "table" => named.table = text_of(map.next_value::<&'de RawValue>()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let is = after.as_ref().map_or(Part::Missing, part_of);
        let op = match (op, &source) {
            (Some(op), _) => op,
            // whoever tells the source tells the operation, too
            (None, None) => Cow::Borrowed(op_of_rows(was, is).ok_or_else(no_op)?),
            (None, Some(_)) => return Err(no_op()),
        };
        Ok(Envelope {
            op,
            before: before.flatten(),
            after: after.flatten(),
            source: source.flatten().unwrap_or_default(),
            transaction: transaction.flatten(),
            named,
            known_by: KnownBy::Source,
        })
    }
}

fn no_op<E: de::Error>() -> E {
    E::missing_field("op")
}

/// Whether it is there, of a part that isn't missing.
pub(super) fn part_of<T>(part: &Option<T>) -> Part {
    match part {
        Some(_) => Part::There,
        None => Part::Null,
    }
}

/// The text, if it is one.
fn text_of(raw: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str(raw.get()).ok().map(|Name(text)| text)
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
