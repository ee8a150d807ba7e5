//! Postgres or Kafka away: a replay stops and says how to go on, and run again it finishes.

use std::time::Duration;

use crate::commands::{command, done, landfall};
use crate::replay::{bad, land, mend, refuse, replay, states, world};
use crate::support::own_postgres::OwnPostgres;
use crate::support::{World, audit, events::insert};

const SAYS: &str = "stopped; what was replayed is marked: run the same command again to go on";

/// Ten letters, mended; the replay is frozen once the fourth is in.
async fn in_the_middle(postgres: &OwnPostgres, test: &str, attempts: u32) -> World {
    let mut world = World::on(test, 1, &postgres.url()).await;
    world.set("dead_letter.breaker", "ratio = 1.0");
    world.set("retry", &format!("max_attempts = {attempts}"));
    refuse(&world, "bad").await;
    let events = (1..=10).flat_map(|id| [insert(id, id, 1), bad(100 + id, id, 2)]);
    land(&world, &events.collect::<Vec<_>>()).await;
    mend(&world, "bad").await;
    world
}

async fn all_in_once(world: &World) {
    assert_eq!(states(world).await, ["replayed"; 10]);
    let newest = "SELECT count(*) FROM t WHERE version = 2";
    assert_eq!(world.count(newest).await, 10);
    assert_eq!(world.count("SELECT count(*) FROM audit").await, 20);
    audit::assert_forward_only(&world.db).await;
}

const FOURTH: &str = "replay_after_commit=3*off->1*return->off";

#[tokio::test]
async fn a_postgres_that_goes_away_in_the_middle_stops_the_replay_and_the_next_one_finishes() {
    let postgres = OwnPostgres::start(&[]);
    let mut world = in_the_middle(&postgres, "pg_away", 2).await;
    let mut stopped = replay(&world, FOURTH, true);
    stopped.is_frozen().await;
    postgres.stop();
    stopped.thaw();
    assert_eq!(stopped.wait().await, Some(1));
    assert!(stopped.log().contains(SAYS), "{}", stopped.log());
    assert!(stopped.log().contains("replayed 4"), "{}", stopped.log());

    postgres.restart();
    world.reconnect().await;
    assert_eq!(done(&world, "dlq replay").text, "replayed 6\n");
    all_in_once(&world).await;
}

#[tokio::test]
async fn a_postgres_that_is_back_within_the_attempts_is_gone_on_with() {
    let postgres = OwnPostgres::start(&[]);
    let mut world = in_the_middle(&postgres, "pg_back", 5).await;
    let mut replay = replay(&world, FOURTH, true);
    replay.is_frozen().await;
    postgres.stop();
    postgres.restart();
    replay.thaw();
    assert_eq!(replay.wait().await, Some(0), "{}", replay.log());
    assert!(replay.log().ends_with("replayed 10"), "{}", replay.log());
    world.reconnect().await;
    all_in_once(&world).await;
}

#[tokio::test]
async fn a_kafka_that_can_not_be_reached_is_named_and_nothing_is_changed() {
    let world = world("kafka_away").await;
    land(&world, &[insert(1, 1, 1), bad(2, 1, 2)]).await;
    mend(&world, "bad").await;
    let away = command(&world, "dlq replay --id 1")
        .env("LANDFALL_KAFKA__BROKERS", "127.0.0.1:1")
        .output()
        .unwrap();
    assert_eq!(away.status.code(), Some(1));
    let error = String::from_utf8(away.stderr).unwrap();
    assert!(error.contains("Kafka can't be asked"), "{error}");
    assert!(error.contains(SAYS), "{error}");
    assert_eq!(states(&world).await, ["parked"]);
    assert_eq!(landfall(&world, "dlq replay").text, "replayed 1\n");
}

#[tokio::test]
async fn a_replay_is_no_faster_than_its_rate() {
    let world = world("rate").await;
    land(
        &world,
        &(1..=5)
            .flat_map(|id| [insert(id, id, 1), bad(100 + id, id, 2)])
            .collect::<Vec<_>>(),
    )
    .await;
    mend(&world, "bad").await;
    let since = std::time::Instant::now();
    assert_eq!(done(&world, "dlq replay --rate 1").text, "replayed 5\n");
    assert!(since.elapsed() >= Duration::from_secs(4));
}
