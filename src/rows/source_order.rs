//! The changes of a transaction whose rows come through several partitions, put in the order of their source, and
//! compared with what others have written. Pure: the rows are claimed, and what was written is recorded, by whoever
//! has the transaction.
//!
//! Why: `docs/decisions/21`.

mod late;
pub mod versions;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use crate::format::change::{Change, Operation, RowOrder};
use crate::format::source_position::SourceId;
use crate::rows::key_recipe::describe_identity;
use crate::rows::left_out::{Content, LeftOut};
use crate::rows::rearrange::{ClaimedChange, Fills, Rearranged, rearrange_changes};
use crate::rows::recorded_change::{RecordedChange, TableIdentity};
use crate::rows::row_change::{Effect, Layout, RowChange};
use crate::rows::row_key::row_key;
use crate::rows::row_sequence::{Arrival, OtherSource, sequence_arrivals};
use crate::rows::source_order::versions::{ChangeVersion, CurrentVersion, find_version};
use crate::rows::value::Reading;
use crate::table_name::TableName;
use crate::verdict::{Failure, Verdict};

/// A change as it is to be written, with the index of its entry in its batch.
pub type EntryChange<'r> = (usize, RowChange<'r>);

/// Two sources write the same row of a table.
pub type OtherSourceOf = (TableName, OtherSource);

/// An event by its entry: what it says, and its partition's row in `partitions`.
#[derive(Clone, Copy)]
pub struct EntryEvent<'b, 'r> {
    /// What the event says.
    pub change: &'b Change<'r>,
    /// Of its partition's row in `partitions`.
    pub partition_id: i32,
}

/// Which rows the changes of a transaction claim, and which of them are to be written, in which order.
#[derive(Default)]
pub struct SourceOrder<'r> {
    changes: Vec<ClaimedChange<'r>>,
    /// The version of each of them, where the route has a column for it.
    versions: Vec<Option<ChangeVersion<'r>>>,
    /// The tables with their keys.
    layouts: Vec<Arc<Layout>>,
    /// What each of them brings, where it leaves a row without a version.
    contents: Vec<Option<Content>>,
    /// Those that remove only a row which is spelled as they are.
    spelled_deletes: HashSet<usize>,
    /// Those that bring a row from another key, and leave out what it has there.
    brought_in_part: HashSet<usize>,
    /// What is known of versioned rows.
    current: HashMap<Uuid, CurrentVersion>,
    rows: HashMap<Uuid, ClaimedRow>,
}

struct ClaimedRow {
    /// All changes of the row, by their indices, as they came.
    changes: Vec<usize>,
    /// Those that are to be written, in order.
    sequence: Vec<usize>,
    /// Of the first of them, which only fill in what later ones have left out: the columns.
    fills: Vec<Vec<usize>>,
    /// What is recorded of the row as long as nothing more is said.
    recorded: RecordedChange,
    /// Whether nothing was recorded of it before.
    is_new: bool,
}

/// What is to be recorded of the rows that were claimed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct WrittenRows {
    /// Rows whose last change is another one than was recorded.
    pub moved: Vec<(Uuid, RecordedChange)>,
    /// Rows that nothing was recorded of before, and that nothing was written of.
    pub untouched: Vec<Uuid>,
}

impl ClaimedRow {
    fn iter_fills(&self) -> impl Iterator<Item = (usize, &[usize])> {
        let columns = self.fills.iter().map(Vec::as_slice);
        self.sequence.iter().copied().zip(columns)
    }
}

impl<'r> SourceOrder<'r> {
    /// The rows of those changes that are ordered by their source. `reading`: what the configuration says of values.
    ///
    /// # Errors
    /// Systemic: an event doesn't tell its place among the changes of its row.
    pub fn of_changes<'b>(
        changes: &[EntryChange<'r>],
        reading: &Reading,
        event_of: impl Fn(usize) -> Option<EntryEvent<'b, 'r>>,
    ) -> Result<Self, Failure>
    where
        'r: 'b,
    {
        let mut order = Self::default();
        for (slot, (entry, row)) in changes.iter().enumerate() {
            let Some(event) = event_of(*entry) else {
                continue;
            };
            let version = find_version(event.change, row, reading)?;
            let tells_version = version.as_ref().is_some_and(|(_, text)| text.is_some());
            let Some(arrival) = arrival_of(&event, row, (version.is_some(), tells_version))? else {
                continue;
            };
            order.note_layout(&row.layout);
            let gone = Arrival {
                gone: true,
                ..arrival
            };
            let old_key = row.former_key().map(|key| (key, gone));
            let keys = std::iter::once((row.own_key(), arrival)).chain(old_key);
            for (number, (key, arrival)) in keys.enumerate() {
                let is_plain = version.is_none() && number == 0;
                let content = is_plain.then(|| Content::of_change(event.change, row));
                if is_plain && row.effect == Effect::Gone && row.is_kept_as_written() {
                    order.spelled_deletes.insert(order.contents.len());
                }
                if number == 0 && row.moves_in_part().is_some() {
                    order.brought_in_part.insert(order.contents.len());
                }
                order.contents.push(content.flatten());
                order
                    .versions
                    .push(version.clone().map(|(column, text)| ChangeVersion {
                        layout: row.layout.clone(),
                        key: key.texts.to_vec(),
                        column,
                        text,
                    }));
                order.changes.push(ClaimedChange {
                    slot,
                    entry: *entry,
                    of_old_key: number > 0,
                    row: row_key(&row.layout, key),
                    arrival,
                    table: event.change.table.clone(),
                });
            }
        }
        Ok(order)
    }

