//! Columns that are left out, and those that are called otherwise.

use serde_json::json;

use crate::commands::done;
use crate::shaped::{event, land, shaped_world};
use crate::support::events::{change, tombstone};

#[tokio::test]
async fn a_renamed_key_is_found_by_events_deletes_and_tombstones() {
    let world = shaped_world(
        "shape_rename",
        "number bigint PRIMARY KEY, details text",
        "rename = { id = \"number\", meta = \"details\" }",
    )
    .await;
    let rows = |id, meta| event("c", id, json!({ "id": id, "meta": meta }));
    land(
        &world,
        &[rows(1, "a"), rows(2, "b"), rows(3, "c"), rows(4, "d")],
    )
    .await;
    assert_eq!(
        world.shaped_rows("number").await,
        ["(1,a)", "(2,b)", "(3,c)", "(4,d)"]
    );
    land(
        &world,
        &[
            event("u", 11, json!({ "id": 1, "meta": "a2" })),
            change("d", 12, 2, None),
            tombstone(2),
            tombstone(3),
        ],
    )
    .await;
    assert_eq!(world.shaped_rows("number").await, ["(1,a2)", "(4,d)"]);
    // in its own log position: what came before is recognised
    land(&world, &[rows(4, "d")]).await;
    assert_eq!(world.shaped_rows("number").await, ["(1,a2)", "(4,d)"]);
}

#[tokio::test]
async fn a_routed_key_that_changes_is_looked_for_under_its_columns_name() {
    let world = shaped_world(
        "shape_rename_routed",
        "code text PRIMARY KEY, n bigint",
        "key = [\"name\"]\nrename = { name = \"code\", id = \"n\" }",
    )
    .await;
    let with_before = |mut event: crate::support::Event, name: &str| {
        let mut value: serde_json::Value =
            serde_json::from_slice(event.value.as_ref().unwrap()).unwrap();
        value["before"] = json!({ "id": 1, "name": name });
        event.value = Some(value.to_string().into_bytes());
        event
    };
    land(
        &world,
        &[
            event("c", 1, json!({ "id": 1, "name": "a" })),
            with_before(event("u", 2, json!({ "id": 1, "name": "b" })), "a"),
        ],
    )
    .await;
    assert_eq!(world.shaped_rows("n").await, ["(b,1)"]);
}

#[tokio::test]
async fn only_the_columns_that_are_named_are_written_and_the_table_needs_no_others() {
    let world = shaped_world(
        "shape_columns",
        "id bigint PRIMARY KEY, status text",
        "columns = [\"id\", \"status\"]",
    )
    .await;
    land(
        &world,
        &[event(
            "c",
            1,
            json!({ "id": 1, "status": "new", "note": "n", "size": 3 }),
        )],
    )
    .await;
    assert_eq!(world.shaped_rows("id").await, ["(1,new)"]);
    let check = done(&world, "check");
    assert!(!check.text.contains("note"), "{}", check.text);
}

#[tokio::test]
async fn excluding_the_records_key_is_a_set_up_error_and_nothing_becomes_a_letter() {
    let mut world = shaped_world(
        "shape_exclude_key",
        "id bigint PRIMARY KEY, status text",
        "exclude = [\"id\"]",
    )
    .await;
    world.migrate().await;
    let events = [event("c", 1, json!({ "id": 1, "status": "new" }))];
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.run();
    worker
        .says(&["exclude of the [[route]] leaves out id"])
        .await;
    worker.stop().await;
    let letters = "SELECT count(*) FROM landfall.dead_letters";
    assert_eq!(world.count(letters).await, 0);
    // set right, it goes on where it stood
    world.settings.remove("[route]");
    world.set("[route]", "topic = \".*\"\ntable = \"public.s\"");
    world.catch_up().await;
    assert_eq!(world.shaped_rows("id").await, ["(1,new)"]);
}
