//! `apply.truncates`: a table is emptied where its source's was, between what came before and what comes after; and
//! not at all where nothing tells what came before.

use crate::commands::{done, landfall};
use crate::support::events::{change_of, insert, update};
use crate::support::{Event, World};

fn truncate(table: &str, lsn: i64) -> Event {
    let of_key = change_of(table, "t", lsn, serde_json::Value::Null, None);
    Event {
        key: None,
        ..of_key
    }
}

async fn world(test: &str, partitions: i32) -> World {
    let mut world = World::new(test, partitions).await;
    world.set("apply", "truncates = true");
    world
}

async fn land(world: &World, events: &[Event]) {
    world.kafka.produce(&world.topic, events).await;
    world.catch_up().await;
}

async fn ids(world: &World) -> Vec<i64> {
    let rows = world.db.query("SELECT id FROM t ORDER BY id", &[]).await;
    rows.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_truncate_removes_what_came_before_it_and_nothing_that_comes_after_sent_twice_too() {
    let world = world("truncate", 1).await;
    let other = "CREATE TABLE u (id bigint PRIMARY KEY); INSERT INTO u VALUES (1); INSERT INTO t VALUES (9, 1, 'old')";
    world.db.batch_execute(other).await.unwrap();
    let history = [
        insert(10, 1, 1),
        insert(11, 2, 1),
        truncate("t", 12),
        insert(13, 2, 2),
        insert(14, 3, 1),
        update(15, 3, 2),
    ];
    land(&world, &history).await;
    assert_eq!(ids(&world).await, [2, 3]);
    assert_eq!(world.count("SELECT count(*) FROM u").await, 1);
    land(&world, &history).await;
    assert_eq!(ids(&world).await, [2, 3]);
    let again = [
        truncate("t", 20),
        truncate("t", 21),
        insert(22, 7, 1),
        truncate("t", 23),
    ];
    land(&world, &again).await;
    assert_eq!(ids(&world).await, [0; 0]);
    let letters = "SELECT count(*) FROM landfall.dead_letters";
    assert_eq!(world.count(letters).await, 0);
}

#[tokio::test]
async fn a_truncate_supersedes_the_letters_of_its_table_and_of_no_other() {
    let world = world("truncate_letters", 1).await;
    let tables = "CREATE TABLE u (LIKE t INCLUDING ALL);
                  ALTER TABLE t ADD CHECK (version <> 99); ALTER TABLE u ADD CHECK (version <> 99)";
    world.db.batch_execute(tables).await.unwrap();
    let of_u = serde_json::json!({ "id": 1, "version": 99, "body": "" });
    let history = [
        insert(10, 1, 99),
        change_of("u", "c", 11, serde_json::json!({ "id": 1 }), Some(of_u)),
        insert(12, 2, 1),
        insert(13, 3, 1),
    ];
    land(&world, &history).await;
    land(
        &world,
        &[
            insert(14, 4, 99),
            truncate("t", 15),
            insert(16, 5, 1),
            insert(17, 6, 1),
        ],
    )
    .await;
    assert_eq!(ids(&world).await, [5, 6]);
    let states = "SELECT count(*) FROM landfall.dead_letters
                  WHERE (state, table_name) = ('superseded', 'public.t') OR (state, table_name) = ('parked', 'public.u')";
    assert_eq!(world.count(states).await, 3);
}

#[tokio::test]
async fn truncates_that_are_not_wanted_are_passed_over() {
    let world = World::new("truncate_unwanted", 1).await;
    land(&world, &[insert(10, 1, 1), truncate("t", 11)]).await;
    assert_eq!(ids(&world).await, [1]);
}

#[tokio::test]
async fn a_truncate_without_an_order_is_refused_and_removes_nothing() {
    let partitioned = world("truncate_partitions", 2).await;
    let mut merged = world("truncate_merged", 1).await;
    let other = format!("{}.public.other", merged.name);
    merged.kafka.create_topic(&other, 1).await;
    merged.topics.push(other);
    merged.set("[route]", "topic = \".*\"\ntable = \"public.t\"");
    let mut shared = world("truncate_shared", 1).await;
    shared.set("[route]", "topic = \".*\"\ntable = \"public.t\"");
    for (world, truncated, why) in [
        (partitioned, "t", "its topic has several partitions"),
        (merged, "t", "leads to the table too"),
        (shared, "t_p2", "its topic has the events of several tables"),
    ] {
        let events = [insert(10, 1, 1).on(0), truncate(truncated, 11).on(0)];
        world.kafka.produce(&world.topic, &events).await;
        let worker = world.run();
        worker.says(&["has no order with the rows", why]).await;
        assert_eq!(ids(&world).await, [1]);
        worker.stop().await;
        let letters = "SELECT count(*) FROM landfall.dead_letters";
        assert_eq!(world.count(letters).await, 0);
    }
}

#[tokio::test]
async fn tables_that_refer_to_each_other_are_emptied_together_in_whatever_order_it_is_told() {
    for (lanes, first) in [(1, "child"), (1, "t"), (2, "t")] {
        let mut world = world("truncate_parent", 1).await;
        let lines = world.settings.entry("apply").or_default();
        lines.retain(|line| !line.starts_with("lanes"));
        lines.push(format!("lanes = {lanes}"));
        let tables = "CREATE TABLE child (id bigint PRIMARY KEY, t bigint REFERENCES t);
                      INSERT INTO t VALUES (1, 1, ''); INSERT INTO child VALUES (1, 1)";
        world.db.batch_execute(tables).await.unwrap();
        let other = format!("{}.public.child", world.name);
        world.kafka.create_topic(&other, 1).await;
        world.topics.push(other.clone());
        let of_child = serde_json::json!({ "id": 2, "t": 5 });
        let of_child = change_of(
            "child",
            "c",
            13,
            serde_json::json!({ "id": 2 }),
            Some(of_child),
        );
        let of_t = [truncate("t", 11), insert(12, 5, 1)];
        let of_child = [truncate("child", 11), of_child];
        if first == "t" {
            world.kafka.produce(&world.topic, &of_t).await;
            world.kafka.produce(&other, &of_child).await;
        } else {
            world.kafka.produce(&other, &of_child).await;
            world.kafka.produce(&world.topic, &of_t).await;
        }
        world.catch_up().await;
        assert_eq!(ids(&world).await, [5], "{first} first, {lanes} lanes");
        assert_eq!(world.count("SELECT sum(id)::bigint FROM child").await, 2);
        let letters = "SELECT count(*) FROM landfall.dead_letters";
        assert_eq!(
            world.count(letters).await,
            0,
            "{first} first, {lanes} lanes"
        );
    }
}

#[tokio::test]
async fn a_truncate_goes_before_a_child_whose_parent_lies_behind_it() {
    let mut world = world("truncate_early", 1).await;
    let lines = world.settings.entry("apply").or_default();
    lines.retain(|line| !line.starts_with("lanes"));
    lines.push("lanes = 1".to_owned());
    let tables = "CREATE TABLE child (id bigint PRIMARY KEY, t bigint REFERENCES t); INSERT INTO t VALUES (1, 1, '')";
    world.db.batch_execute(tables).await.unwrap();
    let other = format!("{}.public.child", world.name);
    world.kafka.create_topic(&other, 1).await;
    world.topics.push(other.clone());
    let key = serde_json::json!({ "id": 2 });
    let row = serde_json::json!({ "id": 2, "t": 5 });
    let child = change_of("child", "c", 13, key, Some(row));
    world.kafka.produce(&other, &[child]).await;
    let worker = world.run();
    worker.says(&["waiting for the row"]).await;
    let parent = [truncate("t", 11), insert(12, 5, 1)];
    world.kafka.produce(&world.topic, &parent).await;
    world.until_count("SELECT count(*) FROM child", 1).await;
    assert_eq!(ids(&world).await, [5], "{}", worker.log());
}

#[tokio::test]
async fn a_truncate_that_postgres_refuses_is_put_aside_and_replayed_by_force_alone() {
    let mut world = world("truncate_refused", 1).await;
    world.set("retry", "parent_wait = \"200ms\"");
    let tables = "CREATE TABLE child (t bigint REFERENCES t); INSERT INTO t VALUES (1, 1, ''); INSERT INTO child VALUES (1)";
    world.db.batch_execute(tables).await.unwrap();
    land(&world, &[truncate("t", 10), insert(11, 2, 1)]).await;
    assert_eq!(ids(&world).await, [1, 2]);
    world.db.batch_execute("DELETE FROM child").await.unwrap();
    let answer = landfall(&world, "dlq replay").text;
    assert!(answer.ends_with("replayed 0, unordered 1\n"), "{answer}");
    assert_eq!(ids(&world).await, [1, 2]);
    let answer = done(&world, "dlq replay --force").text;
    assert!(answer.ends_with("forced 1\n"), "{answer}");
    assert_eq!(ids(&world).await, [0; 0]);
}
