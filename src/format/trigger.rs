//! A trigger's rows: an id that tells the event from all others, a word for what happened, and the row's columns beside
//! them. The id and the word are columns of the row only where the table has such columns.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use crate::config::TriggerFields;
use crate::format::change::{Fields, Shape};
use crate::format::debezium::{Action, Envelope, KnownBy};
use crate::format::lookalike::Lookalike;
use crate::format::message_error::MessageError;
use crate::format::pg_replicate_kafka::code_of;

/// Numbers below this, taken for milliseconds since 1970, lie before 2005: ids that rise stay together in the
/// ledger's index, in no day that retention looks after.
const MOST_NUMBER: i64 = 1 << 40;

/// Reads a topic's rows.
pub(super) struct TriggerRows {
    fields: TriggerFields,
    /// Where the fields are in the shape that the last row had.
    last: Option<TriggerShape>,
}

struct TriggerShape {
    read: Arc<Shape>,
    /// The same, with the fields that aren't the row's own.
    marked: Arc<Shape>,
    id: usize,
    action: usize,
    time: Option<usize>,
}

impl TriggerRows {
    pub fn new(fields: &TriggerFields) -> Self {
        Self {
            fields: fields.clone(),
            last: None,
        }
    }

    /// What happened to the row.
    ///
    /// # Errors
    /// A field is missing, or says nothing that is known.
    pub fn read_row<'r>(&mut self, row: Fields<'r>) -> Result<Envelope<'r>, MessageError> {
        self.find_shape(&row)?;
        let Some(shape) = &self.last else {
            return Err(MessageError::NoActionId(self.fields.id.clone()));
        };
        let value = |at: usize| row.values.get(at).copied().unwrap_or("null");
        let id = value(shape.id);
        let is_id = id.starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit());
        if !is_id || id == "\"\"" {
            return Err(MessageError::NoActionId(self.fields.id.clone()));
        }
        let word = value(shape.action).trim_matches('"');
        let Some(op) = code_of(word).filter(|op| matches!(*op, "c" | "u" | "d")) else {
            return Err(MessageError::unknown_operation(
                word,
                "INSERT, UPDATE or DELETE",
            ));
        };
        let time_ms = match shape.time.map(value) {
            Some(time) => {
                let field = self.fields.time.as_deref().unwrap_or_default();
                time_of(time).ok_or_else(|| MessageError::NoActionTime(field.to_owned()))?
            }
            None => (id.trim_matches('"').parse())
                .ok()
                .filter(|id| (0..MOST_NUMBER).contains(id))
                .unwrap_or(0),
        };
        let row = Fields {
            shape: Some(shape.marked.clone()),
            values: row.values,
        };
        let mut envelope = Envelope::of_row(Cow::Borrowed(op), row);
        envelope.known_by = KnownBy::Action(Action { id, time_ms });
        Ok(envelope)
    }

    /// Looks where the fields are, unless the last row was of the same shape.
    fn find_shape(&mut self, row: &Fields<'_>) -> Result<(), MessageError> {
        let read = row.shape.clone().unwrap_or_default();
        let is_last = |last: &TriggerShape| Arc::ptr_eq(&last.read, &read);
        if !self.last.as_ref().is_some_and(is_last) {
            self.last = Some(TriggerShape::new(read, &self.fields)?);
        }
        Ok(())
    }
}

impl TriggerShape {
    fn new(read: Arc<Shape>, fields: &TriggerFields) -> Result<Self, MessageError> {
        let find = |field: &str| read.names.iter().position(|name| **name == *field);
        let require = |field: &str| {
            find(field).ok_or_else(|| {
                let names: Vec<&str> = read.names.iter().map(AsRef::as_ref).collect();
                MessageError::OtherShape(Lookalike::of_names(&names).unwrap_or(Lookalike::Row))
            })
        };
        let (id, action) = (require(&fields.id)?, require(&fields.action)?);
        let time = fields.time.as_deref().map(require).transpose()?;
        let marked = Arc::new(Shape {
            facts: [Some(id), Some(action), time]
                .into_iter()
                .flatten()
                .collect(),
            ..Shape::new(read.names.clone(), read.schema.clone())
        });
        Ok(Self {
            read,
            marked,
            id,
            action,
            time,
        })
    }
}

/// Milliseconds since 1970, of a number that counts them or a text as ISO 8601 has it, in UTC.
fn time_of(raw: &str) -> Option<i64> {
    let text = raw.trim_matches('"');
    match text.parse::<i64>() {
        Ok(number) => Some(number),
        Err(_) => {
            let time = humantime::parse_rfc3339_weak(text).ok()?;
            let since_1970 = time.duration_since(UNIX_EPOCH).ok()?;
            i64::try_from(since_1970.as_millis()).ok()
        }
    }
}
