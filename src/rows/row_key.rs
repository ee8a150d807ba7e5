//! By which the ledger knows a row: 32 bits of hash of its table, so that a table's rows lie together in the index,
//! then 96 bits of its key.

use std::ops::Range;

use uuid::Uuid;

use crate::format::event_id::Parts;
use crate::rows::key_identity::{Key, first_bytes, identify_row};
use crate::rows::row_change::Layout;
use crate::table_name::TableName;

/// Bits behind the table's.
const KEY_BITS: u32 = 96;

/// The row with this key, whose columns are the layout's: equal for keys that Postgres holds equal.
pub fn row_key(layout: &Layout, key: Key<'_, '_>) -> Uuid {
    let identity = u128::from_be_bytes(first_bytes(&identify_row(layout, key)));
    let table = u128::from(table_bits(&layout.table.name));
    Uuid::from_u128(table << KEY_BITS | identity >> (u128::BITS - KEY_BITS))
}

/// The keys of a table's rows: the first that there can be, and the first beyond.
pub fn row_keys_of(table: &TableName) -> Range<Uuid> {
    let bits = u128::from(table_bits(table));
    let end = (bits + 1)
        .checked_shl(KEY_BITS)
        .filter(|_| bits < u128::from(u32::MAX));
    Uuid::from_u128(bits << KEY_BITS)..Uuid::from_u128(end.unwrap_or(u128::MAX))
}

fn table_bits(table: &TableName) -> u32 {
    let mut parts = Parts::new();
    parts.add_part(table.schema.as_bytes());
    parts.add_part(table.name.as_bytes());
    (u64::from_be_bytes(parts.first_8_bytes()) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::row_change::Text;
    use crate::rows::table_testing::table;

    fn key_of(name: &str, texts: &[&'static str]) -> (Uuid, TableName) {
        let table = table(name, "a:text b:text", &[&["a", "b"]]);
        let layout = Layout {
            table: table.clone(),
            key: (0..texts.len()).collect(),
            columns: Vec::new(),
        };
        let key: Vec<Text<'_>> = texts.iter().map(|text| Some((*text).into())).collect();
        let key = Key {
            texts: &key,
            identity: None,
        };
        (row_key(&layout, key), table.name.clone())
    }

    #[test]
    fn rows_of_a_table_lie_within_its_bounds_and_parts_of_keys_are_kept_apart() {
        let (key, name) = key_of("t", &["x", "yz"]);
        assert!(row_keys_of(&name).contains(&key));
        assert_ne!(key, key_of("t", &["xy", "z"]).0);
        let (other, _) = key_of("u", &["x", "yz"]);
        assert!(!row_keys_of(&name).contains(&other));
    }
}
