//! A key whose columns the route names, instead of the record's own key.

use std::sync::Arc;

use bumpalo::Bump;

use crate::format::change::{Fields, Shape};
use crate::format::undecodable::{Undecodable, refuse_record};
use crate::letter::Stage;
use crate::verdict::Reason;

/// The key columns that a route names, in its order.
pub(super) struct RoutedKey {
    columns: Vec<String>,
    /// The shape of the last key. Keys of one topic share the shape, so that mappings know them again.
    shape: Arc<Shape>,
}

impl RoutedKey {
    /// The key of these columns.
    pub fn new(columns: Vec<String>) -> Self {
        Self {
            columns,
            shape: Arc::default(),
        }
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
                    return refuse_record(
                        Reason::MissingKey,
                        Stage::Transformation,
                        format!("the route's key column {column} is not in the event"),
                    );
                }
            };
            schema = from.and_then(Fields::schema);
            values.push(raw);
        }
        if self.shape.names.len() != self.columns.len()
            || self.shape.schema.as_ref().map(Arc::as_ptr) != schema.map(Arc::as_ptr)
        {
            self.shape = Arc::new(Shape {
                names: self.columns.iter().map(|c| c.as_str().into()).collect(),
                schema: schema.cloned(),
            });
        }
        Ok(Fields {
            shape: Some(self.shape.clone()),
            values: values.into_bump_slice(),
        })
    }

    /// The key that the row had, if the row before the change has all the columns, and not as they are in
    /// `key`. A null in it tells nothing: it stands for what the source doesn't log, too.
    pub fn pick_old_fields<'r>(
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
        let shape = Shape {
            names: self.columns.iter().map(|c| c.as_str().into()).collect(),
            schema: before.schema().cloned(),
        };
        Some(Box::new(Fields {
            shape: Some(Arc::new(shape)),
            values: values.into_bump_slice(),
        }))
    }
}
