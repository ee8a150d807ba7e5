//! What `landfall check` finds by what the ledger has: what a worker would stop at, and what order rests on.

use serde_json::json;

use super::{check, codes, objects, table, topic};
use crate::merged::{merged_world, placed, with};
use crate::support::{World, events};

fn warned(out: &str) -> Vec<String> {
    codes(&objects(out), "warning")
}

#[tokio::test]
async fn events_that_kafka_has_deleted_unseen_are_a_problem_with_the_words_that_run_has_for_it() {
    let world = World::new("ledger_deleted", 1).await;
    let records = events::history(20, 1);
    world.kafka.produce(&world.topic, &records[..10]).await;
    world.catch_up().await;
    world.kafka.produce(&world.topic, &records[10..]).await;
    let (code, out, err) = check(&world.config_file(), &["--json"]);
    assert_eq!(code, Some(0), "{out}{err}");

    world.kafka.delete_records(&world.topic, 15).await;
    let (code, out, _) = check(&world.config_file(), &["--json"]);

    assert_eq!(code, Some(1), "{out}");
    assert_eq!(
        codes(&objects(&out), "problem"),
        ["events_deleted"],
        "{out}"
    );
    assert!(out.contains("5 events never reached Landfall"), "{out}");
}

#[tokio::test]
async fn a_key_whose_type_was_altered_is_a_problem_where_positions_are_kept_by_it() {
    let world = merged_world("ledger_key", 2, 1).await;
    for (topic, place) in world.topics.iter().zip(["1", "2"]) {
        world
            .kafka
            .produce(topic, &[placed("c", 10, 1, 1, place)])
            .await;
    }
    world.catch_up().await;
    let (_, out, _) = check(&world.config_file(), &["--json"]);
    assert_eq!(codes(&objects(&out), "problem"), [""; 0], "{out}");

    table(
        &world,
        "DROP TRIGGER note ON t; ALTER TABLE t ALTER id TYPE text",
    )
    .await;
    let (code, out, _) = check(&world.config_file(), &["--json"]);

    assert_eq!(code, Some(1), "{out}");
    assert_eq!(codes(&objects(&out), "problem"), ["key_altered"], "{out}");
    assert!(out.contains("landfall forget --topic"), "{out}");
}

#[tokio::test]
async fn a_topic_that_leads_to_a_table_with_rows_of_another_is_a_warning_before_it_is_landed() {
    let mut world = World::new("ledger_late", 1).await;
    world
        .kafka
        .produce(&world.topic, &events::history(2, 1))
        .await;
    world.catch_up().await;
    let (_, out, _) = check(&world.config_file(), &["--json"]);
    assert!(!warned(&out).contains(&"merged_late".to_owned()), "{out}");

    let row = json!({ "id": 7, "version": 1, "body": "b" });
    let other = events::change_of("t", "c", 9, json!({ "id": 7 }), Some(row));
    topic(&mut world, "t_of_late", &[other]).await;
    let (_, out, _) = check(&world.config_file(), &["--json"]);
    assert!(warned(&out).contains(&"merged_late".to_owned()), "{out}");
}

#[tokio::test]
async fn a_topic_that_grew_unevenly_and_keys_in_two_partitions_are_warnings() {
    let world = World::new("ledger_grown", 2).await;
    let on = |partition: i32, lsn: i64| events::insert(lsn, lsn, 1).on(partition);
    world
        .kafka
        .produce(&world.topic, &[on(0, 1), on(1, 2)])
        .await;
    world.catch_up().await;
    world.kafka.grow_topic(&world.topic, 4).await;
    let (_, out, _) = check(&world.config_file(), &["--json"]);
    let told = |out: &str, code: &str| warned(out).contains(&code.to_owned());
    assert!(
        !told(&out, "partitions_uneven") && !told(&out, "keys_spread"),
        "{out}"
    );

    world.kafka.grow_topic(&world.topic, 5).await;
    let moved = events::update(5, 1, 2).on(4);
    world.kafka.produce(&world.topic, &[moved]).await;
    let (_, out, _) = check(&world.config_file(), &["--json"]);
    assert!(
        told(&out, "partitions_uneven") && told(&out, "keys_spread"),
        "{out}"
    );
}

#[tokio::test]
async fn events_without_a_place_in_their_sources_stream_are_a_warning_while_ids_are_kept() {
    let mut world = World::new("ledger_streams", 1).await;
    let placeless = with(events::insert(1, 1, 1), |value| {
        value["source"]["sequence"] = json!(null);
    });
    world.kafka.produce(&world.topic, &[placeless]).await;
    let (code, out, err) = check(&world.config_file(), &["--json"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(warned(&out).contains(&"streams_untold".to_owned()), "{out}");
    world.set("apply", "idempotency = \"offset\"");
    let (_, out, _) = check(&world.config_file(), &["--json"]);
    assert!(
        !warned(&out).contains(&"streams_untold".to_owned()),
        "{out}"
    );
}

#[tokio::test]
async fn a_truncate_of_a_table_that_two_topics_lead_to_and_a_real_that_rounds_are_told() {
    let mut world = World::new("ledger_truncate", 1).await;
    world.set("apply", "truncates = true");
    table(&world, "ALTER TABLE t ADD f real").await;
    let row = |f: f64| json!({ "id": 1, "version": 1, "body": "b", "f": f });
    let emptied = with(events::change("t", 3, 1, None), |value| {
        value["before"] = json!(null);
    });
    let insert = |lsn, f| events::change("c", lsn, 1, Some(row(f)));
    world
        .kafka
        .produce(&world.topic, &[insert(1, 0.1), emptied])
        .await;
    let (code, out, err) = check(&world.config_file(), &["--json"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(!out.contains("floats_rounded"), "{out}");

    topic(&mut world, "t_beside", &[insert(5, 0.123_456_789_012)]).await;
    let (code, out, err) = check(&world.config_file(), &["--json"]);
    assert_eq!(code, Some(1), "{out}{err}");
    assert_eq!(
        codes(&objects(&out), "problem"),
        ["truncates_unordered"],
        "{out}"
    );
    assert!(warned(&out).contains(&"floats_rounded".to_owned()), "{out}");
}
