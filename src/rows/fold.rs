//! Several changes of one key folded into their net effect: one statement may not touch a row
//! twice, and a row that changed fifty times in a batch need only be written once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::rows::key_identity::Key;
use crate::rows::row_change::{Effect, Layout, RowChange, Text};
use crate::rows::table::Table;

/// What is to be done to one key.
#[derive(Clone, Debug)]
pub struct Net<'a, 'r> {
    /// The table and the columns that are written.
    pub layout: Cow<'a, Arc<Layout>>,
    /// The key as it is written last, its values in the layout's order.
    pub key: Key<'a, 'r>,
    /// Without a row: how else the key is written by deletes. Each of them removes only a row that is spelled so.
    pub other_spellings: Vec<Key<'a, 'r>>,
    /// Without a row: the changes wrote one before it was deleted, so whatever row there is of the key goes.
    pub any_spelling: bool,
    /// `None`: nothing but the delete.
    pub row: Option<Row<'a, 'r>>,
    /// Its first change calls the row new.
    pub created: bool,
    /// The key was deleted on the way: whatever the row has outside of the layout's columns goes with it.
    pub delete_first: bool,
}

/// The values of the layout's columns.
#[derive(Clone, Debug)]
pub struct Row<'a, 'r> {
    /// One text for each column of the layout.
    pub texts: Cow<'a, [Text<'r>]>,
    /// Whether the changes together carry the whole row.
    pub whole: bool,
    /// Whether all of them only fill in what later ones have left out, or mark the row as deleted: nothing is written of a
    /// row that isn't there.
    pub fills: bool,
    /// Whether all of them mark the row as deleted.
    pub marks: bool,
}

/// A change that carries only part of a row which an earlier change of the batch deleted. The index
/// is the change's.
#[derive(Debug, PartialEq, Eq)]
pub struct PartOfDeletedRow(pub usize);

