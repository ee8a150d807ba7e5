//! A record's key that is a single value without a name (StringConverter's, or a primitive schema's), where the route
//! names one column as the key: the value is that column's.
//!
//! Not everybody who writes such a key means the row's: if a row shows that its column has another value, the topic's
//! keys are believed no more.

use std::sync::Arc;

use bumpalo::Bump;

use crate::format::change::{Fields, Shape};

/// What a topic's single keys are.
pub(super) struct SingleKey {
    /// The column alone.
    shape: Arc<Shape>,
    /// A row had another value there.
    doubted: bool,
}

impl SingleKey {
    pub fn new(column: &str) -> Self {
        Self {
            shape: Arc::new(Shape::new(vec![column.into()], None)),
            doubted: false,
        }
    }

    /// The key with its column's name; no fields if keys aren't believed.
    pub fn name_value<'r>(&self, raw: &'r str, arena: &'r Bump) -> Fields<'r> {
        if self.doubted {
            return Fields::default();
        }
        Fields {
            shape: Some(self.shape.clone()),
            values: arena.alloc_slice_copy(&[raw]),
        }
    }

    /// The same key, unless the row contradicts it.
    pub fn compare_with_row<'r>(&mut self, key: Fields<'r>, row: &Fields<'r>) -> Fields<'r> {
        let is_single = key
            .shape
            .as_ref()
            .is_some_and(|shape| Arc::ptr_eq(shape, &self.shape));
        let Some((column, raw)) = key.iter().next().filter(|_| is_single) else {
            return key;
        };
        let is_other = |of_row: &str| of_row.trim_matches('"') != raw.trim_matches('"');
        if row.get(column).is_some_and(is_other) {
            self.doubted = true;
            return Fields::default();
        }
        key
    }
}
