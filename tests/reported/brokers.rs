//! Kafka is there late, or has lost what a stopped worker had landed.

use std::net::TcpListener;

use crate::support::events::insert;
use crate::support::lone_broker::{catch_up, updates};
use crate::support::own_kafka::OwnKafka;
use crate::support::worker::Worker;
use crate::support::{World, eventually};

async fn says_that_kafka_is_away(test: &str, brokers: &str) {
    let world = World::new(test, 1).await;
    let environment = [("LANDFALL_KAFKA__BROKERS", brokers)];
    let worker = Worker::start(&["run"], &world.config_file(), &environment);
    eventually("/readyz names Kafka", async || {
        let (status, reasons) = worker.get("/readyz").await;
        (status == 503 && reasons.contains("Kafka is away")).then_some(())
    })
    .await;
    worker.says(&["Kafka is away", brokers]).await;
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn brokers_that_refuse_from_the_start_are_told_of() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let brokers = nobody.local_addr().unwrap().to_string();
    drop(nobody);
    says_that_kafka_is_away("told_refused", &brokers).await;
}

#[tokio::test]
async fn brokers_that_have_no_address_are_told_of() {
    says_that_kafka_is_away("told_dns", "no-such-host.invalid:9092").await;
}

#[tokio::test]
async fn a_worker_that_was_started_before_kafka_lands_once_kafka_is_there() {
    let kafka = OwnKafka::start();
    let broker = kafka.broker();
    let world = World::at("started_first", 2, &broker).await;
    kafka.stop();
    let environment = [("LANDFALL_KAFKA__BROKERS", broker.as_str())];
    let worker = Worker::start(&["run"], &world.config_file(), &environment);
    worker.says(&["Kafka is away"]).await;
    kafka.restart();
    world.kafka.produce(&world.topic, &[insert(1, 1, 1)]).await;
    world.until_count("SELECT count(*) FROM t", 1).await;
    eventually("it is ready", async || {
        (worker.get("/readyz").await.0 == 200).then_some(())
    })
    .await;
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn what_was_written_past_the_watermark_of_a_stopped_worker_where_the_log_was_cut_is_read() {
    let kafka = OwnKafka::start();
    let broker = kafka.broker();
    let world = World::at("cut_longer", 1, &broker).await;
    let send = async |from, to| {
        world.kafka.produce(&world.topic, &updates(from, to)).await;
    };
    send(1_000, 1_200).await;
    let kept = kafka.log_size(&world.topic);
    send(1_200, 1_700).await;
    catch_up(&world, &broker).await;
    // 500 that were landed are lost, and 900 are written at their offsets and on
    kafka.restart_without(&[(&world.topic, kept)]);
    send(2_000, 2_900).await;
    let log = catch_up(&world, &broker).await;
    assert!(log.contains("Kafka has lost the end of this log"), "{log}");
    let events = "SELECT count(*) FROM landfall.processed_events";
    assert_eq!(world.count(events).await, 700 + 900);
    let newest = "SELECT count(*) FROM t WHERE version >= 2850";
    assert_eq!(world.count(newest).await, 50);
    let next = "SELECT next_offset FROM landfall.partitions";
    assert_eq!(world.count(next).await, 1_100);
}
