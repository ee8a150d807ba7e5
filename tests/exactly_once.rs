//! Each event once: whatever is read again, sent again or rewound.

use serde_json::{Value, json};

use crate::support::events::{self, delete, insert, tombstone, update};
use crate::support::proxy::Proxy;
use crate::support::worker::Worker;
use crate::support::{Event, World, audit};

#[tokio::test]
async fn a_history_lands_in_its_final_state() {
    let world = World::new("history", 4).await;
    world
        .kafka
        .produce(&world.topic, &events::history(1000, 5))
        .await;
    let worker = world.catch_up().await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 5 AND body = 'body ' || id || ' 5'")
            .await,
        1000,
        "{}",
        worker.log()
    );
    audit::assert_forward_only(&world.db).await;
    let committed: i64 = world
        .kafka
        .committed(world.group(), &world.topic, 4)
        .await
        .into_iter()
        .flatten()
        .sum();
    assert_eq!(committed, 5000, "every offset is committed");
}

#[tokio::test]
async fn a_group_reset_to_earliest_applies_nothing_twice() {
    let world = World::new("reset", 2).await;
    world
        .kafka
        .produce(&world.topic, &events::history(300, 4))
        .await;
    world.catch_up().await;
    let writes = world.count("SELECT count(*) FROM audit").await;

    world.kafka.reset(world.group(), &world.topic, 2, 0).await;
    let worker = world.run();
    worker.says(&["behind the watermark"]).await;
    // one more event shows that everything before it has been read
    world
        .kafka
        .produce(&world.topic, &[insert(9_000_000, 9_000, 1)])
        .await;
    world
        .until_count("SELECT count(*) FROM t WHERE id = 9000", 1)
        .await;
    crate::support::eventually("all duplicates are counted", async || {
        (worker
            .metric("landfall_events_total", &["outcome=\"duplicate\""])
            .await
            == 1200.0)
            .then_some(())
    })
    .await;
    assert_eq!(world.count("SELECT count(*) FROM audit").await, writes + 1);
    assert_eq!(
        worker
            .metric("landfall_events_total", &["outcome=\"applied\""])
            .await,
        1.0
    );
}

#[tokio::test]
async fn events_sent_again_at_new_offsets_apply_nothing_twice() {
    let world = World::new("resent", 2).await;
    let history = events::history(300, 4);
    world.kafka.produce(&world.topic, &history).await;
    world.catch_up().await;
    let writes = world.count("SELECT count(*) FROM audit").await;
    world.kafka.produce(&world.topic, &history).await;
    world.catch_up().await;
    assert_eq!(world.count("SELECT count(*) FROM audit").await, writes);
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn a_snapshot_over_rows_that_are_there_replaces_them() {
    let world = World::new("snapshot_again", 2).await;
    let snapshot = |version: i64| -> Vec<Event> {
        let row = |id| insert(1000 * version + id, id, version);
        (1..=300).map(row).collect()
    };
    world.kafka.produce(&world.topic, &snapshot(1)).await;
    world.catch_up().await;
    world.kafka.produce(&world.topic, &snapshot(2)).await;
    let worker = world.catch_up().await;
    let replaced = "SELECT count(*) FROM t WHERE version = 2";
    assert_eq!(world.count(replaced).await, 300, "{}", worker.log());
    // what is met is no failure: nothing is taken apart or put aside
    assert!(!worker.log().contains("taken apart"), "{}", worker.log());
    audit::assert_forward_only(&world.db).await;
}

/// A row's life: inserted, deleted, inserted again.
fn life() -> Vec<Event> {
    vec![
        insert(10, 1, 1),
        delete(20, 1),
        tombstone(1),
        insert(30, 1, 2),
    ]
}

#[tokio::test]
async fn insert_delete_tombstone_insert_sent_again_keeps_the_row() {
    let world = World::new("life", 1).await;
    world.kafka.produce(&world.topic, &life()).await;
    world.catch_up().await;
    world.kafka.produce(&world.topic, &life()).await;
    let worker = world.catch_up().await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 2")
            .await,
        1,
        "{}",
        worker.log()
    );
}

