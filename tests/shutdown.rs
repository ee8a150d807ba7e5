//! Stopping, and what a running process tells of itself.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use landfall::watch::metrics;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::worker::Worker;
use crate::support::{World, audit, events, world};

/// So long that a successor that had to wait for it would be noticed.
const LONG_SESSION: (&str, &str) = ("LANDFALL_KAFKA__PROPERTIES__SESSION_TIMEOUT_MS", "45000");

async fn starts_at_once(world: &World) -> Worker {
    let since = Instant::now();
    let successor = Worker::start(&["run"], &world.config_file(), &[LONG_SESSION]);
    successor
        .says(&["partitions assigned", "partitions=2"])
        .await;
    successor.says(&["session.timeout.ms=45000"]).await;
    let took = since.elapsed();
    assert!(
        took < Duration::from_secs(20),
        "took {took:?}\n{}",
        successor.log()
    );
    successor
}

async fn ends_the_batch_in_flight(test: &str, signal: Signal) {
    let world = World::new(test, 2).await;
    let insert = |n: i64, partition| events::insert(n, n, 1).on(partition);
    let worker = Worker::start(&["run"], &world.config_file(), &[LONG_SESSION]);
    world
        .kafka
        .produce(&world.topic, &[insert(1, 0), insert(2, 1)])
        .await;
    world.until_count("SELECT count(*) FROM t", 2).await;

    // both lanes' transactions wait for somebody else's lock
    let rival = world::connect(&world.database_url).await;
    rival
        .batch_execute("BEGIN; LOCK TABLE t IN SHARE MODE")
        .await
        .unwrap();
    world
        .kafka
        .produce(&world.topic, &[insert(3, 0), insert(4, 1)])
        .await;
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    world.until_count(waiting, 2).await;
    worker.signal(signal);
    worker.says(&["stopping", signal.as_str()]).await;
    rival.batch_execute("COMMIT").await.unwrap();
    let mut worker = worker;
    assert_eq!(worker.wait().await, Some(0), "{}", worker.log());

    assert_eq!(
        world.count("SELECT count(*) FROM t").await,
        4,
        "{}",
        worker.log()
    );
    let committed = world.kafka.committed(world.group(), &world.topic, 2).await;
    assert_eq!(committed, [Some(2), Some(2)], "{}", worker.log());

    let successor = starts_at_once(&world).await;
    world.kafka.produce(&world.topic, &[insert(5, 0)]).await;
    world.until_count("SELECT count(*) FROM t", 5).await;
    audit::assert_forward_only(&world.db).await;
    assert_eq!(
        successor
            .metric(metrics::EVENTS.name, &["outcome=\"duplicate\""])
            .await,
        0.0
    );
    assert_eq!(successor.stop().await.0, Some(0));
}

#[tokio::test]
async fn sigterm_ends_the_batch_in_flight_and_leaves_the_group() {
    ends_the_batch_in_flight("sigterm", Signal::SIGTERM).await;
}

#[tokio::test]
async fn sigint_ends_the_batch_in_flight_and_leaves_the_group() {
    ends_the_batch_in_flight("sigint", Signal::SIGINT).await;
}

#[tokio::test]
async fn until_caught_up_leaves_the_group_too() {
    let world = World::new("leaves", 2).await;
    world
        .kafka
        .produce(&world.topic, &events::history(20, 2))
        .await;
    let arguments = ["run", "--until-caught-up"];
    let mut worker = Worker::start(&arguments, &world.config_file(), &[LONG_SESSION]);
    assert_eq!(worker.wait().await, Some(0), "{}", worker.log());
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 2")
            .await,
        20
    );
    starts_at_once(&world).await;
}

#[tokio::test]
async fn a_batch_that_cannot_be_landed_does_not_hold_up_the_end() {
    let world = World::new("stops_waiting", 2).await;
    world.db.batch_execute("DROP TABLE t").await.unwrap();
    world
        .kafka
        .produce(&world.topic, &events::history(20, 2))
        .await;
    let worker = world.run();
    worker.says(&["stopped taking in"]).await;
    let since = Instant::now();
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(since.elapsed() < Duration::from_secs(15), "{log}");
    let committed = world.kafka.committed(world.group(), &world.topic, 2).await;
    assert_eq!(committed, [None, None]);
}

