//! Which set-ups merge rows, and what becomes of events that can't be put in order.

use serde_json::json;

use crate::commands::{Answer, landfall};
use crate::merged::{lead_all_to_t, merged_world, placed, with};
use crate::support::events::{delete, insert, update};
use crate::support::{Event, World, audit, eventually};

async fn land(world: &World, topic: usize, events: &[Event]) {
    world.kafka.produce(&world.topics[topic], events).await;
    world.catch_up().await;
}

/// Of the source of this name.
fn from(source: &str, event: Event) -> Event {
    with(event, |value| value["source"]["name"] = json!(source))
}

#[tokio::test]
async fn rows_that_move_between_topics_stay_whichever_is_landed_first() {
    for first in [0, 1] {
        let world = merged_world("merged_move", 2, 1).await;
        let moved = |from: &str, to: &str, at: i64| {
            let gone = (1..=40).map(|id| placed("d", at + 2 * id, id, 1, from));
            let come = (1..=40).map(|id| placed("c", at + 2 * id + 1, id, 2, to));
            (gone.collect::<Vec<_>>(), come.collect::<Vec<_>>())
        };
        let inserted: Vec<Event> = (1..=40).map(|id| placed("r", 1, id, 1, "a")).collect();
        let (gone, come) = moved("a", "b", 100);
        let topics = [[inserted, gone].concat(), come];
        land(&world, first, &topics[first]).await;
        land(&world, 1 - first, &topics[1 - first]).await;
        let there = "SELECT count(*) FROM t WHERE version = 2 AND body = 'b'";
        assert_eq!(world.count(there).await, 40, "topic {first} first");
        let kept = world.count("SELECT count(*) FROM landfall.row_positions WHERE gone_at IS NULL");
        assert_eq!(kept.await, 40);
    }
}

#[tokio::test]
async fn a_topic_that_comes_into_being_later_is_put_in_order_with_the_first() {
    let mut world = World::new("merged_late", 1).await;
    lead_all_to_t(&mut world);
    world.topics = vec![format!("^{}[.]public", world.name)];
    let first = world.topic.clone();
    world
        .kafka
        .produce(
            &first,
            &[placed("c", 10, 1, 1, "a"), placed("u", 30, 1, 3, "a")],
        )
        .await;
    world.catch_up().await;
    let second = format!("{}.public.t2", world.name);
    world.kafka.create_topic(&second, 1).await;
    world
        .kafka
        .produce(
            &second,
            &[placed("u", 20, 1, 2, "b"), placed("c", 21, 2, 1, "b")],
        )
        .await;
    world.catch_up().await;
    assert_eq!(world.rows().await, ["1 3 a", "2 1 b"]);
}

