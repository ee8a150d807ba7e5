//! Sources that go back and send again what was landed, where the ledger knows a part of it and not the rest:
//! nothing may stay at an earlier state.

use serde_json::json;

use crate::commands::done;
use crate::support::{Event, World, events};

const SAID: &str = "a source has gone back, and a part of what it sends again isn't known any more";

async fn rows(world: &World) -> Vec<String> {
    let sql = "SELECT id || ' ' || version || ' ' || coalesce(body, '') FROM t ORDER BY id";
    let rows = world.db.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Lands these events, and returns what is said of it.
async fn land(world: &World, events: &[Event]) -> String {
    world.kafka.produce(&world.topic, events).await;
    world.catch_up().await.log()
}

/// Row 1 changes, row 2 comes and goes, row 3 is changed last.
fn history() -> Vec<Event> {
    vec![
        events::insert(10, 1, 1),
        events::insert(20, 2, 1),
        events::update(30, 1, 2),
        events::insert(40, 3, 1),
        events::update(50, 1, 3),
        events::delete(60, 2),
        events::tombstone(2),
        events::partial(70, 3, 2),
    ]
}

const END: [&str; 2] = ["1 3 body 1 3", "3 2 body 3 1"];

/// Sends the history again, once more after that, and then goes on.
async fn send_again(world: &World) {
    let log = land(world, &history()).await;
    assert_eq!(rows(world).await, END, "{log}");
    assert_eq!(log.matches(SAID).count(), 1, "{log}");
    let changes = world.count("SELECT count(*) FROM audit").await;
    let log = land(world, &history()).await;
    assert_eq!(rows(world).await, END, "{log}");
    assert_eq!(world.count("SELECT count(*) FROM audit").await, changes);
    assert!(!log.contains(SAID), "all of it is known now: {log}");
    let log = land(world, &[events::update(80, 1, 4), events::update(80, 1, 4)]).await;
    assert_eq!(rows(world).await[0], "1 4 body 1 4", "{log}");
    assert_eq!(world.count("SELECT count(*) FROM audit").await, changes + 1);
}

#[tokio::test]
async fn after_a_time_without_ids_no_row_stays_at_what_is_sent_again() {
    let mut world = World::new("gone_back_offsets", 1).await;
    world.set("apply", "idempotency = \"offset\"");
    let (before, after) = (&history()[..4], &history()[4..]);
    land(&world, before).await;
    let settings = world.settings.get_mut("apply").unwrap();
    settings.retain(|line| !line.starts_with("idempotency"));
    land(&world, after).await;
    assert_eq!(rows(&world).await, END);
    send_again(&world).await;
}

#[tokio::test]
async fn after_ids_have_expired_no_row_stays_at_what_is_sent_again() {
    let world = World::new("gone_back_expired", 1).await;
    land(&world, &history()).await;
    let expire = "DELETE FROM landfall.processed_events WHERE id IN (SELECT id FROM landfall.processed_events ORDER BY id LIMIT 3)";
    assert_eq!(world.db.execute(expire, &[]).await.unwrap(), 3);
    send_again(&world).await;
}

/// What is sent again says something else of some rows, as after a column was added or masked.
fn other_contents() -> Vec<Event> {
    let mut events = history();
    for event in &mut events[..3] {
        let mut value: serde_json::Value =
            serde_json::from_slice(event.value.as_ref().unwrap()).unwrap();
        value["after"]["body"] = json!("masked");
        event.value = Some(value.to_string().into_bytes());
    }
    events
}

#[tokio::test]
async fn events_that_say_something_else_when_they_are_sent_again_leave_no_row_behind() {
    let world = World::new("gone_back_contents", 1).await;
    land(&world, &history()).await;
    let log = land(&world, &other_contents()).await;
    assert_eq!(rows(&world).await, END, "{log}");
    assert_eq!(log.matches(SAID).count(), 1, "{log}");
}

#[tokio::test]
async fn what_is_sent_again_in_parts_is_applied_to_its_end_by_whoever_goes_on() {
    let world = World::new("gone_back_parts", 1).await;
    land(&world, &history()).await;
    let mut said = 0;
    for event in other_contents() {
        let log = land(&world, &[event]).await;
        said += log.matches(SAID).count();
    }
    assert_eq!(rows(&world).await, END);
    assert_eq!(said, 1);
    let changes = world.count("SELECT count(*) FROM audit").await;
    land(&world, &other_contents()).await;
    assert_eq!(rows(&world).await, END);
    assert_eq!(world.count("SELECT count(*) FROM audit").await, changes);
}

fn with_body(lsn: i64, id: i64, version: i64, body: &str) -> Event {
    let row = json!({ "id": id, "version": version, "body": body });
    events::change("u", lsn, id, Some(row))
}

#[tokio::test]
async fn what_was_put_aside_keeps_its_place_when_it_is_sent_again() {
    let mut world = World::new("gone_back_letters", 1).await;
    world.set("dead_letter.breaker", "ratio = 1.0");
    let refuse = "ALTER TABLE t ADD CONSTRAINT not_bad CHECK (body <> 'bad'), ADD CONSTRAINT not_worse CHECK (body <> 'worse')";
    world.db.batch_execute(refuse).await.unwrap();
    let history = [
        events::insert(10, 1, 1),
        events::insert(20, 2, 1),
        with_body(30, 1, 2, "bad"),
        with_body(40, 2, 2, "worse"),
    ];
    land(&world, &history).await;
    let mend = "ALTER TABLE t DROP CONSTRAINT not_bad";
    world.db.batch_execute(mend).await.unwrap();
    done(&world, "dlq replay --id 1");
    let landed = ["1 2 bad", "2 1 body 2 1"];
    assert_eq!(rows(&world).await, landed);
    let expire = "DELETE FROM landfall.processed_events WHERE id IN (SELECT id FROM landfall.processed_events ORDER BY id LIMIT 2)";
    world.db.execute(expire, &[]).await.unwrap();
    let log = land(&world, &history).await;
    assert_eq!(rows(&world).await, landed, "{log}");
    let parked = "SELECT count(*) FROM landfall.dead_letters WHERE state = 'parked'";
    assert_eq!(world.count(parked).await, 1);
    let mend = "ALTER TABLE t DROP CONSTRAINT not_worse";
    world.db.batch_execute(mend).await.unwrap();
    done(&world, "dlq replay");
    assert_eq!(rows(&world).await, ["1 2 bad", "2 2 worse"]);
}
