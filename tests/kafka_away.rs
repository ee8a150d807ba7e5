//! Kafka goes away and comes back: one broker, for all that workers have to do meanwhile.

use std::time::{Duration, Instant};

use landfall::watch::metrics;

use crate::deadlines::stops_in_time;
use crate::support::events::{history, insert};
use crate::support::lone_broker::run;
use crate::support::own_kafka::OwnKafka;
use crate::support::worker::Worker;
use crate::support::world::connect;
use crate::support::{World, eventually};

async fn is_ready(worker: &Worker) {
    eventually("it is ready", async || {
        (worker.get("/readyz").await.0 == 200).then_some(())
    })
    .await;
}

/// What the worker says by itself: without what is told of repetitions.
fn plain_lines(log: &str) -> Vec<&str> {
    let lines = log.lines();
    lines.filter(|line| !line.contains(" DEBUG ")).collect()
}

/// A worker that has landed what there is.
async fn start_idle(broker: &str) -> (World, Worker) {
    let mut world = World::at("kafka_away", 2, broker).await;
    // what is said again and again is told of as such with this
    let level = "level = \"info,landfall::kafka=debug,landfall::watch=debug\"";
    world.set("log", level);
    // it takes itself for a member while we look
    world.settings.remove("kafka.properties");
    let worker = run(&world, broker);
    world.kafka.produce(&world.topic, &[insert(1, 1, 1)]).await;
    world.until_count("SELECT count(*) FROM t", 1).await;
    is_ready(&worker).await;
    (world, worker)
}

/// It says so once, though each of Kafka's clients says the same again and again. `before`: how many lines it had said.
async fn tells_it_once(worker: &Worker, since: Instant, before: usize) {
    eventually("it says why it isn't ready", async || {
        let (status, reasons) = worker.get("/readyz").await;
        (status == 503 && reasons.contains("Kafka is away")).then_some(())
    })
    .await;
    assert!(since.elapsed() < Duration::from_secs(30));
    let waiting = worker.metric(metrics::WAITING.name, &["unavailable"]).await;
    assert_eq!(waiting, 1.0);
    eventually("it has been away for long", async || {
        let log = worker.log();
        let repeated = log
            .lines()
            .filter(|line| line.contains(" DEBUG ") && line.contains("kafka"));
        (repeated.count() > 100).then_some(())
    })
    .await;
    // what the log's ends were is no news any more
    eventually("it isn't known how late it is", async || {
        let (_, metrics) = worker.get("/metrics").await;
        let mut lines = metrics.lines();
        let lags = lines
            .clone()
            .filter(|line| line.starts_with("landfall_lag_seconds{"));
        let lags: Vec<f64> = lags
            .filter_map(|line| line.rsplit_once(' ')?.1.parse().ok())
            .collect();
        let tells_events = lines.any(|line| line.starts_with("landfall_lag_events{"));
        (lags.len() == 2 && lags.iter().all(|lag| *lag > 5.0) && !tells_events).then_some(())
    })
    .await;
    let log = worker.log();
    let said = plain_lines(&log).split_off(before);
    assert!(said.len() < 12, "{}", said.join("\n"));
    let told = said.iter().filter(|line| line.contains("Kafka is away"));
    assert_eq!(told.count(), 1);
}

/// A worker with a batch in hand, and who has it wait.
async fn start_busy(broker: &str) -> (World, Worker, tokio_postgres::Client) {
    let world = World::at("stop_away", 2, broker).await;
    let worker = run(&world, broker);
    world.kafka.produce(&world.topic, &history(20, 2)).await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 20)
        .await;
    let rival = connect(&world.database_url).await;
    let lock = "BEGIN; LOCK TABLE t IN SHARE MODE";
    rival.batch_execute(lock).await.unwrap();
    let more = [insert(1000, 100, 1), insert(1001, 101, 1)];
    world.kafka.produce(&world.topic, &more).await;
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("a batch waits for the lock", async || {
        (world.count(waiting).await > 0).then_some(())
    })
    .await;
    (world, worker, rival)
}

#[tokio::test]
async fn that_kafka_went_away_is_told_once_hinders_no_stop_and_whoever_waits_lands_once_it_is_back()
{
    let kafka = OwnKafka::start();
    let broker = kafka.broker();
    let (idle_world, idle) = start_idle(&broker).await;
    let (_busy_world, busy, rival) = start_busy(&broker).await;
    let late_world = World::at("started_first", 2, &broker).await;

    let before = plain_lines(&idle.log()).len();
    kafka.stop();
    let since = Instant::now();
    let others = async {
        rival.batch_execute("COMMIT").await.unwrap();
        stops_in_time(busy).await;
        let late = run(&late_world, &broker);
        late.says(&["Kafka is away"]).await;
        late
    };
    let (late, ()) = tokio::join!(others, tells_it_once(&idle, since, before));

    kafka.restart();
    for (world, worker, id) in [(idle_world, idle, 2), (late_world, late, 1)] {
        let event = [insert(id, id, 1)];
        world.kafka.produce(&world.topic, &event).await;
        world.until_count("SELECT count(*) FROM t", id).await;
        worker.says(&["Kafka is back"]).await;
        is_ready(&worker).await;
        assert_eq!(worker.stop().await.0, Some(0));
    }
}
