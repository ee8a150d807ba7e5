//! Changes that come too late for their row, and what of them is written all the same: columns that all later ones have
//! left out, a delete of the row's own spelling. And rows that came from another key in part.
//!
//! Why: `docs/decisions/21`.

use crate::rows::left_out::{Content, KnownUpTo, LeftOut};
use crate::rows::rearrange::ClaimedChange;
use crate::rows::recorded_change::RecordedChange;
use crate::rows::row_move::RowMove;
use crate::rows::row_sequence::{Arrival, comes_after};
use crate::rows::source_order::{EntryChange, OtherSourceOf, SourceOrder};

/// A change, by its index, with the columns that it fills in.
pub(super) type Filling = (usize, Vec<usize>);

impl<'r> SourceOrder<'r> {
    /// A row that comes from another key is another one than the row that has its key by an earlier change, whose
    /// delete is still to come through another partition.
    pub(super) fn mark_new_rows(&self, changes: &mut [EntryChange<'r>]) {
        if self.brought_in_part.is_empty() {
            return; // as mostly
        }
        for claimed in self.rows.values() {
            let mut before = (!claimed.is_new).then(|| claimed.recorded.arrival());
            for at in claimed.sequence.iter().skip(claimed.fills.len()) {
                let Some(change) = self.changes.get(*at) else {
                    continue;
                };
                let is_former =
                    |before: &Arrival<'_>| !before.gone && comes_after(&change.arrival, before);
                if self.brought_in_part.contains(at)
                    && before.as_ref().is_some_and(is_former)
                    && let Some((_, brought)) = changes.get_mut(change.slot)
                    && let Some(RowMove::Here { is_new, .. }) = brought.moves.as_deref_mut()
                {
                    *is_new = true;
                }
                before = Some(change.arrival);
            }
        }
    }

    /// The changes in the order in which they are written after what is recorded; and before them those that come too
    /// late for their row, and bring what all later ones have left out, each with the columns that it fills in. A row
    /// that is gone may be there all the same, if it was spelled otherwise than its delete: the delete of its own
    /// spelling comes late then, and removes it.
    pub(super) fn sequence_late(
        &self,
        recorded: &RecordedChange,
        of_row: &[usize],
    ) -> Result<(Vec<Filling>, Vec<usize>), OtherSourceOf> {
        let sequence = self.sequence_row(Some(recorded), of_row)?;
        let mut fills = Vec::new();
        if recorded.gone && !self.spelled_deletes.is_empty() {
            let is_late = |at: &&usize| {
                let change = self.changes.get(**at);
                let is_placed = change.is_some_and(|c| c.arrival.position.is_some());
                is_placed && self.spelled_deletes.contains(at) && !sequence.contains(at)
            };
            let late = of_row.iter().filter(is_late);
            fills.extend(late.map(|at| (*at, Vec::new())));
        }
        if recorded.left_out.is_empty() {
            return Ok((fills, sequence));
        }
        let is_late = |at: &usize| !sequence.contains(at) && self.content_of(*at).is_some();
        let late: Vec<usize> = of_row.iter().copied().filter(is_late).collect();
        let mut left_out = recorded.left_out.clone();
        for at in self.sequence_after(None, &late)? {
            let (Some(content), Some(change)) = (self.content_of(at), self.changes.get(at)) else {
                continue;
            };
            let columns = content.find_missing(&left_out, &change.arrival);
            if !columns.is_empty() {
                content.note_filled(&mut left_out, &columns, &change.arrival);
                fills.push((at, columns));
            }
        }
        Ok((fills, sequence))
    }

    /// What is left out of a row once these changes are written after what was recorded `before`.
    pub(super) fn left_out_after(
        &self,
        before: Option<&RecordedChange>,
        fills: &[(usize, &[usize])],
        sequence: &[usize],
    ) -> LeftOut {
        let mut left_out = before.map(|b| b.left_out.clone()).unwrap_or_default();
        for (at, columns) in fills {
            if let (Some(content), Some(change)) = (self.content_of(*at), self.changes.get(*at)) {
                content.note_filled(&mut left_out, columns, &change.arrival);
            }
        }
        let mut latest: Option<&ClaimedChange<'_>> = None;
        for at in sequence {
            let change = self.changes.get(*at);
            match self.content_of(*at) {
                None => left_out.clear(),
                Some(content) => content.note_written(&mut left_out, || match (latest, before) {
                    (Some(latest), _) => KnownUpTo::arrival(&latest.arrival).unwrap_or_default(),
                    (None, Some(b)) => KnownUpTo::recorded(b.source, &b.position, b.partition_id),
                    (None, None) => KnownUpTo::default(),
                }),
            }
            latest = change
                .filter(|change| change.arrival.position.is_some())
                .or(latest);
        }
        left_out
    }

    pub(super) fn content_of(&self, change: usize) -> Option<&Content> {
        self.contents.get(change)?.as_ref()
    }
}
