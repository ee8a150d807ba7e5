//! Large values that changes leave out, of rows that come through several partitions.

use serde_json::json;

use crate::commands::done;
use crate::merged::{merged_world, placed, with};
use crate::support::{Event, World, audit};

/// An update that leaves out `body`.
fn partial(lsn: i64, version: i64) -> Event {
    with(placed("u", lsn, 1, version, "x"), |value| {
        value["after"]["body"] = json!("__debezium_unavailable_value");
    })
}

fn whole(op: &str, lsn: i64, version: i64, body: &str) -> Event {
    placed(op, lsn, 1, version, body)
}

async fn land(world: &World, topic: usize, events: &[Event]) -> Vec<String> {
    world.kafka.produce(&world.topics[topic], events).await;
    world.catch_up().await;
    world.rows().await
}

const LEFT_OUT: &str = "SELECT count(*) FROM landfall.row_positions WHERE left_out IS NOT NULL";

#[tokio::test]
async fn a_change_that_comes_late_brings_the_large_value_that_later_ones_left_out() {
    let world = merged_world("left_out_late", 2, 1).await;
    assert_eq!(land(&world, 0, &[whole("c", 10, 1, "a")]).await, ["1 1 a"]);
    assert_eq!(world.count(LEFT_OUT).await, 0);
    let later = [partial(40, 4), partial(50, 5)];
    assert_eq!(land(&world, 1, &later).await, ["1 5 a"]);
    assert_eq!(world.count(LEFT_OUT).await, 1);
    let late = whole("u", 30, 3, "c");
    assert_eq!(land(&world, 0, &[late]).await, ["1 5 c"]);
    // what stands before that is of no more use
    let writes = world.count("SELECT count(*) FROM audit").await;
    let older = [whole("u", 20, 2, "b"), partial(25, 2)];
    assert_eq!(land(&world, 1, &older).await, ["1 5 c"]);
    assert_eq!(world.count("SELECT count(*) FROM audit").await, writes);
    // in one batch with a later change that leaves it out again
    let both = [partial(60, 6), whole("u", 45, 4, "d")];
    assert_eq!(land(&world, 0, &both).await, ["1 6 d"]);
    assert_eq!(land(&world, 0, &[whole("u", 70, 7, "e")]).await, ["1 7 e"]);
    assert_eq!(world.count(LEFT_OUT).await, 0);
    assert_eq!(land(&world, 1, &[whole("u", 65, 6, "f")]).await, ["1 7 e"]);
    audit::assert_never_back(&world.db).await;
    assert!(world.letters().await.is_empty());
}

#[tokio::test]
async fn nothing_is_brought_to_a_row_that_is_gone() {
    let world = merged_world("left_out_gone", 2, 1).await;
    land(&world, 0, &[whole("c", 10, 1, "a")]).await;
    assert_eq!(land(&world, 1, &[partial(40, 4)]).await, ["1 4 a"]);
    // by somebody else
    world.sql("DELETE FROM t").await;
    assert!(land(&world, 0, &[whole("u", 20, 2, "b")]).await.is_empty());
    // by its source
    land(&world, 1, &[whole("d", 50, 5, "b")]).await;
    assert_eq!(world.count(LEFT_OUT).await, 0);
    assert!(land(&world, 0, &[whole("u", 30, 3, "c")]).await.is_empty());
    assert!(world.letters().await.is_empty());
}

#[tokio::test]
async fn part_of_a_row_waits_for_the_change_that_makes_the_row_through_another_partition() {
    let mut world = merged_world("left_out_early", 2, 1).await;
    world.set("retry", "parent_wait = \"10m\"");
    world
        .kafka
        .produce(&world.topics[1], &[partial(20, 2)])
        .await;
    let worker = world.run();
    worker
        .says(&["waiting for the event that makes a row"])
        .await;
    let first = [whole("c", 10, 1, "a"), whole("u", 30, 3, "b")];
    world.kafka.produce(&world.topics[0], &first).await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 3 AND body = 'b'", 1)
        .await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(land(&world, 0, &[]).await, ["1 3 b"]);
    assert!(world.letters().await.is_empty());
    audit::assert_never_back(&world.db).await;
}

