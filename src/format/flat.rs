//! Flat rows: the value is the row itself, as ExtractNewRecordState, the JDBC source connector, ksqlDB or an
//! application write it.
//!
//! ExtractNewRecordState may add fields of the envelope (`add.fields`), each with a prefix, and `__deleted`. They say
//! what happened, and where; they are columns of the row only where the table has such columns.

use std::borrow::Cow;
use std::sync::Arc;

use crate::config::FlatFields;
use crate::format::change::{Fields, Shape};
use crate::format::debezium::{Envelope, KnownBy, SourceField};
use crate::format::lookalike::Lookalike;
use crate::format::message_error::MessageError;

/// `delete.handling.mode=rewrite` adds it, whatever the prefix.
const DELETED: &str = "__deleted";

/// Reads a topic's rows.
pub(super) struct FlatRows {
    prefix: String,
    /// What is known of the shape that the last row had.
    last: Option<FlatShape>,
}

/// What follows from the names of a row's fields.
struct FlatShape {
    /// As it was read.
    read: Arc<Shape>,
    /// The same, with the fields that aren't the row's own.
    marked: Arc<Shape>,
    facts: Vec<(usize, Fact)>,
    /// They may be something else than rows, which their values tell.
    may_be_other: bool,
}

/// What a field says that isn't the row's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fact {
    Op,
    Deleted,
    Source(SourceField),
    /// Something that nobody asks for.
    Else,
}

impl FlatRows {
    pub fn new(fields: &FlatFields) -> Self {
        Self {
            prefix: fields.prefix.clone(),
            last: None,
        }
    }

    /// What the row says happened: it was written, unless a field tells otherwise.
    ///
    /// # Errors
    /// It is no row, but another envelope.
    pub fn read_row<'r>(
        &mut self,
        row: Fields<'r>,
        key: Option<&[u8]>,
    ) -> Result<Envelope<'r>, MessageError> {
        let Some(shape) = self.find_shape(&row) else {
            return Ok(Envelope::of_row(Cow::Borrowed("u"), row)); // no field at all
        };
        if shape.may_be_other
            && let Some(other) = look_at_row(&row)
            && (other.as_bookkeeping().is_none() || other.is_bookkeeping_of(key))
        {
            return Err(MessageError::OtherShape(other));
        }
        let row = Fields {
            shape: Some(shape.marked.clone()),
            values: row.values,
        };
        let mut envelope = Envelope::of_row(Cow::Borrowed("u"), Fields::default());
        let mut is_deleted = false;
        for (at, fact) in &shape.facts {
            let Some(raw) = row.values.get(*at).filter(|raw| **raw != "null") else {
                continue;
            };
            match fact {
                Fact::Op => envelope.op = Cow::Borrowed(code_of_row(raw)?),
                Fact::Deleted => is_deleted = matches!(*raw, "true" | "\"true\""),
                Fact::Source(field) => envelope.source.set_field(*field, raw),
                Fact::Else => {}
            }
        }
        if is_deleted {
            envelope.op = Cow::Borrowed("d");
        }
        if envelope.op == "d" {
            envelope.before = Some(row);
        } else {
            envelope.after = Some(row);
        }
        // an id needs a time that stays the same when the event is sent again
        let source = &envelope.source;
        if source.ts_ms.is_none() || source.event_position().is_none() {
            envelope.known_by = KnownBy::Coordinates;
        }
        Ok(envelope)
    }

    fn find_shape(&mut self, row: &Fields<'_>) -> Option<&FlatShape> {
        let read = row.shape.as_ref()?;
        let is_last = |last: &FlatShape| Arc::ptr_eq(&last.read, read);
        if !self.last.as_ref().is_some_and(is_last) {
            self.last = Some(FlatShape::new(read, &self.prefix));
        }
        self.last.as_ref()
    }
}

impl FlatShape {
    fn new(read: &Arc<Shape>, prefix: &str) -> Self {
        let names = read.names.iter().enumerate();
        let facts: Vec<(usize, Fact)> = names
            .filter_map(|(at, name)| Some((at, Fact::of_field(name, prefix)?)))
            .collect();
        let names: Vec<&str> = read.names.iter().map(AsRef::as_ref).collect();
        let looks_like = Lookalike::of_names(&names);
        let is_row = matches!(
            looks_like,
            None | Some(Lookalike::Row | Lookalike::Unwrapped)
        );
        let marked = if facts.is_empty() {
            read.clone()
        } else {
            Arc::new(Shape {
                facts: facts.iter().map(|(at, _)| *at).collect(),
                ..Shape::new(read.names.clone(), read.schema.clone())
            })
        };
        Self {
            read: read.clone(),
            marked,
            facts,
            may_be_other: !is_row,
        }
    }
}

/// What else than a row it is, if it is anything else.
fn look_at_row(row: &Fields<'_>) -> Option<Lookalike> {
    let names: Vec<&str> = row.names().iter().map(AsRef::as_ref).collect();
    Lookalike::of_flat_row(&names, |name| row.get(name))
}

/// What happened to a row, as a field with its operation says: nothing but that is an event of a row's.
fn code_of_row(raw: &str) -> Result<&str, MessageError> {
    match raw.trim_matches('"') {
        code @ ("c" | "r" | "u" | "d") => Ok(code),
        other => Err(MessageError::unknown_operation(other, "c, r, u or d")),
    }
}

impl Fact {
    /// `None`: the field is the row's own.
    fn of_field(name: &str, prefix: &str) -> Option<Self> {
        if name == DELETED {
            return Some(Self::Deleted);
        }
        let said = name.strip_prefix(prefix)?;
        if said == "op" {
            return Some(Self::Op);
        }
        // the transform writes source.ts_ms so, and lsn, which is of source too, without
        let of_source = said
            .strip_prefix("source_")
            .or(said.strip_prefix("source."));
        let field = match (of_source, SourceField::from_name(said)) {
            (Some(name), _) => SourceField::from_name(name),
            // when the connector sent it, which is another time when it is sent again
            (None, Some(SourceField::TsMs)) => None,
            (None, field) => field,
        };
        let is_else = || {
            let known = [
                "ts_ms",
                "ts_us",
                "ts_ns",
                "connector",
                "snapshot",
                "version",
            ];
            of_source.is_some() || said.starts_with("transaction_") || known.contains(&said)
        };
        field
            .map(Self::Source)
            .or_else(|| is_else().then_some(Self::Else))
    }
}
