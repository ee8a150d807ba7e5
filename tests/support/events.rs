//! Debezium's events as its Postgres connector writes them, for tests that need control over every
//! position; those of the end-to-end tests come from a real connector.

use serde_json::{Value, json};

#[derive(Clone, Debug, Default)]
pub struct Event {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub partition: Option<i32>,
    pub timestamp: Option<i64>,
}

/// 2026-11-01 in milliseconds; each log position a millisecond later.
const EPOCH: i64 = 1_793_491_200_000;

/// An event on `public.t` at that log position.
pub fn change(op: &str, lsn: i64, id: i64, row: Option<Value>) -> Event {
    change_of("t", op, lsn, json!({ "id": id }), row)
}

pub fn change_of(table: &str, op: &str, lsn: i64, key: Value, row: Option<Value>) -> Event {
    let source = json!({
        "version": "3.6.0.Final", "connector": "postgresql", "name": "test", "ts_ms": EPOCH + lsn, "snapshot": "false",
        "db": "source", "sequence": format!("[null,\"{lsn}\"]"), "schema": "public", "table": table, "txId": lsn / 10, "lsn": lsn, "xmin": null,
    });
    let before = if op == "d" { key.clone() } else { Value::Null };
    let value = json!({ "before": before, "after": row, "source": source, "op": op, "ts_ms": EPOCH + lsn + 5, "transaction": null });
    Event {
        key: Some(key.to_string().into_bytes()),
        value: Some(value.to_string().into_bytes()),
        ..Event::default()
    }
}

fn row(id: i64, version: i64) -> Option<Value> {
    Some(json!({ "id": id, "version": version, "body": format!("body {id} {version}") }))
}

pub fn insert(lsn: i64, id: i64, version: i64) -> Event {
    change("c", lsn, id, row(id, version))
}

pub fn update(lsn: i64, id: i64, version: i64) -> Event {
    change("u", lsn, id, row(id, version))
}

pub fn delete(lsn: i64, id: i64) -> Event {
    change("d", lsn, id, None)
}

pub fn tombstone(id: i64) -> Event {
    Event {
        key: Some(json!({ "id": id }).to_string().into_bytes()),
        ..Event::default()
    }
}

/// An update that leaves out `body`, a large value which has not changed.
pub fn partial(lsn: i64, id: i64, version: i64) -> Event {
    let row = json!({ "id": id, "version": version, "body": "__debezium_unavailable_value" });
    change("u", lsn, id, Some(row))
}

/// An insert into a table like `t`.
pub fn insert_into(table: &str, id: i64, version: i64) -> Event {
    let row = json!({ "id": id, "version": version, "body": "b" });
    let lsn = version * 1_000_000 + id;
    change_of(table, "c", lsn, json!({ "id": id }), Some(row))
}

/// A record whose key can be read and whose value can't.
pub fn broken(id: i64) -> Event {
    Event::raw(&json!({ "id": id }).to_string(), "{ broken")
}

/// `keys` rows, each inserted and then updated up to `versions`, log positions rising.
pub fn history(keys: i64, versions: i64) -> Vec<Event> {
    let event = |version: i64, id: i64| {
        let lsn = version * 1_000_000 + id;
        if version == 1 {
            insert(lsn, id, version)
        } else {
            update(lsn, id, version)
        }
    };
    (1..=versions)
        .flat_map(|version| (1..=keys).map(move |id| event(version, id)))
        .collect()
}

impl Event {
    pub fn raw(key: &str, value: &str) -> Self {
        Self {
            key: Some(key.into()),
            value: Some(value.into()),
            ..Self::default()
        }
    }

    /// The same change at another time, in milliseconds since 1970.
    pub fn at(mut self, ms: i64) -> Self {
        let value = self.value.as_ref().expect("a change");
        let mut value: Value = serde_json::from_slice(value).expect("JSON");
        value["source"]["ts_ms"] = ms.into();
        self.value = Some(value.to_string().into_bytes());
        self
    }

    pub fn on(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    pub fn with_header(mut self, key: &str, value: &str) -> Self {
        self.headers.push((key.into(), value.into()));
        self
    }
}
