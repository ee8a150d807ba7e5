//! In which sequence the changes of a refused batch are tried, and where it is divided.

use std::collections::HashMap;
use std::ops::Range;

use crate::pipeline::order::Item;
use crate::row_change::{Effect, RowChange};
use crate::table::Table;

/// Positions in `changes`. Arrival order, unless tables refer to each other: then all changes of a
/// key together, in the order in which foreign keys take what becomes of it.
pub fn arrange(changes: &[(usize, RowChange<'_>)]) -> Vec<usize> {
    let mut sequence: Vec<usize> = (0..changes.len()).collect();
    let related = |table: &Table| table.rank > 0 || table.referenced;
    if !changes.iter().any(|(_, change)| related(&change.table)) {
        return sequence;
    }
    // a key's place is that of its first change, and its net effect that of its last
    let mut keys: HashMap<(*const Table, &[_]), (usize, bool)> = HashMap::new();
    let key = |change: &RowChange<'_>| std::ptr::from_ref(&*change.table);
    for (at, (_, change)) in changes.iter().enumerate() {
        let gone = change.effect == Effect::Gone;
        let entry = keys.entry((key(change), change.key.as_slice()));
        entry.or_insert((at, gone)).1 = gone;
    }
    sequence.sort_by_key(|at| {
        let Some((_, change)) = changes.get(*at) else {
            return ((0, 0), 0, *at);
        };
        let (first, gone) = keys
            .get(&(key(change), change.key.as_slice()))
            .copied()
            .unwrap_or((*at, false));
        (change.table.turn(gone), first, *at)
    });
    sequence
}

/// Where to divide a range of the sequence, and whether it holds more than one key. Changes of one
/// key that follow each other stay together while there is another in the range: what they come to
/// may be in order where one of them isn't. A delete stays with what comes after it as long as it
/// can, for others may go with the row.
pub fn divide(
    sequence: &[usize],
    range: &Range<usize>,
    items: &[Item],
    changes: &[(usize, RowChange<'_>)],
) -> (usize, bool) {
    let key = |place: usize| Some(items.get(*sequence.get(place)?)?.key);
    let between_keys = |place: &usize| key(place - 1) != key(*place);
    let middle = range.start + range.len() / 2;
    let before = (range.start + 1..=middle).rev().find(between_keys);
    if let Some(place) = before.or_else(|| (middle + 1..range.end).find(between_keys)) {
        return (place, true);
    }
    let last = sequence.get(middle - 1).and_then(|at| changes.get(*at));
    let gone = last.is_some_and(|(_, change)| change.effect == Effect::Gone);
    let later = gone && middle + 1 < range.end;
    (middle + usize::from(later), false)
}

/// The last key first, each key's changes in their order.
pub fn keys_reversed(sequence: &[usize], items: &[Item]) -> Vec<usize> {
    let key = |at: &usize| items.get(*at).map(|item| item.key);
    let keys: Vec<&[usize]> = sequence.chunk_by(|a, b| key(a) == key(b)).collect();
    keys.into_iter().rev().flatten().copied().collect()
}
