//! In which sequence the changes of a refused batch are tried, and where it is divided.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::pipeline::order::OrderedEvent;
use crate::rows::row_change::{Effect, RowChange};
use crate::rows::table::Table;

/// Positions in `changes`. Arrival order, unless tables refer to each other: then all changes of a
/// key together, in the order in which foreign keys take what becomes of it.
pub fn arrange_changes(changes: &[(usize, RowChange<'_>)]) -> Vec<usize> {
    let mut sequence: Vec<usize> = (0..changes.len()).collect();
    let related = |table: &Table| table.rank > 0 || table.referenced;
    if !changes.iter().any(|(_, change)| related(change.table())) {
        return sequence;
    }
    // a key's place is that of its first change, and its net effect that of its last
    let mut keys: HashMap<(*const Table, &[_]), (usize, bool)> = HashMap::new();
    let key = |change: &RowChange<'_>| Arc::as_ptr(change.table());
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
        (change.table().write_turn(gone), first, *at)
    });
    sequence
}

/// Where to divide a range of the sequence, and whether it holds more than one key. Changes of one
/// key that follow each other stay together while there is another in the range: what they come to
/// may be in order where one of them isn't. A delete stays with what comes after it as long as it
/// can, for others may go with the row.
pub fn divide_range(
    sequence: &[usize],
    range: &Range<usize>,
    events: &[OrderedEvent],
    changes: &[(usize, RowChange<'_>)],
) -> (usize, bool) {
    let key = |place: usize| Some(events.get(*sequence.get(place)?)?.key);
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
pub fn keys_reversed(sequence: &[usize], events: &[OrderedEvent]) -> Vec<usize> {
    let key = |at: &usize| events.get(*at).map(|event| event.key);
    let keys: Vec<&[usize]> = sequence.chunk_by(|a, b| key(a) == key(b)).collect();
    keys.into_iter().rev().flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::row_change::Layout;
    use crate::rows::table_testing::table;

    /// Changes of these keys, a `-` before those that delete, with the sequence they are tried in.
    fn tried(
        keys: &[i64],
    ) -> (
        Vec<(usize, RowChange<'static>)>,
        Vec<OrderedEvent>,
        Vec<usize>,
    ) {
        let mut table = Arc::into_inner(table("t", "id:int4", &[&["id"]])).unwrap();
        table.referenced = true;
        let layout = Arc::new(Layout {
            table: Arc::new(table),
            key: vec![0],
            columns: Vec::new(),
        });
        let change = |key: &i64| RowChange {
            layout: layout.clone(),
            key: vec![Some(key.abs().to_string().into())],
            texts: Vec::new(),
            effect: if *key < 0 {
                Effect::Gone
            } else {
                Effect::Whole
            },
            created: false,
        };
        let changes: Vec<_> = keys.iter().map(change).enumerate().collect();
        let event = |(entry, key): (usize, &i64)| OrderedEvent {
            entry,
            key: key.abs(),
            whole: true,
        };
        let events = keys.iter().enumerate().map(event).collect();
        let sequence = arrange_changes(&changes);
        (changes, events, sequence)
    }

    #[test]
    fn keys_that_others_refer_to_stay_together_and_go_last() {
        let (_, events, sequence) = tried(&[1, -2, 3, -1, 2, -3]);
        assert_eq!(sequence, [1, 4, 0, 3, 2, 5]);
        assert_eq!(keys_reversed(&sequence, &events), [2, 5, 0, 3, 1, 4]);
    }

    #[test]
    fn a_range_is_divided_between_keys_as_long_as_it_has_several() {
        let (changes, events, sequence) = tried(&[1, 1, 1, 1, 2, 3]);
        let at = |range| divide_range(&sequence, &range, &events, &changes);
        assert_eq!(at(0..6), (4, true));
        assert_eq!(at(4..6), (5, true));
        assert_eq!(at(0..4), (2, false));
    }

    #[test]
    fn a_delete_stays_with_the_insert_that_follows() {
        let (changes, events, sequence) = tried(&[-1, 1, 1]);
        let at = |range| divide_range(&sequence, &range, &events, &changes);
        assert_eq!(at(0..3), (2, false));
        assert_eq!(at(0..2), (1, false), "unless they are all that is left");
    }
}
