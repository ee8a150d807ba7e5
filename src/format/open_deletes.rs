//! The deletes of a partition whose tombstone hasn't come yet.
//!
//! Debezium sends a tombstone right after each delete. It belongs to that delete: taken as an event
//! of its own it would, sent again by a restarted connector, delete a row inserted since. The two can
//! be parted by a batch boundary or a restart, so this is kept with the partition's watermark.
//!
//! Why: `docs/decisions/03`.

use crate::format::change::Fields;
use crate::format::event_id::Parts;
use crate::format::key_text::visit_key;

/// More than ever wait at a time: a tombstone is the next record of its topic. Where a connector
/// sends none at all (`tombstones.on.delete=false`), the oldest give way.
const MOST_OPEN_DELETES: usize = 64;

/// Hashes of keys, the oldest delete first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenDeletes(Vec<u64>);

/// A key's hash, equal for equal keys however JSON writes them.
pub fn key_hash(key: &Fields<'_>) -> u64 {
    let mut parts = Parts::new();
    visit_key(key, |name, text| {
        parts.add_part(name.as_bytes());
        parts.add_part(text.as_bytes());
    });
    u64::from_be_bytes(parts.first_8_bytes())
}

impl OpenDeletes {
    /// An event of the key that isn't a tombstone: a delete opens it, anything else closes it.
    pub fn note_event(&mut self, key: u64, removes: bool) {
        self.close_delete(key);
        if removes {
            if self.0.len() == MOST_OPEN_DELETES {
                self.0.remove(0);
            }
            self.0.push(key);
        }
    }

    /// Whether no delete waits for its tombstone.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a delete of the key was open; it is closed now.
    pub fn close_delete(&mut self, key: u64) -> bool {
        let found = self.0.iter().rposition(|k| *k == key);
        if let Some(at) = found {
            self.0.remove(at);
        }
        found.is_some()
    }

    /// The hashes as Postgres stores them: the same 64 bits, signed.
    pub fn to_bigints(&self) -> Vec<i64> {
        self.0.iter().map(|k| *k as i64).collect()
    }

    /// Reads what [`OpenDeletes::to_bigints`] wrote.
    pub fn from_bigints(keys: Vec<i64>) -> Self {
        Self(keys.into_iter().map(|k| k as u64).collect())
    }
}

#[cfg(test)]
#[path = "open_deletes_tests.rs"]
mod tests;
