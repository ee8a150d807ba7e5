//! In which sequence the changes of a refused batch are tried.

use std::collections::HashMap;

use crate::row_change::{Effect, RowChange};
use crate::table::Table;

/// Positions in `changes`. Arrival order, unless tables refer to each other: then all changes of a
/// key together, first the keys that go, children first, then those that stay, parents first.
pub fn arrange(changes: &[(usize, RowChange<'_>)]) -> Vec<usize> {
    let mut sequence: Vec<usize> = (0..changes.len()).collect();
    if changes.iter().all(|(_, change)| change.table.rank == 0) {
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
            return (false, 0, 0, *at);
        };
        let (first, gone) = keys
            .get(&(key(change), change.key.as_slice()))
            .copied()
            .unwrap_or((*at, false));
        let rank = change.table.rank as i64;
        (!gone, if gone { -rank } else { rank }, first, *at)
    });
    sequence
}
