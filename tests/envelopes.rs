//! Envelopes beside Debezium's, end to end: flat rows, a trigger's, pg-replicate-kafka's; and topics that aren't what
//! they are said to be.

mod flat;
mod other_shapes;
mod pg_replicate_kafka;
mod trigger;

use serde_json::Value;

use crate::support::{Event, World, audit};

/// A world whose topic has this format, and is led to `public.t` with its key named.
async fn world(test: &str, partitions: i32, format: &[&str]) -> World {
    let mut world = World::new(test, partitions).await;
    for line in format {
        world.set("format", line);
    }
    let topic = world.topic.clone();
    world.set("[route]", &format!("topic = '{topic}'"));
    world.set("[route]", "table = 'public.t'");
    world.set("[route]", "key = ['id']");
    world
}

/// A record with this key, if any, and this value; null is a tombstone.
fn record(key: Option<&str>, value: &Value) -> Event {
    Event {
        key: key.map(|text| text.as_bytes().to_vec()),
        value: (!value.is_null()).then(|| value.to_string().into_bytes()),
        ..Event::default()
    }
}

/// Rows as `id:version`.
pub(crate) async fn rows(world: &World) -> String {
    let sql = "SELECT coalesce(string_agg(id || ':' || version, ' ' ORDER BY id), '-') FROM t";
    world.db.query_one(sql, &[]).await.expect(sql).get(0)
}

pub(crate) async fn letters(world: &World) -> i64 {
    world
        .count("SELECT count(*) FROM landfall.dead_letters")
        .await
}

/// The worker is killed at each seam in turn, and others land the rest: `events` bring 200 rows to version 4.
pub(crate) async fn survives_crashes(mut world: World, events: &[Event]) -> World {
    world.set("apply", "batch_rows = 100");
    world.kafka.produce(&world.topic, events).await;
    for seam in ["before_commit", "after_commit", "after_offset_commit"] {
        let worker = world.run_until(seam, 2).await_seam(seam).await;
        worker.kill().await;
    }
    world.catch_up().await;
    let last = "SELECT count(*) FROM t WHERE version = 4";
    assert_eq!(world.count(last).await, 200);
    audit::assert_forward_only(&world.db).await;
    assert_eq!(letters(&world).await, 0);
    let ids = "SELECT count(*) FROM landfall.processed_events";
    assert_eq!(world.count(ids).await, events.len() as i64);
    world
}
