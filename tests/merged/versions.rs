//! Rows with a column that tells their versions apart: an older version never overwrites a newer one.

use serde_json::json;

use crate::merged::{merged_world, placed, with};
use crate::support::{Event, World, audit};

/// Two topics whose events tell no position, and a column for versions.
async fn versioned_world(test: &str) -> World {
    let mut world = merged_world(test, 2, 1).await;
    world.set("[route]", "version = \"version\"");
    world
}

/// An event that tells no position at its source.
fn blind(op: &str, id: i64, version: i64, place: &str) -> Event {
    with(placed(op, 1, id, version, place), |value| {
        value["source"]["lsn"] = json!(null);
    })
}

async fn land(world: &World, topic: usize, events: &[Event]) {
    world.kafka.produce(&world.topics[topic], events).await;
    world.catch_up().await;
}

#[tokio::test]
async fn an_older_version_never_overwrites_a_newer_one_whatever_brings_it() {
    let world = versioned_world("versions").await;
    // numbers, not texts: 10 is more than 9
    land(
        &world,
        0,
        &[
            blind("c", 1, 9, "a"),
            blind("u", 1, 10, "a"),
            blind("c", 2, 5, "a"),
        ],
    )
    .await;
    land(
        &world,
        1,
        &[
            blind("u", 1, 9, "b"),
            blind("u", 2, 6, "b"),
            blind("u", 2, 4, "b"),
        ],
    )
    .await;
    assert_eq!(world.rows().await, ["1 10 a", "2 6 b"]);
    // in one partition as well
    land(
        &world,
        1,
        &[
            blind("u", 2, 5, "b"),
            blind("u", 1, 11, "b"),
            blind("u", 1, 8, "b"),
        ],
    )
    .await;
    assert_eq!(world.rows().await, ["1 11 b", "2 6 b"]);
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn what_is_in_the_destination_counts_whoever_wrote_it() {
    let world = versioned_world("versions_there").await;
    world
        .sql("INSERT INTO t VALUES (1, 7, 'by hand'), (2, 3, 'by hand')")
        .await;
    land(&world, 0, &[blind("u", 1, 6, "a"), blind("u", 2, 4, "a")]).await;
    assert_eq!(world.rows().await, ["1 7 by hand", "2 4 a"]);
}

#[tokio::test]
async fn a_row_that_was_deleted_does_not_come_back_by_an_older_version() {
    let world = versioned_world("versions_gone").await;
    land(&world, 0, &[blind("c", 1, 3, "a"), blind("d", 1, 3, "a")]).await;
    land(&world, 1, &[blind("u", 1, 2, "b")]).await;
    assert!(world.rows().await.is_empty());
    // a delete of a version that has been overtaken removes nothing
    land(&world, 1, &[blind("c", 1, 5, "b")]).await;
    land(&world, 0, &[blind("d", 1, 4, "a")]).await;
    assert_eq!(world.rows().await, ["1 5 b"]);
}

#[tokio::test]
async fn a_value_that_is_no_version_is_a_letter_and_the_others_are_compared_all_the_same() {
    let mut world = versioned_world("versions_wrong").await;
    world.set("dead_letter.breaker", "ratio = 1.0");
    let wrong = with(blind("u", 2, 1, "a"), |value| {
        value["after"]["version"] = json!("no version");
    });
    land(
        &world,
        0,
        &[blind("c", 1, 3, "a"), wrong, blind("u", 1, 2, "a")],
    )
    .await;
    assert_eq!(world.rows().await, ["1 3 a"]);
    assert_eq!(world.letters().await, ["2 value parked"]);
}

#[tokio::test]
async fn versions_put_in_order_what_two_sources_write_into_one_row() {
    let world = versioned_world("versions_sources").await;
    let of_second = |event| with(event, |value| value["source"]["name"] = json!("second"));
    land(&world, 0, &[placed("c", 100, 1, 3, "a")]).await;
    land(&world, 1, &[of_second(placed("u", 10, 1, 2, "b"))]).await;
    assert_eq!(world.rows().await, ["1 3 a"]);
    land(&world, 1, &[of_second(placed("u", 11, 1, 4, "b"))]).await;
    land(&world, 0, &[placed("u", 101, 1, 3, "a")]).await;
    assert_eq!(world.rows().await, ["1 4 b"]);
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn versions_are_compared_as_the_column_rounds_them() {
    let world = versioned_world("versions_rounded").await;
    world
        .sql("ALTER TABLE t ALTER version TYPE numeric(6,0)")
        .await;
    let version = |event, float: f64| {
        with(event, move |value| {
            value["after"]["version"] = json!(float);
        })
    };
    // the column holds 9 as 8.6 is landed, which was a float: a decimal is never rounded
    land(&world, 0, &[version(blind("c", 1, 0, "a"), 8.6)]).await;
    land(&world, 1, &[version(blind("u", 1, 0, "b"), 8.9)]).await;
    assert_eq!(world.rows().await, ["1 9 b"]);
}