    fn note_layout(&mut self, layout: &Arc<Layout>) {
        let same = |known: &Arc<Layout>| {
            Arc::ptr_eq(known, layout)
                || Arc::ptr_eq(&known.table, &layout.table) && known.key == layout.key
        };
        if !self.layouts.iter().any(same) {
            self.layouts.push(layout.clone());
        }
    }

    /// By what the claimed rows are told, by table and key.
    pub fn list_identities(&self) -> Vec<TableIdentity> {
        self.layouts
            .iter()
            .map(|layout| describe_identity(layout))
            .collect()
    }

    /// The claimed rows, each with what is to be recorded if nothing is yet: the last of its changes.
    ///
    /// # Errors
    /// Two sources write a row.
    pub fn claim_rows(&mut self) -> Result<Vec<(Uuid, RecordedChange)>, OtherSourceOf> {
        let mut by_row: HashMap<Uuid, Vec<usize>> = HashMap::with_capacity(self.changes.len());
        for (at, change) in self.changes.iter().enumerate() {
            by_row.entry(change.row).or_default().push(at);
        }
        self.rows = HashMap::with_capacity(by_row.len());
        for (row, changes) in by_row {
            // of versions nothing is known yet
            let sequence = match self.is_versioned(&changes) {
                true => Vec::new(),
                false => self.sequence_row(None, &changes)?,
            };
            let recorded = RecordedChange {
                left_out: self.left_out_after(None, &[], &sequence),
                ..self.last_change(&sequence)
            };
            let claimed = ClaimedRow {
                recorded,
                changes,
                sequence,
                fills: Vec::new(),
                is_new: true,
            };
            self.rows.insert(row, claimed);
        }
        let rows = self.rows.iter();
        Ok(rows
            .map(|(row, claimed)| (*row, claimed.recorded.clone()))
            .collect())
    }

