//! A tombstone whose delete was compacted away names no table. The events of its partition do, and where none has, it
//! waits for somebody who knows: a guess would delete a row of a table that no event is about.

use crate::commands::done;
use crate::support::events::{self, change_of, insert, tombstone};
use crate::support::{Event, World};

/// Events of `public.t` in a topic that is called like another table, `archive.t`, which has the same rows.
async fn world(test: &str) -> World {
    let mut world = World::new(test, 1).await;
    world.topic = format!("{}.archive.t", world.name);
    world.topics = vec![world.topic.clone()];
    world.kafka.create_topic(&world.topic, 1).await;
    let rows = "CREATE SCHEMA archive; CREATE TABLE archive.t (LIKE public.t INCLUDING ALL);
                INSERT INTO t VALUES (1, 0, 'old'), (2, 0, 'old'); INSERT INTO archive.t TABLE public.t;";
    world.db.batch_execute(rows).await.unwrap();
    world
}

async fn land(world: &World, events: &[Event]) {
    world.kafka.produce(&world.topic, events).await;
    world.catch_up().await;
}

/// The rows of `public.t`, of the table that is called like the topic, and the letters.
async fn counts(world: &World) -> (i64, i64, i64) {
    (
        world.count("SELECT count(*) FROM public.t").await,
        world.count("SELECT count(*) FROM archive.t").await,
        world
            .count("SELECT count(*) FROM landfall.dead_letters WHERE state = 'parked'")
            .await,
    )
}

#[tokio::test]
async fn a_lone_tombstone_first_of_all_deletes_from_the_table_that_the_events_behind_it_name() {
    let world = world("tombstone_first").await;
    land(&world, &[tombstone(1), insert(10, 3, 1)]).await;
    assert_eq!(counts(&world).await, (2, 2, 0));
    let left = "SELECT count(*) FROM t WHERE id IN (2, 3)";
    assert_eq!(world.count(left).await, 2);
}

#[tokio::test]
async fn a_lone_tombstone_after_a_restart_deletes_from_the_table_that_was_named_before_it() {
    let world = world("tombstone_restart").await;
    land(&world, &[insert(10, 3, 1)]).await;
    land(&world, &[tombstone(1)]).await;
    assert_eq!(counts(&world).await, (2, 2, 0));
    // the same once more, by a member that takes the partition over from one that goes on
    let (first, second) = (world.run(), world.run());
    world.kafka.produce(&world.topic, &[insert(11, 4, 1)]).await;
    world.until_count("SELECT count(*) FROM t", 3).await;
    assert_eq!(first.stop().await.0, Some(0));
    world.kafka.produce(&world.topic, &[tombstone(2)]).await;
    world.until_count("SELECT count(*) FROM t", 2).await;
    assert_eq!(second.stop().await.0, Some(0));
    assert_eq!(counts(&world).await, (2, 2, 0));
}

#[tokio::test]
async fn a_lone_tombstone_of_which_nothing_tells_the_table_is_put_aside_until_a_route_does() {
    let mut world = world("tombstone_unknown").await;
    land(&world, &[tombstone(1)]).await;
    assert_eq!(counts(&world).await, (2, 2, 1));
    let told = "SELECT count(*) FROM landfall.dead_letters WHERE reason = 'undecodable' AND table_name IS NULL
                AND message LIKE '%set a [[route]] that names the topic''s table%'";
    assert_eq!(world.count(told).await, 1);
    // what comes later is landed, and does not tell whose the tombstone was
    land(&world, &[insert(10, 3, 1), tombstone(2)]).await;
    assert_eq!(counts(&world).await, (2, 2, 1));

    world.set("[route]", "topic = \".*\"\ntable = \"public.t\"");
    let answer = done(&world, "dlq replay --force").text;
    assert!(answer.ends_with("forced 1\n"), "{answer}");
    assert_eq!(counts(&world).await, (1, 2, 0));
}

#[tokio::test]
async fn where_events_name_several_tables_an_event_of_the_same_key_tells_the_tombstones() {
    let world = world("tombstone_several").await;
    let rows = "CREATE TABLE u (LIKE t INCLUDING ALL); INSERT INTO u TABLE t";
    world.db.batch_execute(rows).await.unwrap();
    let other = |lsn: i64, id: i64| {
        let row = serde_json::json!({ "id": id, "version": 1, "body": "of u" });
        change_of("u", "c", lsn, serde_json::json!({ "id": id }), Some(row))
    };
    let history = [
        insert(10, 3, 1),
        other(11, 4),
        tombstone(3),
        tombstone(5),
        other(12, 5),
    ];
    land(&world, &history).await;
    assert_eq!(
        counts(&world).await,
        (2, 2, 0),
        "3 is of t; 5 comes back in u"
    );
    assert_eq!(world.count("SELECT count(*) FROM u").await, 4);
    // nothing of its key is near: it might be of either
    land(&world, &[tombstone(1)]).await;
    assert_eq!(counts(&world).await, (2, 2, 1));
    assert_eq!(world.count("SELECT count(*) FROM u").await, 4);
}

#[tokio::test]
async fn what_the_events_of_a_topics_earlier_life_named_says_nothing_of_the_next() {
    let world = world("tombstone_recreated").await;
    land(&world, &[insert(10, 3, 1)]).await;
    world.kafka.delete_topic(&world.topic).await;
    world.kafka.create_topic(&world.topic, 1).await;
    land(&world, &[tombstone(1)]).await;
    assert_eq!(counts(&world).await, (3, 2, 1));
}

#[tokio::test]
async fn a_route_that_is_taken_back_leaves_what_the_events_named() {
    let mut world = world("tombstone_route").await;
    let route = "topic = \".*\"\ntable = \"archive.t\"";
    world.set("[route]", route);
    land(&world, &[insert(10, 3, 1), tombstone(2)]).await;
    assert_eq!(counts(&world).await, (2, 2, 0));
    world.settings.remove("[route]");
    land(&world, &[tombstone(1)]).await;
    assert_eq!(counts(&world).await, (1, 2, 0));
}

#[tokio::test]
async fn a_lone_tombstone_that_postgres_refused_is_replayed_where_the_worker_had_placed_it() {
    let world = world("tombstone_replay").await;
    let child = "CREATE TABLE child (t bigint REFERENCES t); INSERT INTO child VALUES (1)";
    world.db.batch_execute(child).await.unwrap();
    let mut world = world;
    world.set("retry", "parent_wait = \"200ms\"");
    land(&world, &[insert(10, 3, 1), tombstone(1)]).await;
    assert_eq!(counts(&world).await, (3, 2, 1));
    world.db.batch_execute("DELETE FROM child").await.unwrap();
    let answer = done(&world, "dlq replay").text;
    assert_eq!(answer, "replayed 1\n");
    assert_eq!(counts(&world).await, (2, 2, 0));
}

#[tokio::test]
async fn check_tells_of_tombstones_whose_table_nothing_tells() {
    let world = world("tombstone_check").await;
    world
        .kafka
        .produce(&world.topic, &[tombstone(1), tombstone(2)])
        .await;
    let answer = done(&world, "check").text;
    assert!(
        answer.contains("2 of 2 sampled records are tombstones without their delete"),
        "{answer}"
    );
    let events = [events::update(10, 3, 1)];
    world.kafka.produce(&world.topic, &events).await;
    let answer = done(&world, "check").text;
    assert!(!answer.contains("tombstones"), "{answer}");
}
