//! Tables in which every change is a row: each exactly once, in the order in which they came.

use serde_json::json;

use crate::commands::{done, landfall};
use crate::shaped::{event, land, shaped_world};
use crate::support::World;
use crate::support::events::{Event, change, delete, history, partial, tombstone};

const COLUMNS: &str = "seq bigserial, id bigint, version bigint, body text, op text";

/// An audit trail without any index.
async fn trail(test: &str) -> World {
    let mut world = shaped_world(test, COLUMNS, "write = \"append\"").await;
    world.set("route.lineage", "op = \"op\"");
    world
}

async fn rows(world: &World) -> Vec<String> {
    world
        .texts("SELECT concat_ws(' ', op, id, version, coalesce(body, '-')) FROM s ORDER BY seq")
        .await
}

fn row(op: &str, lsn: i64, id: i64, version: i64) -> Event {
    event(
        op,
        lsn,
        json!({ "id": id, "version": version, "body": "b" }),
    )
}

#[tokio::test]
async fn every_change_of_a_batch_is_a_row_in_its_order_and_none_is_folded() {
    let world = trail("append").await;
    land(
        &world,
        &[
            row("c", 1, 7, 1),
            row("u", 2, 7, 2),
            row("c", 3, 1, 1),
            row("d", 4, 7, 2),
            tombstone(7),
            row("c", 5, 7, 3),
            partial(6, 7, 4),
            delete(7, 1),
            row("r", 8, 9, 1),
            tombstone(9),
        ],
    )
    .await;
    assert_eq!(
        rows(&world).await,
        [
            "create 7 1 b",
            "update 7 2 b",
            "create 1 1 b",
            "delete 7 2 b",
            "create 7 3 b",
            "update 7 4 -", // what it leaves out isn't guessed
            "delete 1 -",   // it tells no more than its key
            "read 9 1 b",
        ]
    );
    assert_eq!(world.letters().await, [""; 0]);
}

#[tokio::test]
async fn a_batch_that_is_sent_twice_is_appended_once() {
    let world = trail("append_twice").await;
    let events = history(50, 3);
    land(&world, &events).await;
    land(&world, &events).await;
    assert_eq!(world.count("SELECT count(*) FROM s").await, 150);
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.processed_events")
            .await,
        150
    );
}

async fn crash_at(seam: &str) {
    let mut world = trail(&format!("append_{seam}")).await;
    world.set("apply", "batch_rows = 100");
    world.kafka.produce(&world.topic, &history(200, 3)).await;
    let worker = world.run_until(seam, 2).await_seam(seam).await;
    worker.kill().await;
    world.catch_up().await;
    assert_eq!(world.count("SELECT count(*) FROM s").await, 600);
    let each = "SELECT count(DISTINCT (id, version)) FROM s";
    assert_eq!(world.count(each).await, 600);
    let out_of_order = "SELECT count(*) FROM (SELECT version < lag(version) OVER (PARTITION BY id ORDER BY seq) AS back
                        FROM s) x WHERE back";
    assert_eq!(world.count(out_of_order).await, 0);
}

#[tokio::test]
async fn a_crash_between_commit_and_offset_commit_appends_once() {
    crash_at("after_commit").await;
}

#[tokio::test]
async fn a_crash_before_commit_appends_once() {
    crash_at("before_commit").await;
}

#[tokio::test]
async fn refused_rows_are_found_without_doubling_others_and_hold_up_none_of_their_key() {
    let world = trail("append_refused").await;
    world
        .sql("ALTER TABLE s ADD CHECK (version NOT IN (3, 5))")
        .await;
    let events: Vec<Event> = (1..=8)
        .flat_map(|version| {
            [
                row("u", version * 10, 1, version),
                row("u", version * 10 + 1, 2, version),
            ]
        })
        .collect();
    land(&world, &events).await;
    let count = "SELECT count(*) FROM s";
    assert_eq!(world.count(count).await, 12);
    assert_eq!(
        world
            .count("SELECT count(DISTINCT (id, version)) FROM s")
            .await,
        12
    );
    // later events of the key neither made them obsolete nor were put behind them
    assert_eq!(world.letters().await.len(), 4);
    let states = "SELECT DISTINCT state || ' ' || reason FROM landfall.dead_letters";
    assert_eq!(world.texts(states).await, ["parked constraint"]);
    // each of them goes in by itself, a later one before an earlier one
    let last = "SELECT max(id) FROM landfall.dead_letters";
    let last = world.count(last).await;
    world
        .sql("ALTER TABLE s DROP CONSTRAINT s_version_check")
        .await;
    done(&world, &format!("dlq replay --id {last}"));
    assert_eq!(world.count(count).await, 13);
    done(&world, "dlq replay");
    done(&world, "dlq replay");
    assert_eq!(world.count(count).await, 16);
    assert_eq!(
        world
            .count("SELECT count(DISTINCT (id, version)) FROM s")
            .await,
        16
    );
}

