//! Columns that are called otherwise than the events' fields, and are meant all the same.

use serde_json::json;

use crate::shaped::{event, land, shaped_world};
use crate::support::events::change;

#[tokio::test]
async fn names_in_another_case_or_adjusted_for_avro_find_their_column() {
    let world = shaped_world(
        "shape_names",
        "id bigint PRIMARY KEY, createdat text, \"unit-price\" text, \"2nd\" text",
        "",
    )
    .await;
    let row = json!({ "id": 1, "createdAt": "a", "unit_price": "b", "_2nd": "c" });
    land(&world, &[event("c", 1, row)]).await;
    assert_eq!(world.shaped_rows("id").await, ["(1,a,b,c)"]);
    let keyed = change("d", 2, 1, None);
    land(&world, &[keyed]).await;
    assert!(world.shaped_rows("id").await.is_empty());
}

#[tokio::test]
async fn a_name_that_may_mean_two_columns_holds_up_its_partition_until_the_route_says_which() {
    let mut world = shaped_world(
        "shape_names_two",
        "id bigint PRIMARY KEY, \"Name\" text, \"name\" text",
        "",
    )
    .await;
    world.migrate().await;
    let events = [event("c", 1, json!({ "id": 1, "NAME": "a" }))];
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.run();
    worker.says(&["has several columns that NAME"]).await;
    worker.stop().await;
    world.set("[route]", "rename = { NAME = \"name\" }");
    world.catch_up().await;
    assert_eq!(world.shaped_rows("id").await, ["(1,,a)"]);
    let letters = "SELECT count(*) FROM landfall.dead_letters";
    assert_eq!(world.count(letters).await, 0);
}