    /// Compares with what was recorded of rows before, and puts the changes in the sequence in which they are to be
    /// written, without those that come before what was written already.
    ///
    /// # Errors
    /// Two sources write a row.
    pub fn arrange_changes(
        &mut self,
        mut changes: Vec<EntryChange<'r>>,
        recorded: HashMap<Uuid, RecordedChange>,
    ) -> Result<Rearranged<'r>, OtherSourceOf> {
        for (row, recorded) in recorded {
            let Some(claimed) = self.rows.get(&row) else {
                continue;
            };
            // versions go before positions, which may be of two sources then
            let (fills, sequence) = match self.is_versioned(&claimed.changes) {
                true => Default::default(),
                false => self.sequence_late(&recorded, &claimed.changes)?,
            };
            let (mut sequenced, fills): (Vec<usize>, Vec<_>) = fills.into_iter().unzip();
            sequenced.extend(sequence);
            if let Some(claimed) = self.rows.get_mut(&row) {
                claimed.sequence = sequenced;
                claimed.fills = fills;
                claimed.recorded = recorded;
                claimed.is_new = false;
            }
        }
        self.arrange_versioned_rows()?;
        self.mark_new_rows(&mut changes);
        let sequences: Vec<&[usize]> = self.rows.values().map(|r| r.sequence.as_slice()).collect();
        let filling = self.rows.values().flat_map(ClaimedRow::iter_fills);
        let slot = |(at, columns): (usize, &[usize])| {
            let change = self.changes.get(at)?;
            Some((change.slot, columns.to_vec()))
        };
        let fills: Fills = filling.filter_map(slot).collect();
        Ok(rearrange_changes(
            changes,
            &self.changes,
            &sequences,
            &fills,
        ))
    }

    /// What is to be recorded, as `is_written` says of entries: not what was put aside since.
    pub fn list_written(self, is_written: impl Fn(usize) -> bool) -> WrittenRows {
        let mut rows = WrittenRows::default();
        for (row, claimed) in &self.rows {
            let is_written = |at: usize| {
                let change = self.changes.get(at);
                change.is_some_and(|change| is_written(change.entry))
            };
            let fills: Vec<_> = claimed
                .iter_fills()
                .filter(|(at, _)| is_written(*at))
                .collect();
            let others = claimed.sequence.iter().skip(claimed.fills.len());
            let written: Vec<usize> = others.copied().filter(|at| is_written(*at)).collect();
            if fills.is_empty() && written.is_empty() {
                if claimed.is_new {
                    rows.untouched.push(*row);
                }
                continue;
            }
            let before = Some(&claimed.recorded).filter(|_| !claimed.is_new);
            let mut last = match written.as_slice() {
                [] => claimed.recorded.clone(),
                written => self.last_change(written),
            };
            last.left_out = self.left_out_after(before, &fills, &written);
            if last.position.is_empty() {
                // a tombstone takes its place from what it follows
                last.position.clone_from(&claimed.recorded.position);
                last.source = claimed.recorded.source;
            }
            if last != claimed.recorded {
                rows.moved.push((*row, last));
            }
        }
        rows
    }

    fn sequence_row(
        &self,
        recorded: Option<&RecordedChange>,
        of_row: &[usize],
    ) -> Result<Vec<usize>, OtherSourceOf> {
        let last = recorded.map(RecordedChange::arrival);
        self.sequence_after(last.as_ref(), of_row)
    }

    fn sequence_after(
        &self,
        last: Option<&Arrival<'_>>,
        of_row: &[usize],
    ) -> Result<Vec<usize>, OtherSourceOf> {
        let found = of_row.iter().filter_map(|at| self.changes.get(*at));
        let arrivals: Vec<Arrival<'_>> = found.clone().map(|change| change.arrival).collect();
        let sequence = sequence_arrivals(last, &arrivals);
        let sequence = sequence.map_err(|other| {
            let table = found.clone().next().map(|change| (*change.table).clone());
            (table.unwrap_or_else(|| TableName::new("", "")), other)
        })?;
        let indices = sequence.into_iter();
        Ok(indices.filter_map(|at| of_row.get(at).copied()).collect())
    }

    /// What is recorded of a row once these changes are written. A tombstone keeps the position that it follows.
    fn last_change(&self, sequence: &[usize]) -> RecordedChange {
        let changes = || {
            let latest = sequence.iter().rev();
            latest.filter_map(|at| self.changes.get(*at))
        };
        let position = changes().find_map(|change| change.arrival.position);
        let Some(last) = changes().next() else {
            return RecordedChange::default();
        };
        let mut versions = sequence.iter().rev().filter_map(|at| self.version_of(*at));
        let version = versions.find_map(|version| version.text.as_deref());
        RecordedChange {
            version: version.map(str::to_owned),
            source: position.map_or(0, |position| position.source),
            position: position.map_or(Vec::new(), |position| position.to_bytes()),
            partition_id: last.arrival.partition_id,
            gone: last.arrival.gone,
            left_out: LeftOut::new(),
        }
    }
}

/// How the change takes its place among those of its row; `None` if its partition's order is all there is.
/// `version`: whether its row has a version, and whether the change tells it.
fn arrival_of<'r>(
    event: &EntryEvent<'_, 'r>,
    row: &RowChange<'r>,
    (has_version, tells_version): (bool, bool),
) -> Result<Option<Arrival<'r>>, Failure> {
    let change = event.change;
    let RowOrder::Source {
        position, required, ..
    } = change.order
    else {
        return Ok(None);
    };
    if position.is_none() && !tells_version && change.operation != Operation::Tombstone {
        if required {
            return Err(explain_unordered(change));
        }
        if !has_version {
            return Ok(None);
        }
    }
    Ok(Some(Arrival {
        version: None,
        position: position.copied(),
        partition_id: event.partition_id,
        // a row that is marked is gone at its source
        gone: matches!(row.effect, Effect::Gone | Effect::Marked),
    }))
}

fn explain_unordered(change: &Change<'_>) -> Failure {
    Failure::new(
        Verdict::Systemic,
        format!(
            "rows of {} come through several partitions, and some of their events tell no position at their source that could be compared: nothing tells which of two changes of a row is the later one. \
             Give each topic a table of its own, keep the record's key as the row's, or set version = \"column\" in the [[route]]: a column whose value grows with each change of the row (for deletes the source has to log whole rows: REPLICA IDENTITY FULL)",
            change.table
        ),
    )
    .about_table(&change.table)
}

/// Why changes of two sources can't be put in order; `names` has their names, as far as they are known.
pub fn explain_other_source(
    (table, other): &OtherSourceOf,
    names: &HashMap<SourceId, String>,
) -> Failure {
    let name = |id| names.get(&id).map_or("another source", String::as_str);
    let (earlier, later) = (name(other.earlier), name(other.later));
    Failure::new(
        Verdict::Systemic,
        format!(
            "two sources write the same row of {table}: {earlier} and {later}; nothing tells which of their changes comes first. \
             Set version = \"column\" in the [[route]], a column whose value grows with each change of the row; or give each source a table of its own; if the earlier one isn't read any more, `landfall forget` its topic"
        ),
    )
    .about_table(table)
}

#[cfg(test)]
#[path = "source_order_tests.rs"]
mod tests;
