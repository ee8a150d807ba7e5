//! Whoever reads the ledger, or looks after it, holds no lane up.

use std::time::{Duration, Instant};

use crate::support::events::insert;
use crate::support::worker::Worker;
use crate::support::{Event, World, eventually, world};

const DAY_MS: i64 = 86_400_000;

fn days_ago(days: i64, id: i64) -> Event {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = i64::try_from(now.expect("after 1970").as_millis()).expect("this age");
    insert((500 + days) * 1_000_000 + id, id, 1).at(now - days * DAY_MS)
}

/// Lands one event after the other, and returns how long the slowest of them took.
async fn land_slowest(world: &World, events: Vec<(i64, Event)>) -> Duration {
    let mut slowest = Duration::ZERO;
    for (id, event) in events {
        let begun = Instant::now();
        world.kafka.produce(&world.topic, &[event]).await;
        let landed = format!("SELECT count(*) FROM t WHERE id = {id}");
        world.until_count(&landed, 1).await;
        slowest = slowest.max(begun.elapsed());
    }
    slowest
}

/// As `pg_dump` does, which reads everything in one transaction.
const DUMP: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; DO $$ DECLARE t record; BEGIN FOR t IN \
    SELECT c.oid::regclass AS name FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace IN ('landfall'::regnamespace, 'public'::regnamespace) \
    LOOP EXECUTE 'LOCK TABLE ' || t.name || ' IN ACCESS SHARE MODE'; END LOOP; END $$";

#[tokio::test]
async fn a_dump_of_the_destination_holds_no_lane_up_whatever_days_events_are_of() {
    let world = World::new("dump", 2).await;
    let worker = world.run();
    land_slowest(&world, vec![(1, days_ago(0, 1))]).await;
    let dump = world::connect(&world.database_url).await;
    dump.batch_execute(DUMP).await.expect("it reads all");

    // of days that have nobody's partition, past and to come, and of today
    let days = [5, 0, -3, 0, 300, 0, 9, 0, -20, 0];
    let events = (10..).zip(days).map(|(id, days)| (id, days_ago(days, id)));
    let slowest = land_slowest(&world, events.collect()).await;

    let log = worker.stop().await.1;
    assert!(slowest < Duration::from_secs(5), "{slowest:?}: {log}");
    assert!(!log.contains("lock timeout"), "{log}");
}

#[tokio::test]
async fn a_migration_that_somebody_is_in_the_way_of_holds_no_worker_of_the_former_build_up() {
    let world = World::new("migration", 1).await;
    world.migrate().await;
    // later ones are there, as after an upgrade to a build that had this one between them
    let former = "ALTER TABLE landfall.partitions DROP COLUMN stands_since, DROP COLUMN stands_for; \
        DELETE FROM landfall.migrations WHERE version = 17";
    world.db.batch_execute(former).await.expect(former);
    let dump = world::connect(&world.database_url).await;
    dump.batch_execute(DUMP).await.expect("it reads all");

    let mut migrating = Worker::start(&["migrate"], &world.config_file(), &[]);
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%stands_since%'";
    eventually("it is tried", async || {
        (world.count(waits).await == 1).then_some(())
    })
    .await;
    let mut slowest = Duration::ZERO;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        let write = Instant::now();
        let sql = "UPDATE landfall.partitions SET updated_at = now()";
        world.db.batch_execute(sql).await.expect(sql);
        slowest = slowest.max(write.elapsed());
    }
    dump.batch_execute("COMMIT").await.expect("it ends");

    assert_eq!(migrating.wait().await, Some(0), "{}", migrating.log());
    assert!(
        migrating.log().contains("applied standing"),
        "{}",
        migrating.log()
    );
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    let there = "SELECT count(stands_since) FROM landfall.partitions";
    assert_eq!(world.count(there).await, 0);
}
