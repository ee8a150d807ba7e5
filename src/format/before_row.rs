//! What an event's `before` tells of the row. A source that doesn't log whole rows (Postgres without `REPLICA
//! IDENTITY FULL`, MySQL with a minimal row image) has the record's key there alone. Debezium fills up the other
//! columns then: with nulls, and with zeros and empty texts where a column takes no null.

use crate::format::change::Fields;

/// The row before an event.
pub(super) struct BeforeRow<'b, 'r> {
    /// Its fields.
    pub row: &'b Fields<'r>,
    /// Whether it is known to be the whole row, whose nulls and zeros are what they say.
    whole: bool,
    /// Whether it is of the record's row at all.
    of_record: bool,
}

impl<'b, 'r> BeforeRow<'b, 'r> {
    /// `record_key` holds the fields of the record's key, none if it has none.
    pub fn new(row: &'b Fields<'r>, record_key: &Fields<'_>) -> Self {
        let of_record = record_key
            .iter()
            .all(|(name, raw)| row.get(name).is_none_or(|was| was == raw));
        let says_more =
            |(name, raw): (&str, &str)| record_key.get(name).is_none() && !may_stand_in(raw);
        Self {
            row,
            whole: of_record && row.iter().any(says_more),
            of_record,
        }
    }

    /// Whether what the row has in the column is what the source had there.
    pub fn tells(&self, column: &str) -> bool {
        let raw = self.row.get(column);
        raw.is_some_and(|raw| self.whole || self.of_record && !may_stand_in(raw))
    }
}

/// Whether a value may stand for one that the source doesn't log.
fn may_stand_in(raw: &str) -> bool {
    matches!(
        raw,
        "null" | "0" | "0.0" | "false" | "\"\"" | "\"0\"" | "\"AA==\"" | "[]" | "{}" | "\"{}\""
    ) || raw.starts_with("\"1970-01-01T00:00")
        || raw.starts_with("\"00:00")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::change::Shape;
    use std::sync::Arc;

    fn fields(of: &[(&str, &'static str)]) -> Fields<'static> {
        let shape = Shape {
            names: of.iter().map(|(name, _)| (*name).into()).collect(),
            schema: None,
        };
        let values: Vec<&str> = of.iter().map(|(_, raw)| *raw).collect();
        Fields {
            shape: Some(Arc::new(shape)),
            values: values.leak(),
        }
    }

    #[test]
    fn nulls_and_zeros_are_believed_of_a_row_that_says_more_than_its_key() {
        let tells = |key: &[(&str, &'static str)], row: &[(&str, &'static str)]| {
            BeforeRow::new(&fields(row), &fields(key)).tells("shop")
        };
        let key = [("id", "1")];
        assert!(tells(&key, &[("id", "1"), ("shop", "7"), ("name", "\"\"")]));
        assert!(tells(
            &key,
            &[("id", "1"), ("shop", "0"), ("name", "\"x\"")]
        ));
        assert!(tells(&[], &[("shop", "0"), ("name", "\"x\"")]));
        // the key and what fills it up
        for filler in ["null", "0", "\"\"", "false", "\"AA==\""] {
            assert!(!tells(
                &key,
                &[("id", "1"), ("shop", filler), ("name", "null")]
            ));
        }
        // the key of another index, with the record's own filled up
        assert!(!tells(&key, &[("id", "0"), ("shop", "7")]));
        assert!(!tells(&key, &[("id", "1")]));
    }
}
