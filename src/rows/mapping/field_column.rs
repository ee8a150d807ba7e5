//! Which column of its table a field of an event has, by their names.

use std::collections::HashMap;

use super::{From, Slot};
use crate::format::change::{Change, Fields};
use crate::rows::evolution::suggest_column;
use crate::rows::table::Table;
use crate::verdict::{Failure, Verdict};

/// Where the column of a field stands in the table, if it has any. What another field of the event names exactly is that
/// one's alone; the names of a key may be the route's, which say nothing of the row's other fields.
///
/// # Errors
/// Systemic: several columns may be meant.
pub(super) fn find_place(
    name: &str,
    change: &Change<'_>,
    from: From,
    table: &Table,
) -> Result<Option<usize>, Failure> {
    let has = |fields: &Fields<'_>, name: &str| fields.names().iter().any(|own| **own == *name);
    let is_beside =
        |other: &str| has(&change.row, other) || from == From::Key && has(&change.key, other);
    table.find_column_beside(name, is_beside).map_err(|several| {
        let message = format!(
            "table {} has several columns that {name} of its events may mean ({several}), and none of that name: say which with rename in the [[route]]",
            table.name
        );
        Failure::new(Verdict::Systemic, message)
    })
}

/// That the table has no column for a field: none at all, or one that another field has.
pub(super) fn explain_no_column(name: &str, table: &Table) -> Failure {
    let suggested = suggest_column(&table.name, name);
    let message = match table.find_column(name) {
        Ok(Some(taken)) => format!(
            "the events of {} have both {name} and {taken}, and the table has the column {taken} alone: rename or exclude one of them in the [[route]], or {suggested}",
            table.name,
            taken = table.column_names(&[taken]),
        ),
        Ok(None) | Err(_) => format!(
            "table {} has no column {name}, which its events carry; {suggested}",
            table.name,
        ),
    };
    Failure::new(Verdict::Systemic, message)
}

/// Two fields whose names may stand for one column would overwrite each other.
pub(super) fn refuse_two_names(
    slots: &[Slot],
    fields: &Fields<'_>,
    table: &Table,
) -> Result<(), Failure> {
    let mut seen: HashMap<usize, usize, foldhash::fast::RandomState> = HashMap::default();
    let name = |at: usize| fields.names().get(at);
    for slot in slots {
        let Some(other) = seen.insert(slot.column, slot.position) else {
            continue;
        };
        if let (Some(first), Some(second)) = (name(other), name(slot.position))
            && first != second
        {
            let column = table.column_names(&[slot.column]);
            let message = format!(
                "{first} and {second} of the events of {} may both mean its column {column}: rename or exclude one of them in the [[route]]",
                table.name
            );
            return Err(Failure::new(Verdict::Systemic, message));
        }
    }
    Ok(())
}
