//! What keys and values are read as, before anybody asks what they mean.

use bumpalo::Bump;

use crate::format::change::Fields;
use crate::format::debezium::Envelope;

/// What a value is to be read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// An envelope around the row as it is, and as it was before if that is asked for.
    Envelope { with_before: bool },
    /// The row itself.
    Row,
}

/// A value that was read.
pub enum ReadValue<'r> {
    Envelope(Envelope<'r>),
    Row(Fields<'r>),
}

/// A key that was read.
#[derive(Debug)]
pub enum ReadKey<'r> {
    /// A struct's; none where it is null.
    Fields(Fields<'r>),
    /// A single value without a name: its JSON text.
    Single(&'r str),
}

impl<'r> ReadKey<'r> {
    /// A key that is text by itself.
    pub fn of_text(text: &str, arena: &'r Bump) -> Self {
        let quoted = serde_json::Value::from(text).to_string();
        Self::Single(arena.alloc_str(&quoted))
    }

    /// Its fields, if it is a struct.
    pub fn into_fields(self) -> Option<Fields<'r>> {
        match self {
            Self::Fields(fields) => Some(fields),
            Self::Single(_) => None,
        }
    }
}