#[tokio::test]
async fn records_without_a_key_are_appended_each_once_though_they_say_the_same() {
    let mut world = trail("append_keyless").await;
    let keyless = |lsn| {
        let mut event = row("c", lsn, 1, 1);
        event.key = None;
        event
    };
    // rows that one COPY wrote have one position at their source
    world.set("apply", "batch_rows = 2");
    world
        .kafka
        .produce(&world.topic, &[keyless(5), keyless(5), keyless(5)])
        .await;
    let worker = world
        .run_until("after_commit", 1)
        .await_seam("after_commit")
        .await;
    worker.kill().await;
    world.catch_up().await;
    assert_eq!(rows(&world).await, ["create 1 1 b"; 3]);
}

#[tokio::test]
async fn a_letter_of_a_record_without_a_key_that_tells_anything_is_replayed_as_the_one_row_that_it_is()
 {
    let world = trail("append_keyless_letter").await;
    world.sql("ALTER TABLE s ADD CHECK (version <> 2)").await;
    let keyless = |lsn, version| {
        let mut event = row("c", lsn, 1, version);
        event.key = Some(b"no object".to_vec());
        event
    };
    land(&world, &[keyless(5, 1), keyless(6, 2), keyless(7, 3)]).await;
    assert_eq!(rows(&world).await.len(), 2);
    world
        .sql("ALTER TABLE s DROP CONSTRAINT s_version_check")
        .await;
    done(&world, "dlq replay");
    assert_eq!(rows(&world).await.len(), 3);
}

#[tokio::test]
async fn a_table_without_an_index_is_no_problem_to_check_and_an_insert_is_all_that_is_asked_of_the_role()
 {
    let world = trail("append_check").await;
    world
        .kafka
        .produce(&world.topic, &[row("c", 1, 1, 1), change("d", 2, 1, None)])
        .await;
    let check = landfall(&world, "check");
    assert_eq!(check.code, Some(0), "{}", check.text);
    assert!(!check.text.contains("unique index"), "{}", check.text);
}

#[tokio::test]
async fn a_field_of_the_records_key_may_be_left_out_or_masked_where_it_tells_no_rows_apart() {
    let mut world = shaped_world(
        "append_shaped",
        "seq bigserial, version bigint, who text",
        "write = \"append\"\nexclude = [\"id\"]\nmask = { body = \"hidden\" }\nrename = { body = \"who\" }",
    )
    .await;
    world.set("apply", "deletes = false"); // of tables whose rows are removed
    land(
        &world,
        &[row("c", 1, 7, 1), row("u", 2, 7, 2), row("d", 3, 7, 2)],
    )
    .await;
    assert_eq!(
        world.shaped_rows("seq").await,
        ["(1,1,hidden)", "(2,2,hidden)", "(3,2,hidden)"]
    );
}

#[tokio::test]
async fn a_triggers_actions_are_appended_once_each_without_any_key() {
    let mut world = trail("append_trigger").await;
    world.set("[route]", "envelope = \"trigger\"");
    let action = |id: i64, word: &str, version: i64| {
        let value =
            json!({ "action_id": id, "id": 7, "version": version, "body": "b", "action": word });
        Event {
            value: Some(value.to_string().into_bytes()),
            ..Event::default()
        }
    };
    let actions = [
        action(1, "INSERT", 1),
        action(2, "UPDATE", 2),
        action(3, "DELETE", 2),
    ];
    land(&world, &actions).await;
    land(&world, &actions).await;
    assert_eq!(
        rows(&world).await,
        ["create 7 1 b", "update 7 2 b", "delete 7 2 b"]
    );
}

