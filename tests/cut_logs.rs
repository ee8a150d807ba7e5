//! Kafka loses the end of a log that was landed, and others write at the same offsets. What is rarer of it takes longer:
//! tests/soak/cut_logs.rs.

use crate::support::World;
use crate::support::events::update;
use crate::support::lone_broker::{catch_up, run, updates};
use crate::support::own_kafka::OwnKafka;
use crate::support::world::locking_at;

const NEWEST: &str = "SELECT count(*) FROM t WHERE version >= 2000";

/// A world of which 700 events were landed, and how many bytes its log has of the first 200.
async fn landed(kafka: &OwnKafka, test: &str) -> (World, u64) {
    let world = World::at(test, 1, &kafka.broker()).await;
    let first = updates(1_000, 1_200);
    world.kafka.produce(&world.topic, &first).await;
    let kept = kafka.log_size(&world.topic);
    let others = updates(1_200, 1_700);
    world.kafka.produce(&world.topic, &others).await;
    catch_up(&world, &kafka.broker()).await;
    (world, kept)
}

/// 900 are written where 500 were lost, and on.
async fn is_read_past_the_watermark(world: &World, broker: &str) {
    let anew = updates(2_000, 2_900);
    world.kafka.produce(&world.topic, &anew).await;
    let log = catch_up(world, broker).await;
    assert!(log.contains("Kafka has lost the end of this log"), "{log}");
    let events = "SELECT count(*) FROM landfall.processed_events";
    assert_eq!(world.count(events).await, 700 + 900);
    let newest = "SELECT count(*) FROM t WHERE version >= 2850";
    assert_eq!(world.count(newest).await, 50);
    let next = "SELECT next_offset FROM landfall.partitions";
    assert_eq!(world.count(next).await, 1_100);
}

#[tokio::test]
async fn what_is_written_where_a_log_was_cut_is_read_by_a_worker_that_was_stopped_or_runs() {
    let kafka = OwnKafka::start();
    let broker = kafka.broker();
    let (world, kept) = landed(&kafka, "cut").await;
    let (longer, kept_of_longer) = landed(&kafka, "cut_longer").await;

    // 500 that were landed are lost, and fewer or more are written at their offsets
    kafka.restart_without(&[(&world.topic, kept), (&longer.topic, kept_of_longer)]);
    is_read_past_the_watermark(&longer, &broker).await;
    let anew = |from: i64, many: i64| updates(from, from + many);
    world.kafka.produce(&world.topic, &anew(2_000, 20)).await;
    let log = catch_up(&world, &broker).await;
    assert_eq!(world.count(NEWEST).await, 20, "{log}");
    assert!(log.contains("Kafka has lost the end of this log"), "{log}");
    let events = "SELECT count(*) FROM landfall.processed_events";
    assert_eq!(world.count(events).await, 720);

    let worker = run(&world, &broker);
    world.kafka.produce(&world.topic, &anew(2_020, 10)).await;
    world.until_count(events, 730).await;
    kafka.restart_without(&[(&world.topic, kept)]);
    world.kafka.produce(&world.topic, &anew(3_000, 900)).await;
    world.until_count(events, 1_630).await;
    worker
        .says(&["Kafka has lost the end of this log", "offset=200"])
        .await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version >= 3850")
            .await,
        50
    );
    let told = log.matches("Kafka has lost the end of this log").count();
    assert!(told <= 2, "{log}");
    let next = "SELECT next_offset FROM landfall.partitions";
    assert_eq!(world.count(next).await, 1_100);

    // nobody waits for what is lost
    let kept = kafka.log_size(&world.topic);
    world.kafka.produce(&world.topic, &anew(4_000, 100)).await;
    world.kafka.grow_topic(&world.topic, 2).await;
    let rival = locking_at(&world.database_url, "SELECT FROM t FOR UPDATE").await;
    let worker = run(&world, &broker);
    let added = update(9_000, 3, 9_000).on(1);
    world.kafka.produce(&world.topic, &[added]).await;
    worker
        .says(&["a partition waits for others", "up to offset 1200"])
        .await;
    worker.stop().await;
    drop(rival);
    kafka.restart_without(&[(&world.topic, kept)]);
    catch_up(&world, &broker).await;
    let added = "SELECT count(*) FROM t WHERE version = 9000";
    assert_eq!(world.count(added).await, 1);
}
