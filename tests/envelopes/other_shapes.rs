//! Topics that aren't what they are said to be: nothing of them is applied, deletes included, and nothing is put aside.

use serde_json::{Value, json};

use super::{letters, record, rows, world};
use crate::commands::landfall;
use crate::support::{Event, World, events};

/// What the source has unwrapped, deletes as tombstones, over rows that are there.
async fn unwrapped(world: &World) {
    let there = "INSERT INTO t VALUES (1, 0, 'old'), (2, 0, 'old')";
    world.db.batch_execute(there).await.expect(there);
    let key = |id: i64| json!({ "id": id }).to_string();
    let row = json!({ "id": 1, "version": 1, "body": "b", "__op": "u" });
    let events = [
        record(Some(&key(2)), &Value::Null),
        record(Some(&key(1)), &row),
        record(Some(&key(1)), &Value::Null),
    ];
    world.kafka.produce(&world.topic, &events).await;
}

#[tokio::test]
async fn an_unwrapped_topic_read_as_envelopes_is_left_alone_and_named_with_its_setting() {
    let world = world("other_unwrapped", 1, &[]).await;
    unwrapped(&world).await;
    let checked = landfall(&world, "check");
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert!(checked.text.contains("envelope = \"flat\""), "{checked:?}");
    let ran = landfall(&world, "run --until-caught-up --wait-for 2s");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.error.contains("envelope = \"flat\""), "{ran:?}");
    assert_eq!(
        (rows(&world).await, letters(&world).await),
        ("1:0 2:0".to_owned(), 0)
    );
}

#[tokio::test]
async fn a_topic_goes_on_from_its_first_record_once_it_is_said_what_it_is() {
    let mut world = world("other_mended", 1, &[]).await;
    unwrapped(&world).await;
    landfall(&world, "run --until-caught-up --wait-for 2s");
    world.set("[route]", "envelope = 'flat'");
    world.catch_up().await;
    assert_eq!(
        (rows(&world).await, letters(&world).await),
        ("-".to_owned(), 0)
    );
}

#[tokio::test]
async fn a_stray_record_among_events_that_land_is_a_letter_alone() {
    let world = world("other_stray", 1, &[]).await;
    let stray = record(Some(r#"{"id":7}"#), &json!({ "id": 7, "version": 1 }));
    let first: Vec<Event> = vec![
        events::insert(10, 1, 1),
        stray.clone(),
        events::insert(11, 2, 1),
    ];
    world.kafka.produce(&world.topic, &first).await;
    world.catch_up().await;
    world.kafka.produce(&world.topic, &[stray]).await;
    world.catch_up().await;
    assert_eq!(
        (rows(&world).await, letters(&world).await),
        ("1:1 2:1".to_owned(), 2)
    );
}

#[tokio::test]
async fn a_first_record_of_another_shape_is_a_letter_once_the_topic_has_events_as_configured() {
    let mut world = world("other_first", 1, &[]).await;
    world.set("apply", "batch_rows = 1"); // nothing is beside it
    let stray = record(Some(r#"{"id":7}"#), &json!({ "id": 7, "version": 1 }));
    world.kafka.produce(&world.topic, &[stray]).await;
    let ran = landfall(&world, "run --until-caught-up --wait-for 2s");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.error.contains("envelope = \"flat\""), "{ran:?}");
    assert_eq!(letters(&world).await, 0);
    let events = [events::insert(10, 1, 1), events::insert(11, 2, 1)];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert_eq!(
        (rows(&world).await, letters(&world).await),
        ("1:1 2:1".to_owned(), 1)
    );
}

#[tokio::test]
async fn tombstones_alone_in_their_partition_remove_nothing_of_a_topic_of_another_shape() {
    let mut world = world("other_tombstones", 2, &[]).await;
    let there = "INSERT INTO t VALUES (1, 0, 'old'), (2, 0, 'old')";
    world.db.batch_execute(there).await.expect(there);
    let at = |partition: i32, key: &str, value: &Value| Event {
        partition: Some(partition),
        ..record(Some(key), value)
    };
    let events = [
        at(0, r#"{"id":1}"#, &Value::Null),
        at(1, r#"{"id":2}"#, &json!({ "id": 2, "version": 1 })),
    ];
    world.kafka.produce(&world.topic, &events).await;
    let ran = landfall(&world, "run --until-caught-up --wait-for 2s");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.error.contains("tombstones wait"), "{ran:?}");
    assert_eq!(
        (rows(&world).await, letters(&world).await),
        ("1:0 2:0".to_owned(), 0)
    );
    // once it is said what they are
    world.set("[route]", "envelope = 'flat'");
    world.catch_up().await;
    assert_eq!(rows(&world).await, "2:1");
}

#[tokio::test]
async fn what_a_connector_writes_about_itself_is_passed_over_in_any_topic() {
    let world = world("other_heartbeat", 1, &[]).await;
    let marker = json!({ "status": "BEGIN", "id": "5:6", "event_count": null, "data_collections": null, "ts_ms": 1 });
    let events = [
        record(Some(r#"{"serverName":"s"}"#), &json!({ "ts_ms": 1 })),
        record(Some(r#"{"id":"5:6"}"#), &marker),
        events::insert(10, 1, 1),
    ];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert_eq!(
        (rows(&world).await, letters(&world).await),
        ("1:1".to_owned(), 0)
    );
}

/// As StringConverter makes them of Debezium's keys.
#[tokio::test]
async fn envelopes_with_keys_that_are_text_land_whole_and_their_tombstones_are_no_letters() {
    let world = world("other_text_keys", 1, &[]).await;
    let with_key = |mut event: Event, id: i64| {
        event.key = Some(format!("Struct{{id={id}}}").into_bytes());
        event
    };
    let events = [
        with_key(events::insert(10, 1, 1), 1),
        with_key(events::insert(11, 2, 1), 2),
        with_key(events::update(12, 1, 2), 1),
        with_key(events::delete(13, 2), 2),
        with_key(events::tombstone(2), 2),
    ];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert_eq!(
        (rows(&world).await, letters(&world).await),
        ("1:2".to_owned(), 0)
    );
}
