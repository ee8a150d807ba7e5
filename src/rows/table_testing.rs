//! A table for tests of what is done with tables.

use std::sync::Arc;

use crate::rows::table::{Column, Identity, PgType, Table, UniqueKey};
use crate::table_name::TableName;

/// `table("t", "id:int4 name:text", &[&["id"]])`; a type may end in `!` (identity, always) or
/// `=` (generated).
pub fn table(name: &str, columns: &str, unique: &[&[&str]]) -> Arc<Table> {
    let column = |text: &str| {
        let (name, kind) = text.split_once(':').unwrap();
        let bare = kind.trim_end_matches(['!', '=']);
        Column {
            name: name.to_owned(),
            pg_type: PgType {
                name: bare.to_owned(),
                modifier: -1,
                element: None,
            },
            cast: format!("\"pg_catalog\".\"{bare}\""),
            generated: kind.ends_with('='),
            identity: kind.ends_with('!').then_some(Identity::Always),
            not_null: false,
            collation: None,
            of_domain: false,
            zero_default: false,
        }
    };
    let columns: Vec<Column> = columns.split(' ').map(column).collect();
    let index = |name: &&str| columns.iter().position(|c| c.name == *name).unwrap();
    let mut keys: Vec<Vec<usize>> = unique
        .iter()
        .map(|key| key.iter().map(index).collect())
        .collect();
    keys.iter_mut().for_each(|key| key.sort_unstable());
    let keys = keys.into_iter().map(UniqueKey::of_columns).collect();
    Arc::new(Table::new(TableName::new("public", name), columns, keys))
}
