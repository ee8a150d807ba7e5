//! The changes of a batch in the sequence in which they are to be written, once it is known which of their rows'
//! changes come in which order. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::rows::left_out::cut_to_missing;
use crate::rows::row_change::{Effect, Layout, RowChange};
use crate::rows::row_sequence::{Arrival, sequence_arrivals};
use crate::rows::source_order::EntryChange;
use crate::table_name::TableName;

/// A change with a row that it claims: a change that gives its row another key claims two.
pub struct ClaimedChange<'p> {
    /// Which of the changes.
    pub slot: usize,
    /// Its entry in the batch.
    pub entry: usize,
    /// The row is that of the key that the change's row had before.
    pub of_old_key: bool,
    /// See [`crate::rows::row_key`].
    pub row: Uuid,
    /// The change as it came.
    pub arrival: Arrival<'p>,
    /// The destination table, for messages.
    pub table: Arc<TableName>,
}

/// The changes, by their slots, that fill in columns which later ones have left out, with those columns; and deletes
/// of a row that a later delete left, as it named another spelling.
pub type Fills = HashMap<usize, Vec<usize>>;

/// What is to be written.
pub struct Rearranged<'r> {
    /// In order.
    pub changes: Vec<EntryChange<'r>>,
    /// Entries of which nothing is.
    pub stale_entries: Vec<usize>,
}

/// Leaves out what comes too late for its row, and puts the rest in order: a row's changes take the places that they
/// had, each the one that is its turn. Changes of one key that follow each other are those of several rows, if a
/// change has moved a row from one key to the other.
pub fn rearrange_changes<'r>(
    changes: Vec<EntryChange<'r>>,
    claimed: &[ClaimedChange<'_>],
    sequences: &[&[usize]],
    fills: &Fills,
) -> Rearranged<'r> {
    let kept = Kept {
        parts: keep_parts(changes.len(), claimed, sequences),
        fills,
    };
    let groups = group_slots(claimed, sequences, &kept);
    let mut sources: Vec<Option<usize>> = (0..changes.len())
        .map(|slot| kept.is_written(slot).then_some(slot))
        .collect();
    for from in groups {
        let mut to = from.clone();
        to.sort_unstable();
        for (to, from) in to.into_iter().zip(from) {
            if let Some(source) = sources.get_mut(to) {
                *source = Some(from);
            }
        }
    }
    let stale = changes.iter().enumerate();
    let stale = stale.filter(|(slot, _)| !kept.is_written(*slot));
    let stale_entries = stale.map(|(_, (entry, _))| *entry).collect();
    let mut changes: Vec<Option<EntryChange<'r>>> = changes.into_iter().map(Some).collect();
    let in_order = sources.into_iter().flatten();
    let in_order = in_order.filter_map(|slot| {
        let (entry, change) = changes.get_mut(slot)?.take()?;
        Some((entry, kept.cut_change(slot, change)))
    });
    Rearranged {
        changes: in_order.collect(),
        stale_entries,
    }
}

/// What of each change is written.
struct Kept<'f> {
    /// Of each change.
    parts: Vec<Parts>,
    fills: &'f Fills,
}

#[derive(Clone, Copy)]
struct Parts {
    /// The row of its key.
    row: bool,
    /// The row that it moves away, if it does.
    old_row: bool,
}

fn keep_parts(changes: usize, claimed: &[ClaimedChange<'_>], sequences: &[&[usize]]) -> Vec<Parts> {
    let mut kept = vec![
        Parts {
            row: true,
            old_row: false
        };
        changes
    ];
    let mut set = |claim: &ClaimedChange<'_>, is_kept: bool| {
        if let Some(parts) = kept.get_mut(claim.slot) {
            let part = match claim.of_old_key {
                true => &mut parts.old_row,
                false => &mut parts.row,
            };
            *part = is_kept;
        }
    };
    claimed.iter().for_each(|claim| set(claim, false));
    for at in sequences.iter().copied().flatten() {
        if let Some(claim) = claimed.get(*at) {
            set(claim, true);
        }
    }
    kept
}

