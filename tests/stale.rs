//! Nothing that was put aside gets ahead of something newer, on the roads that are seldom taken.

use std::process::Stdio;

use serde_json::json;

use crate::commands::{command, done, landfall};
use crate::support::events::{change, insert, update};
use crate::support::worker::Worker;
use crate::support::{Event, World, eventually};

/// When [`crate::support::events`] begins, in milliseconds since 1970.
const EPOCH: i64 = 1_793_491_200_000;

/// A row that its table refuses until it is mended.
fn bad(lsn: i64, id: i64, version: i64) -> Event {
    let row = json!({ "id": id, "version": version, "body": "bad" });
    change("u", lsn, id, Some(row))
}

async fn world(test: &str) -> World {
    let mut world = World::new(test, 1).await;
    world.set("dead_letter.breaker", "ratio = 1.0");
    world
        .sql("ALTER TABLE t ADD CONSTRAINT not_bad CHECK (body <> 'bad')")
        .await;
    world
}

async fn mend(world: &World) {
    world.sql("ALTER TABLE t DROP CONSTRAINT not_bad").await;
}

async fn land(world: &World, events: &[Event]) {
    world.kafka.produce(&world.topic, events).await;
    world.catch_up().await;
}

#[tokio::test]
async fn letters_are_numbered_as_their_events_came_however_postgres_plans_it() {
    let world = world("numbered").await;
    // it may sort or hash what it compares with the ledger, as recent versions do by themselves
    for join in ["nestloop", "hashjoin"] {
        let sql = format!("ALTER DATABASE {} SET enable_{join} = off", world.name);
        world.sql(&sql).await;
    }
    // by a clock that goes backwards, so that ids fall
    let events: Vec<Event> = (1..=20)
        .map(|n| bad(n, 1, n).at(EPOCH + 1_000 - n))
        .collect();
    land(&world, &[insert(100, 1, 0)]).await;
    land(&world, &events).await;
    let in_order = "SELECT count(*) FROM landfall.dead_letters WHERE \"offset\" = id";
    assert_eq!(world.count(in_order).await, 20);

    mend(&world).await;
    assert_eq!(done(&world, "dlq replay").text, "replayed 20\n");
    assert_eq!(world.rows().await, ["1 20 bad"]);
}

#[tokio::test]
async fn a_letter_whose_row_was_unknown_is_not_replayed_over_what_came_after_it() {
    let mut world = world("unknown_row").await;
    let keyless = Event {
        key: None,
        ..update(2, 1, 2)
    };
    land(&world, &[insert(1, 1, 1), keyless]).await;
    assert_eq!(world.letters().await, ["missing_key parked"]);
    // as its message says
    world.set(
        "[route]",
        "topic = '.*'\ntable = \"public.t\"\nkey = [\"id\"]\nfixed_key = true",
    );
    land(&world, &[update(3, 1, 3)]).await;

    let look = landfall(&world, "dlq replay --dry-run --json").objects();
    assert_eq!(look[0]["outcome"], "unordered");
    let answer = done(&world, "dlq replay").text;
    assert!(answer.ends_with("replayed 0, unordered 1\n"), "{answer}");
    assert_eq!(world.rows().await, ["1 3 body 1 3"]);

    done(&world, "dlq replay --force");
    assert_eq!(world.rows().await, ["1 2 body 1 2"]);
}

#[tokio::test]
async fn what_a_replay_puts_in_while_its_topic_is_forgotten_is_forgotten_too() {
    let world = world("forget_replayed").await;
    land(&world, &[insert(1, 1, 1), bad(2, 1, 2)]).await;
    mend(&world).await;
    let environment = [
        ("FAILPOINTS", "replay_before_commit=return"),
        ("LANDFALL_FAILPOINT_FREEZES", "1"),
    ];
    let replay = Worker::start(&["dlq", "replay"], &world.config_file(), &environment);
    let mut replay = replay.await_seam("replay_before_commit").await;
    replay.is_frozen().await;
    let mut forget = command(&world, &format!("forget --topic {}", world.topic))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("forget waits for the replay", async || {
        assert!(forget.try_wait().unwrap().is_none(), "it didn't wait");
        (world.count(waiting).await == 1).then_some(())
    })
    .await;
    replay.thaw();
    assert_eq!(replay.wait().await, Some(0), "{}", replay.log());
    let output = forget.wait_with_output().unwrap();
    assert!(output.status.success());
    // the id stays until retention, and doesn't count
    let ids = "SELECT count(*) FROM landfall.processed_events WHERE partition_id NOT IN (SELECT partition_id FROM landfall.forgotten_partitions)";
    assert_eq!(world.count(ids).await, 0);
    world.sql("TRUNCATE t").await;
    world.catch_up().await;
    assert_eq!(
        world.rows().await,
        ["1 2 bad"],
        "it is applied again in its turn"
    );
}

#[tokio::test]
async fn what_was_diverted_once_is_the_workers_after_its_topic_was_forgotten() {
    let world = world("forget_diverted").await;
    land(&world, &[insert(1, 1, 1), update(2, 1, 2)]).await;
    // as it was published while Postgres was away
    let mut letter = update(2, 1, 2);
    for (name, value) in [
        ("__connect.errors.topic", world.topic.as_str()),
        ("__connect.errors.partition", "0"),
        ("__connect.errors.offset", "1"),
        ("landfall.event.id", "01a19467-e801-e722-4854-13fd77e6c006"),
        ("landfall.reason", "unavailable"),
        ("landfall.group", world.group()),
    ] {
        letter = letter.with_header(name, value);
    }
    let topic = world.dead_letter_topic();
    world.kafka.produce(&topic, &[letter]).await;
    done(&world, &format!("forget --topic {}", world.topic));
    let answer = done(&world, "dlq replay").text;
    assert!(
        answer.ends_with("replayed 0, left to worker 1\n"),
        "what comes before it hasn't been applied: {answer}"
    );
}
