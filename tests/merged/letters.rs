//! Dead letters of rows that come through several partitions.

use serde_json::json;

use crate::commands::done;
use crate::merged::{merged_world, placed, with};
use crate::support::{Event, World, audit};

async fn world(test: &str) -> World {
    let mut world = merged_world(test, 2, 1).await;
    world.set("dead_letter.breaker", "ratio = 1.0");
    world
        .sql("ALTER TABLE t ADD CONSTRAINT not_bad CHECK (body <> 'bad')")
        .await;
    world
}

/// A change that its table refuses until it is mended.
fn bad(op: &str, lsn: i64, id: i64, version: i64) -> Event {
    placed(op, lsn, id, version, "bad")
}

async fn land(world: &World, topic: usize, events: &[Event]) {
    world.kafka.produce(&world.topics[topic], events).await;
    world.catch_up().await;
}

async fn mend(world: &World) {
    world.sql("ALTER TABLE t DROP CONSTRAINT not_bad").await;
}

#[tokio::test]
async fn a_letter_that_comes_before_what_was_landed_is_superseded_when_it_is_replayed() {
    let world = world("merged_old_letter").await;
    land(&world, 0, &[placed("c", 10, 1, 1, "a")]).await;
    land(&world, 1, &[bad("u", 20, 1, 2)]).await;
    land(&world, 0, &[placed("u", 30, 1, 3, "a")]).await;
    // one that comes late is none of the table's business
    land(&world, 1, &[bad("u", 25, 1, 2)]).await;
    assert_eq!(world.letters().await.len(), 1);
    mend(&world).await;
    let answer = done(&world, "dlq replay").text;
    assert!(answer.contains("superseded 1"), "{answer}");
    assert_eq!(world.rows().await, ["1 3 a"]);
    let letters = world.letters().await;
    assert!(letters[0].ends_with(" superseded"), "{letters:?}");
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn a_letter_moves_nothing_until_it_is_replayed_and_then_what_is_older_stays_out() {
    let world = world("merged_letter_moves").await;
    land(&world, 0, &[placed("c", 10, 1, 1, "a")]).await;
    land(&world, 1, &[bad("u", 30, 1, 3)]).await;
    // older than the letter, and it came later: it is the newest there is until the letter is in
    land(&world, 0, &[placed("u", 20, 1, 2, "a")]).await;
    assert_eq!(world.rows().await, ["1 2 a"]);
    mend(&world).await;
    assert_eq!(done(&world, "dlq replay").text, "replayed 1\n");
    assert_eq!(world.rows().await, ["1 3 bad"]);
    land(&world, 0, &[placed("u", 25, 1, 2, "a")]).await;
    assert_eq!(world.rows().await, ["1 3 bad"]);
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn of_a_batch_that_is_taken_apart_only_what_was_written_is_recorded() {
    let world = world("merged_apart").await;
    let first = [
        placed("c", 10, 1, 1, "a"),
        bad("u", 30, 1, 3),
        bad("c", 11, 2, 1),
        placed("c", 12, 3, 1, "a"),
    ];
    land(&world, 0, &first).await;
    assert_eq!(world.rows().await, ["1 1 a", "3 1 a"]);
    let recorded = world
        .count("SELECT count(*) FROM landfall.row_positions")
        .await;
    assert_eq!(recorded, 2, "nothing of the row that only has a letter");
    let second = [placed("u", 20, 1, 2, "b"), placed("c", 9, 2, 0, "b")];
    land(&world, 1, &second).await;
    assert_eq!(world.rows().await, ["1 2 b", "2 0 b", "3 1 a"]);
    mend(&world).await;
    assert_eq!(done(&world, "dlq replay").text, "replayed 2\n");
    assert_eq!(world.rows().await, ["1 3 bad", "2 1 bad", "3 1 a"]);
}

#[tokio::test]
async fn a_partial_change_that_comes_late_stays_out_and_one_in_time_leaves_the_rest() {
    let world = merged_world("merged_partial", 2, 1).await;
    let partial = |lsn, version| {
        with(placed("u", lsn, 1, version, "x"), |value| {
            value["after"]["body"] = json!("__debezium_unavailable_value");
        })
    };
    land(&world, 0, &[placed("c", 10, 1, 1, "a")]).await;
    land(&world, 1, &[partial(30, 3)]).await;
    assert_eq!(world.rows().await, ["1 3 a"]);
    land(&world, 0, &[partial(20, 2)]).await;
    assert_eq!(world.rows().await, ["1 3 a"]);
}