impl Kept<'_> {
    fn is_written(&self, slot: usize) -> bool {
        let parts = self.parts.get(slot);
        parts.is_some_and(|parts| parts.row || parts.old_row)
    }

    /// The change without what comes too late.
    fn cut_change<'r>(&self, slot: usize, mut change: RowChange<'r>) -> RowChange<'r> {
        if let Some(missing) = self.fills.get(&slot)
            && !matches!(change.effect, Effect::Gone | Effect::Marked)
        {
            change = cut_to_missing(change, missing);
        }
        let Some(parts) = self.parts.get(slot).filter(|_| change.old_key.is_some()) else {
            return change;
        };
        if let (false, true, Some(mark)) = (
            parts.row,
            parts.old_row,
            change.old_mark.take_if(|_| !parts.row),
        ) {
            return *mark;
        }
        match (parts.row, parts.old_row, change.old_key) {
            (false, true, Some(old_key)) => RowChange {
                layout: Arc::new(Layout {
                    columns: Vec::new(),
                    ..Layout::clone(&change.layout)
                }),
                key: old_key.into_vec(),
                old_key: None,
                old_mark: None,
                identity: change.old_identity,
                old_identity: None,
                moves: None,
                texts: Vec::new(),
                effect: Effect::Gone,
                created: false,
            },
            (true, false, _) => RowChange {
                old_key: None,
                old_mark: None,
                old_identity: None,
                ..change
            },
            (_, _, old_key) => RowChange { old_key, ..change },
        }
    }
}

/// Slots of changes that have to be written one after the other, in order.
fn group_slots(
    claimed: &[ClaimedChange<'_>],
    sequences: &[&[usize]],
    kept: &Kept<'_>,
) -> Vec<Vec<usize>> {
    if !claimed.iter().any(|claim| claim.of_old_key) {
        let slot = |at: &usize| claimed.get(*at).map(|claim| claim.slot);
        return sequences
            .iter()
            .map(|sequence| sequence.iter().filter_map(slot).collect())
            .collect();
    }
    // rows that one change takes part in are one group, and all their changes stand in one order
    let mut groups = Groups::default();
    for pair in claimed.windows(2) {
        if let [claim, other] = pair
            && claim.slot == other.slot
        {
            groups.join(claim.row, other.row);
        }
    }
    let mut members: HashMap<Uuid, Vec<(usize, Arrival<'_>)>> = HashMap::new();
    for claim in claimed {
        if !claim.of_old_key && kept.is_written(claim.slot) {
            let group = members.entry(groups.find(claim.row)).or_default();
            group.push((claim.slot, claim.arrival));
        }
    }
    let before = find_predecessors(claimed, sequences);
    let groups = members.into_values();
    let order = |group: Vec<_>| order_group(&group, &before, kept.fills);
    groups.map(order).collect()
}

/// The slots of a group in order. A tombstone without its delete, which can't be compared with other rows' changes,
/// stands right behind what it follows in its own row's.
fn order_group(
    members: &[(usize, Arrival<'_>)],
    before: &HashMap<usize, usize>,
    fills: &Fills,
) -> Vec<usize> {
    let arrivals: Vec<Arrival<'_>> = members.iter().map(|(_, arrival)| *arrival).collect();
    let Ok(in_order) = sequence_arrivals(None, &arrivals) else {
        // of two sources that only versions tell apart, not all of which are told: they keep their places, but for
        // fills, which come before what is written of their row
        let mut slots: Vec<usize> = members.iter().map(|(slot, _)| *slot).collect();
        slots.sort_unstable_by_key(|slot| (!fills.contains_key(slot), *slot));
        return slots;
    };
    let in_order = in_order.iter().filter_map(|at| members.get(*at));
    let mut slots: Vec<usize> = in_order.map(|(slot, _)| *slot).collect();
    for (slot, _) in members {
        if !slots.contains(slot) {
            let follows = before.get(slot);
            let place = slots.iter().position(|other| Some(other) == follows);
            slots.insert(place.map_or(0, |place| place + 1), *slot);
        }
    }
    slots
}

/// By slot of what is written of a row: the slot of what is written of it before, by its own key.
fn find_predecessors(
    claimed: &[ClaimedChange<'_>],
    sequences: &[&[usize]],
) -> HashMap<usize, usize> {
    let pairs = sequences.iter().flat_map(|sequence| sequence.windows(2));
    let pairs = pairs.filter_map(|pair| match pair {
        [before, at] => claimed.get(*before).zip(claimed.get(*at)),
        _ => None,
    });
    pairs
        .filter(|(_, claim)| !claim.of_old_key)
        .map(|(before, claim)| (claim.slot, before.slot))
        .collect()
}

/// Rows that belong together.
#[derive(Default)]
struct Groups(HashMap<Uuid, Uuid>);

impl Groups {
    fn find(&self, row: Uuid) -> Uuid {
        let mut row = row;
        while let Some(next) = self.0.get(&row) {
            row = *next;
        }
        row
    }

    fn join(&mut self, one: Uuid, other: Uuid) {
        let (one, other) = (self.find(one), self.find(other));
        if one != other {
            self.0.insert(one, other);
        }
    }
}

#[cfg(test)]
#[path = "rearrange_tests.rs"]
mod tests;
