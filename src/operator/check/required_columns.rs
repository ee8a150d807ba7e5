//! Columns that have to have a value, and that events leave out.

use crate::format::change::Change;
use crate::format::landing::Landing;
use crate::operator::check::causes::{tell_letter, weigh_finding};
use crate::operator::check::finding::Finding;
use crate::operator::check::observe::TableSample;
use crate::operator::check::relation::Relation;
use crate::operator::check::values::convert_value;
use crate::rows::value::{Reading, Value};
use crate::verdict::Reason;

/// Columns that take no null, have no default, and are left out by events: a problem where all leave some out.
pub fn find_required_columns(
    relation: &Relation,
    sample: &TableSample<'_>,
    reading: &Reading,
) -> Option<Finding> {
    let changes = sample.changes.iter().enumerate();
    let rows: Vec<(usize, &Change<'_>)> = changes
        .filter(|(_, change)| {
            !change.operation.removes_row() && is_whole(relation, change, reading)
        })
        .collect();
    let required = relation.not_null.iter().filter(|c| !c.has_default);
    let lacks = |change: &Change<'_>, column: &str| !fills_column(relation, change, column);
    let left_out: Vec<&str> = required
        .map(|column| column.column.as_str())
        .filter(|name| rows.iter().any(|(_, change)| lacks(change, name)))
        .collect();
    let lacks_some = |change: &Change<'_>| left_out.iter().any(|name| lacks(change, name));
    let mut odd = rows.iter().filter(|(_, change)| lacks_some(change));
    let first = odd.next()?.0;
    let (count, all) = (odd.count() + 1, rows.len());
    let about = sample.tell_first(first, Reason::Constraint, count, all);
    let found = format!(
        "table {} has columns that are NOT NULL without a default and that {count} of {all} sampled events don't carry: {}; {about}",
        relation.table.name,
        left_out.join(", ")
    );
    let remedy = format!(
        "give them a default, or drop NOT NULL; {}",
        tell_letter(Reason::Constraint)
    );
    let finding = weigh_finding("required_columns", found, &remedy, count >= all);
    Some(finding.of_event(about))
}

/// Whether the change has a value for the column, in its row or its key, or as it marks deleted rows.
fn fills_column(relation: &Relation, change: &Change<'_>, column: &str) -> bool {
    let at = relation.table.column_index(column);
    let is_it = |name: &str| relation.table.column_index(name) == at;
    let mut names = change.row.names().iter().chain(change.key.names());
    let marks = matches!(&change.landing, Landing::Marked(mark) if is_it(&mark.column));
    marks || names.any(|name| is_it(name))
}

/// Events that leave an unchanged value out update the row that is there, and need no other column.
fn is_whole(relation: &Relation, change: &Change<'_>, reading: &Reading) -> bool {
    !change.row.iter().enumerate().any(|(at, (name, _))| {
        matches!(
            convert_value(relation, change, (at, name), reading),
            Some(Ok(Value::Unavailable))
        )
    })
}