/// `changes` in arrival order; the result in no particular order.
///
/// # Errors
/// A partial change of a deleted row: what it leaves out is nowhere to be had.
pub fn fold<'a, 'r>(
    changes: impl ExactSizeIterator<Item = &'a RowChange<'r>>,
) -> Result<Vec<Net<'a, 'r>>, PartOfDeletedRow> {
    type Keys<'a, 'r> =
        HashMap<(*const Table, &'a [usize], &'a [Text<'r>]), usize, foldhash::fast::RandomState>;
    let mut nets: Vec<Net<'a, 'r>> = Vec::with_capacity(changes.len());
    let mut by_key = Keys::with_capacity_and_hasher(changes.len(), Default::default());
    for (index, change) in changes.enumerate() {
        let layout = &*change.layout;
        let table = Arc::as_ptr(&layout.table);
        let key = |key: &'a [Text<'r>]| (table, layout.key.as_slice(), key);
        if let Some(former) = change.former_key() {
            let at = *by_key.entry(key(former.row_texts())).or_insert(nets.len());
            match (&change.old_mark, nets.get_mut(at)) {
                (None, Some(net)) => net.fold_removal(change, former),
                (None, None) => nets.push(Net::from_removal(change, former)),
                (Some(mark), Some(net)) => net.fold_in(mark, index)?,
                (Some(mark), None) => nets.push(Net::from_change(mark)),
            }
        }
        let own = change.own_key().row_texts();
        let at = *by_key.entry(key(own)).or_insert(nets.len());
        match nets.get_mut(at) {
            Some(net) => net.fold_in(change, index)?,
            None => nets.push(Net::from_change(change)),
        }
    }
    Ok(nets)
}

impl<'a, 'r> Net<'a, 'r> {
    fn from_change(change: &'a RowChange<'r>) -> Self {
        Self {
            layout: Cow::Borrowed(&change.layout),
            key: change.own_key(),
            other_spellings: Vec::new(),
            any_spelling: false,
            row: Row::from_change(change),
            created: change.created,
            delete_first: change.effect == Effect::Gone,
        }
    }

    /// Of a row that has another key since.
    fn from_removal(change: &'a RowChange<'r>, former: Key<'a, 'r>) -> Self {
        Self {
            layout: Cow::Borrowed(&change.layout),
            key: former,
            other_spellings: Vec::new(),
            any_spelling: false,
            row: None,
            created: false,
            delete_first: true,
        }
    }

    /// A delete names the row that is spelled as the delete is; where the changes have written the row
    /// otherwise since, it names none.
    fn fold_removal(&mut self, change: &'a RowChange<'r>, key: Key<'a, 'r>) {
        if self.row.as_ref().is_some_and(|row| row.fills) {
            // which wrote no row, and none under its own spelling
            self.key = key;
            self.other_spellings.clear();
        } else if self.row.is_some() {
            if !self.key.is_spelled_as(key) {
                return;
            }
            self.any_spelling = true;
        } else if !self.key.is_spelled_as(key) {
            let known = self.other_spellings.iter();
            if !known.clone().any(|other| other.is_spelled_as(key)) {
                self.other_spellings.push(key);
            }
        }
        self.delete_first = true;
        self.layout = Cow::Borrowed(&change.layout);
        self.row = None;
    }

    fn fold_in(&mut self, change: &'a RowChange<'r>, index: usize) -> Result<(), PartOfDeletedRow> {
        match (change.effect, &mut self.row) {
            (Effect::Part, None) => return Err(PartOfDeletedRow(index)),
            (Effect::Fill | Effect::Marked, None) => return Ok(()),
            // as a delete, it names the row that is spelled as it is
            (Effect::Marked, Some(row))
                if !row.fills && !self.key.is_spelled_as(change.own_key()) =>
            {
                return Ok(());
            }
            (Effect::Gone, _) => {
                self.fold_removal(change, change.own_key());
                return Ok(());
            }
            (effect, Some(row)) if !covers_columns(&change.layout, &self.layout) => {
                let columns = row.overlay_values(&self.layout.columns, change);
                row.whole |= effect == Effect::Whole;
                row.fills &= effect.fills();
                row.marks &= effect == Effect::Marked;
                self.layout = Cow::Owned(Arc::new(Layout {
                    columns,
                    ..Layout::clone(&change.layout)
                }));
            }
            // it says all that the earlier ones said
            (effect, row) => {
                let whole = effect == Effect::Whole || row.as_ref().is_some_and(|r| r.whole);
                let fills = effect.fills() && row.as_ref().is_some_and(|r| r.fills);
                let marks = effect == Effect::Marked && row.as_ref().is_some_and(|r| r.marks);
                *row = Row::from_change(change).map(|row| Row {
                    whole,
                    fills,
                    marks,
                    ..row
                });
                self.layout = Cow::Borrowed(&change.layout);
            }
        }
        self.key = change.own_key();
        self.other_spellings.clear();
        Ok(())
    }
}

/// Whether the later change brings every column of the earlier ones.
fn covers_columns(later: &Arc<Layout>, earlier: &Arc<Layout>) -> bool {
    Arc::ptr_eq(later, earlier) || earlier.columns.iter().all(|c| later.columns.contains(c))
}

impl<'a, 'r> Row<'a, 'r> {
    fn from_change(change: &'a RowChange<'r>) -> Option<Self> {
        (change.effect != Effect::Gone).then(|| Self {
            texts: Cow::Borrowed(&change.texts),
            whole: change.effect == Effect::Whole,
            fills: change.effect.fills(),
            marks: change.effect == Effect::Marked,
        })
    }

    /// Later values win; what they leave out stays. Returns the columns that there are now.
    fn overlay_values(&mut self, columns: &[usize], later: &RowChange<'r>) -> Vec<usize> {
        let earlier = columns.iter().copied().zip(self.texts.iter().cloned());
        let kept = earlier.filter(|(column, _)| !later.layout.columns.contains(column));
        let added = later
            .layout
            .columns
            .iter()
            .copied()
            .zip(later.texts.iter().cloned());
        let mut cells: Vec<(usize, Text<'r>)> = kept.chain(added).collect();
        cells.sort_unstable_by_key(|(column, _)| *column);
        let (columns, texts): (Vec<usize>, Vec<Text<'r>>) = cells.into_iter().unzip();
        self.texts = Cow::Owned(texts);
        columns
    }
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
