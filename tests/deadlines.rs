//! Nothing is waited for without end: a stop is obeyed in every state.

use std::time::{Duration, Instant};

use crate::support::own_kafka::OwnKafka;
use crate::support::worker::Worker;
use crate::support::{World, events};

/// What Docker gives.
const STOP_BOUND: Duration = Duration::from_secs(10);

async fn stops_in_time(worker: Worker) -> String {
    let since = Instant::now();
    let (code, log) = worker.stop().await;
    let took = since.elapsed();
    assert_eq!(code, Some(0), "{log}");
    assert!(took < STOP_BOUND, "took {took:?}\n{log}");
    log
}

async fn stops_before_kafka_came(test: &str, brokers: &str) {
    let world = World::new(test, 1).await;
    let environment = [("LANDFALL_KAFKA__BROKERS", brokers)];
    let worker = Worker::start(&["run"], &world.config_file(), &environment);
    let schema =
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'landfall' AND tablename = 'partitions'";
    world.until_count(schema, 1).await;
    stops_in_time(worker).await;
}

#[tokio::test]
async fn sigterm_ends_a_worker_whose_brokers_refuse_from_the_start() {
    stops_before_kafka_came("stop_refused", "127.0.0.1:9").await;
}

#[tokio::test]
async fn sigterm_ends_a_worker_whose_brokers_have_no_address() {
    stops_before_kafka_came("stop_dns", "no-such-host.invalid:9092").await;
}

#[tokio::test]
async fn sigterm_ends_a_worker_whose_brokers_never_answer() {
    // its connections are taken by the operating system, and nobody looks at them
    let hole = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let brokers = hole.local_addr().unwrap().to_string();
    stops_before_kafka_came("stop_hole", &brokers).await;
}

#[tokio::test]
async fn sigterm_ends_a_worker_whose_brokers_went_away_with_a_batch_in_hand() {
    let kafka = OwnKafka::start();
    let broker = kafka.broker();
    let world = World::at("stop_away", 2, &broker).await;
    let environment = [("LANDFALL_KAFKA__BROKERS", broker.as_str())];
    let worker = Worker::start(&["run"], &world.config_file(), &environment);
    world
        .kafka
        .produce(&world.topic, &events::history(20, 2))
        .await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 20)
        .await;
    let rival = crate::support::world::connect(&world.database_url).await;
    let lock = "BEGIN; LOCK TABLE t IN SHARE MODE";
    rival.batch_execute(lock).await.unwrap();
    let more = [events::insert(1000, 100, 1), events::insert(1001, 101, 1)];
    world.kafka.produce(&world.topic, &more).await;
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    crate::support::eventually("a batch waits for the lock", async || {
        (world.count(waiting).await > 0).then_some(())
    })
    .await;
    kafka.stop();
    rival.batch_execute("COMMIT").await.unwrap();
    stops_in_time(worker).await;
}

#[tokio::test]
async fn sigterm_in_a_long_statement_leaves_no_statement_behind_and_loses_nothing() {
    let world = World::new("stop_long", 1).await;
    let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN NEW; END $$;
                CREATE TRIGGER slow BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION slow()";
    world.db.batch_execute(slow).await.unwrap();
    world
        .kafka
        .produce(&world.topic, &events::history(200, 1))
        .await;
    let worker = world.run();
    let at_work = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    world.until_count(at_work, 1).await;
    stops_in_time(worker).await;
    let since = Instant::now();
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'landfall'";
    world.until_count(sessions, 0).await;
    assert!(since.elapsed() < Duration::from_secs(2));
    assert_eq!(world.count("SELECT count(*) FROM t").await, 0);

    let mend = "DROP TRIGGER slow ON t";
    world.db.batch_execute(mend).await.unwrap();
    world.catch_up().await;
    assert_eq!(world.count("SELECT count(*) FROM t").await, 200);
}
