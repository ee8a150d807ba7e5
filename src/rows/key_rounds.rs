//! One row may go by two keys within a batch: its source changed the primary key, or says it otherwise
//! (`message.key.columns`). Changes are folded by key, so nothing tells that both are the same row: what was
//! said under one key has to be written before what was said under the next.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::rows::row_change::RowChange;
use crate::rows::table::Table;

/// Changes that can be folded together.
type Round<'c, 'r> = Cow<'c, [&'c RowChange<'r>]>;

/// Parts of the changes that are to be written one after the other; in each of them a table's rows go by one
/// key. Nearly always all changes are one part, which costs a look at each change's layout.
pub fn split_by_key<'c, 'r>(changes: &'c [&'c RowChange<'r>]) -> Vec<Round<'c, 'r>> {
    let Some(rounds) = number_rounds(changes) else {
        return vec![Cow::Borrowed(changes)];
    };
    let mut parts: Vec<Vec<&RowChange<'r>>> = Vec::new();
    for (change, round) in changes.iter().zip(rounds) {
        parts.resize_with(parts.len().max(round + 1), Vec::new);
        if let Some(part) = parts.get_mut(round) {
            part.push(*change);
        }
    }
    parts.into_iter().map(Cow::Owned).collect()
}

/// The round of each change; `None` if all are of the first. A table's round ends when its key changes.
fn number_rounds(changes: &[&RowChange<'_>]) -> Option<Vec<usize>> {
    type By<'l> = (&'l [usize], &'l [usize]);
    let mut keys: HashMap<*const Table, (By<'_>, usize), foldhash::fast::RandomState> =
        HashMap::default();
    let mut rounds = Vec::new();
    let mut last = (std::ptr::null(), 0);
    for (at, change) in changes.iter().enumerate() {
        let layout = &*change.layout;
        if last.0 != std::ptr::from_ref(layout) {
            let table = std::ptr::from_ref(&*layout.table);
            // rows of their own are inserted in arrival order, which one statement for each set of columns would lose
            let by: By<'_> = match layout.key.is_empty() {
                true => (&[], &layout.columns),
                false => (&layout.key, &[]),
            };
            let (known, round) = keys.entry(table).or_insert((by, 0));
            if *known != by {
                (*known, *round) = (by, *round + 1);
                rounds.resize_with(at, Default::default);
            }
            last = (layout, *round);
        }
        if !rounds.is_empty() {
            rounds.push(last.1);
        }
    }
    (!rounds.is_empty()).then_some(rounds)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::rows::row_change::{Effect, Layout};
    use crate::rows::table_testing::table;

    fn change(table: &Arc<Table>, key: usize, text: &'static str) -> RowChange<'static> {
        RowChange {
            layout: Arc::new(Layout {
                table: table.clone(),
                key: vec![key],
                columns: vec![0, 1],
            }),
            key: vec![Some(text.into())],
            old_key: None,
            old_mark: None,
            identity: None,
            old_identity: None,
            moves: None,
            texts: vec![Some("1".into()), Some("u".into())],
            effect: Effect::Whole,
            created: false,
        }
    }

    fn parts(changes: &[RowChange<'static>]) -> Vec<Vec<String>> {
        let changes: Vec<_> = changes.iter().collect();
        let text = |change: &&RowChange<'static>| change.key[0].as_deref().unwrap().to_owned();
        let parts = split_by_key(&changes).into_iter();
        parts.map(|part| part.iter().map(text).collect()).collect()
    }

    #[test]
    fn a_table_whose_rows_go_by_another_key_begins_a_new_round_and_other_tables_do_not() {
        let people = table("people", "id:int4 uuid:text", &[&["id"], &["uuid"]]);
        let others = table("others", "id:int4 a:text", &[&["id"]]);
        let changes = [
            change(&others, 0, "o1"),
            change(&people, 1, "u1"),
            change(&people, 0, "1"),
            change(&others, 0, "o2"),
            change(&people, 0, "2"),
            change(&people, 1, "u2"),
        ];
        let rounds = parts(&changes);
        assert_eq!(rounds, [vec!["o1", "u1", "o2"], vec!["1", "2"], vec!["u2"]]);
        assert_eq!(parts(&changes[..2]), [["o1", "u1"]]);
        assert_eq!(parts(&changes[2..5]), [["1", "o2", "2"]]);
    }
}
