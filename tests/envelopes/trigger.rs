//! A trigger's rows.

use serde_json::{Value, json};

use super::{letters, record, rows, survives_crashes, world};
use crate::commands::done;
use crate::support::Event;

const TRIGGER: &[&str] = &["envelope = 'trigger'"];

fn action(action_id: i64, action: &str, id: i64, version: i64) -> Value {
    json!({ "action_id": action_id, "id": id, "version": version, "body": "b", "action": action })
}

#[tokio::test]
async fn actions_are_applied_by_their_word_and_known_by_their_id() {
    let world = world("trigger", 1, TRIGGER).await;
    let events: Vec<Event> = [
        action(1, "INSERT", 10, 1),
        action(2, "INSERT", 11, 1),
        action(3, "update", 10, 2),
        action(3, "update", 10, 2),
        action(4, "DELETE", 11, 1),
    ]
    .iter()
    .map(|value| record(None, value))
    .collect();
    for _ in 0..2 {
        // the second time the source sends all of them again
        world.kafka.produce(&world.topic, &events).await;
        world.catch_up().await;
        let ids = "SELECT count(*) FROM landfall.processed_events";
        assert_eq!(
            (rows(&world).await, world.count(ids).await),
            ("10:2".to_owned(), 4)
        );
    }
    assert_eq!(letters(&world).await, 0);
}

#[tokio::test]
async fn crashes_apply_each_action_once() {
    let world = world("trigger_crash", 1, TRIGGER).await;
    let of_version = |version: i64| {
        let word = if version == 1 { "INSERT" } else { "UPDATE" };
        (1..=200).map(move |id| record(None, &action(version * 1000 + id, word, id, version)))
    };
    let events: Vec<Event> = (1..=4).flat_map(of_version).collect();
    survives_crashes(world, &events).await;
}

#[tokio::test]
async fn an_unknown_word_and_an_id_that_says_something_else_are_letters_that_name_it() {
    let world = world("trigger_bad", 1, TRIGGER).await;
    let events = [
        record(None, &action(1, "INSERT", 10, 1)),
        record(None, &action(1, "UPDATE", 10, 2)),
        record(None, &action(2, "MERGE", 10, 3)),
        record(
            None,
            &json!({ "action_id": null, "action": "UPDATE", "id": 10, "version": 4 }),
        ),
        record(None, &action(3, "UPDATE", 10, 5)),
    ];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert_eq!(
        (rows(&world).await, letters(&world).await),
        ("10:5".to_owned(), 3)
    );
    let listed = done(&world, "dlq list --json").text;
    for said in ["action 1", "MERGE", "action_id is neither"] {
        assert!(listed.contains(said), "{said}: {listed}");
    }
}