#[tokio::test]
async fn a_trail_that_makes_itself_has_no_key_and_takes_what_events_leave_out() {
    let mut world = shaped_world("append_create", "x int", "write = \"append\"").await;
    world.sql("DROP TABLE s").await;
    world.set("[route]", "schema_evolution = \"create\"");
    world.set("route.lineage", "op = \"op\"");
    let schema = json!({ "type": "struct", "fields": [
        { "type": "int64", "optional": false, "field": "id" },
        { "type": "int64", "optional": false, "field": "version" },
        { "type": "string", "optional": true, "field": "body" }]});
    let envelope = json!({ "type": "struct", "fields": [
        { "type": "struct", "optional": true, "field": "after", "fields": schema["fields"] },
        { "type": "struct", "optional": true, "field": "before", "fields": schema["fields"] }]});
    let with_schema = |mut event: Event| {
        let payload: serde_json::Value =
            serde_json::from_slice(event.value.as_ref().unwrap()).unwrap();
        let value = json!({ "schema": envelope, "payload": payload });
        event.value = Some(value.to_string().into_bytes());
        let key: serde_json::Value = serde_json::from_slice(event.key.as_ref().unwrap()).unwrap();
        let of_key = json!({ "type": "struct", "fields": [schema["fields"][0]] });
        let key = json!({ "schema": of_key, "payload": key });
        event.key = Some(key.to_string().into_bytes());
        event
    };
    let events = [
        row("c", 1, 7, 1),
        row("u", 2, 7, 2),
        change("d", 3, 7, None),
    ];
    land(&world, &events.map(with_schema)).await;
    let rows = "SELECT concat_ws(' ', op, id, version) FROM s ORDER BY version NULLS LAST";
    assert_eq!(
        world.texts(rows).await,
        ["create 7 1", "update 7 2", "delete 7"]
    );
}

#[tokio::test]
async fn a_delete_has_nothing_of_what_its_connector_fills_up_unless_whole_rows_are_logged() {
    let mut world = shaped_world(
        "append_told",
        "seq bigserial, id bigint, version bigint, body text, op text",
        "write = \"append\"",
    )
    .await;
    world.set("route.lineage", "op = \"op\"");
    // as Debezium writes it of REPLICA IDENTITY DEFAULT
    let filled_up = |lsn| event("d", lsn, json!({ "id": 7, "version": 0, "body": null }));
    land(&world, &[row("c", 1, 7, 5), filled_up(2)]).await;
    assert_eq!(rows(&world).await, ["create 7 5 b", "delete 7 -"]);
    world.set("[route]", "whole_rows = true");
    land(&world, &[filled_up(3)]).await;
    assert_eq!(rows(&world).await[2..], ["delete 7 0 -"]);
}

#[tokio::test]
async fn a_flat_rows_tombstone_is_its_delete_and_a_row_of_its_own_once() {
    let mut world = trail("append_flat").await;
    world.set("[route]", "envelope = \"flat\"");
    let flat = |id: i64, deleted: bool| Event {
        key: Some(json!({ "id": id }).to_string().into_bytes()),
        value: Some(
            json!({ "id": id, "version": 1, "body": "b", "__deleted": deleted.to_string() })
                .to_string()
                .into_bytes(),
        ),
        ..Event::default()
    };
    // the second one belongs to the delete before it, the third one has no row
    let keyless = Event::default();
    let events = [
        flat(1, false),
        tombstone(1),
        flat(2, true),
        tombstone(2),
        keyless,
    ];
    world.set("apply", "batch_rows = 3");
    world.kafka.produce(&world.topic, &events).await;
    let worker = world
        .run_until("after_commit", 1)
        .await_seam("after_commit")
        .await;
    worker.kill().await;
    world.catch_up().await;
    assert_eq!(
        rows(&world).await,
        ["update 1 1 b", "delete 1 -", "delete 2 1 b"]
    );
    assert_eq!(world.letters().await, [""; 0]);
}

#[tokio::test]
async fn a_letter_that_could_not_be_read_is_no_second_row_once_its_source_has_sent_it_again() {
    let mut world = trail("append_sent_again").await;
    world.set("dead_letter.breaker", "ratio = 1.0");
    let flat = |lsn: i64| {
        Event {
        key: Some(json!({ "id": lsn }).to_string().into_bytes()),
        value: Some(
            json!({ "id": lsn, "version": 1, "body": "b", "__op": "c", "__lsn": lsn, "__source_ts_ms": 1_793_491_200_000_i64 })
                .to_string()
                .into_bytes(),
        ),
        ..Event::default()
    }
    };
    land(&world, &[flat(1), flat(2)]).await;
    assert_eq!(world.letters().await.len(), 2);
    world.set("[route]", "envelope = \"flat\"");
    land(&world, &[flat(1)]).await;
    done(&world, "dlq replay");
    // nor where it is sent again behind its replay
    land(&world, &[flat(2)]).await;
    assert_eq!(rows(&world).await, ["create 1 1 b", "create 2 1 b"]);
}
