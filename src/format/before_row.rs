//! What an event's `before` tells of the row. A source that doesn't log whole rows (Postgres without `REPLICA
//! IDENTITY FULL`, MySQL with a minimal row image) has the record's key there alone, and Debezium fills up the other
//! columns then ([`may_stand_in`]).

use crate::format::change::Fields;
use crate::format::stand_in::may_stand_in;

/// The row before an event.
pub(super) struct BeforeRow<'b, 'r> {
    /// Its fields.
    pub row: &'b Fields<'r>,
    /// Whether it is known to be the whole row, whose nulls, zeros and defaults are what they say.
    whole: bool,
    /// Whether it is of the record's row at all.
    of_record: bool,
}

impl<'b, 'r> BeforeRow<'b, 'r> {
    /// `record_key` holds the fields of the record's key, none if it has none. `whole_rows`: the configuration says
    /// that the source logs whole rows.
    pub fn new(row: &'b Fields<'r>, record_key: &Fields<'_>, whole_rows: bool) -> Self {
        let of_record = record_key
            .iter()
            .all(|(name, raw)| row.get(name).is_none_or(|was| was == raw));
        // without a schema nothing tells a column's default, which is as good a value as any
        let tells_defaults = row.schema().is_some();
        let says_more = |name: &str| record_key.get(name).is_none() && !stands_in(row, name);
        Self {
            row,
            whole: whole_rows
                || of_record && tells_defaults && row.names().iter().any(|name| says_more(name)),
            of_record,
        }
    }

    /// Whether what the row has in the column is what the source had there.
    pub fn tells(&self, column: &str) -> bool {
        let told = || self.whole || self.of_record && !stands_in(self.row, column);
        self.row.get(column).is_some() && told()
    }
}

/// Whether what the row has in the column may be there for a value that the source doesn't log.
fn stands_in(row: &Fields<'_>, column: &str) -> bool {
    let schema = row.schema();
    let mut fields = row.iter().enumerate();
    let found = fields.find(|(_, (name, _))| *name == column);
    found.is_none_or(|(position, (name, raw))| {
        may_stand_in(
            raw,
            schema.and_then(|schema| schema.field_at(position, name)),
        )
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::format::change::Shape;
    use crate::format::schema;

    /// As Debezium writes a row of `t(id int primary key, tenant int not null, status text not null default 'new',
    /// at point not null, note text)`.
    const SCHEMA: &str = r#"{"type":"struct","fields":[
        {"type":"int32","optional":false,"field":"id"},
        {"type":"int32","optional":false,"field":"tenant"},
        {"type":"string","optional":false,"default":"new","field":"status"},
        {"type":"struct","optional":false,"name":"io.debezium.data.geometry.Point","fields":[],"field":"at"},
        {"type":"string","optional":true,"field":"note"}]}"#;
    const NOWHERE: &str = r#"{"x":0.0,"y":0.0,"wkb":"AQEAAAAAAAAAAAAAAAAAAAAAAAAA","srid":null}"#;

    fn fields(of: &[(&str, &'static str)], schema: Option<&str>) -> Fields<'static> {
        let shape = Shape {
            names: of.iter().map(|(name, _)| (*name).into()).collect(),
            schema: schema.map(|schema| Arc::new(schema::parse(schema).expect("a schema"))),
            ..Default::default()
        };
        let values: Vec<&str> = of.iter().map(|(_, raw)| *raw).collect();
        Fields {
            shape: Some(Arc::new(shape)),
            values: values.leak(),
        }
    }

    /// Whether this tells the tenant, for a record with the key `id` 7.
    fn tells(row: [&'static str; 5], schema: Option<&str>, whole_rows: bool) -> bool {
        let names = ["id", "tenant", "status", "at", "note"];
        let row: Vec<(&str, &'static str)> = names.into_iter().zip(row).collect();
        let (row, key) = (fields(&row, schema), fields(&[("id", "7")], None));
        BeforeRow::new(&row, &key, whole_rows).tells("tenant")
    }

    #[test]
    fn a_key_that_is_filled_up_with_zeros_and_defaults_tells_nothing() {
        let filled_up = ["7", "0", r#""new""#, NOWHERE, "null"];
        assert!(!tells(filled_up, Some(SCHEMA), false));
        assert!(!tells(filled_up, None, false));
        // a source that logs whole rows may have such a row, and then the configuration says so
        assert!(tells(filled_up, Some(SCHEMA), true));
        assert!(tells(filled_up, None, true));
    }

    #[test]
    fn a_zero_is_believed_of_a_row_that_says_more_than_its_key_and_its_columns_defaults() {
        let schema = Some(SCHEMA);
        assert!(tells(
            ["7", "0", r#""old""#, NOWHERE, "null"],
            schema,
            false
        ));
        assert!(tells(
            ["7", "0", r#""new""#, NOWHERE, r#""n""#],
            schema,
            false
        ));
        assert!(tells(
            ["7", "0", r#""new""#, NOWHERE, r#""""#],
            schema,
            false
        ));
        // without a schema "old" may be the default
        assert!(!tells(["7", "0", r#""old""#, NOWHERE, "null"], None, false));
        assert!(tells(["7", "3", r#""new""#, NOWHERE, "null"], None, false));
    }

    #[test]
    fn a_key_columns_own_default_tells_nothing() {
        let schema = SCHEMA.replace(
            r#""optional":false,"field":"tenant""#,
            r#""optional":false,"default":3,"field":"tenant""#,
        );
        assert!(!tells(
            ["7", "3", r#""new""#, NOWHERE, "null"],
            Some(&schema),
            false
        ));
        assert!(tells(
            ["7", "4", r#""new""#, NOWHERE, "null"],
            Some(&schema),
            false
        ));
    }

    #[test]
    fn the_key_of_another_index_with_the_records_own_filled_up_tells_nothing() {
        let row = ["0", "3", r#""old""#, NOWHERE, "null"];
        assert!(!tells(row, Some(SCHEMA), false));
        let (row, key) = (fields(&[("id", "7")], None), fields(&[("id", "7")], None));
        assert!(!BeforeRow::new(&row, &key, true).tells("tenant"));
    }
}
