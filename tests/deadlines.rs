//! Nothing is waited for without end: a stop is obeyed in every state. With a batch in hand whose brokers went away: in
//! tests/kafka_away.rs.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use landfall::ledger::worker_sessions::WorkerSessions;
use landfall::record::TopicPartition;

use crate::support::own_postgres::OwnPostgres;
use crate::support::proxy::Hole;
use crate::support::worker::Worker;
use crate::support::{World, events};

/// What Docker gives.
const STOP_BOUND: Duration = Duration::from_secs(10);

pub async fn stops_in_time(worker: Worker) -> String {
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

/// An insert sleeps for a minute while `slow` says so.
async fn make_slow(world: &World) {
    let slow = "CREATE TABLE slow (on_now boolean); INSERT INTO slow VALUES (true);
                CREATE FUNCTION sleep_if_slow() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN IF (SELECT on_now FROM public.slow) THEN PERFORM pg_sleep(60); END IF; RETURN NEW; END $$;
                CREATE TRIGGER slow BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION sleep_if_slow()";
    world.db.batch_execute(slow).await.unwrap();
}

const ASLEEP: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";

#[tokio::test]
async fn a_worker_that_is_killed_leaves_no_statement_running() {
    let world = World::new("killed_long", 1).await;
    make_slow(&world).await;
    let event = [events::insert(1, 1, 1)];
    world.kafka.produce(&world.topic, &event).await;
    let worker = world.run();
    world.until_count(ASLEEP, 1).await;
    worker.kill().await;
    let since = Instant::now();
    world.until_count(ASLEEP, 0).await;
    assert!(since.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn a_frozen_workers_session_is_ended_by_the_worker_that_has_its_partition_now() {
    let world = World::new("frozen_long", 1).await;
    make_slow(&world).await;
    let event = [events::insert(1, 1, 1)];
    world.kafka.produce(&world.topic, &event).await;
    let frozen = world.run();
    world.until_count(ASLEEP, 1).await;
    frozen.freeze();
    let mend = "UPDATE slow SET on_now = false";
    world.db.batch_execute(mend).await.unwrap();
    // somebody else's session is nobody's to end, whatever it holds
    let other = crate::support::world::connect(&world.database_url).await;
    other
        .batch_execute("SET application_name = 'landfall'; BEGIN; LOCK TABLE slow IN SHARE MODE")
        .await
        .unwrap();
    let since = Instant::now();
    let successor = world.run();
    world.until_count("SELECT count(*) FROM t", 1).await;
    let took = since.elapsed();
    assert!(
        took < Duration::from_secs(40),
        "{took:?}\n{}",
        successor.log()
    );
    successor.says(&["ended sessions of workers"]).await;
    other.batch_execute("COMMIT").await.unwrap();
    frozen.thaw();
    assert_eq!(frozen.stop().await.0, Some(0));
    assert_eq!(successor.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_session_that_holds_a_partition_is_ended_only_by_the_worker_that_the_group_gives_it_to() {
    let world = World::new("fenced_sessions", 2).await;
    let events = [0, 1].map(|n| events::insert(1, n, 1).on(n as i32));
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    let sessions = WorkerSessions::new("landfall", world.group());
    let (holder, waiter) = (
        crate::support::world::connect(&world.database_url).await,
        crate::support::world::connect(&world.database_url).await,
    );
    holder.batch_execute(&sessions.enter_sql()).await.unwrap();
    let advance = |number: i32| {
        format!(
            "UPDATE landfall.partitions p SET next_offset = next_offset WHERE partition = {number}"
        )
    };
    let held = format!("BEGIN; {}", advance(1));
    holder.batch_execute(&held).await.unwrap();
    let pid = waiter.query_one("SELECT pg_backend_pid()", &[]).await;
    let pid: i32 = pid.unwrap().get(0);
    let waits = tokio::spawn(async move { waiter.batch_execute(&advance(1)).await });
    // a worker that has to give it up is given a moment
    let patient = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND wait_event_type = 'Lock' AND query_start < now() - interval '3 s'"
    );
    world.until_count(&patient, 1).await;
    let end_for = async |number: i32| {
        let source = TopicPartition {
            topic: world.topic.as_str().into(),
            partition: number,
        };
        let (ours, held) = ([pid], [source]);
        let ended = sessions.end_fenced_sessions(&world.db, &ours, &held).await;
        ended.unwrap().len()
    };
    assert_eq!(end_for(0).await, 0, "it waits for another partition");
    assert_eq!(end_for(1).await, 1);
    waits.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_backend_that_is_frozen_is_given_up_and_its_batch_lands_over_another() {
    let postgres = OwnPostgres::start(&[]);
    let world = World::on("frozen_backend", 1, &postgres.url()).await;
    let event = [events::insert(1, 1, 1)];
    world.kafka.produce(&world.topic, &event).await;
    let worker = world.run();
    world.until_count("SELECT count(*) FROM t", 1).await;
    let ours = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'landfall' AND state = 'idle'";
    let rows = world.db.query(ours, &[]).await.unwrap();
    let pids: Vec<Pid> = rows.iter().map(|row| Pid::from_raw(row.get(0))).collect();
    pids.iter()
        .for_each(|pid| kill(*pid, Signal::SIGSTOP).unwrap());
    let since = Instant::now();
    let event = [events::insert(2, 2, 1)];
    world.kafka.produce(&world.topic, &event).await;
    world.until_count("SELECT count(*) FROM t", 2).await;
    let took = since.elapsed();
    pids.iter()
        .for_each(|pid| kill(*pid, Signal::SIGCONT).unwrap());
    assert!(took < Duration::from_secs(60), "{took:?}");
    worker.says(&["a session with Postgres is given up"]).await;
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn connections_that_swallow_everything_are_given_up() {
    let world = World::new("swallowed", 1).await;
    let event = [events::insert(1, 1, 1)];
    world.kafka.produce(&world.topic, &event).await;
    let server = crate::support::stack().postgres.clone();
    let server = server.rsplit('@').next().unwrap().to_owned();
    let hole = Hole::start(server.clone()).await;
    let through = world
        .database_url
        .replace(&server, &format!("127.0.0.1:{}", hole.port));
    let worker = Worker::start(&["run"], &world.config_file_for(&through), &[]);
    world.until_count("SELECT count(*) FROM t", 1).await;
    hole.swallow();
    let since = Instant::now();
    let event = [events::insert(2, 2, 1)];
    world.kafka.produce(&world.topic, &event).await;
    world.until_count("SELECT count(*) FROM t", 2).await;
    let took = since.elapsed();
    assert!(took < Duration::from_secs(60), "{took:?}");
    worker.says(&["a session with Postgres is given up"]).await;
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_batch_that_waits_long_is_told_with_whom_it_waits_for() {
    let world = World::new("late", 1).await;
    make_slow(&world).await;
    let event = [events::insert(1, 1, 1)];
    world.kafka.produce(&world.topic, &event).await;
    let worker = world.run();
    worker.says(&["Postgres takes long", "one statement"]).await;
    let (status, reasons) = worker.get("/readyz").await;
    assert_eq!(status, 503);
    assert!(reasons.contains("Postgres takes long"), "{reasons}");
    world.until_count("SELECT count(*) FROM t", 1).await;
    crate::support::eventually("it is ready again", async || {
        (worker.get("/readyz").await.0 == 200).then_some(())
    })
    .await;
    assert_eq!(worker.stop().await.0, Some(0));
}
