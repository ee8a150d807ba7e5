//! Rows that refer to each other: whatever order they come in, a row whose parent comes at all is
//! landed, and one whose parent never comes is put aside alone. No row goes with another that only
//! seemed to go.

mod deletes;
mod lanes;
mod waiting;
mod within;

use serde_json::{Value, json};

use crate::support::events::change_of;
use crate::support::worker::Worker;
use crate::support::{Event, World};

/// Longer than any test takes: what waits this long in vain fails.
const FOREVER: &str = "parent_wait = \"1h\"";

/// Events at rising log positions.
#[derive(Default)]
struct Source(i64);

impl Source {
    /// The row as it is from here on.
    fn put(&mut self, table: &str, row: Value) -> Event {
        self.0 += 1;
        change_of(table, "u", self.0, json!({ "id": row["id"] }), Some(row))
    }

    fn parent(&mut self, id: i64) -> Event {
        self.put("parent", json!({ "id": id }))
    }

    fn child(&mut self, id: i64, parent: i64) -> Event {
        self.put("child", json!({ "id": id, "parent": parent }))
    }

    fn delete(&mut self, table: &str, id: i64) -> Event {
        self.0 += 1;
        change_of(table, "d", self.0, json!({ "id": id }), None)
    }

    /// That many parents which nobody waits for.
    fn others(&mut self, count: i64) -> Vec<Event> {
        (0..count).map(|n| self.parent(1_000_000 + n)).collect()
    }
}

/// A world with `parent(id)` and `child(id, parent)`, and what `more` adds.
async fn family(test: &str, partitions: i32, wait: &str, more: &str) -> World {
    let mut world = World::new(test, partitions).await;
    let tables = "CREATE TABLE parent (id bigint PRIMARY KEY);
        CREATE TABLE child (id bigint PRIMARY KEY, parent bigint NOT NULL REFERENCES parent);";
    sql(&world, &format!("{tables}{more}")).await;
    world.set("retry", wait);
    world
}

async fn sql(world: &World, sql: &str) {
    let done = world.db.batch_execute(sql).await;
    done.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
}

/// Lands these, in this order.
async fn land(world: &World, events: &[Event]) -> Worker {
    world.kafka.produce(&world.topic, events).await;
    world.catch_up().await
}

/// Key, reason and SQLSTATE of each letter, in the order of their keys.
async fn letters(world: &World) -> Vec<(String, String, String)> {
    let sql = "SELECT table_name || ' ' || (key::jsonb ->> 'id'), reason, coalesce(sqlstate, '')
               FROM landfall.dead_letters ORDER BY 1";
    let rows = world.db.query(sql, &[]).await.expect("letters");
    let letters = rows.iter().map(|r| (r.get(0), r.get(1), r.get(2)));
    letters.collect()
}

async fn no_letters(world: &World, worker: &Worker) {
    assert_eq!(letters(world).await, [], "{}", worker.log());
    let published = world.kafka.read_all(&world.dead_letter_topic()).await;
    assert_eq!(published.len(), 0, "{}", worker.log());
}

/// A letter of a row without a parent.
fn orphan(row: &str) -> (String, String, String) {
    (row.into(), "constraint".into(), "23503".into())
}
