//! A key that changes at the source. Debezium sends a delete of the old key, whose header names the new one, then
//! a create of the new key, whose header names the old one. What the create leaves out, an unchanged large value,
//! only the row of the old key has: the two must find each other, in whatever partitions they are.

use uuid::Uuid;

use crate::format::change::{Fields, Operation};
use crate::format::debezium::Source;
use crate::format::event_id::Parts;
use crate::format::key_text::visit_key;
use crate::record::{Header, Record};
use crate::table_name::TableName;

/// On a delete and its tombstone: the key that the row has from now on.
pub const NEW_KEY_HEADER: &str = "__debezium.newkey";
/// On a create: the key that the row had before.
pub const OLD_KEY_HEADER: &str = "__debezium.oldkey";

/// Which part of a row's move from one key to another an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMove {
    /// The row goes from its old key. The number is that of the move.
    Away(Uuid),
    /// The row comes to its new key. The move has one of these numbers: the second, if the event that took it
    /// away told no position at the source.
    Here([Uuid; 2]),
}

/// The header's value that names the row's other key, if the record has one. Nearly no record has headers.
pub(super) fn find_other_key(record: &Record, operation: Operation) -> Option<&[u8]> {
    let name = match operation {
        _ if record.headers.is_empty() => return None,
        Operation::Delete | Operation::Tombstone => NEW_KEY_HEADER,
        Operation::Create => OLD_KEY_HEADER,
        Operation::Read | Operation::Update | Operation::Truncate => return None,
    };
    let is_it = |header: &&Header| header.key == name;
    let header = record.headers.iter().find(is_it);
    header.and_then(|header| header.value.as_deref())
}

/// The values of the headers that may name another key.
pub(super) fn iter_other_keys(record: &Record) -> impl Iterator<Item = &[u8]> {
    let is_one = |header: &&Header| [NEW_KEY_HEADER, OLD_KEY_HEADER].contains(&&*header.key);
    let headers = record.headers.iter().filter(is_one);
    headers.filter_map(|header| header.value.as_deref())
}

impl KeyMove {
    /// The keys are the record's own and the one that its header names; of a header that can't be read, no fields.
    /// `source` is where the event comes from, if it tells: both events of a move stand at one position.
    pub(super) fn of_event(
        operation: Operation,
        table: &TableName,
        source: Option<&Source<'_>>,
        (key, other_key): (&Fields<'_>, &Fields<'_>),
    ) -> Self {
        let (own, other) = (KeyTexts::of_key(key), KeyTexts::of_key(other_key));
        if operation.removes_row() {
            Self::Away(number_move(table, source, [&own, &other]))
        } else {
            Self::Here([source, None].map(|source| number_move(table, source, [&other, &own])))
        }
    }
}

/// The number of a row's move from one key to another.
fn number_move(table: &TableName, source: Option<&Source<'_>>, keys: [&KeyTexts; 2]) -> Uuid {
    let mut parts = Parts::new();
    parts.add_part(table.schema.as_bytes());
    parts.add_part(table.name.as_bytes());
    let told = source.and_then(|source| Some((source, source.event_position()?)));
    if let Some((source, position)) = &told {
        let [entry, part] = position.entry;
        let place = [position.log, entry, part, position.change];
        for text in place.into_iter().chain(position.further) {
            parts.add_part(text.as_bytes());
        }
        for text in [
            source.name.as_deref(),
            source.schema(),
            source.table.as_deref(),
        ] {
            parts.add_part(text.unwrap_or_default().as_bytes());
        }
    }
    let is_told = told.is_some_and(|(_, position)| position.tells_one_change());
    let [from, to] = keys;
    for (key, other) in [(from, to), (to, from)] {
        parts.add_part(b"key");
        let counts = |at: &usize| !is_told || key.is_written_alike(other, *at);
        for at in (0..key.0.len()).filter(counts) {
            if let Some((name, text)) = key.0.get(at) {
                parts.add_part(name.as_bytes());
                parts.add_part(text.as_bytes());
            }
        }
    }
    let bytes = parts.hash().as_bytes().first_chunk::<16>().copied();
    Uuid::from_bytes(bytes.unwrap_or_default())
}

/// A key's names and texts, in the order of the names.
struct KeyTexts(Vec<(String, String)>);

impl KeyTexts {
    fn of_key(key: &Fields<'_>) -> Self {
        let mut texts = Vec::new();
        visit_key(key, |name, text| {
            texts.push((name.to_owned(), text.to_owned()));
        });
        Self(texts)
    }

    /// Whether the converter of the keys and that of the headers write this field alike, as far as both keys tell: a
    /// decimal, or a date, may be bytes or a number by one and a number or a text by the other, and a transform may
    /// have given the key's fields other names. Both events of a move say the same of it.
    fn is_written_alike(&self, other: &Self, at: usize) -> bool {
        let kind = |text: &str| {
            let first = text.bytes().next();
            first.filter(|byte| !byte.is_ascii_digit() && *byte != b'-')
        };
        let pair = self.0.get(at).zip(other.0.get(at));
        self.0.len() == other.0.len()
            && pair.is_some_and(|(a, b)| a.0 == b.0 && kind(&a.1) == kind(&b.1))
    }
}

#[cfg(test)]
#[path = "key_move_tests.rs"]
mod tests;