#[tokio::test]
async fn a_tombstone_parted_from_its_delete_by_batches_and_restarts_keeps_the_row() {
    let mut world = World::new("parted", 1).await;
    world.set("apply", "batch_rows = 1");
    for event in life().into_iter().chain(life()) {
        world.kafka.produce(&world.topic, &[event]).await;
        world.catch_up().await; // each record in a process of its own
    }
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 2")
            .await,
        1
    );
    assert_eq!(world.count("SELECT count(*) FROM audit").await, 3);
}

#[tokio::test]
async fn a_tombstone_whose_delete_was_compacted_away_deletes_the_row() {
    let world = World::new("lone", 1).await;
    world
        .kafka
        .produce(
            &world.topic,
            &[insert(10, 1, 1), insert(11, 2, 1), tombstone(1)],
        )
        .await;
    world.catch_up().await;
    assert_eq!(world.count("SELECT count(*) FROM t").await, 1);
    assert_eq!(world.count("SELECT count(*) FROM t WHERE id = 2").await, 1);
}

#[tokio::test]
async fn events_of_one_key_in_one_batch_take_effect_in_order() {
    let world = World::new("folded", 1).await;
    let placeholder = |lsn: i64, id: i64, version: i64| {
        let row = serde_json::json!({ "id": id, "version": version, "body": "__debezium_unavailable_value" });
        events::change("u", lsn, id, Some(row))
    };
    let history = [
        insert(10, 1, 1),
        update(11, 1, 2),
        placeholder(12, 1, 3),
        insert(13, 2, 1),
        delete(14, 2),
        tombstone(2),
        insert(15, 3, 1),
        delete(16, 3),
        tombstone(3),
        insert(17, 3, 2),
        insert(18, 4, 1),
    ];
    world.kafka.produce(&world.topic, &history).await;
    world.catch_up().await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE id = 1 AND version = 3 AND body = 'body 1 2'")
            .await,
        1
    );
    assert_eq!(world.count("SELECT count(*) FROM t WHERE id = 2").await, 0);
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE id = 3 AND version = 2")
            .await,
        1
    );
    // and across batches: the large value stays as it was
    world
        .kafka
        .produce(&world.topic, &[placeholder(20, 4, 2)])
        .await;
    world.catch_up().await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE id = 4 AND version = 2 AND body = 'body 4 1'")
            .await,
        1
    );
    assert_eq!(world.count("SELECT count(*) FROM t").await, 3);
}

/// In Connect's wrapper, with its members in another order than JsonConverter's.
fn wrapped(event: &Event) -> Event {
    let wrap = |message: &Option<Vec<u8>>| {
        let payload = String::from_utf8(message.clone()?).unwrap();
        Some(format!("{{ \"payload\": {payload}, \"schema\": null }}").into_bytes())
    };
    Event {
        key: wrap(&event.key),
        value: wrap(&event.value),
        ..event.clone()
    }
}

#[tokio::test]
async fn an_event_in_another_writers_wrapper_is_the_same_event() {
    let world = World::new("other_wrapper", 1).await;
    let events = [insert(10, 1, 1), insert(11, 2, 1), delete(12, 1)];
    let wrapped = events.each_ref().map(wrapped);
    // the delete's tombstone has a key that is written otherwise
    let history = [&wrapped[..], &[tombstone(1), insert(13, 1, 2)], &events].concat();
    world.kafka.produce(&world.topic, &history).await;
    world.catch_up().await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE id = 1 AND version = 2")
            .await,
        1
    );
    assert_eq!(world.count("SELECT count(*) FROM t").await, 2);
}

