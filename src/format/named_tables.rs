//! Which tables the events of a partition have named: by it a tombstone whose delete is gone finds its table.
//!
//! Such a tombstone has a key and nothing else. The name of its topic is no evidence: a connector, or a transform,
//! may call topics as it likes, and a row of the wrong table would be gone for good.
//!
//! Why: `docs/decisions/03`.

use std::sync::Arc;

use crate::table_name::TableName;

/// The tables at the source, as the partition's events call them: whatever route they take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NamedTables {
    /// No event has named one.
    #[default]
    Unknown,
    /// All events that named a table named this one.
    One(Arc<TableName>),
    /// They named more than one: a key alone says of none of them that it is its.
    Several,
}

impl NamedTables {
    /// An event of the partition has named a table.
    pub fn note_table(&mut self, table: &Arc<TableName>) {
        match self {
            NamedTables::One(one) if Arc::ptr_eq(one, table) => {}
            // from now on it is recognised by its address
            NamedTables::One(one) if one == table => *one = table.clone(),
            // no table is called so, and Postgres couldn't keep it
            _ if table.schema.contains('\0') || table.name.contains('\0') => {}
            NamedTables::Unknown => *self = NamedTables::One(table.clone()),
            NamedTables::One(_) | NamedTables::Several => *self = NamedTables::Several,
        }
    }

    /// As the ledger keeps it: schema and table, nothing at all for several; `None` if none was named.
    pub fn to_texts(&self) -> Option<Vec<&str>> {
        match self {
            NamedTables::Unknown => None,
            NamedTables::One(table) => Some(vec![&table.schema, &table.name]),
            NamedTables::Several => Some(Vec::new()),
        }
    }

    /// Reads what [`NamedTables::to_texts`] wrote.
    pub fn from_texts(texts: Option<Vec<String>>) -> Self {
        match texts.map(<[String; 2]>::try_from) {
            None => NamedTables::Unknown,
            Some(Ok([schema, name])) => NamedTables::One(Arc::new(TableName { schema, name })),
            Some(Err(_)) => NamedTables::Several,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(names: &[&str]) -> NamedTables {
        let mut tables = NamedTables::default();
        for name in names {
            tables.note_table(&Arc::new(TableName::new("s", *name)));
        }
        tables
    }

    #[test]
    fn two_names_are_several_and_stay_so() {
        assert_eq!(noted(&[]), NamedTables::Unknown);
        let one = NamedTables::One(Arc::new(TableName::new("s", "a")));
        assert_eq!(noted(&["a", "a"]), one);
        assert_eq!(noted(&["a", "b"]), NamedTables::Several);
        assert_eq!(noted(&["a", "b", "a", "a"]), NamedTables::Several);
        assert_eq!(noted(&["a", "b\0", "a"]), one);
    }

    #[test]
    fn what_was_named_is_read_as_it_was_written() {
        for tables in [noted(&[]), noted(&["a.\"b\\, {c}"]), noted(&["a", "b"])] {
            let texts = tables.to_texts();
            let texts = texts.map(|t| t.into_iter().map(str::to_owned).collect());
            assert_eq!(NamedTables::from_texts(texts), tables);
        }
    }
}
