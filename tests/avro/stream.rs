//! What happens in a stream of Avro: new schemas, deletes, crashes.

use serde_json::{Value, json};

use super::{produce, world};
use crate::support::debezium::{Format, Source};
use crate::support::events::{change_of, delete, history, insert, tombstone, update};
use crate::support::{World, audit};

#[tokio::test]
async fn a_column_added_in_the_middle_of_the_stream_arrives() {
    let mut world = World::new("avro_column", 1).await;
    world.topics = vec![format!("^{}\\.public\\..*", world.name)];
    world.use_avro();
    let table = "CREATE TABLE grows (id int PRIMARY KEY, name text, price numeric(8,2))";
    world.db.batch_execute(table).await.unwrap();
    let rows = "INSERT INTO grows SELECT i, 'row ' || i, i / 4.0 FROM generate_series(1, 100) i";
    let source = Source::new(&world, Format::Avro, &["grows"], &[table, rows]).await;
    let worker = world.run();
    source.until_equal(&world, || worker.log()).await;

    let add = "ALTER TABLE grows ADD seen timestamptz, ADD tags text[]";
    world.db.batch_execute(add).await.unwrap();
    for sql in [
        add,
        "INSERT INTO grows SELECT i, 'new', 1, now(), ARRAY['a', NULL] FROM generate_series(101, 150) i",
        "UPDATE grows SET seen = '2024-02-29 12:00:00.123456+02' WHERE id <= 50",
        "DELETE FROM grows WHERE id % 7 = 0",
        "UPDATE grows SET id = id + 1000 WHERE id % 10 = 1",
    ] {
        source.db.batch_execute(sql).await.unwrap();
    }
    source.until_equal(&world, || worker.log()).await;
    let letters = world.kafka.read_all(&world.dead_letter_topic()).await;
    assert_eq!(letters.len(), 0);
    worker.stop().await;
    source.remove().await;
}

#[tokio::test]
async fn schemas_that_alternate_are_each_read_by_its_own_id() {
    let mut world = World::new("avro_versions", 1).await;
    let registry = world.use_avro();
    let old = registry.encoder(&world.topic, &[]);
    let new = registry.encoder(&world.topic, &[("extra", json!("int"))]);
    assert_ne!(old.value.0, new.value.0);
    let add = "ALTER TABLE t ADD extra int";
    world.db.batch_execute(add).await.unwrap();
    let with_extra = |lsn: i64, id: i64| {
        let row = json!({ "id": id, "version": 1, "body": null, "extra": id * 10 });
        change_of("t", "c", lsn, json!({ "id": id }), Some(row))
    };
    let events: Vec<_> = (1..=200)
        .map(|id| match id % 2 {
            0 => old.encode(&insert(id, id, 1)),
            _ => new.encode(&with_extra(id, id)),
        })
        .collect();
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    let sql = "SELECT count(*) FROM t WHERE extra IS NOT DISTINCT FROM CASE WHEN id % 2 = 1 THEN id * 10 END";
    assert_eq!(world.count(sql).await, 200);
}

#[tokio::test]
async fn deletes_tombstones_and_events_sent_again_mean_what_they_mean_in_json() {
    let (world, encoder) = world("avro_again", 1).await;
    let events = [
        insert(1, 1, 1),
        update(2, 1, 2),
        delete(3, 1),
        tombstone(1),
        insert(4, 1, 1),
        insert(5, 2, 1),
    ];
    produce(&world, &encoder, &events).await;
    world.catch_up().await;
    let writes = "SELECT count(*) FROM audit";
    let before = world.count(writes).await;
    // the connector sends all of it once more
    produce(&world, &encoder, &events).await;
    let worker = world.catch_up().await;
    let log = worker.log();
    assert_eq!(world.count("SELECT count(*) FROM t").await, 2, "{log}");
    assert_eq!(world.count(writes).await, before, "{log}");
    assert!(log.contains("duplicates=5 skipped=1"), "{log}");
}

/// An event's id doesn't depend on how it is written, so a source may change its converter.
#[tokio::test]
async fn an_event_that_came_in_json_is_recognised_in_avro() {
    let mut world = World::new("avro_identity", 1).await;
    let events = history(50, 2);
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    let before = world.count("SELECT count(*) FROM audit").await;
    let registry = world.use_avro();
    let encoder = registry.encoder(&world.topic, &[]);
    produce(&world, &encoder, &events).await;
    let worker = world.catch_up().await;
    assert_eq!(world.count("SELECT count(*) FROM audit").await, before);
    assert!(worker.log().contains("duplicates=100"), "{}", worker.log());
}

#[tokio::test]
async fn the_route_names_the_key_of_a_table_that_has_none() {
    let (mut world, encoder) = world("avro_routed", 1).await;
    world.set(
        "[route]",
        "topic = '.*'\ntable = \"public.t\"\nkey = [\"id\"]",
    );
    let before = |event: crate::support::Event| {
        let mut value: Value = serde_json::from_slice(event.value.as_ref().unwrap()).unwrap();
        value["before"] = json!({ "id": 1, "version": 1, "body": null });
        crate::support::Event {
            key: None,
            value: Some(value.to_string().into_bytes()),
            ..event
        }
    };
    let keyless = |event: crate::support::Event| crate::support::Event { key: None, ..event };
    let events = [
        keyless(insert(1, 1, 1)),
        keyless(insert(2, 2, 1)),
        before(delete(3, 1)),
    ];
    produce(&world, &encoder, &events).await;
    world.catch_up().await;
    assert_eq!(world.count("SELECT sum(id)::bigint FROM t").await, 2);
}

/// SIGKILL before and after COMMIT: each event of Avro is applied once.
async fn crash_at(seam: &str) {
    let (mut world, encoder) = world(&format!("avro_{seam}"), 2).await;
    world.set("apply", "batch_rows = 200");
    produce(&world, &encoder, &history(500, 4)).await;
    let worker = world.run_until(seam, 3).await_seam(seam).await;
    worker.kill().await;
    let worker = world.catch_up().await;
    let landed = "SELECT count(*) FROM t WHERE version = 4";
    assert_eq!(world.count(landed).await, 500, "{}", worker.log());
    audit::assert_forward_only(&world.db).await;
    let ids = "SELECT count(*) FROM landfall.processed_events";
    assert_eq!(world.count(ids).await, 2000);
}

#[tokio::test]
async fn crash_before_commit_applies_once() {
    crash_at("before_commit").await;
}

#[tokio::test]
async fn crash_between_commit_and_offset_commit_applies_once() {
    crash_at("after_commit").await;
}