#[tokio::test]
async fn a_connectors_own_placeholder_leaves_the_column_as_it_was() {
    let mut world = World::new("own_placeholder", 1).await;
    world.set("format", "unavailable_placeholder = \"__toast__\"");
    let row =
        |version: i64, body: &str| serde_json::json!({ "id": 1, "version": version, "body": body });
    let history = [
        insert(10, 1, 1),
        events::change("u", 11, 1, Some(row(2, "__toast__"))),
    ];
    world.kafka.produce(&world.topic, &history).await;
    world.catch_up().await;
    let kept = "SELECT count(*) FROM t WHERE version = 2 AND body = 'body 1 1'";
    assert_eq!(world.count(kept).await, 1);
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_applied_once() {
    let mut world = World::new("lost_answer", 1).await;
    world.set("apply", "batch_rows = 100");
    // version 0 is one that Postgres refuses: its letter must be published once
    world
        .db
        .batch_execute("ALTER TABLE t ADD CHECK (version > 0)")
        .await
        .unwrap();
    let mut history = events::history(500, 2);
    history.insert(50, insert(5_000_000, 5_000, 0));
    world.kafka.produce(&world.topic, &history).await;

    world.migrate().await;
    let proxy = Proxy::start(world.server(), 4).await;
    let through = format!(
        "postgres://postgres@127.0.0.1:{}/{}",
        proxy.port, world.name
    );
    let mut worker = Worker::start(
        &["run", "--until-caught-up"],
        &world.config_file_for(&through),
        &[],
    );
    assert_eq!(worker.wait().await, Some(0), "{}", worker.log());

    assert_eq!(
        proxy.lost.load(std::sync::atomic::Ordering::SeqCst),
        4,
        "four answers were lost:\n{}",
        worker.log()
    );
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 2")
            .await,
        500,
        "{}",
        worker.log()
    );
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.processed_events")
            .await,
        1000
    );
    audit::assert_forward_only(&world.db).await;
    assert_eq!(
        world.kafka.read_all(&world.dead_letter_topic()).await.len(),
        1,
        "the reject is published once"
    );
}

#[tokio::test]
async fn a_destination_restored_to_an_earlier_state_is_caught_up_from_its_own_watermark() {
    let mut world = World::new("restored", 2).await;
    let history = events::history(300, 4);
    world.kafka.produce(&world.topic, &history[..600]).await;
    world.catch_up().await;
    let backup = world.copy_database("backup").await;
    world.kafka.produce(&world.topic, &history[600..]).await;
    world.catch_up().await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 4")
            .await,
        300
    );

    // Kafka's committed offsets are at the end; the restored destination is half-way
    world.use_database(&backup).await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 2")
            .await,
        300
    );
    let worker = world.catch_up().await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 4")
            .await,
        300,
        "{}",
        worker.log()
    );
    worker.says(&["ahead of the watermark"]).await;
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn without_the_ledger_offsets_alone_tell_what_is_applied() {
    let mut world = World::new("offset_mode", 2).await;
    world.set("apply", "idempotency = \"offset\"");
    world
        .kafka
        .produce(&world.topic, &events::history(300, 4))
        .await;
    world.catch_up().await;
    world.kafka.reset(world.group(), &world.topic, 2, 0).await;
    world.catch_up().await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 4")
            .await,
        300
    );
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.processed_events")
            .await,
        0
    );
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn a_log_with_transaction_markers_is_read_to_its_end() {
    let world = World::new("markers", 1).await;
    let history = events::history(100, 3);
    for part in history.chunks(100) {
        world.kafka.produce_in_transaction(&world.topic, part).await;
    }
    // the log ends in a marker, which no watermark passes
    let worker = world.catch_up().await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 3")
            .await,
        100,
        "{}",
        worker.log()
    );
    let worker = world.run();
    crate::support::eventually("there is no lag", async || {
        let told = worker
            .get("/metrics")
            .await
            .1
            .contains("landfall_lag_events{");
        (told && worker.metric("landfall_lag_events", &[]).await == 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_last_of_two_updates_of_one_row_under_two_keys_in_one_batch_wins() {
    let world = World::new("two_keys", 1).await;
    let table = "CREATE TABLE people (id int PRIMARY KEY, uuid text UNIQUE, v text)";
    world.db.batch_execute(table).await.expect("a table");
    let event = |op, lsn, key: Value, v: &str| {
        let row = json!({ "id": 1, "uuid": "u1", "v": v });
        events::change_of("people", op, lsn, key, Some(row))
    };
    let by_uuid = |op, lsn, v| event(op, lsn, json!({ "uuid": "u1" }), v);
    let by_id = |lsn, v| event("u", lsn, json!({ "id": 1 }), v);
    let source_changes_its_key = [
        by_uuid("c", 10, "first"),
        by_uuid("u", 20, "second"),
        by_id(30, "third"),
        by_uuid("u", 40, "fourth"),
        by_id(50, "fifth"),
    ];
    for (read, last) in [(2, "second"), (3, "third"), (5, "fifth"), (5, "fifth")] {
        let events = &source_changes_its_key[..read];
        world.kafka.produce(&world.topic, events).await;
        let worker = world.catch_up().await;
        let sql = format!("SELECT count(*) FROM people WHERE v = '{last}'");
        assert_eq!(world.count(&sql).await, 1, "{last}: {}", worker.log());
    }
}
