//! Kafka isn't there from the start; that it comes later is in tests/kafka_away.rs.

use std::net::TcpListener;

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
