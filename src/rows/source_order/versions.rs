//! Rows whose changes are told apart by a column of theirs, `route.version`: what of it is compared by Postgres, and what
//! follows.
//!
//! Why: `docs/decisions/21`.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::format::change::Change;
use crate::rows::row_change::{Layout, RowChange, Text};
use crate::rows::row_sequence::{ANY_PARTITION, Arrival};
use crate::rows::source_order::{OtherSourceOf, SourceOrder};
use crate::rows::value::{Conversion, Reading, Value};
use crate::verdict::{Failure, Verdict};

/// What a change says of its row's version.
pub(super) struct ChangeVersion<'r> {
    /// Of its key.
    pub(super) layout: Arc<Layout>,
    pub(super) key: Vec<Text<'r>>,
    /// The column that tells versions apart.
    pub(super) column: usize,
    /// What the change has in it.
    pub(super) text: Text<'r>,
}

/// The version of a row before the changes, as a place among those that are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CurrentVersion {
    /// Whether the row is in the destination.
    pub is_there: bool,
    /// Its version; or the one that was recorded as it was removed.
    pub rank: Option<i64>,
}

/// Changes whose versions are compared with each other: of one table, by one key and one column.
pub struct VersionedChanges<'o, 'r> {
    /// The table and the key's columns.
    pub layout: &'o Arc<Layout>,
    /// The column that tells versions apart.
    pub column: usize,
    /// Each change, by its index, with its row, the row's key, and what the change has in the column.
    pub changes: Vec<VersionedChange<'o, 'r>>,
}

/// A change whose version is compared.
pub struct VersionedChange<'o, 'r> {
    /// The index of the change.
    pub at: usize,
    /// The row.
    pub row: Uuid,
    /// The row's key.
    pub key: &'o [Text<'r>],
    /// What the change has in the column; `None`: it tells nothing.
    pub text: Option<&'o str>,
}

impl<'r> SourceOrder<'r> {
    pub(super) fn version_of(&self, change: usize) -> Option<&ChangeVersion<'r>> {
        self.versions.get(change)?.as_ref()
    }

    /// Whether the row of these changes has a column for its versions.
    pub(super) fn is_versioned(&self, of_row: &[usize]) -> bool {
        of_row.iter().any(|at| self.version_of(*at).is_some())
    }

    /// The changes whose versions are to be compared.
    pub fn versioned_changes(&self) -> Vec<VersionedChanges<'_, 'r>> {
        let mut groups: Vec<VersionedChanges<'_, 'r>> = Vec::new();
        for (at, change) in self.changes.iter().enumerate() {
            let Some(version) = self.version_of(at) else {
                continue;
            };
            let is_of = |group: &&mut VersionedChanges<'_, 'r>| {
                Arc::ptr_eq(&group.layout.table, &version.layout.table)
                    && group.layout.key == version.layout.key
                    && group.column == version.column
            };
            let versioned = VersionedChange {
                at,
                row: change.row,
                key: &version.key,
                text: version.text.as_deref(),
            };
            match groups.iter_mut().find(is_of) {
                Some(group) => group.changes.push(versioned),
                None => groups.push(VersionedChanges {
                    layout: &version.layout,
                    column: version.column,
                    changes: vec![versioned],
                }),
            }
        }
        groups
    }

    /// Notes what Postgres said of versions: the places of the changes', by their indices, and what rows had before.
    pub fn note_versions(
        &mut self,
        ranks: &[(usize, i64)],
        current: HashMap<Uuid, CurrentVersion>,
    ) {
        for (at, rank) in ranks {
            if let Some(change) = self.changes.get_mut(*at) {
                change.arrival.version = Some(*rank);
            }
        }
        self.current.extend(current);
    }

    /// Sequences the rows that have versions, by what the destination holds of them now.
    pub(super) fn arrange_versioned_rows(&mut self) -> Result<(), OtherSourceOf> {
        let current: Vec<(Uuid, CurrentVersion)> = self.current.drain().collect();
        for (row, current) in current {
            let Some(claimed) = self.rows.get(&row) else {
                continue;
            };
            let recorded = Some(&claimed.recorded).filter(|_| !claimed.is_new);
            let last = match recorded {
                Some(recorded) if recorded.gone || current.is_there => Some(Arrival {
                    version: current.rank,
                    ..recorded.arrival()
                }),
                None if current.is_there => Some(Arrival {
                    version: current.rank,
                    position: None,
                    partition_id: ANY_PARTITION,
                    gone: false,
                }),
                _ => None,
            };
            let sequence = self.sequence_after(last.as_ref(), &claimed.changes)?;
            if let Some(claimed) = self.rows.get_mut(&row) {
                claimed.sequence = sequence;
            }
        }
        Ok(())
    }
}

/// The column that tells the row's versions apart, and what the change has in it. A row that is gone has it as it
/// was, if the source logs whole rows.
pub(super) fn find_version<'r>(
    change: &Change<'r>,
    row: &RowChange<'r>,
    reading: &Reading,
) -> Result<Option<(usize, Text<'r>)>, Failure> {
    let Some(name) = &change.version else {
        return Ok(None);
    };
    let table = row.table();
    let Some(column) = table.column_index(name) else {
        let message = format!(
            "table {} has no column {name}, which version of its [[route]] names",
            table.name
        );
        return Err(Failure::new(Verdict::Systemic, message));
    };
    if !change.operation.removes_row() {
        let place = row.layout.columns.iter().position(|c| *c == column);
        let text = place.and_then(|place| row.texts.get(place)?.clone());
        return Ok(Some((column, text)));
    }
    let names = change.row.names();
    let is_version = |field: &str| table.column_index(field) == Some(column);
    let place = names.iter().position(|field| is_version(field));
    let (Some(place), Some(pg)) = (place, table.columns.get(column)) else {
        return Ok(Some((column, None)));
    };
    let field = change.row.schema().and_then(|schema| {
        let fields = schema.fields();
        fields.iter().find(|field| is_version(&field.name))
    });
    let raw = change.row.values.get(place).copied().unwrap_or("null");
    // what can't be read, or stands for a value that isn't logged, tells nothing
    let schemaless = reading.schemaless_of(&table.name, &pg.name);
    let conversion = Conversion::new(field, &pg.pg_type, schemaless);
    let text = match conversion.to_text(raw, field, &pg.pg_type, reading) {
        Ok(Value::Text(text)) => Some(text),
        _ => None,
    };
    Ok(Some((column, text)))
}
