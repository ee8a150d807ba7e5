//! What a key is, however it is written: by it the changes of one row meet, in a batch and over all batches.
//!
//! Why: `docs/decisions/17`.

use std::sync::Arc;

use crate::format::change::{Change, event_hash};
use crate::format::event_id::Parts;
use crate::letter::KeyHashes;
use crate::rows::key_kind::KeyKind;
use crate::rows::row_change::{Effect, Layout, RowChange, Text};
use crate::rows::row_move::RowMove;
use crate::rows::table::Sameness;

/// What a key is to the unique index, where the event's texts don't tell it as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyIdentity {
    /// A text for each key column: equal for keys that the index holds equal, whatever batch they are in.
    pub texts: Box<[Text<'static>]>,
    /// The texts as the columns keep them, if there is a column that keeps equal values as they were written.
    pub spelling: Option<Box<[String]>>,
}

/// A key of a change.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a, 'r> {
    /// As they are written.
    pub texts: &'a [Text<'r>],
    /// `None`: it is what the texts say.
    pub identity: Option<&'a KeyIdentity>,
}

impl<'a, 'r> Key<'a, 'r> {
    /// Equal for equal keys.
    pub fn row_texts(self) -> &'a [Text<'r>] {
        self.identity.map_or(self.texts, |identity| &identity.texts)
    }

    /// Whether the row of this key would be kept as that of the other, which is equal.
    pub fn is_spelled_as(self, other: Key<'_, '_>) -> bool {
        let spelling = |identity: Option<&'a KeyIdentity>| identity?.spelling.as_deref();
        let others = other.identity.and_then(|i| i.spelling.as_deref());
        match (spelling(self.identity), others) {
            (Some(own), Some(other)) => own == other,
            _ => true,
        }
    }
}

impl<'r> RowChange<'r> {
    /// The key that the row has now.
    pub fn own_key(&self) -> Key<'_, 'r> {
        Key {
            texts: &self.key,
            identity: self.identity.as_deref(),
        }
    }

    /// The key that the row had before, if it was another one.
    pub fn former_key(&self) -> Option<Key<'_, 'r>> {
        Some(Key {
            texts: self.old_key.as_deref()?,
            identity: self.old_identity.as_deref(),
        })
    }

    /// Whether the column of a key keeps equal values as they were written, so that a delete removes only a row
    /// that is spelled as it is.
    pub fn is_kept_as_written(&self) -> bool {
        let unique = self.layout.table.unique_key(&self.layout.key);
        let mut columns = self.layout.key.iter();
        unique.is_some_and(|unique| columns.any(|column| unique.keeps_as_written(*column)))
    }

    /// By which letters and later events of the change's row meet it. An event that takes the row's values to another
    /// key has the move for a second one: no later event of its key says what becomes of that.
    pub fn key_hashes(&self) -> KeyHashes {
        if self.is_appended() {
            let event = self
                .own_key()
                .row_texts()
                .first()
                .and_then(Option::as_deref);
            let table = &self.layout.table.name;
            return KeyHashes::of_key(event_hash(table, event.unwrap_or_default()));
        }
        let hash = |key| i64::from_le_bytes(first_bytes(&identify_row(&self.layout, key)));
        let of_move = || self.moves.as_deref().and_then(RowMove::letter_hash);
        KeyHashes {
            key: hash(self.own_key()),
            old_key: self.former_key().map(hash).or_else(of_move),
        }
    }

    /// A row that no key tells from others is known by its event, wherever changes of one key meet.
    pub(super) fn known_by_event(mut self, change: &Change<'_>) -> Self {
        if self.is_appended() {
            self.identity = Some(Arc::new(KeyIdentity {
                texts: [Some(change.id.to_string().into())].into(),
                spelling: None,
            }));
            (self.effect, self.created, self.moves) = (Effect::Whole, true, None);
        }
        self
    }

    /// Takes what was found out about the keys. A key that only changes its spelling changes nothing: the row
    /// is written as it is spelled now.
    pub fn set_identities(
        &mut self,
        own: Option<Arc<KeyIdentity>>,
        former: Option<Arc<KeyIdentity>>,
    ) {
        if let Some(mark) = &mut self.old_mark {
            mark.identity.clone_from(&former);
        }
        (self.identity, self.old_identity) = (own, former);
        let same_row = |former: Key<'_, '_>| former.row_texts() == self.own_key().row_texts();
        if self.former_key().is_some_and(same_row) {
            (self.old_key, self.old_identity, self.old_mark) = (None, None, None);
        }
    }
}

pub(super) fn first_bytes<const N: usize>(hash: &blake3::Hash) -> [u8; N] {
    let first = hash.as_bytes().first_chunk().copied();
    first.unwrap_or([0; N])
}

/// What tells the row from all others of all tables, in whatever batch. Names and values are as the JSON of events
/// has them, so that keys which are written plainly there have the hash of what stands there.
pub(super) fn identify_row(layout: &Layout, key: Key<'_, '_>) -> blake3::Hash {
    let table = &layout.table;
    let unique = table.unique_key(&layout.key);
    let mut parts = Parts::new();
    parts.add_part(table.name.schema.as_bytes());
    parts.add_part(table.name.name.as_bytes());
    for (at, (column, text)) in layout.key.iter().zip(key.row_texts()).enumerate() {
        let name = table.columns.get(*column).map(|c| c.name.as_str());
        let sameness = unique.and_then(|unique| unique.sameness.get(at));
        let text = text.as_deref().unwrap_or_default();
        parts.add_part(name.unwrap_or_default().as_bytes());
        if sameness.is_some_and(|s| is_bare(s, text)) {
            parts.add_part(text.as_bytes());
        } else {
            parts.add_part(serde_json::Value::from(text).to_string().as_bytes());
        }
    }
    parts.hash()
}

/// A text that no number can be is a string for JSON, whatever it is for.
fn is_bare(sameness: &Sameness, text: &str) -> bool {
    let kind = sameness.kind;
    if sameness.is_decimal {
        // as a whole number has it, whatever the type is that it is altered to
        return KeyKind::Integer.own_text(text, -1).is_some();
    }
    kind.is_bare_in_json() && kind.own_text(text, -1).is_some()
}
