//! Mappings where rows aren't simply written over and removed: each change is a row of its own, or a deleted row stays
//! and says so.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::{From, Mapping, Slot, map_fields};
use crate::format::change::Change;
use crate::rows::delete_mark::MarkColumn;
use crate::rows::row_change::{Effect, Layout, RowChange, Text};
use crate::rows::table::Table;
use crate::rows::value::{Conversion, Reading};
use crate::verdict::{Failure, Reason, Verdict};

impl Mapping {
    /// Of changes that are rows of their own.
    pub(super) fn of_appended(
        change: &Change<'_>,
        table: &Arc<Table>,
        reading: Arc<Reading>,
    ) -> Result<Self, Failure> {
        let row = map_fields(change, From::Row, table, &reading)?;
        if row.is_empty() {
            let message = format!("the event has no column of {}", table.name);
            return Err(Failure::new(Verdict::Reject(Reason::MissingKey), message));
        }
        Ok(Self {
            key: Vec::new(),
            layout: Arc::new(Layout {
                table: table.clone(),
                key: Vec::new(),
                columns: row.iter().map(|slot| slot.column).collect(),
            }),
            row,
            removes: false,
            mark: None,
            rounds_key: false,
            reading,
            told: AtomicU64::new(0),
        })
    }

    /// What is written of a deleted row that stays.
    pub(super) fn mark_row<'r>(&self, change: &Change<'r>, key: Vec<Text<'r>>) -> RowChange<'r> {
        let (mut layout, mut texts) = (self.layout.clone(), Vec::new());
        if let Some((mark, marked)) = &self.mark {
            layout = marked.clone();
            let text = |column: &usize| {
                let of_key = layout.key.iter().position(|c| c == column);
                match of_key.and_then(|at| key.get(at)) {
                    Some(text) => text.clone(),
                    None => mark.text(change, true, &self.reading),
                }
            };
            texts = layout.columns.iter().map(text).collect();
        }
        RowChange {
            layout,
            key,
            old_key: None,
            old_mark: None,
            identity: None,
            old_identity: None,
            moves: None,
            texts,
            effect: Effect::Marked,
            created: false,
        }
    }

    pub(super) fn mark_old_row<'r>(
        &self,
        change: &Change<'r>,
        old_key: Option<&[Text<'r>]>,
    ) -> Option<Box<RowChange<'r>>> {
        self.mark.as_ref()?;
        Some(Box::new(self.mark_row(change, old_key?.to_vec())))
    }
}

/// Filled from no field. `row` has those that are.
pub(super) fn slot_of_mark(
    mark: &MarkColumn,
    row: &[Slot],
    table: &Table,
) -> Result<Slot, Failure> {
    let column = mark.column;
    if row.iter().any(|slot| slot.column == column) {
        let name = table.column_names(&[column]);
        let message = format!(
            "the events of {} have the column {name} themselves, which soft_delete of the [[route]] names: exclude it there, or name another column",
            table.name
        );
        return Err(Failure::new(Verdict::Systemic, message));
    }
    let target = table.columns.get(column).ok_or_else(|| {
        let message = format!("table {} has lost a column", table.name);
        Failure::new(Verdict::Systemic, message)
    })?;
    Ok(Slot {
        column,
        from: From::Mark,
        position: 0,
        field: None,
        conversion: Conversion::new(None, &target.pg_type, Default::default()),
        assumed_scale: None,
        cuts_moment: false,
    })
}