#[tokio::test]
async fn topics_whose_events_name_one_table_are_put_in_order_without_a_route() {
    let mut world = World::new("merged_names", 1).await;
    let other = format!("{}.other.public.t", world.name);
    world.kafka.create_topic(&other, 1).await;
    world.topics.push(other);
    land(
        &world,
        0,
        &[
            insert(10, 1, 1),
            update(30, 1, 3),
            insert(11, 2, 1),
            delete(31, 2),
        ],
    )
    .await;
    land(&world, 1, &[update(20, 1, 2), update(21, 2, 2)]).await;
    assert_eq!(world.rows().await, ["1 3 body 1 3"]);
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn a_snapshots_row_never_overwrites_a_newer_change() {
    let world = merged_world("merged_snapshot", 2, 1).await;
    land(
        &world,
        0,
        &[placed("c", 10, 1, 1, "a"), placed("u", 30, 1, 3, "a")],
    )
    .await;
    land(
        &world,
        1,
        &[placed("r", 20, 1, 2, "b"), placed("r", 20, 2, 2, "b")],
    )
    .await;
    assert_eq!(world.rows().await, ["1 3 a", "2 2 b"]);
    // one that was read later brings what was missed
    land(&world, 1, &[placed("r", 40, 1, 4, "b")]).await;
    assert_eq!(world.rows().await, ["1 4 b", "2 2 b"]);
}

#[tokio::test]
async fn a_lone_tombstone_removes_no_row_that_has_moved_on() {
    let world = merged_world("merged_tombstone", 2, 1).await;
    let lone = |id: i64, place: &str| Event {
        value: None,
        ..placed("d", 1, id, 1, place)
    };
    let of_a = [placed("c", 10, 1, 1, "a"), placed("c", 11, 2, 1, "a")];
    land(&world, 0, &of_a).await;
    land(&world, 1, &[placed("c", 20, 1, 2, "b")]).await;
    land(&world, 0, &[lone(1, "a"), lone(2, "a")]).await;
    assert_eq!(world.rows().await, ["1 2 b"]);
}

#[tokio::test]
async fn events_without_a_position_are_refused_where_rows_come_through_several_partitions() {
    let world = merged_world("merged_blind", 2, 1).await;
    let blind = with(placed("c", 10, 1, 1, "a"), |value| {
        value["source"]["lsn"] = json!(null);
    });
    world.kafka.produce(&world.topics[0], &[blind]).await;
    let worker = world.run();
    let line = worker
        .says(&["ERROR", "public.t come through several partitions"])
        .await;
    assert!(line.contains("breaker open"), "{line}");
    assert_eq!(worker.stop().await.0, Some(0));
    assert_eq!(world.count("SELECT count(*) FROM t").await, 0);
    assert!(world.letters().await.is_empty());
}

#[tokio::test]
async fn check_tells_which_rows_are_put_in_order_and_which_cannot_be() {
    let mut world = merged_world("merged_check", 2, 1).await;
    let blind = with(placed("c", 10, 1, 1, "a"), |value| {
        value["source"]["lsn"] = json!(null);
    });
    world.kafka.produce(&world.topics[0], &[blind]).await;
    world
        .kafka
        .produce(&world.topics[1], &[placed("c", 11, 2, 1, "b")])
        .await;
    let told = |answer: &Answer, key: &str| {
        let mut values = answer.all(key);
        values.retain(|value| !value.is_null());
        values
    };
    let answer = landfall(&world, "check --json");
    assert_eq!(answer.code, Some(1), "{}", answer.error);
    assert_eq!(told(&answer, "ordered_by"), ["source position"; 2]);
    let codes = told(&answer, "code");
    assert!(codes.contains(&json!("order_unknown")), "{codes:?}");

    world.set("[route]", "version = \"version\"");
    let answer = landfall(&world, "check --json");
    assert_eq!(answer.code, Some(0), "{}", answer.error);
    assert_eq!(told(&answer, "ordered_by"), ["version"; 2]);
    let text = landfall(&world, "check").text;
    assert!(text.contains("rows in the order of"), "{text}");
}

#[tokio::test]
async fn sources_that_share_a_table_but_no_row_are_landed_and_two_of_one_row_are_told() {
    let world = merged_world("merged_shards", 2, 1).await;
    let of_a = [
        from("shard_a", placed("c", 10, 1, 1, "a")),
        from("shard_a", placed("u", 11, 1, 2, "a")),
    ];
    land(&world, 0, &of_a).await;
    land(&world, 1, &[from("shard_b", placed("c", 5, 2, 1, "b"))]).await;
    assert_eq!(world.rows().await, ["1 2 a", "2 1 b"]);
    world
        .kafka
        .produce(
            &world.topics[1],
            &[from("shard_b", placed("u", 6, 1, 9, "b"))],
        )
        .await;
    let worker = world.run();
    let line = worker
        .says(&["ERROR", "two sources write the same row of public.t"])
        .await;
    assert!(
        line.contains("postgres shard_a") && line.contains("postgres shard_b"),
        "{line}"
    );
    assert_eq!(worker.stop().await.0, Some(0));
    assert_eq!(world.rows().await, ["1 2 a", "2 1 b"]);
}

#[tokio::test]
async fn a_key_that_is_not_the_records_is_ordered_by_the_source_if_there_are_several_partitions() {
    let mut world = World::new("merged_other_key", 2).await;
    world.set(
        "[route]",
        &format!(
            "topic = '{}'\ntable = \"public.t\"\nkey = [\"id\"]\nfixed_key = true",
            world.topic.replace('.', "[.]")
        ),
    );
    world
        .kafka
        .produce(
            &world.topic,
            &[
                placed("c", 10, 1, 1, "a").on(0),
                placed("u", 30, 1, 3, "a").on(0),
            ],
        )
        .await;
    world.catch_up().await;
    world
        .kafka
        .produce(
            &world.topic,
            &[
                placed("u", 20, 1, 2, "b").on(1),
                placed("c", 21, 2, 1, "b").on(1),
            ],
        )
        .await;
    world.catch_up().await;
    assert_eq!(world.rows().await, ["1 3 a", "2 1 b"]);
}

#[tokio::test]
async fn two_workers_with_a_topic_each_put_one_row_in_order() {
    let world = merged_world("merged_two_workers", 2, 1).await;
    world.migrate().await;
    let workers = [world.run(), world.run()];
    let ids = 1..=200i64;
    for round in 0..5i64 {
        let lsn = |id: i64, n: i64| round * 10_000 + id * 4 + n;
        let version = |n: i64| round * 2 + n;
        let of_a: Vec<Event> = ids
            .clone()
            .map(|id| placed("u", lsn(id, 1), id, version(1), "a"))
            .collect();
        let of_b: Vec<Event> = ids
            .clone()
            .map(|id| placed("u", lsn(id, 2), id, version(2), "b"))
            .collect();
        tokio::join!(
            world.kafka.produce(&world.topics[1], &of_b),
            world.kafka.produce(&world.topics[0], &of_a),
        );
    }
    let done = "SELECT count(*) FROM landfall.partitions WHERE next_offset = 1000";
    eventually("both topics are in", async || {
        (world.count(done).await == 2).then_some(())
    })
    .await;
    for worker in workers {
        assert_eq!(worker.stop().await.0, Some(0));
    }
    let last = "SELECT count(*) FROM t WHERE version = 10 AND body = 'b'";
    assert_eq!(world.count(last).await, 200);
    audit::assert_forward_only(&world.db).await;
}

/// What is recorded of rows is found by their keys, which are what the key's type makes of them.
#[tokio::test]
async fn a_key_whose_type_is_altered_takes_no_row_back_or_stops_the_lane() {
    let world = merged_world("merged_altered", 2, 1).await;
    world.sql("DROP TRIGGER note ON t").await;
    land(
        &world,
        0,
        &[placed("c", 10, 5, 1, "a"), placed("u", 30, 5, 3, "a")],
    )
    .await;
    // numbers are one kind
    for (lsn, to) in [
        (20, "numeric(20)"),
        (21, "numeric"),
        (22, "numeric(20,3)"),
        (23, "int"),
    ] {
        world
            .sql(&format!("ALTER TABLE t ALTER id TYPE {to}"))
            .await;
        land(&world, 1, &[placed("u", lsn, 5, 2, "b")]).await;
        assert_eq!(world.count("SELECT version FROM t").await, 3, "{to}");
    }
    world.sql("ALTER TABLE t ALTER id TYPE text").await;
    let older = [placed("u", 24, 5, 2, "b")];
    world.kafka.produce(&world.topics[1], &older).await;
    let worker = world.run();
    let said = worker
        .says(&["stopped taking in", "the key of public.t has changed"])
        .await;
    for part in [
        "(id number)",
        "(id text)",
        "landfall forget --topic",
        &world.topics[1],
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(world.count("SELECT version FROM t").await, 3);
    assert_eq!(worker.stop().await.0, Some(0));
    for topic in &world.topics {
        crate::commands::done(&world, &format!("forget --topic {topic}"));
    }
    world.catch_up().await;
    assert_eq!(world.count("SELECT version FROM t").await, 3);
    assert_eq!(world.letters().await, [""; 0]);
    // a column that gets another name is a key of another name
    world.sql("ALTER TABLE t RENAME id TO code").await;
    let renamed = with(placed("u", 25, 5, 2, "b"), |value| {
        let row = json!({ "code": 5, "version": 2, "body": "b" });
        value["after"] = row;
    });
    let mut world = world;
    world.settings.remove("[route]");
    world.set(
        "[route]",
        "topic = '.*[.]public[.]t[0-9]*'\ntable = \"public.t\"\nkey = [\"code\"]\nfixed_key = true",
    );
    world.kafka.produce(&world.topics[1], &[renamed]).await;
    let worker = world.run();
    worker
        .says(&[
            "stopped taking in",
            "the key of public.t has changed",
            "(code text)",
        ])
        .await;
    assert_eq!(world.count("SELECT version FROM t").await, 3);
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_row_of_another_key_stays_when_its_topic_of_one_partition_grows() {
    let mut world = World::new("merged_other_key_grows", 1).await;
    world.set(
        "[route]",
        &format!("topic = '{}'", world.topic.replace('.', "[.]")),
    );
    world.set("[route]", "table = \"public.t\"\nkey = [\"id\"]");
    let refresh = "\"topic.metadata.refresh.interval.ms\" = 1000";
    world.set("kafka.properties", refresh);
    let worker = world.run();
    let send = async |event: Event| world.kafka.produce(&world.topic, &[event]).await;
    let version = |version: i64| format!("SELECT count(*) FROM t WHERE version = {version}");
    send(placed("c", 70, 1, 7, "a").on(0)).await;
    world.until_count(&version(7), 1).await;
    world.kafka.grow_topic(&world.topic, 2).await;
    // the new partition is met only after this one
    send(placed("u", 90, 1, 9, "b").on(0)).await;
    world.until_count(&version(9), 1).await;
    let late = [placed("u", 80, 1, 8, "c"), placed("c", 81, 2, 1, "c")];
    let late = late.map(|event| event.on(1));
    world.kafka.produce(&world.topic, &late).await;
    world
        .until_count("SELECT count(*) FROM t WHERE id = 2", 1)
        .await;
    assert_eq!(world.rows().await, ["1 9 b", "2 1 c"]);
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn changes_after_a_failover_that_takes_the_log_back_are_landed() {
    let world = merged_world("merged_failover", 1, 2).await;
    let second = 1_000;
    let at = |lsn: i64, version: i64, seconds: i64| {
        let time = 1_793_491_200_000 + seconds * second;
        placed("u", lsn, 1, version, "a").at(time).on(1)
    };
    land(&world, 0, &[at(900, 4, 0), at(1_000, 5, 10)]).await;
    // against what was landed before, and among themselves
    land(&world, 0, &[at(900, 6, 40)]).await;
    assert_eq!(world.rows().await, ["1 6 a"]);
    land(
        &world,
        0,
        &[at(1_200, 7, 50), at(950, 8, 80), at(960, 9, 81)],
    )
    .await;
    assert_eq!(world.rows().await, ["1 9 a"]);
    audit::assert_forward_only(&world.db).await;
}
