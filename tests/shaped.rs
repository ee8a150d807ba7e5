//! Rows that a route shapes: columns left out, renamed and masked, facts beside them, deletes that leave their rows, and
//! tables in which every change is a row.

mod append;
mod columns;
mod lineage;
mod masks;
mod names;
mod soft_deletes;

use serde_json::{Value, json};

use crate::support::World;
use crate::support::events::{Event, change};

/// A world whose topic goes to this table by a route with these keys.
pub async fn shaped_world(test: &str, table: &str, keys: &str) -> World {
    let mut world = World::new(test, 1).await;
    world.sql(&format!("CREATE TABLE s ({table})")).await;
    world.set(
        "[route]",
        &format!("topic = \".*\"\ntable = \"public.s\"\n{keys}"),
    );
    world
}

/// An insert or update of `s`, or a delete of the row as it was.
pub fn event(op: &str, lsn: i64, row: Value) -> Event {
    let id = row["id"].as_i64().expect("a key");
    if op != "d" {
        return change(op, lsn, id, Some(row));
    }
    let mut event = change(op, lsn, id, None);
    let value = event.value.as_ref().expect("a value");
    let mut value: Value = serde_json::from_slice(value).expect("JSON");
    value["before"] = row;
    event.value = Some(json!(value).to_string().into_bytes());
    event
}

pub async fn land(world: &World, events: &[Event]) {
    world.kafka.produce(&world.topic, events).await;
    world.catch_up().await;
}

impl World {
    /// The rows of a query, each as the text of a row of one text column.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.db.query(sql, &[]).await;
        let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The rows of `s`, by this column, as Postgres writes them.
    pub async fn shaped_rows(&self, by: &str) -> Vec<String> {
        self.texts(&format!("SELECT s::text FROM s ORDER BY {by}"))
            .await
    }
}