#[tokio::test]
async fn it_is_ready_once_it_has_joined_its_group_and_alive_before() {
    let world = World::new("ready", 1).await;
    let nowhere = [("LANDFALL_KAFKA__BROKERS", "127.0.0.1:9")];
    let worker = Worker::start(&["run"], &world.config_file(), &nowhere);
    let (status, reasons) = worker.get("/readyz").await;
    assert_eq!(status, 503);
    assert!(reasons.contains("not yet a member"), "{reasons}");
    assert_eq!(worker.get("/healthz").await, (200, "alive\n".into()));
    assert_eq!(worker.get("/elsewhere").await.0, 404);
    drop(worker);

    let worker = world.run();
    worker.says(&["partitions assigned"]).await;
    crate::support::eventually("it is ready", async || {
        (worker.get("/readyz").await == (200, "ready\n".into())).then_some(())
    })
    .await;
}

#[tokio::test]
async fn metrics_are_there_from_the_first_batch_on_and_all_of_them_are_described() {
    let world = World::new("metrics", 1).await;
    world
        .kafka
        .produce(&world.topic, &events::history(10, 2))
        .await;
    let worker = world.run();
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 10)
        .await;
    // these take an event that is refused, an attempt that fails, or a table that lacks something
    let only_in_trouble = [
        metrics::DDL_STATEMENTS,
        metrics::DEAD_LETTERS,
        metrics::FAILED_ATTEMPTS,
        metrics::OPEN_LETTERS,
        metrics::ROWS_LEFT,
    ]
    .map(|metric| metric.name);
    let all: BTreeSet<&str> = metrics::ALL.iter().map(|metric| metric.name).collect();
    let expected: Vec<&str> = all
        .iter()
        .copied()
        .filter(|name| !only_in_trouble.contains(name))
        .collect();
    let told = crate::support::eventually("all metrics are there", async || {
        let (status, text) = worker.get("/metrics").await;
        assert_eq!(status, 200);
        let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let names: BTreeSet<String> = names
            .filter_map(|rest| rest.split(' ').next())
            .map(str::to_owned)
            .collect();
        expected
            .iter()
            .all(|name| names.contains(*name))
            .then_some((text, names))
    })
    .await;
    let (text, names) = told;
    for name in names {
        assert!(all.contains(&*name), "{name} is in no list");
        assert!(text.contains(&format!("# HELP {name} ")), "{name}");
    }
    assert_eq!(
        worker
            .metric(metrics::EVENTS.name, &["outcome=\"applied\""])
            .await,
        20.0
    );
    assert_eq!(worker.metric(metrics::PARTITIONS.name, &[]).await, 1.0);
    let version = format!("version=\"{}\"", env!("CARGO_PKG_VERSION"));
    assert_eq!(worker.metric(metrics::BUILD.name, &[&version]).await, 1.0);
}

#[tokio::test]
async fn a_json_log_is_one_object_a_line() {
    let mut world = World::new("json_log", 1).await;
    world.set("log", "format = \"json\"");
    let bad = events::Event::raw("{\"id\":1}", "line one\nline two");
    world
        .kafka
        .produce(&world.topic, &[bad, events::insert(1, 2, 1)])
        .await;
    let worker = world.run();
    worker.says(&["record put aside as a dead letter"]).await;
    world.until_count("SELECT count(*) FROM t", 1).await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0));
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    assert!(lines.len() > 4, "{log}");
    for line in &lines {
        for field in ["timestamp", "level", "message", "target"] {
            assert!(line[field].is_string(), "{field}: {line}");
        }
    }
    let letter = lines
        .iter()
        .find(|l| l["message"] == "record put aside as a dead letter");
    let letter = letter.unwrap();
    assert_eq!(letter["reason"], "undecodable");
    assert_eq!(letter["offset"], 0);
    assert!(
        !log.contains("line one"),
        "no value of a record is logged\n{log}"
    );
}
