//! Records and tables for this module's tests.

use crate::record::{Record, TopicPartition};
use crate::rows::table::{Column, PgType, Table, UniqueKey};
use crate::table_name::TableName;

pub fn record(topic: &str, key: Option<&str>, value: Option<&str>) -> Record {
    Record {
        source: TopicPartition {
            topic: topic.into(),
            partition: 0,
        },
        offset: 0,
        timestamp: None,
        key: key.map(|text| text.to_owned().into()),
        value: value.map(Into::into),
        headers: Default::default(),
        epoch: 0,
        leader_epoch: None,
    }
}

/// An event of `public.orders` with this operation, key and row.
pub fn event(op: &str, key: &str, row: &str) -> Record {
    let source = r#"{"schema":"public","table":"orders","lsn":1}"#;
    let value = format!(r#"{{"op":"{op}","before":null,"after":{row},"source":{source}}}"#);
    record("shop.public.orders", Some(key), Some(&value))
}

pub fn table(columns: &[(&str, &str)], unique_keys: &[&[usize]]) -> Table {
    let column = |(name, pg_type): &(&str, &str)| Column {
        name: (*name).to_owned(),
        pg_type: PgType {
            name: (*pg_type).to_owned(),
            modifier: -1,
            element: None,
        },
        cast: (*pg_type).to_owned(),
        generated: false,
        identity: None,
        not_null: false,
        collation: None,
        of_domain: false,
        zero_default: false,
    };
    Table::new(
        TableName::new("public", "orders"),
        columns.iter().map(column).collect(),
        unique_keys
            .iter()
            .map(|key| UniqueKey::of_columns(key.to_vec()))
            .collect(),
    )
}
