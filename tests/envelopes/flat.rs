//! Flat rows.

use serde_json::{Value, json};

use super::{letters, record, rows, survives_crashes, world};
use crate::support::Event;

const FLAT: &[&str] = &["envelope = 'flat'"];

fn row(id: i64, version: i64) -> Value {
    json!({ "id": id, "version": version, "body": "b" })
}

fn key(id: i64) -> String {
    json!({ "id": id }).to_string()
}

#[tokio::test]
async fn rows_without_a_key_are_upserted_by_the_routes() {
    let world = world("flat_keyless", 1, FLAT).await;
    let schema = json!({"type": "struct", "fields": [
        {"type": "int64", "optional": false, "field": "id"},
        {"type": "int64", "optional": true, "field": "version"},
        {"type": "string", "optional": true, "field": "body"}]});
    let wrapped = |id, version| json!({ "schema": schema, "payload": row(id, version) });
    let events = [
        record(None, &row(1, 1)),
        record(None, &wrapped(2, 1)),
        record(None, &wrapped(1, 2)),
    ];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    world.catch_up().await;
    assert_eq!(
        (rows(&world).await, letters(&world).await),
        ("1:2 2:1".to_owned(), 0)
    );
}

#[tokio::test]
async fn crashes_apply_each_flat_row_once() {
    let world = world("flat_crash", 2, FLAT).await;
    let of_version = |version| (1..=200).map(move |id| record(Some(&key(id)), &row(id, version)));
    let events: Vec<Event> = (1..=4).flat_map(of_version).collect();
    survives_crashes(world, &events).await;
}

/// Every way in which ExtractNewRecordState says that a row is gone.
#[tokio::test]
async fn unwrapped_deletes_remove_their_rows_however_they_are_handled() {
    let world = world("flat_deletes", 1, FLAT).await;
    let added = |id: i64, op: &str, deleted: &str| json!({ "id": id, "version": 1, "body": "b", "__op": op, "__deleted": deleted, "__ts_ms": 7 });
    let mut events: Vec<Event> = Vec::new();
    for id in 1..=5 {
        events.push(record(Some(&key(id)), &added(id, "c", "false")));
    }
    events.extend([
        // none: a tombstone alone
        record(Some(&key(1)), &Value::Null),
        // rewrite
        record(Some(&key(2)), &added(2, "d", "true")),
        // rewrite-with-tombstone, and the row comes again
        record(Some(&key(3)), &added(3, "d", "true")),
        record(Some(&key(3)), &Value::Null),
        record(Some(&key(3)), &added(3, "c", "false")),
        // by op alone
        record(
            Some(&key(4)),
            &json!({ "id": 4, "version": 1, "__op": "d" }),
        ),
    ]);
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert_eq!(
        (rows(&world).await, letters(&world).await),
        ("3:1 5:1".to_owned(), 0)
    );
}

#[tokio::test]
async fn fields_that_a_transform_adds_are_landed_where_the_table_has_columns_for_them() {
    let world = world("flat_added", 1, FLAT).await;
    let alter = "ALTER TABLE t ADD COLUMN __op text, ADD COLUMN __deleted boolean";
    world.db.batch_execute(alter).await.expect(alter);
    let value = json!({ "id": 1, "version": 1, "body": "b", "__op": "u", "__deleted": "false", "__lsn": 9 });
    world
        .kafka
        .produce(&world.topic, &[record(Some(&key(1)), &value)])
        .await;
    world.catch_up().await;
    let landed = "SELECT count(*) FROM t WHERE __op = 'u' AND NOT __deleted";
    assert_eq!(world.count(landed).await, 1);
}

#[tokio::test]
async fn a_row_that_is_sent_again_is_recognised_where_it_tells_its_place_at_the_source() {
    let world = world("flat_again", 1, FLAT).await;
    let event = |version: i64| {
        let value = json!({ "id": 1, "version": version, "body": "b", "__op": "u", "__table": "t", "__schema": "public",
            "__lsn": 100 + version, "__source_ts_ms": 1_793_491_200_000_i64 + version });
        record(Some(&key(1)), &value)
    };
    world
        .kafka
        .produce(&world.topic, &[event(1), event(2), event(3)])
        .await;
    world.catch_up().await;
    world
        .kafka
        .produce(&world.topic, &[event(2), event(3)])
        .await;
    world.catch_up().await;
    let ids = "SELECT count(*) FROM landfall.processed_events";
    assert_eq!(
        (rows(&world).await, world.count(ids).await),
        ("1:3".to_owned(), 3)
    );
}

#[tokio::test]
async fn a_single_key_fills_the_column_that_rows_havent_got_and_its_tombstone_removes_the_row() {
    let mut world = world("flat_alone", 1, &[FLAT[0], "key_encoding = 'string'"]).await;
    world.set("[route]", "key_from = 'record_key'");
    let body = |version: i64| json!({ "version": version, "body": "b" });
    let events = [
        record(Some("1"), &body(1)),
        record(Some("2"), &body(1)),
        record(Some("1"), &body(2)),
    ];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert_eq!(rows(&world).await, "1:2 2:1");
    // what the rows have shown is known after a restart
    let tombstone = [record(Some("2"), &Value::Null)];
    world.kafka.produce(&world.topic, &tombstone).await;
    world.catch_up().await;
    assert_eq!(
        (rows(&world).await, letters(&world).await),
        ("1:2".to_owned(), 0)
    );
}

#[tokio::test]
async fn a_key_that_nobody_says_is_the_rows_neither_makes_a_row_nor_removes_one() {
    let world = world("flat_spread", 1, &[FLAT[0], "key_encoding = 'string'"]).await;
    // 2 is a shop: rows are spread by it, and one lacks its id
    let events = [
        record(Some("2"), &json!({ "version": 1, "body": "no id" })),
        record(None, &row(1, 1)),
        record(None, &row(2, 1)),
        record(Some("2"), &Value::Null),
    ];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert_eq!(
        (rows(&world).await, letters(&world).await),
        ("1:1 2:1".to_owned(), 2)
    );
}

#[tokio::test]
async fn keys_that_are_single_values_find_their_rows_and_their_tombstones_are_no_letters() {
    for (test, encoding, keys) in [
        ("flat_text", "key_encoding = 'string'", ["1", "2", "3"]),
        ("flat_json", "key_encoding = 'json'", ["1", "\"2\"", "3"]),
    ] {
        let world = world(test, 1, &["envelope = 'flat'", encoding]).await;
        let mut events: Vec<Event> = Vec::new();
        for (key, id) in keys.iter().zip(1..) {
            events.push(record(Some(key), &row(id, 1)));
        }
        events.push(record(Some(keys[1]), &Value::Null));
        // another id's row, first of all a tombstone
        events.push(record(Some("9"), &Value::Null));
        world.kafka.produce(&world.topic, &events).await;
        world.catch_up().await;
        assert_eq!(
            (rows(&world).await, letters(&world).await),
            ("1:1 3:1".to_owned(), 0),
            "{test}"
        );
    }
}
