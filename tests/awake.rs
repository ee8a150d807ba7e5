//! Nothing stands still in silence: what Kafka doesn't give, and why, is told, and told once.

use std::time::{Duration, Instant};

use crate::support::worker::Worker;
use crate::support::{World, events, eventually};

async fn is_not_ready(worker: &Worker, why: &str) {
    eventually("it says why it isn't ready", async || {
        let (status, reasons) = worker.get("/readyz").await;
        (status == 503 && reasons.contains(why)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_worker_says_within_five_seconds_that_no_broker_answers() {
    let world = World::new("no_answer", 1).await;
    let hole = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let brokers = hole.local_addr().unwrap().to_string();
    let environment = [("LANDFALL_KAFKA__BROKERS", brokers.as_str())];
    let worker = Worker::start(&["run"], &world.config_file(), &environment);
    worker.says(&["serving /metrics"]).await;
    let since = Instant::now();
    worker.says(&["Kafka is away", &brokers]).await;
    // five, and what a busy machine adds
    assert!(since.elapsed() < Duration::from_secs(8), "{}", worker.log());
    is_not_ready(&worker, "Kafka is away").await;
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn two_groups_that_write_one_ledger_are_told_so_once_as_the_cause() {
    let world = World::new("two_groups", 1).await;
    let event = [events::insert(1, 1, 1)];
    world.kafka.produce(&world.topic, &event).await;
    let blue = world.run();
    world.until_count("SELECT count(*) FROM t", 1).await;
    let environment = [("LANDFALL_KAFKA__GROUP", "green")];
    let green = Worker::start(&["run"], &world.config_file(), &environment);
    green.says(&["partitions assigned"]).await;
    let mut id = 1;
    let told = eventually("one of them says what is the matter", async || {
        id += 1;
        let event = [events::insert(id, id, 1)];
        world.kafka.produce(&world.topic, &event).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let tells = |worker: &Worker, other: &str| {
            let told = format!("the consumer group {other} writes the same partitions");
            worker.log().contains(&told)
        };
        (tells(&blue, "green") || tells(&green, world.group()))
            .then(|| tells(&green, world.group()))
    })
    .await;
    let teller = if told { &green } else { &blue };
    is_not_ready(teller, "writes the same partitions").await;
    world.until_count("SELECT count(*) FROM t", id).await;
    crate::support::audit::assert_forward_only(&world.db).await;
    let log = teller.log();
    let lines = log
        .lines()
        .filter(|line| line.contains("writes the same partitions"));
    assert_eq!(lines.count(), 1, "{log}");
}

#[tokio::test]
async fn a_pattern_means_the_same_topics_under_the_newer_protocol() {
    let mut world = World::new("newer_protocol", 1).await;
    world.settings.remove("kafka.properties");
    world.set("kafka.properties", "\"group.protocol\" = \"consumer\"");
    world.topics = vec![format!("^{}[.]public[.]", world.name)];
    let event = [events::insert(1, 1, 1)];
    world.kafka.produce(&world.topic, &event).await;
    let worker = world.run();
    world.until_count("SELECT count(*) FROM t", 1).await;
    assert_eq!(worker.stop().await.0, Some(0));
}
