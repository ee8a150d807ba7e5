//! Facts about the event in columns of its row.

use serde_json::json;

use crate::shaped::{event, land, shaped_world};

#[tokio::test]
async fn each_fact_is_in_its_column_and_follows_the_rows_last_event() {
    let mut world = shaped_world(
        "shape_lineage",
        "id bigint PRIMARY KEY, topic_name text, part int, at_offset bigint, op text, place text, changed timestamptz,
         applied timestamp, origin text",
        "",
    )
    .await;
    for fact in [
        "topic = \"topic_name\"",
        "partition = \"part\"",
        "offset = \"at_offset\"",
        "op = \"op\"",
        "source_position = \"place\"",
        "source_time = \"changed\"",
        "applied_at = \"applied\"",
        "static = { origin = \"shop\" }",
    ] {
        world.set("route.lineage", fact);
    }
    let row = json!({ "id": 1 });
    land(&world, &[event("c", 40, row.clone())]).await;
    let facts = "SELECT concat_ws(' ', id, topic_name = current_database() || '.public.t', part, at_offset, op, place,
                        to_char(changed AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS'), origin,
                        applied > now() AT TIME ZONE 'UTC' - interval '5 min') FROM s";
    assert_eq!(
        world.texts(facts).await,
        ["1 t 0 0 create 40:4 2026-11-01 00:00:00.040 shop t"]
    );
    land(&world, &[event("u", 57, row)]).await;
    assert_eq!(
        world.texts(facts).await,
        ["1 t 0 1 update 57:5 2026-11-01 00:00:00.057 shop t"]
    );
}

#[tokio::test]
async fn an_event_that_is_sent_again_is_recognised_though_its_facts_are_others() {
    let mut world = shaped_world(
        "shape_lineage_again",
        "id bigint PRIMARY KEY, at_offset bigint",
        "",
    )
    .await;
    world.set("route.lineage", "offset = \"at_offset\"");
    let sent = event("c", 40, json!({ "id": 1 }));
    land(&world, std::slice::from_ref(&sent)).await;
    land(&world, &[sent]).await;
    assert_eq!(world.shaped_rows("id").await, ["(1,0)"]);
    let ids = "SELECT count(*) FROM landfall.processed_events";
    assert_eq!(world.count(ids).await, 1);
}
