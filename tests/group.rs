//! Several workers in one group: one dies, one hangs and comes back.

use std::path::Path;

use crate::support::rolling::Rolling;
use crate::support::worker::Worker;
use crate::support::{World, audit, events, eventually};

#[tokio::test]
async fn a_killed_worker_is_replaced_by_its_fellow() {
    let mut world = World::new("killed", 4).await;
    world.set("apply", "batch_rows = 100");
    let history = events::history(500, 6);
    let (first, second) = (world.run(), world.run());
    world.kafka.produce(&world.topic, &history[..1000]).await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 500)
        .await;
    for worker in [&first, &second] {
        worker.says(&["partitions assigned", "partitions=2"]).await;
        eventually("it tells of its own partitions alone", async || {
            let (_, metrics) = worker.get("/metrics").await;
            let count = |name: &str| {
                let lines = metrics.lines();
                lines.filter(|line| line.starts_with(name)).count()
            };
            let each = ["landfall_lag_seconds{", "landfall_watermark_offset{"].map(count);
            (each == [2, 2]).then_some(())
        })
        .await;
    }
    world.kafka.produce(&world.topic, &history[1000..]).await;
    first.kill().await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 6", 500)
        .await;
    audit::assert_forward_only(&world.db).await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.processed_events")
            .await,
        3000
    );
    assert_eq!(second.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_worker_frozen_beyond_the_session_timeout_writes_nothing_stale_when_it_goes_on() {
    let mut world = World::new("frozen", 2).await;
    world.set("apply", "batch_rows = 100");
    let history = events::history(400, 6);
    world.kafka.produce(&world.topic, &history[..800]).await;
    // stopped in the middle of a transaction, rows written, COMMIT still to come
    let zombie = world.run_until_frozen("before_commit", 3).await;
    let successor = world.run();
    world.kafka.produce(&world.topic, &history[800..]).await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 6", 400)
        .await;
    let writes = world.count("SELECT count(*) FROM audit").await;
    zombie.thaw();
    // it finds its transaction gone and its partitions with somebody else, and settles down
    zombie.says(&["partitions given up"]).await;
    audit::assert_forward_only(&world.db).await;
    assert_eq!(
        world.count("SELECT count(*) FROM audit").await,
        writes,
        "{}",
        zombie.log()
    );
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.processed_events")
            .await,
        2400
    );
    assert_eq!(successor.stop().await.0, Some(0));
    assert_eq!(zombie.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_fenced_batch_is_read_again_with_all_that_was_read_behind_it() {
    let mut world = World::new("fenced", 1).await;
    // long enough for what is read after the seek to meet what is left over from before it
    world.settings.remove("apply");
    world.set("apply", "batch_rows = 700\nlinger = \"700ms\"\nlanes = 1");
    let history = events::history(1000, 5);
    let worker = world.run();
    for version in 1..=4 {
        let from = (version - 1) * 1000;
        // as if another process had written the partition
        let _ = world
            .db
            .batch_execute("UPDATE landfall.partitions SET batch = gen_random_uuid()")
            .await;
        world
            .kafka
            .produce(&world.topic, &history[from..from + 1000])
            .await;
        // each in its turn, so that nothing of it hides behind the next
        world
            .until_count("SELECT coalesce(max(version), 0) FROM t", version as i64)
            .await;
    }
    world.kafka.produce(&world.topic, &history[4000..]).await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 5", 1000)
        .await;
    worker.says(&["batch dropped", "fenced"]).await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0));
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.processed_events")
            .await,
        5000,
        "{log}"
    );
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn until_caught_up_waits_for_the_partitions_of_other_members_too() {
    let world = World::new("others", 2).await;
    let both =
        |lsn: i64, version: i64| [0, 1].map(|n| events::update(lsn + n, n, version).on(n as i32));
    world.kafka.produce(&world.topic, &both(10, 1)).await;
    let fellow = world.run();
    world
        .until_count("SELECT count(*) FROM t WHERE version = 1", 2)
        .await;
    let mut rivals = Vec::new();
    for id in [0, 1] {
        let rival = crate::support::world::connect(&world.database_url).await;
        let lock = format!("BEGIN; SELECT FROM t WHERE id = {id} FOR UPDATE");
        rival.batch_execute(&lock).await.unwrap();
        rivals.push(rival);
    }
    world.kafka.produce(&world.topic, &both(20, 2)).await;

    let debug = [("LANDFALL_LOG__LEVEL", "debug")];
    let mut job = Worker::start(&["run", "--until-caught-up"], &world.config_file(), &debug);
    let line = job.says(&["continues at its watermark"]).await;
    let own = usize::from(line.contains(".public.t[1]"));
    rivals[own].batch_execute("COMMIT").await.unwrap();
    world
        .until_count(
            &format!("SELECT count(*) FROM t WHERE id = {own} AND version = 2"),
            1,
        )
        .await;
    job.says(&["other members' partitions"]).await;
    assert!(job.is_running(), "{}", job.log());
    rivals[1 - own].batch_execute("COMMIT").await.unwrap();
    assert_eq!(job.wait().await, Some(0), "{}", job.log());
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 2")
            .await,
        2
    );
    assert_eq!(fellow.stop().await.0, Some(0));
}

/// Three workers, each replaced by a new process while events come.
async fn restart_each_of_three(test: &str, static_members: bool) -> (World, Vec<Worker>) {
    let program = Path::new(env!("CARGO_BIN_EXE_landfall"));
    let rolling = Rolling {
        static_members,
        first: program,
        replacements: &[(0, program), (1, program), (2, program)],
    };
    rolling.run(test).await
}

#[tokio::test]
async fn a_rolling_restart_under_load_loses_and_doubles_nothing() {
    let (_world, workers) = restart_each_of_three("rolling", false).await;
    for worker in workers {
        assert_eq!(worker.stop().await.0, Some(0));
    }
}

#[tokio::test]
async fn a_rolling_restart_of_static_members_moves_no_partition_of_anybody_else() {
    let (_world, workers) = restart_each_of_three("rolling_static", true).await;
    for worker in workers {
        let log = worker.log();
        assert!(!log.contains("partitions given up"), "{log}");
        assert_eq!(worker.stop().await.0, Some(0));
    }
}
