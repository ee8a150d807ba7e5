//! Several changes of one key folded into their net effect: one statement may not touch a row
//! twice, and a row that changed fifty times in a batch need only be written once.

use std::collections::HashMap;
use std::sync::Arc;

use crate::row_change::{Effect, RowChange, Text};
use crate::table::Table;

/// What is to be done to one key.
#[derive(Clone, Debug)]
pub struct Net<'r> {
    pub table: Arc<Table>,
    pub key_columns: Vec<usize>,
    pub key: Vec<Text<'r>>,
    /// `None`: nothing but the delete.
    pub row: Option<Row<'r>>,
    /// The key was deleted on the way: whatever the row has outside of `cells` goes with it.
    pub delete_first: bool,
}

#[derive(Clone, Debug)]
pub struct Row<'r> {
    pub cells: Vec<(usize, Text<'r>)>,
    pub whole: bool,
}

/// A change that carries only part of a row which an earlier change of the batch deleted. The index
/// is the change's.
#[derive(Debug, PartialEq, Eq)]
pub struct PartOfDeletedRow(pub usize);

/// `changes` in arrival order; the result in no particular order.
///
/// # Errors
/// A partial change of a deleted row: what it leaves out is nowhere to be had.
pub fn fold<'a, 'r: 'a>(
    changes: impl Iterator<Item = &'a RowChange<'r>>,
) -> Result<Vec<Net<'r>>, PartOfDeletedRow> {
    let mut nets: Vec<Net<'r>> = Vec::new();
    let mut by_key: HashMap<(*const Table, &'a [usize], &'a [Text<'r>]), usize> = HashMap::new();
    for (index, change) in changes.enumerate() {
        let key = (
            Arc::as_ptr(&change.table),
            change.key_columns.as_slice(),
            change.key.as_slice(),
        );
        match by_key.get(&key) {
            Some(at) => nets[*at].follow(&change.effect, index)?,
            None => {
                by_key.insert(key, nets.len());
                nets.push(Net::first(change));
            }
        }
    }
    Ok(nets)
}

impl<'r> Net<'r> {
    fn first(change: &RowChange<'r>) -> Self {
        let (row, delete_first) = match &change.effect {
            Effect::Gone => (None, true),
            Effect::Row { cells, whole } => (
                Some(Row {
                    cells: cells.clone(),
                    whole: *whole,
                }),
                false,
            ),
        };
        Self {
            table: change.table.clone(),
            key_columns: change.key_columns.clone(),
            key: change.key.clone(),
            row,
            delete_first,
        }
    }

    fn follow(&mut self, effect: &Effect<'r>, index: usize) -> Result<(), PartOfDeletedRow> {
        match (effect, &mut self.row) {
            (Effect::Gone, _) => {
                self.row = None;
                self.delete_first = true;
            }
            (Effect::Row { whole: false, .. }, None) => return Err(PartOfDeletedRow(index)),
            (Effect::Row { cells, whole }, None) => {
                self.row = Some(Row {
                    cells: cells.clone(),
                    whole: *whole,
                })
            }
            (Effect::Row { cells, whole }, Some(row)) => {
                row.overlay(cells);
                row.whole |= whole;
            }
        }
        Ok(())
    }
}

impl<'r> Row<'r> {
    /// Later cells win; what they leave out stays.
    fn overlay(&mut self, later: &[(usize, Text<'r>)]) {
        for cell in later {
            match self
                .cells
                .binary_search_by_key(&cell.0, |(column, _)| *column)
            {
                Ok(at) => self.cells[at] = cell.clone(),
                Err(at) => self.cells.insert(at, cell.clone()),
            }
        }
    }
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
