//! The columns that the last changes of a row have left out (large values that they didn't touch), where its changes
//! come through several partitions: up to which position each of them is known, and what a change that comes late may
//! still say of them. Pure.
//!
//! Why: `docs/decisions/21`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::format::change::Change;
use crate::format::source_position::{SourceId, SourcePosition};
use crate::rows::row_change::{Effect, Layout, RowChange};
use crate::rows::row_sequence::{Arrival, comes_after};

/// Names of columns that the changes since the last whole one have left out, each with the last change that told its
/// value.
pub type LeftOut = BTreeMap<String, KnownUpTo>;

/// The last change that told the value of a column; all empty if nothing is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownUpTo {
    source: SourceId,
    /// As `SourcePosition::to_bytes` writes it.
    #[serde(with = "digits")]
    position: Vec<u8>,
    /// Of its partition's row in `partitions`.
    partition: i32,
}

impl KnownUpTo {
    /// A change with this position as the ledger keeps it.
    pub fn recorded(source: SourceId, position: &[u8], partition: i32) -> Self {
        Self {
            source,
            position: position.to_vec(),
            partition,
        }
    }

    /// A change that has come; `None` if it tells no position.
    pub fn arrival(arrival: &Arrival<'_>) -> Option<Self> {
        let position = arrival.position?;
        Some(Self {
            source: position.source,
            position: position.to_bytes(),
            partition: arrival.partition_id,
        })
    }

    fn is_before(&self, arrival: &Arrival<'_>) -> bool {
        let known = Arrival {
            version: None,
            position: SourcePosition::from_bytes(self.source, &self.position),
            partition_id: self.partition,
            gone: false,
        };
        comes_after(arrival, &known)
    }
}

/// Which columns a change of a row brings, and which it leaves out.
#[derive(Clone, Debug)]
pub struct Content {
    layout: Arc<Layout>,
    /// `None`: it is the whole row.
    left_out: Option<Vec<usize>>,
}

impl Content {
    /// `None` for a change that leaves no row.
    pub fn of_change(change: &Change<'_>, row: &RowChange<'_>) -> Option<Self> {
        let left_out = match row.effect {
            Effect::Whole => None,
            // what it leaves out comes from the row of its old key
            Effect::Part if row.moves.is_some() => None,
            Effect::Part => {
                let table = row.table();
                let named = change.row.names().iter();
                let columns = named.filter_map(|name| table.column_index(name));
                let is_left_out =
                    |at: &usize| !row.layout.columns.contains(at) && !table.is_computed(*at);
                Some(columns.filter(is_left_out).collect())
            }
            // it says nothing of what the row has else, which a change that comes late may still tell
            Effect::Marked => {
                let columns = 0..row.table().columns.len();
                let is_left_out =
                    |at: &usize| !row.layout.columns.contains(at) && !row.table().is_computed(*at);
                Some(columns.filter(is_left_out).collect())
            }
            Effect::Fill | Effect::Gone => return None,
        };
        Some(Self {
            layout: row.layout.clone(),
            left_out,
        })
    }

    /// Notes that the change is written after all others. `before`: the last one of those.
    pub fn note_written(&self, left_out: &mut LeftOut, before: impl Fn() -> KnownUpTo) {
        let Some(columns) = &self.left_out else {
            left_out.clear();
            return;
        };
        for name in self.names_of(&self.layout.columns) {
            left_out.remove(name);
        }
        for name in self.names_of(columns) {
            if !left_out.contains_key(name) {
                left_out.insert(name.to_owned(), before());
            }
        }
    }

    /// The columns that the change brings, having come so, and that all later ones have left out.
    pub fn find_missing(&self, left_out: &LeftOut, arrival: &Arrival<'_>) -> Vec<usize> {
        let is_missing = |column: &usize| {
            let name = self.names_of(std::slice::from_ref(column)).next();
            let known = name.and_then(|name| left_out.get(name));
            known.is_some_and(|known| known.is_before(arrival))
        };
        let columns = self.layout.columns.iter().copied();
        columns.filter(is_missing).collect()
    }

    /// Notes that the change tells the values of these columns, which later ones have left out.
    pub fn note_filled(&self, left_out: &mut LeftOut, columns: &[usize], arrival: &Arrival<'_>) {
        let Some(known) = KnownUpTo::arrival(arrival) else {
            return;
        };
        for name in self.names_of(columns) {
            if let Some(before) = left_out.get_mut(name) {
                before.clone_from(&known);
            }
        }
    }

    fn names_of<'c>(&'c self, columns: &'c [usize]) -> impl Iterator<Item = &'c str> {
        let table = &self.layout.table;
        let found = columns.iter().filter_map(|at| table.columns.get(*at));
        found.map(|column| column.name.as_str())
    }
}

/// The change cut down to these columns, which later changes of its row have left out.
pub fn cut_to_missing<'r>(change: RowChange<'r>, missing: &[usize]) -> RowChange<'r> {
    let key = change.layout.key.clone();
    let cells = change.layout.columns.iter().copied().zip(change.texts);
    let cells = cells.filter(|(column, _)| missing.contains(column) || key.contains(column));
    let (columns, texts) = cells.unzip();
    RowChange {
        layout: Arc::new(Layout {
            table: change.layout.table.clone(),
            key,
            columns,
        }),
        texts,
        effect: Effect::Fill,
        created: false,
        moves: None,
        ..change
    }
}

/// As the ledger keeps it: a JSON object; `None` if nothing is left out.
pub fn write_json(left_out: &LeftOut) -> Option<String> {
    match left_out.is_empty() {
        true => None,
        false => serde_json::to_string(left_out).ok(),
    }
}

/// Reads what [`write_json`] wrote; of anything else, nothing.
pub fn read_json(text: &str) -> LeftOut {
    serde_json::from_str(text).unwrap_or_default()
}

/// Bytes as hexadecimal digits.
mod digits {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        to.serialize_str(&digits)
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Vec<u8>, D::Error> {
        let digits = String::deserialize(from)?;
        let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(octet).collect();
        bytes.ok_or_else(|| D::Error::custom("no hexadecimal digits"))
    }
}

#[cfg(test)]
#[path = "left_out_tests.rs"]
mod tests;
