//! Rows that get another key. Where an event leaves values out, its row has them under the key that it had
//! before, and they must be read there before that row goes.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use crate::rows::key_identity::Key;
use crate::rows::row_change::{Effect, Layout, RowChange, Text};
use crate::rows::table::Table;

/// How a change takes part in giving a row another key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowMove {
    /// The row goes, and comes again under another key.
    Away {
        /// The number of the move.
        id: Uuid,
        /// Where deletes aren't applied: what the row has is wanted all the same.
        stays: bool,
    },
    /// The row comes from another key.
    Here {
        /// One of them is the number of the move, the first if both are.
        ids: [Uuid; 2],
        /// The columns that the event leaves out.
        left_out: Vec<usize>,
        /// A row that has the new key is none that the event speaks of: where deletes aren't applied, or where that
        /// row is known to have been there before.
        is_new: bool,
    },
    /// The row goes and comes in one event, which leaves these columns out.
    Within(Vec<usize>),
}

/// What a row had in some columns.
#[derive(Clone, Debug, Default)]
pub struct KeptValues(HashMap<String, Option<String>>);

impl KeptValues {
    /// By the columns' names.
    pub fn new(names: Vec<String>, texts: Vec<Option<String>>) -> Self {
        Self(names.into_iter().zip(texts).collect())
    }
}

impl RowMove {
    /// The columns that the event leaves out.
    pub fn left_out(&self) -> &[usize] {
        match self {
            Self::Away { .. } => &[],
            Self::Here { left_out, .. } | Self::Within(left_out) => left_out,
        }
    }

    /// By which the letter of an event that takes its row away stands for the move.
    pub(super) fn letter_hash(&self) -> Option<i64> {
        let Self::Away { id, .. } = self else {
            return None;
        };
        id.as_bytes().first_chunk().copied().map(i64::from_le_bytes)
    }
}

impl<'r> RowChange<'r> {
    /// The key of the row whose values are read: before it goes, or, of a row that has come before, as it is.
    pub fn key_to_read(&self) -> Option<Key<'_, 'r>> {
        match self.moves.as_deref()? {
            RowMove::Away { .. } | RowMove::Here { .. } => Some(self.own_key()),
            RowMove::Within(_) => self.former_key(),
        }
    }

    /// The numbers that the move may have whose event of the new key it is, if that leaves something out.
    pub fn moves_in_part(&self) -> Option<&[Uuid; 2]> {
        match self.moves.as_deref()? {
            RowMove::Here { ids, left_out, .. } if !left_out.is_empty() => Some(ids),
            _ => None,
        }
    }

    /// The whole change, with what it leaves out taken from what the row had before; `None` if that lacks a column.
    pub fn fill_left_out(&self, kept: &KeptValues) -> Option<RowChange<'r>> {
        let moves = self.moves.as_deref()?;
        let table = &self.layout.table;
        let own = self
            .layout
            .columns
            .iter()
            .copied()
            .zip(self.texts.iter().cloned());
        let mut cells: Vec<(usize, Text<'r>)> = own.collect();
        for column in moves.left_out() {
            let text = kept.0.get(&table.columns.get(*column)?.name)?;
            cells.push((*column, text.clone().map(Cow::Owned)));
        }
        cells.sort_by_key(|(column, _)| *column);
        let (columns, texts) = cells.into_iter().unzip();
        let layout = Layout {
            columns,
            ..Layout::clone(&self.layout)
        };
        Some(RowChange {
            layout: Arc::new(layout),
            texts,
            effect: Effect::Whole,
            created: matches!(moves, RowMove::Here { .. }),
            ..self.clone()
        })
    }
}

/// Forgets of rows that go what the event of the new key, behind them in the batch, has itself: nothing of them
/// needs to be kept.
pub fn settle_moves(changes: &mut Vec<(usize, RowChange<'_>)>) {
    if changes.iter().all(|(_, change)| change.moves.is_none()) {
        return;
    }
    let mut whole: HashMap<Uuid, usize> = HashMap::new();
    for (entry, change) in changes.iter() {
        if let Some(RowMove::Here { ids, left_out, .. }) = change.moves.as_deref()
            && left_out.is_empty()
        {
            whole.extend(ids.map(|id| (id, *entry)));
        }
    }
    changes.retain_mut(|(entry, change)| {
        let Some(RowMove::Away { id, stays }) = change.moves.as_deref() else {
            return true;
        };
        let is_settled = whole.get(id).is_some_and(|later| later > entry);
        if is_settled && *stays {
            return false;
        }
        if is_settled {
            change.moves = None;
        }
        true
    });
}

/// What is to be done with the moves of a part. All numbers are places in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct MovePlan {
    /// Whose row is read, and what is filled with what it has.
    pub reads: Vec<(usize, usize)>,
    /// Whose row is kept until the event comes that asks for it.
    pub keeps: Vec<usize>,
    /// For whom something may be kept.
    pub takes: Vec<usize>,
    /// Who has come before: what its own row has counts, if there is one.
    pub again: Vec<usize>,
    /// Moves that both events are there of, or that were finished before, with the place of the second event.
    pub finishes: Vec<(Uuid, usize)>,
}

