//! By what a table's rows are told, as words: two of them differ where a row's identity would.
//!
//! Why: `docs/decisions/21`.

use crate::rows::key_kind::KeyKind;
use crate::rows::recorded_change::{RowIdentity, TableIdentity};
use crate::rows::row_change::Layout;
use crate::rows::table::{Column, Sameness, UniqueKey};

/// By what the rows of the layout's table are told, if they are known by its key.
pub fn describe_identity(layout: &Layout) -> TableIdentity {
    let table = &layout.table;
    let unique = table.unique_key(&layout.key);
    let columns = || {
        let columns = layout.key.iter().enumerate();
        columns.filter_map(|(at, column)| Some((at, table.columns.get(*column)?)))
    };
    let told_by: Vec<String> = columns()
        .map(|(at, column)| format!("{} {}", column.name, describe_column(unique, at, column)))
        .collect();
    TableIdentity {
        table: table.name.clone(),
        columns: table.columns.iter().map(|c| c.name.clone()).collect(),
        identity: RowIdentity {
            key_columns: columns().map(|(_, column)| column.name.clone()).collect(),
            told_by: told_by.join(", "),
        },
    }
}

/// Types whose values have one identity have one description.
fn describe_column(unique: Option<&UniqueKey>, at: usize, column: &Column) -> String {
    let sameness = unique.and_then(|unique| unique.sameness.get(at));
    let Some(sameness) = sameness else {
        return "text".to_owned();
    };
    if sameness.is_decimal {
        return "number".to_owned();
    }
    match sameness.kind {
        KeyKind::Text => "text".to_owned(),
        KeyKind::Integer => "number".to_owned(),
        KeyKind::KeptAsWritten => {
            let operand = unique.and_then(|unique| unique.equality.get(at)?.operand.as_deref());
            describe_equality(sameness, bare_name(operand.unwrap_or(&column.cast)))
        }
        _ => column.pg_type.name.clone(),
    }
}

/// Without schemas: what moves to another one stays what it is.
fn describe_equality(sameness: &Sameness, type_name: &str) -> String {
    let mut words = type_name.to_owned();
    if let Some(collation) = &sameness.collation {
        words += &format!(" of collation {}", bare_name(collation));
    }
    if let Some(hash) = &sameness.hash {
        words += &format!(" by {}", bare_name(hash));
    }
    words
}

/// The last part of a quoted name.
fn bare_name(name: &str) -> &str {
    let last = name.rsplit("\".\"").next().unwrap_or(name);
    last.trim_matches('"')
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::rows::table_testing::table;

    fn told_by(kind: KeyKind, is_decimal: bool, pg_type: &str, hash: Option<&str>) -> String {
        let t = table("t", &format!("id:{pg_type}"), &[&["id"]]);
        let mut t = Arc::into_inner(t).unwrap();
        t.unique_keys[0].sameness[0] = Sameness {
            kind,
            collation: None,
            hash: hash.map(str::to_owned),
            is_decimal,
        };
        let layout = Layout {
            table: Arc::new(t),
            key: vec![0],
            columns: Vec::new(),
        };
        describe_identity(&layout).identity.told_by
    }

    #[test]
    fn types_whose_rows_have_one_identity_are_described_alike() {
        use KeyKind::{Integer, KeptAsWritten, Text, WrittenAlike};
        for (kind, is_decimal, pg_type) in [
            (Integer, false, "int4"),
            (Integer, false, "int8"),
            (WrittenAlike, true, "numeric"),
            (KeptAsWritten, true, "numeric"),
        ] {
            assert_eq!(told_by(kind, is_decimal, pg_type, None), "id number");
        }
        assert_eq!(told_by(Text, false, "varchar", None), "id text");
        for schema in ["public", "ext"] {
            let hash = format!("\"{schema}\".\"citext_hash_extended\"");
            let found = told_by(KeptAsWritten, false, "citext", Some(&hash));
            assert_eq!(found, "id citext by citext_hash_extended");
        }
        assert_eq!(told_by(KeyKind::Uuid, false, "uuid", None), "id uuid");
    }
}
