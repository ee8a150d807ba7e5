//! The table of records that name none: tombstones whose delete is gone, and records whose value can't be read.
//!
//! What the events of the same partition name tells it, be they before the record, behind it in the batch, or landed
//! long ago. Where they name several tables, an event of the same key tells. Else nothing does: the topic's name is
//! no evidence, and a guess would delete somebody else's row.
//!
//! Why: `docs/decisions/03`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::format::named_tables::NamedTables;
use crate::pipeline::advance::Advance;
use crate::pipeline::entry::Entry;
use crate::table_name::TableName;

/// Places the entries whose table isn't known, as far as their partitions' events tell it. `advances` have met all
/// of the batch.
pub fn place_entries<'a>(entries: &mut [Entry<'_>], advances: impl Iterator<Item = &'a Advance>) {
    let partitions: HashMap<i32, &NamedTables> = advances
        .map(|a| (a.held.partition_id, &a.memory.tables))
        .collect();
    let mut several = false;
    for entry in entries.iter_mut() {
        if entry.key_without_table().is_none() {
            continue;
        }
        match partitions.get(&entry.partition_id) {
            Some(NamedTables::One(table)) => entry.place_in(Arc::clone(table)),
            Some(NamedTables::Several) => several = true,
            Some(NamedTables::Unknown) | None => {}
        }
    }
    if several {
        // the event of the key before it, or else the one behind it
        place_by_key(entries.iter_mut());
        place_by_key(entries.iter_mut().rev());
    }
}

/// Places entries by the last event of their key, in the order that is given. Keys are compared by their bytes, in
/// which a converter may tell the tables apart.
fn place_by_key<'e, 'r: 'e>(entries: impl Iterator<Item = &'e mut Entry<'r>>) {
    let mut tables: HashMap<(i32, Option<&[u8]>), Arc<TableName>> = HashMap::new();
    for entry in entries {
        let key = (entry.partition_id, entry.record.key.as_deref());
        if entry.key_without_table().is_some() {
            if let Some(table) = tables.get(&key) {
                entry.place_in(table.clone());
            }
        } else if let Some(change) = &entry.change {
            tables.insert(key, change.table.clone());
        }
    }
}