impl MovePlan {
    /// Pairs the events of a move that are both there. `finished` are moves whose second event was written before.
    pub fn of_part(part: &[&RowChange<'_>], finished: &HashSet<Uuid>) -> Self {
        let mut plan = Self::default();
        let mut aways: HashMap<Uuid, usize> = HashMap::new();
        for (at, change) in part.iter().enumerate() {
            match change.moves.as_deref() {
                Some(RowMove::Away { id, .. }) => drop(aways.insert(*id, at)),
                Some(RowMove::Within(_)) => plan.reads.push((at, at)),
                Some(RowMove::Here { .. }) | None => {}
            }
        }
        for (at, change) in part.iter().enumerate() {
            if let Some(RowMove::Here { ids, left_out, .. }) = change.moves.as_deref() {
                let away = ids.iter().find_map(|id| Some((*id, aways.remove(id)?)));
                if !left_out.is_empty() {
                    let before = ids.iter().copied().find(|id| finished.contains(id));
                    plan.again.extend(before.map(|_| at));
                    plan.reads.extend(away.map(|(_, away)| (away, at)));
                    let known = away.map(|(id, _)| id).or(before);
                    plan.finishes.extend(known.map(|id| (id, at)));
                }
                if away.is_none() {
                    plan.takes.push(at);
                }
            }
        }
        plan.keeps = aways.into_values().collect();
        plan.keeps.sort_unstable();
        plan
    }
}

/// Cuts the changes where a row's values have to be read that an earlier change of the part may write. Without
/// moves there is one part. `finished` are moves whose second event was written before the changes.
pub fn split_at_moves<'c, 'r>(
    changes: &'c [&'c RowChange<'r>],
    finished: &HashSet<Uuid>,
) -> Vec<&'c [&'c RowChange<'r>]> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let mut touched = TouchedRows::default();
    let mut written: HashSet<Uuid> = HashSet::new();
    for (at, change) in changes.iter().enumerate() {
        let is_read = match change.moves.as_deref() {
            Some(RowMove::Here { .. }) => change.moves_in_part().is_some_and(|ids| {
                let mut ids = ids.iter();
                ids.any(|id| finished.contains(id) || written.contains(id))
            }),
            _ => true,
        };
        if let Some(key) = change.key_to_read().filter(|_| is_read)
            && touched.may_hold(change, key)
        {
            parts.extend(changes.get(start..at));
            start = at;
            touched = TouchedRows::default();
        }
        touched.add_change(change);
        written.extend(change.moves_in_part().into_iter().flatten());
    }
    parts.extend(changes.get(start..));
    parts
}

/// The rows that a part writes.
#[derive(Default)]
struct TouchedRows<'c, 'r>(
    HashMap<*const Table, TouchedTable<'c, 'r>, foldhash::fast::RandomState>,
);

struct TouchedTable<'c, 'r> {
    /// The columns of the key that its rows go by.
    by: &'c [usize],
    /// Some go by another key.
    by_others: bool,
    /// Equal for equal keys.
    keys: HashSet<&'c [Text<'r>], foldhash::fast::RandomState>,
}

impl<'c, 'r> TouchedRows<'c, 'r> {
    fn may_hold(&self, change: &RowChange<'r>, key: Key<'_, 'r>) -> bool {
        let table = self.0.get(&Arc::as_ptr(change.table()));
        table.is_some_and(|table| {
            table.by_others || table.by != change.layout.key || table.keys.contains(key.row_texts())
        })
    }

    fn add_change(&mut self, change: &'c RowChange<'r>) {
        let by = change.layout.key.as_slice();
        let table = Arc::as_ptr(change.table());
        let table = self.0.entry(table).or_insert_with(|| TouchedTable {
            by,
            by_others: false,
            keys: HashSet::default(),
        });
        table.by_others |= table.by != by;
        table.keys.insert(change.own_key().row_texts());
        table.keys.extend(change.former_key().map(Key::row_texts));
    }
}

#[cfg(test)]
#[path = "row_move_tests.rs"]
mod tests;
