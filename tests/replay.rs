//! Dead letters are put in through the worker's own path, in order, once, and never over newer data.

mod away;
mod crashes;
mod filters;
mod lost;
mod order;
mod own_topics;
mod parents;
mod races;
mod rate;
mod rounds;
mod show;
mod strays;
mod superseded;

use serde_json::{Value, json};

use crate::commands::{done, landfall};
use crate::support::events::{change, insert};
use crate::support::worker::Worker;
use crate::support::{Event, World};

/// An update that the table refuses until it is mended.
fn bad(lsn: i64, id: i64, version: i64) -> Event {
    with_body("bad", lsn, id, version)
}

/// One that leaves the body as it is.
fn part(lsn: i64, id: i64, version: i64) -> Event {
    with_body("__debezium_unavailable_value", lsn, id, version)
}

fn with_body(body: &str, lsn: i64, id: i64, version: i64) -> Event {
    let row = json!({ "id": id, "version": version, "body": body });
    change("u", lsn, id, Some(row))
}

/// Its table refuses what [`bad`] makes.
async fn world(test: &str) -> World {
    let mut world = World::new(test, 1).await;
    world.set("dead_letter.breaker", "ratio = 1.0");
    // so that a later event of the key finds a letter there, and doesn't spare it
    world.set("apply", "batch_rows = 1");
    refuse(&world, "bad").await;
    world
}

async fn refuse(world: &World, body: &str) {
    let sql = format!("ALTER TABLE t ADD CONSTRAINT not_{body} CHECK (body <> '{body}')");
    world.db.batch_execute(&sql).await.unwrap();
}

async fn mend(world: &World, body: &str) {
    let sql = format!("ALTER TABLE t DROP CONSTRAINT not_{body}");
    world.db.batch_execute(&sql).await.unwrap();
}

/// Produced and landed.
async fn land(world: &World, events: &[Event]) {
    world.kafka.produce(&world.topic, events).await;
    world.catch_up().await;
}

/// The row's version; `None` if there is no such row.
async fn version(world: &World, id: i64) -> Option<i64> {
    let sql = "SELECT version FROM t WHERE id = $1";
    let row = world.db.query_opt(sql, &[&id]).await.unwrap();
    row.map(|row| row.get(0))
}

/// The letters' states, oldest first.
async fn states(world: &World) -> Vec<String> {
    let sql = "SELECT state FROM landfall.dead_letters ORDER BY id";
    let rows = world.db.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// A replay as a process of its own, that goes by the plan of failpoints.
fn replay(world: &World, plan: &str, freezes: bool) -> Worker {
    let mut environment = vec![("FAILPOINTS", plan)];
    if freezes {
        environment.push(("LANDFALL_FAILPOINT_FREEZES", "1"));
    }
    Worker::start(&["dlq", "replay"], &world.config_file(), &environment)
}

/// Each letter's outcome, in the order of their being told.
fn outcomes(objects: &[Value]) -> Vec<&str> {
    let each = objects.iter().filter_map(|o| o["outcome"].as_str());
    each.collect()
}

async fn waits_for_a_lock(world: &World) {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name = 'landfall' AND wait_event_type = 'Lock'";
    world.until_count(waiting, 1).await;
}

#[tokio::test]
async fn a_mended_letter_is_replayed_and_a_second_replay_does_nothing() {
    let world = world("replayed_once").await;
    land(&world, &[insert(1, 1, 1), bad(2, 1, 2), insert(3, 2, 1)]).await;
    assert_eq!(version(&world, 1).await, Some(1));

    let again = landfall(&world, "dlq replay");
    assert_eq!(again.code, Some(1), "{}{}", again.text, again.error);
    assert!(again.text.contains("failed 1"), "{}", again.text);
    mend(&world, "bad").await;
    let look = done(&world, "dlq replay --dry-run");
    assert!(look.text.contains("would be applied"), "{}", look.text);
    assert_eq!(version(&world, 1).await, Some(1));
    assert_eq!(done(&world, "dlq replay").text, "replayed 1\n");
    assert_eq!(version(&world, 1).await, Some(2));
    assert_eq!(done(&world, "dlq replay").text, "replayed 0\n");
    let by_id = done(&world, "dlq replay --id 1 --force").text;
    assert!(by_id.contains("is replayed; nothing to do"), "{by_id}");
    let writes = "SELECT count(*) FROM audit WHERE id = 1 AND version = 2";
    assert_eq!(world.count(writes).await, 1);
    // nor does the worker, that reads everything once more
    world.kafka.reset(world.group(), &world.topic, 1, 0).await;
    world.catch_up().await;
    assert_eq!(world.count("SELECT count(*) FROM audit").await, 3);
}
