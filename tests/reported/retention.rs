//! The broker's own retention, and two jobs on a transactional topic.

use crate::support::own_kafka::OwnKafka;
use crate::support::worker::Worker;
use crate::support::{World, eventually};
use crate::watermark::{last_version, told, transactions};

#[tokio::test]
async fn logs_that_the_brokers_retention_has_emptied_are_no_gap_for_a_worker_that_runs_or_starts() {
    let kafka = OwnKafka::with_quick_retention();
    let broker = kafka.broker();
    let world = World::at("own_retention", 4, &broker).await;
    let environment = [("LANDFALL_KAFKA__BROKERS", broker.as_str())];
    let run = || Worker::start(&["run"], &world.config_file(), &environment);
    let worker = run();
    transactions(&world, 1..=3).await;
    world.until_count(&last_version(3), 20).await;
    let empty = async || {
        let short = [("retention.ms", "1"), ("segment.ms", "1")];
        world.kafka.configure(&world.topic, &short).await;
        eventually("the logs are empty", async || {
            world.kafka.is_empty(&world.topic, 4).then_some(())
        })
        .await;
        let long = [("retention.ms", "-1")];
        world.kafka.configure(&world.topic, &long).await;
    };
    empty().await;
    transactions(&world, 4..=4).await;
    world.until_count(&last_version(4), 20).await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("never reached Landfall"), "{log}");
    empty().await;
    let worker = run();
    transactions(&world, 5..=5).await;
    world.until_count(&last_version(5), 20).await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("never reached Landfall"), "{log}");
}

#[tokio::test]
async fn two_jobs_that_share_a_transactional_topic_both_end() {
    let world = World::new("two_jobs", 4).await;
    transactions(&world, 1..=5).await;
    let start = || Worker::start(&["run", "--until-caught-up"], &world.config_file(), &[]);
    let (mut first, mut second) = (start(), start());
    for job in [&mut first, &mut second] {
        assert_eq!(job.wait().await, Some(0), "{}", job.log());
    }
    assert_eq!(world.count(&last_version(5)).await, 20);
    assert_eq!(told(&world, "lag"), 0);
}
