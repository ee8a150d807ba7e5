//! In which sequence the changes of a refused batch are tried, and where it is divided.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::rows::row_change::{Effect, RowChange};
use crate::rows::table::Table;

/// For each change the first one that it hangs together with: by its key, or by changes that give a row
/// of its key another key, or get theirs from it.
pub fn group_changes(changes: &[(usize, RowChange<'_>)]) -> Vec<usize> {
    let mut first_of_key: HashMap<(*const Table, &[_]), usize> =
        HashMap::with_capacity(changes.len());
    let mut groups: Vec<usize> = Vec::with_capacity(changes.len());
    for (at, (_, change)) in changes.iter().enumerate() {
        groups.push(at);
        let table = Arc::as_ptr(change.table());
        for key in std::iter::once(change.own_key()).chain(change.former_key()) {
            let key = (table, key.row_texts());
            let first = *first_of_key.entry(key).or_insert(at);
            let (first, own) = (find_first(&groups, first), find_first(&groups, at));
            if let Some(later) = groups.get_mut(first.max(own)) {
                *later = first.min(own);
            }
        }
    }
    (0..groups.len())
        .map(|at| find_first(&groups, at))
        .collect()
}

/// Each points to an earlier one, the first to itself.
fn find_first(groups: &[usize], mut at: usize) -> usize {
    while let Some(earlier) = groups.get(at).filter(|earlier| **earlier != at) {
        at = *earlier;
    }
    at
}

/// Positions in `changes`. Arrival order, unless tables refer to each other: then all changes of a
/// group together, in the order in which foreign keys take what becomes of it.
pub fn arrange_changes(changes: &[(usize, RowChange<'_>)], groups: &[usize]) -> Vec<usize> {
    let mut sequence: Vec<usize> = (0..changes.len()).collect();
    let related = |table: &Table| table.rank > 0 || table.referenced;
    if !changes.iter().any(|(_, change)| related(change.table())) {
        return sequence;
    }
    // a group's place is that of its first change, and its net effect that of its last
    let mut leaves_nothing = vec![false; changes.len()];
    for ((_, change), first) in changes.iter().zip(groups) {
        if let Some(gone) = leaves_nothing.get_mut(*first) {
            *gone = change.effect == Effect::Gone;
        }
    }
    sequence.sort_by_key(|at| {
        let (Some((_, change)), Some(first)) = (changes.get(*at), groups.get(*at)) else {
            return ((0, 0), 0, *at);
        };
        let gone = leaves_nothing.get(*first).is_some_and(|gone| *gone);
        (change.table().write_turn(gone), *first, *at)
    });
    sequence
}

/// Where to divide a range of the sequence, and whether it holds more than one group. Changes of one
/// group that follow each other stay together while there is another in the range: what they come to
/// may be in order where one of them isn't. A delete stays with what comes after it as long as it
/// can, for others may go with the row.
pub fn divide_range(
    sequence: &[usize],
    range: &Range<usize>,
    groups: &[usize],
    changes: &[(usize, RowChange<'_>)],
) -> (usize, bool) {
    let group = |place: usize| groups.get(*sequence.get(place)?);
    let between_groups = |place: &usize| group(place - 1) != group(*place);
    let middle = range.start + range.len() / 2;
    let before = (range.start + 1..=middle).rev().find(between_groups);
    if let Some(place) = before.or_else(|| (middle + 1..range.end).find(between_groups)) {
        return (place, true);
    }
    let last = sequence.get(middle - 1).and_then(|at| changes.get(*at));
    let gone = last.is_some_and(|(_, change)| change.effect == Effect::Gone);
    let later = gone && middle + 1 < range.end;
    (middle + usize::from(later), false)
}

/// The last group first, each group's changes in their order.
pub fn groups_reversed(sequence: &[usize], groups: &[usize]) -> Vec<usize> {
    let group = |at: &usize| groups.get(*at);
    let chunks: Vec<&[usize]> = sequence.chunk_by(|a, b| group(a) == group(b)).collect();
    chunks.into_iter().rev().flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::row_change::Layout;
    use crate::rows::table_testing::table;

    /// What tells a change's key, and the key that its row had before.
    type Keys = (i64, Option<i64>);

    /// Changes of these keys, a `-` before those that delete, with their groups and the sequence they are
    /// tried in.
    fn tried_with_old_keys(
        keys: &[Keys],
    ) -> (Vec<(usize, RowChange<'static>)>, Vec<usize>, Vec<usize>) {
        let mut table = Arc::into_inner(table("t", "id:int4", &[&["id"]])).unwrap();
        table.referenced = true;
        let layout = Arc::new(Layout {
            table: Arc::new(table),
            key: vec![0],
            columns: Vec::new(),
        });
        let text = |key: i64| Some(key.abs().to_string().into());
        let change = |(key, old_key): &Keys| RowChange {
            layout: layout.clone(),
            key: vec![text(*key)],
            old_key: old_key.map(|key| vec![text(key)].into()),
            old_mark: None,
            identity: None,
            old_identity: None,
            moves: None,
            texts: Vec::new(),
            effect: if *key < 0 {
                Effect::Gone
            } else {
                Effect::Whole
            },
            created: false,
        };
        let changes: Vec<_> = keys.iter().map(change).enumerate().collect();
        let groups = group_changes(&changes);
        let sequence = arrange_changes(&changes, &groups);
        (changes, groups, sequence)
    }

    fn tried(keys: &[i64]) -> (Vec<(usize, RowChange<'static>)>, Vec<usize>, Vec<usize>) {
        let keys: Vec<Keys> = keys.iter().map(|key| (*key, None)).collect();
        tried_with_old_keys(&keys)
    }

    #[test]
    fn keys_that_others_refer_to_stay_together_and_go_last() {
        let (_, groups, sequence) = tried(&[1, -2, 3, -1, 2, -3]);
        assert_eq!(sequence, [1, 4, 0, 3, 2, 5]);
        assert_eq!(groups_reversed(&sequence, &groups), [2, 5, 0, 3, 1, 4]);
    }

    #[test]
    fn a_range_is_divided_between_keys_as_long_as_it_has_several() {
        let (changes, groups, sequence) = tried(&[1, 1, 1, 1, 2, 3]);
        let at = |range| divide_range(&sequence, &range, &groups, &changes);
        assert_eq!(at(0..6), (4, true));
        assert_eq!(at(4..6), (5, true));
        assert_eq!(at(0..4), (2, false));
    }

    #[test]
    fn a_delete_stays_with_the_insert_that_follows() {
        let (changes, groups, sequence) = tried(&[-1, 1, 1]);
        let at = |range| divide_range(&sequence, &range, &groups, &changes);
        assert_eq!(at(0..3), (2, false));
        assert_eq!(at(0..2), (1, false), "unless they are all that is left");
    }

    #[test]
    fn a_row_that_gets_another_key_keeps_the_order_of_both() {
        // 1 becomes 2, another 1 comes, 2 becomes 3, which goes; 5 has nothing to do with them
        let keys = [
            (1, None),
            (5, None),
            (2, Some(1)),
            (1, None),
            (3, Some(2)),
            (-3, None),
        ];
        let (changes, groups, sequence) = tried_with_old_keys(&keys);
        assert_eq!(groups, [0, 1, 0, 0, 0, 0]);
        assert_eq!(sequence, [1, 0, 2, 3, 4, 5]);
        assert_eq!(groups_reversed(&sequence, &groups), [0, 2, 3, 4, 5, 1]);
        assert_eq!(
            divide_range(&sequence, &(0..6), &groups, &changes),
            (1, true)
        );
    }

    #[test]
    fn a_change_that_joins_two_groups_makes_them_one() {
        let (_, groups, _) = tried_with_old_keys(&[(1, None), (2, None), (2, Some(1)), (1, None)]);
        assert_eq!(groups, [0, 0, 0, 0]);
    }
}
