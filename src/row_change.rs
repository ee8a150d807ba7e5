//! A change as its destination table sees it: columns by index, values as the text Postgres reads.

use std::borrow::Cow;
use std::sync::Arc;

use crate::change::{Change, Fields};
use crate::table::Table;
use crate::value::{self, Value};
use crate::verdict::{Failure, Reason, Verdict};

/// A value as the text that Postgres reads for the column's type; `None` is NULL.
pub type Text<'r> = Option<Cow<'r, str>>;

#[derive(Clone, Debug)]
pub struct RowChange<'r> {
    pub table: Arc<Table>,
    /// The key's columns in column order, and their values.
    pub key_columns: Vec<usize>,
    pub key: Vec<Text<'r>>,
    pub effect: Effect<'r>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Effect<'r> {
    /// The row has these values, in column order. `whole` unless the event said that it leaves
    /// something out (an unchanged out-of-line value): then the row must be there already.
    Row {
        cells: Vec<(usize, Text<'r>)>,
        whole: bool,
    },
    Gone,
}

impl<'r> RowChange<'r> {
    /// Whether it leaves nothing of its row as it was.
    pub fn is_whole(&self) -> bool {
        !matches!(self.effect, Effect::Row { whole: false, .. })
    }

    /// # Errors
    /// Systemic: the table lacks a column or a unique index on the key. Reject: a value that can't
    /// be what its column holds, or a key with a null.
    pub fn new(change: &Change<'r>, table: &Arc<Table>) -> Result<Self, Failure> {
        let mut key = cells(&change.key, table)?.0;
        key.sort_unstable_by_key(|(column, _)| *column);
        if let Some((column, _)) = key.iter().find(|(_, value)| value.is_none()) {
            return Err(Failure::new(
                Verdict::Reject(Reason::MissingKey),
                format!(
                    "the key column {} of {} is null",
                    table.names(&[*column]),
                    table.name
                ),
            ));
        }
        let key_columns: Vec<usize> = key.iter().map(|(column, _)| *column).collect();
        if key_columns.is_empty() {
            return Err(Failure::new(
                Verdict::Reject(Reason::MissingKey),
                format!("the event names no key column of {}", table.name),
            ));
        }
        let effect = if change.operation.removes() {
            Effect::Gone
        } else {
            if !table.is_unique(&key_columns) {
                return Err(Failure::new(
                    Verdict::Systemic,
                    format!(
                        "table {} has no primary key or unique index on exactly ({}), which the events' key needs; create one, or set key in the [[route]]",
                        table.name,
                        table.names(&key_columns)
                    ),
                ));
            }
            let (mut row, whole) = cells(&change.row, table)?;
            // the key belongs to the row even where `after` leaves it out
            for cell in &key {
                if !row.iter().any(|(column, _)| *column == cell.0) {
                    row.push(cell.clone());
                }
            }
            row.sort_unstable_by_key(|(column, _)| *column);
            Effect::Row { cells: row, whole }
        };
        Ok(Self {
            table: table.clone(),
            key_columns,
            key: key.into_iter().map(|(_, value)| value).collect(),
            effect,
        })
    }
}

/// The fields as cells, and whether all of them are there.
fn cells<'r>(
    fields: &Fields<'r>,
    table: &Table,
) -> Result<(Vec<(usize, Text<'r>)>, bool), Failure> {
    let mut whole = true;
    let mut cells = Vec::with_capacity(fields.values.len() + 1);
    for (position, (name, raw)) in fields.iter().enumerate() {
        let Some(index) = table.column(name) else {
            return Err(Failure::new(
                Verdict::Systemic,
                format!(
                    "table {} has no column {name}, which its events carry; add it: ALTER TABLE {} ADD COLUMN …",
                    table.name, table.name
                ),
            ));
        };
        let column = &table.columns[index];
        // Postgres computes it, and takes no value for it; snapshots carry it all the same
        if column.generated {
            continue;
        }
        let schema = fields
            .schema()
            .and_then(|schema| schema.field_at(position, name));
        match value::to_text(raw, schema, &column.pg_type) {
            Ok(Value::Text(text)) => cells.push((index, Some(text))),
            Ok(Value::Null) => cells.push((index, None)),
            Ok(Value::Unavailable) => whole = false,
            Err(error) => {
                let message = format!("column {name} of {}: {error}", table.name);
                return Err(Failure::new(Verdict::Reject(Reason::Value), message));
            }
        }
    }
    // a name twice in one object: the last wins, as in every JSON parser
    cells.reverse();
    cells.sort_by_key(|(column, _)| *column);
    cells.dedup_by_key(|(column, _)| *column);
    Ok((cells, whole))
}