#[tokio::test]
async fn part_of_a_row_that_never_comes_is_put_aside_as_incomplete() {
    let mut world = merged_world("left_out_never", 2, 1).await;
    world.set("retry", "parent_wait = \"1s\"");
    world.set("dead_letter.breaker", "ratio = 1.0");
    assert!(land(&world, 1, &[partial(20, 2)]).await.is_empty());
    let letters = world.letters().await;
    assert!(
        letters.len() == 1 && letters[0].contains("incomplete"),
        "{letters:?}"
    );
    // the row comes after all, and the letter is replayed
    land(&world, 0, &[whole("c", 10, 1, "a")]).await;
    assert_eq!(done(&world, "dlq replay").text, "replayed 1\n");
    assert_eq!(world.rows().await, ["1 2 a"]);
    assert_eq!(land(&world, 0, &[whole("u", 15, 1, "b")]).await, ["1 2 b"]);
}

#[tokio::test]
async fn a_letter_that_is_replayed_late_brings_the_large_value_too() {
    let mut world = merged_world("left_out_letter", 2, 1).await;
    world.set("dead_letter.breaker", "ratio = 1.0");
    world
        .sql("ALTER TABLE t ADD CONSTRAINT not_bad CHECK (body <> 'bad')")
        .await;
    land(&world, 0, &[whole("c", 10, 1, "a")]).await;
    assert_eq!(land(&world, 1, &[partial(40, 4)]).await, ["1 4 a"]);
    assert_eq!(
        land(&world, 0, &[whole("u", 30, 3, "bad")]).await,
        ["1 4 a"]
    );
    assert_eq!(world.letters().await.len(), 1);
    world.sql("ALTER TABLE t DROP CONSTRAINT not_bad").await;
    assert_eq!(done(&world, "dlq replay").text, "replayed 1\n");
    assert_eq!(world.rows().await, ["1 4 bad"]);
    audit::assert_never_back(&world.db).await;
}

/// The row goes from one key to another, and leaves out its body.
fn moved(lsn: i64, from: i64, to: i64, version: i64) -> [Event; 2] {
    let header = |id: i64| json!({ "id": id, "place": "x" }).to_string();
    let away = placed("d", lsn, from, version, "x");
    let here = with(placed("c", lsn, to, version, "x"), |value| {
        value["after"]["body"] = json!("__debezium_unavailable_value");
    });
    [
        away.with_header("__debezium.newkey", &header(to)),
        here.with_header("__debezium.oldkey", &header(from)),
    ]
}

#[tokio::test]
async fn a_row_that_comes_from_another_key_takes_no_large_value_of_the_row_that_had_its_key() {
    for together in [false, true] {
        let mut world = merged_world("left_out_moved", 2, 1).await;
        world.set("retry", "parent_wait = \"100ms\"");
        world.set("dead_letter.breaker", "ratio = 1.0");
        // row 1 is made, and the former row 2 deleted, by what comes late through the other topic
        let former = placed("c", 10, 2, 1, "former");
        world.kafka.produce(&world.topics[0], &[former]).await;
        if !together {
            world.catch_up().await;
        }
        land(&world, 1, &moved(50, 1, 2, 5)).await;
        assert_eq!(world.rows().await, ["2 1 former"], "{together}");
        let letters = world.letters().await;
        assert!(
            letters.len() == 1 && letters[0].contains("incomplete"),
            "{letters:?}"
        );
        let late = [placed("c", 5, 1, 1, "own"), placed("d", 30, 2, 1, "former")];
        assert!(land(&world, 0, &late).await.is_empty());
        let whole = placed("u", 60, 2, 6, "own");
        assert_eq!(land(&world, 0, &[whole]).await, ["2 6 own"]);
        audit::assert_never_back(&world.db).await;
    }
}
