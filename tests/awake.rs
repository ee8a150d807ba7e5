//! Nothing stands still in silence: what Kafka doesn't give, and why, is told, and told once.

use std::time::{Duration, Instant};

use landfall::watch::metrics;

use crate::support::own_kafka::OwnKafka;
use crate::support::worker::Worker;
use crate::support::{World, events, eventually};

async fn is_not_ready(worker: &Worker, why: &str) {
    eventually("it says why it isn't ready", async || {
        let (status, reasons) = worker.get("/readyz").await;
        (status == 503 && reasons.contains(why)).then_some(())
    })
    .await;
}

async fn is_ready(worker: &Worker) {
    eventually("it is ready", async || {
        (worker.get("/readyz").await.0 == 200).then_some(())
    })
    .await;
}

/// What is said again and again is told of as such with this.
fn tell_repetitions(world: &mut World) {
    world.set(
        "log",
        "level = \"info,landfall::kafka=debug,landfall::watch=debug\"",
    );
}

/// What the worker says by itself: without what is told of repetitions.
fn plain_lines(log: &str) -> Vec<&str> {
    let lines = log.lines();
    lines.filter(|line| !line.contains(" DEBUG ")).collect()
}

#[tokio::test]
async fn an_idle_worker_whose_brokers_go_away_says_so_once_and_goes_on_when_they_are_back() {
    let kafka = OwnKafka::start();
    let broker = kafka.broker();
    let mut world = World::at("kafka_away", 2, &broker).await;
    tell_repetitions(&mut world);
    // it takes itself for a member while we look
    world.settings.remove("kafka.properties");
    let environment = [("LANDFALL_KAFKA__BROKERS", broker.as_str())];
    let worker = Worker::start(&["run"], &world.config_file(), &environment);
    let event = [events::insert(1, 1, 1)];
    world.kafka.produce(&world.topic, &event).await;
    world.until_count("SELECT count(*) FROM t", 1).await;
    is_ready(&worker).await;

    let before = plain_lines(&worker.log()).len();
    kafka.stop();
    let since = Instant::now();
    is_not_ready(&worker, "Kafka is away").await;
    assert!(since.elapsed() < Duration::from_secs(30));
    let waiting = worker.metric(metrics::WAITING.name, &["unavailable"]).await;
    assert_eq!(waiting, 1.0);
    // each of Kafka's clients says the same again and again
    eventually("it has been away for long", async || {
        let log = worker.log();
        let repeated = log
            .lines()
            .filter(|line| line.contains(" DEBUG ") && line.contains("kafka"));
        (repeated.count() > 100).then_some(())
    })
    .await;
    // what the log's ends were is no news any more
    let behind = eventually("it isn't known how late it is", async || {
        let (_, metrics) = worker.get("/metrics").await;
        let mut lines = metrics.lines();
        let lags = lines
            .clone()
            .filter(|line| line.starts_with("landfall_lag_seconds{"));
        let lags: Vec<f64> = lags
            .filter_map(|line| line.rsplit_once(' ')?.1.parse().ok())
            .collect();
        let tells_events = lines.any(|line| line.starts_with("landfall_lag_events{"));
        (lags.len() == 2 && lags.iter().all(|lag| *lag > 5.0) && !tells_events).then_some(lags)
    });
    behind.await;
    let log = worker.log();
    let said = plain_lines(&log).split_off(before);
    assert!(said.len() < 12, "{}", said.join("\n"));
    let told = said.iter().filter(|line| line.contains("Kafka is away"));
    assert_eq!(told.count(), 1);

    kafka.restart();
    let event = [events::insert(2, 2, 1)];
    world.kafka.produce(&world.topic, &event).await;
    world.until_count("SELECT count(*) FROM t", 2).await;
    worker.says(&["Kafka is back"]).await;
    is_ready(&worker).await;
    assert_eq!(worker.stop().await.0, Some(0));
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

/// A worker of a broker that asks for rights, which has landed an event.
async fn worker_with_rights(test: &str) -> (OwnKafka, World, Worker) {
    let kafka = OwnKafka::with_rights();
    let broker = kafka.broker();
    let mut world = World::at(test, 1, &broker).await;
    tell_repetitions(&mut world);
    let environment = [("LANDFALL_KAFKA__BROKERS", broker.as_str())];
    let worker = Worker::start(&["run"], &world.config_file(), &environment);
    lands_one_more(&world, &worker, 1).await;
    (kafka, world, worker)
}

/// The next event, of which there are so many then.
async fn lands_one_more(world: &World, worker: &Worker, count: i64) {
    let event = [events::insert(count, count, 1)];
    world.kafka.produce(&world.topic, &event).await;
    world.until_count("SELECT count(*) FROM t", count).await;
    is_ready(worker).await;
}

/// What Kafka refuses is told as long as it does: it says so again and again, and what is told is renewed each time.
async fn is_told_on(worker: &Worker, why: &str) {
    is_not_ready(worker, why).await;
    let count_renewals = || {
        let log = worker.log();
        let renewed = log.lines().filter(|line| line.contains("refuses still"));
        renewed.count()
    };
    let before = count_renewals();
    let since = Instant::now();
    eventually("it is renewed", async || {
        (count_renewals() >= before + 2).then_some(())
    })
    .await;
    // what isn't renewed is forgotten after half a minute
    assert!(
        since.elapsed() < Duration::from_secs(30),
        "{}",
        worker.log()
    );
    is_not_ready(worker, why).await;
}

#[tokio::test]
async fn a_right_that_is_taken_away_is_told_until_it_is_given_back() {
    let (kafka, world, worker) = worker_with_rights("rights").await;
    let rights = [
        ["--topic", world.topic.as_str()],
        ["--group", world.group()],
    ];
    for (on, count) in rights.iter().zip([2, 3]) {
        kafka.deny("Read", on);
        is_told_on(&worker, "Kafka refuses").await;
        kafka.allow("Read", on);
        lands_one_more(&world, &worker, count).await;
    }
    let log = worker.log();
    assert!(plain_lines(&log).len() < 60, "{log}");
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

#[tokio::test]
async fn a_topic_that_may_be_known_and_not_read_is_told_until_it_may_be_read() {
    let (kafka, world, worker) = worker_with_rights("unreadable").await;
    // writing includes describing; once anything is allowed, nothing else is
    let topic = ["--topic", world.topic.as_str()];
    kafka.permit("Write", &topic);
    is_told_on(&worker, "the user may not read it").await;
    kafka.permit("Read", &topic);
    lands_one_more(&world, &worker, 2).await;
    assert_eq!(worker.stop().await.0, Some(0));
}
