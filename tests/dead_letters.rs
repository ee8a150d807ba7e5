//! Poison records are isolated alone, with all that is known about them.

use std::collections::HashSet;

use rdkafka::message::{Message as _, Timestamp};
use serde_json::json;

use crate::support::events::{change, insert};
use crate::support::kafka::header;
use crate::support::{Event, World, audit, events};

/// A bad record, its reason, its SQLSTATE and the step that refuses it.
fn bad() -> Vec<(Event, &'static str, &'static str, &'static str)> {
    let row = |id: i64, version: serde_json::Value, body: serde_json::Value| {
        Some(json!({ "id": id, "version": version, "body": body }))
    };
    vec![
        (
            Event::raw(r#"{"id":1}"#, "not json at all"),
            "undecodable",
            "",
            "VALUE_CONVERTER",
        ),
        (
            Event::raw(r#"{"id":1}"#, r#"{"some":"object"}"#),
            "undecodable",
            "",
            "VALUE_CONVERTER",
        ),
        (
            Event {
                key: Some(vec![0xff, 0xfe]),
                value: insert(90_000_001, 1, 1).value,
                ..Event::default()
            },
            "undecodable",
            "",
            "KEY_CONVERTER",
        ),
        (
            Event {
                key: Some(br#"{"id":1}"#.to_vec()),
                value: Some(vec![0xff, 0x00, 0xc3]),
                ..Event::default()
            },
            "undecodable",
            "",
            "VALUE_CONVERTER",
        ),
        (
            Event {
                key: None,
                ..insert(90_000_002, 8_001, 1)
            },
            "missing_key",
            "",
            "KEY_CONVERTER",
        ),
        (
            change(
                "c",
                90_000_003,
                8_002,
                row(8_002, json!("seven"), json!("b")),
            ),
            "value",
            "22P02",
            "TASK_PUT",
        ),
        // serde_json would round it, Postgres must see each digit
        (
            Event::raw(
                r#"{"id":8003}"#,
                &String::from_utf8(insert(90_000_004, 8_003, 1).value.unwrap())
                    .unwrap()
                    .replace(
                        "\"version\":1",
                        "\"version\":123456789012345678901234567890",
                    ),
            ),
            "value",
            "22003",
            "TASK_PUT",
        ),
        (
            change("c", 90_000_005, 8_004, row(8_004, json!(null), json!("b"))),
            "constraint",
            "23502",
            "TASK_PUT",
        ),
        (
            change("c", 90_000_006, 8_005, row(8_005, json!(-1), json!("b"))),
            "constraint",
            "23514",
            "TASK_PUT",
        ),
        (
            change(
                "u",
                90_000_007,
                8_006,
                row(8_006, json!(1), json!("__debezium_unavailable_value")),
            ),
            "incomplete",
            "",
            "TASK_PUT",
        ),
    ]
}

#[tokio::test]
async fn ten_bad_records_among_thousands_are_put_aside_alone() {
    let world = World::new("bad", 2).await;
    world
        .db
        .batch_execute("ALTER TABLE t ADD CONSTRAINT positive CHECK (version >= 0)")
        .await
        .unwrap();
    let mut all = events::history(1000, 5);
    let bad = bad();
    for (n, (event, ..)) in bad.iter().enumerate() {
        let event = Event {
            timestamp: Some(1_700_000_000_000 + n as i64),
            ..event.clone()
        };
        all.insert(
            300 + n * 431,
            event
                .on(0)
                .with_header("trace", "t-1")
                .with_header("landfall.reason", "of an earlier round"),
        );
    }
    world.kafka.produce(&world.topic, &all).await;
    let worker = world.catch_up().await;

    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 5")
            .await,
        1000,
        "{}",
        worker.log()
    );
    assert_eq!(world.count("SELECT count(*) FROM t").await, 1000);
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.processed_events")
            .await,
        5000
    );
    audit::assert_forward_only(&world.db).await;

    let letters = world.kafka.read_all(&world.dead_letter_topic()).await;
    assert_eq!(letters.len(), bad.len());
    let mut ids = HashSet::new();
    for (event, reason, sqlstate, stage) in &bad {
        let letter = letters
            .iter()
            .find(|l| l.key() == event.key.as_deref() && l.payload() == event.value.as_deref());
        let letter = letter.unwrap_or_else(|| panic!("no letter for {event:?}"));
        let get = |key: &str| {
            header(letter, key).unwrap_or_else(|| panic!("{reason} {sqlstate}: no header {key}"))
        };
        let offset: i64 = get("__connect.errors.offset").parse().unwrap();
        let original = world.kafka.read_at(&world.topic, 0, offset).await;
        assert_eq!(
            (original.key(), original.payload()),
            (letter.key(), letter.payload()),
            "the offset is the record's own"
        );
        assert_eq!(letter.timestamp(), original.timestamp());
        assert!(matches!(letter.timestamp(), Timestamp::CreateTime(t) if t < 1_700_000_000_010));
        assert_eq!(get("trace"), "t-1", "the record's own headers are kept");
        assert_eq!(get("__connect.errors.topic"), world.topic);
        assert_eq!(get("__connect.errors.partition"), "0");
        assert_eq!(get("__connect.errors.stage"), *stage);
        assert_eq!(
            get("__connect.errors.exception.class.name"),
            format!("landfall.{reason}")
        );
        assert!(!get("__connect.errors.exception.message").is_empty());
        assert_eq!(
            get("landfall.reason"),
            *reason,
            "{:?}",
            get("__connect.errors.exception.message")
        );
        assert_eq!(get("landfall.sqlstate"), *sqlstate);
        assert_eq!(
            get("landfall.table"),
            if *stage == "KEY_CONVERTER" {
                ""
            } else {
                "public.t"
            }
        );
        assert!(get("landfall.attempts").parse::<u32>().unwrap() >= 1);
        let (first, last) = (
            get("landfall.first.failed.at"),
            get("landfall.last.failed.at"),
        );
        assert!(
            first.starts_with("20") && first.ends_with('Z') && first <= last,
            "{first} {last}"
        );
        assert_eq!(get("landfall.group"), world.group());
        assert!(ids.insert(get("landfall.event.id")), "each has its own id");
    }
    assert!(
        !worker.log().contains("not json at all") && !worker.log().contains("seven"),
        "no row value in the log:\n{}",
        worker.log()
    );

    // the group rewound: nothing is put aside twice
    world.kafka.reset(world.group(), &world.topic, 2, 0).await;
    world.catch_up().await;
    assert_eq!(
        world.kafka.read_all(&world.dead_letter_topic()).await.len(),
        bad.len()
    );
}

#[tokio::test]
async fn a_constraint_checked_at_commit_is_found_too() {
    let mut world = World::new("deferred", 1).await;
    world.set("retry", "parent_wait = \"300ms\"");
    let sql = "CREATE TABLE parent (id bigint PRIMARY KEY); INSERT INTO parent SELECT generate_series(1, 100);
               ALTER TABLE t ADD FOREIGN KEY (version) REFERENCES parent DEFERRABLE INITIALLY DEFERRED";
    world.db.batch_execute(sql).await.unwrap();
    let mut all = events::history(200, 2);
    all.insert(123, insert(90_000_000, 9_000, 777));
    world.kafka.produce(&world.topic, &all).await;
    let worker = world.catch_up().await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 2")
            .await,
        200,
        "{}",
        worker.log()
    );
    let letters = world.kafka.read_all(&world.dead_letter_topic()).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(
        header(&letters[0], "landfall.sqlstate").as_deref(),
        Some("23503")
    );
}

#[tokio::test]
async fn an_event_that_was_applied_and_comes_again_is_no_reject_when_its_table_has_changed() {
    let world = World::new("applied_before", 1).await;
    world
        .kafka
        .produce(&world.topic, &[insert(1, 1, 1), insert(2, 2, 1)])
        .await;
    world.catch_up().await;
    let sql = "ALTER TABLE t ALTER COLUMN body TYPE bytea USING convert_to(body, 'UTF8')";
    world.db.batch_execute(sql).await.unwrap();
    world
        .kafka
        .produce(&world.topic, &[insert(1, 1, 1), insert(3, 3, 1)])
        .await;
    world.catch_up().await;
    let letters = world.kafka.read_all(&world.dead_letter_topic()).await;
    let offsets: Vec<_> = letters
        .iter()
        .map(|l| header(l, "__connect.errors.offset"))
        .collect();
    assert_eq!(offsets, [Some("3".to_owned())]);
}
