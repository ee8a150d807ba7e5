//! A key whose columns the route names, instead of the record's own key.

use std::sync::Arc;

use bumpalo::Bump;

use crate::format::before_row::BeforeRow;
use crate::format::change::{Fields, Shape};
use crate::format::undecodable::{Undecodable, refuse_record, refuse_topic};
use crate::letter::Stage;
use crate::verdict::Reason;

/// The key columns that a route names, in its order.
pub(super) struct RoutedKey {
    columns: Vec<String>,
    /// Whether no update changes them (`fixed_key`).
    fixed: bool,
    /// Whether the source logs whole rows (`whole_rows`).
    pub(super) whole_rows: bool,
    /// Whether it is the record's (`key_from`).
    in_record: bool,
    /// The shape of the last key. Keys of one topic share the shape, so that mappings know them again.
    shape: Arc<Shape>,
}

impl RoutedKey {
    /// The key of these columns. `fixed`: no update changes them; `whole_rows`: the source logs whole rows; `in_record`: the
    /// route says that records' keys are its values.
    pub fn new(columns: Vec<String>, fixed: bool, whole_rows: bool, in_record: bool) -> Self {
        Self {
            columns,
            fixed,
            whole_rows,
            in_record,
            shape: Arc::default(),
        }
    }

    /// The columns, in the route's order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Takes each column out of the row, or else out of the record's key.
    ///
    /// # Errors
    /// A column is in neither of them.
    pub fn pick_fields<'r>(
        &mut self,
        key: &Fields<'r>,
        row: Option<&Fields<'r>>,
        arena: &'r Bump,
    ) -> Result<Fields<'r>, Undecodable> {
        let mut schema = None;
        let mut values = bumpalo::collections::Vec::with_capacity_in(self.columns.len(), arena);
        for column in &self.columns {
            let (from, raw) = match (row.and_then(|r| r.get(column)), key.get(column)) {
                (Some(raw), _) => (row, raw),
                (None, Some(raw)) => (Some(key), raw),
                (None, None) => {
                    let message = self.describe_missing(column);
                    let (reason, stage) = (Reason::MissingKey, Stage::Transformation);
                    return match row {
                        Some(_) => refuse_topic(reason, stage, message),
                        // a tombstone, as any topic may have
                        None => refuse_record(reason, stage, message),
                    };
                }
            };
            schema = from.and_then(Fields::schema);
            values.push(raw);
        }
        if self.shape.names.len() != self.columns.len()
            || self.shape.schema.as_ref().map(Arc::as_ptr) != schema.map(Arc::as_ptr)
        {
            let names = self.columns.iter().map(|c| c.as_str().into()).collect();
            self.shape = Arc::new(Shape::new(names, schema.cloned()));
        }
        Ok(Fields {
            shape: Some(self.shape.clone()),
            values: values.into_bump_slice(),
        })
    }

    fn describe_missing(&self, column: &str) -> String {
        let remedy = match &*self.columns {
            _ if self.in_record => {
                ", nor is it the record's key, which its [[route]] says it to be (key_from = \"record_key\")"
            }
            [_] => {
                "; if records' keys are its values, set key_from = \"record_key\" in the [[route]]"
            }
            _ => "",
        };
        format!("the route's key column {column} is not in the event{remedy}")
    }

    /// What an update says of the key that its row had before. `key` is the row's now.
    pub fn compare_before<'r>(
        &self,
        key: &Fields<'r>,
        before: Option<&BeforeRow<'_, 'r>>,
        record_key: &Fields<'r>,
        arena: &'r Bump,
    ) -> OldKey<'r> {
        // a record's own key never changes: its source sends a delete and an insert
        let may_change = |column: &String| record_key.get(column).is_none();
        let told = |column: &String| before.is_some_and(|before| before.tells(column));
        let mut columns = self.columns.iter();
        if !self.fixed && columns.any(|column| may_change(column) && !told(column)) {
            return OldKey::Untold;
        }
        match before.and_then(|before| self.pick_old_fields(key, before.row, arena)) {
            Some(old_key) => OldKey::Other(old_key),
            None => OldKey::Same,
        }
    }

    /// Whether a delete leaves open which row it means: it has the record's key alone, and the columns of the
    /// route's key that aren't part of it say what stands for values that the source doesn't log.
    pub fn is_hidden_in(&self, before: &BeforeRow<'_, '_>, record_key: &Fields<'_>) -> bool {
        let mut others = self
            .columns
            .iter()
            .filter(|column| record_key.get(column).is_none());
        others.any(|column| !before.tells(column))
    }

    /// The key that the row had, if it isn't as in `key`. A row with a null in it was never written.
    fn pick_old_fields<'r>(
        &self,
        key: &Fields<'r>,
        before: &Fields<'r>,
        arena: &'r Bump,
    ) -> Option<Box<Fields<'r>>> {
        let was = |column: &String| before.get(column).filter(|raw| *raw != "null");
        let mut changed = false;
        for (column, now) in self.columns.iter().zip(key.values) {
            changed |= was(column)? != *now;
        }
        if !changed {
            return None;
        }
        let mut values = bumpalo::collections::Vec::with_capacity_in(self.columns.len(), arena);
        values.extend(self.columns.iter().filter_map(was));
        let names = self.columns.iter().map(|c| c.as_str().into()).collect();
        let shape = Shape::new(names, before.schema().cloned());
        Some(Box::new(Fields {
            shape: Some(Arc::new(shape)),
            values: values.into_bump_slice(),
        }))
    }
}

/// What an update says of the key that its row had before.
pub(super) enum OldKey<'r> {
    /// It was the same.
    Same,
    /// It was this one.
    Other(Box<Fields<'r>>),
    /// It may have been another: the event doesn't tell.
    Untold,
}
