//! What a delete tells of its row, where that becomes a row itself: not what Debezium fills up columns with that the
//! source doesn't log.

use std::sync::Arc;

use bumpalo::Bump;

use crate::format::before_row::BeforeRow;
use crate::format::change::{Fields, Shape};

/// Takes out of the rows of one topic's deletes what they don't tell.
#[derive(Default)]
pub(super) struct ToldRows {
    /// The last shape that something was taken out of, the places that were kept, and what is left: deletes of a topic share
    /// theirs, so that mappings know them again.
    last: Option<(Arc<Shape>, Vec<usize>, Arc<Shape>)>,
}

impl ToldRows {
    /// The row as it was, as far as it is told. `record_key` and `whole_rows` as for [`BeforeRow::new`].
    pub fn keep_told<'r>(
        &mut self,
        row: Fields<'r>,
        record_key: &Fields<'r>,
        whole_rows: bool,
        arena: &'r Bump,
    ) -> Fields<'r> {
        let before = BeforeRow::new(&row, record_key, whole_rows);
        let is_told = |(at, name): (usize, &str)| {
            let of_key = record_key.get(name).is_some() && row.get(name) == record_key.get(name);
            (of_key || row.is_fact(at) || before.tells(name)).then_some(at)
        };
        let names = row.iter().map(|(name, _)| name);
        let kept: Vec<usize> = names.enumerate().filter_map(is_told).collect();
        if kept.len() == row.names().len() {
            return row;
        }
        let Some(from) = &row.shape else {
            return row;
        };
        let mut values = bumpalo::collections::Vec::with_capacity_in(kept.len(), arena);
        values.extend(kept.iter().filter_map(|at| row.values.get(*at).copied()));
        Fields {
            shape: Some(self.shape_of(from, kept)),
            values: values.into_bump_slice(),
        }
    }

    fn shape_of(&mut self, from: &Arc<Shape>, kept: Vec<usize>) -> Arc<Shape> {
        if let Some((last, places, told)) = &self.last
            && Arc::ptr_eq(last, from)
            && *places == kept
        {
            return told.clone();
        }
        let names = kept.iter().filter_map(|at| from.names.get(*at).cloned());
        let facts = kept.iter().enumerate();
        let facts = facts.filter(|(_, at)| from.facts.contains(at));
        let told = Arc::new(Shape {
            facts: facts.map(|(at, _)| at).collect(),
            ..Shape::new(names.collect(), from.schema.clone())
        });
        self.last = Some((from.clone(), kept, told.clone()));
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(of: &[(&str, &'static str)], facts: &[usize]) -> Fields<'static> {
        let names = of.iter().map(|(name, _)| (*name).into()).collect();
        let values: Vec<&str> = of.iter().map(|(_, raw)| *raw).collect();
        Fields {
            shape: Some(Arc::new(Shape {
                facts: facts.to_vec(),
                ..Shape::new(names, None)
            })),
            values: values.leak(),
        }
    }

    #[test]
    fn what_may_be_filled_up_is_not_told_of_a_row_unless_the_configuration_says_so() {
        let row = || {
            fields(
                &[
                    ("id", "0"),
                    ("count", "0"),
                    ("__op", "\"d\""),
                    ("note", "null"),
                    ("body", "\"b\""),
                ],
                &[2],
            )
        };
        let key = fields(&[("id", "0")], &[]);
        let (mut rows, arena) = (ToldRows::default(), Bump::new());
        let mut told = |key: &Fields<'static>, whole| {
            let told = rows.keep_told(row(), key, whole, &arena);
            let names = told.iter().map(|(name, _)| name.to_owned());
            (names.collect::<Vec<_>>(), told.shape)
        };
        let (names, shape) = told(&key, false);
        assert_eq!(names, ["id", "__op", "body"]);
        assert_eq!(
            shape.as_ref().map(|shape| shape.facts.clone()),
            Some(vec![1])
        );
        assert_eq!(told(&key, true).0.len(), 5);
        // of another row than the record's nothing is
        let other = fields(&[("id", "7")], &[]);
        assert_eq!(told(&other, false).0, ["__op"]);
        let arena = Bump::new();
        let mut rows = ToldRows::default();
        let from = row();
        let mut shape_of = || rows.keep_told(from.clone(), &key, false, &arena).shape;
        let (first, second) = (shape_of(), shape_of());
        assert!(first.zip(second).is_some_and(|(a, b)| Arc::ptr_eq(&a, &b)));
    }
}
