//! Half an hour of everything: Postgres restarts, brokers and workers are killed, sessions frozen, tables locked,
//! records broken, under load. At the end all is right, and nothing has grown: memory, connections, locks, log lines.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::brokers::{assert_same, tell_story};
use crate::cluster::Cluster;
use crate::faults::Scene;
use crate::load::{Load, Sent};
use crate::settings;
use crate::sight::Watcher;
use crate::support::kafka::Kafka;
use crate::support::own_postgres::OwnPostgres;
use crate::support::source::Chance;
use crate::support::world::connect;
use crate::support::{World, eventually};
use crate::workers::Workers;

const PARTITIONS: i32 = 4;
const EVENTS_A_SECOND: u64 = 400;
/// This one is never killed: what it takes is measured.
const VETERAN: usize = 0;
const SESSIONS: &str = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'landfall'";
const LOCKS: &str = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
                     WHERE a.application_name = 'landfall' AND l.locktype <> 'virtualxid'";

/// What a quiet while looks like.
#[derive(Debug)]
struct Measured {
    /// Of the veteran, resident.
    memory_kb: u64,
    most_sessions: i64,
    /// Of the veteran, a minute.
    lines: f64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_long_time_of_random_faults_nothing_has_grown_and_all_is_right() {
    let length = settings::length();
    let seed = settings::seeds().next().unwrap();
    println!("SEED={seed}, {} minutes", length.as_secs() / 60);
    let cluster = Cluster::start();
    let postgres = OwnPostgres::start(&["max_connections=60"]);
    let kafka = Kafka::at(&cluster.brokers);
    let mut world = World::of("soak_long", PARTITIONS, &postgres.url(), kafka).await;
    world.set("dead_letter", "replication = 3");
    cluster.is_whole(&world.topic).await;
    let mut workers = Workers::start(&world, &cluster.brokers, 2);
    let load = Load::start(&cluster.brokers, &world.topic, EVENTS_A_SECOND, seed);
    let watcher = Watcher::start(&world.database_url, &workers.addresses, load.sent.clone());
    let (since, quiet) = (Instant::now(), (length / 12).max(Duration::from_secs(15)));

    let mut chance = Chance::of_seed(seed);
    let mut struck = vec!["started".to_owned()];
    wait_until_moving(&world, 1_000).await;
    // a batch of each kind, and what is allocated once
    let early = measure(&world, &workers, quiet).await;
    println!("{:>5} s: {early:?}", since.elapsed().as_secs());
    while since.elapsed() + quiet < length {
        let mut scene = Scene {
            cluster: &cluster,
            topic: &world.topic,
            partitions: PARTITIONS as u64,
            workers: &mut workers,
        };
        let what = strike_anything(
            &mut scene,
            &postgres,
            &world.database_url,
            &load.sent,
            &mut chance,
        );
        let what = what.await;
        let (seconds, memory) = (since.elapsed().as_secs(), memory_kb(&workers));
        let threads = read_status(&workers, "Threads:");
        println!("{seconds:>5} s: {memory} kB, {threads} threads, {what}");
        struck.push(what);
        tokio::time::sleep(Duration::from_millis(chance.below(8_000))).await;
    }
    world.reconnect().await;
    wait_until_level(&world, &load.sent).await;
    let late = measure(&world, &workers, quiet).await;
    println!("{:>5} s: {late:?}", since.elapsed().as_secs());

    let sent = load.sent.clone();
    let source = load.end().await;
    wait_until_level(&world, &sent).await;
    let seen = watcher.end().await;
    let story = || tell_story(seed, &struck, &workers);
    world.until_count(LOCKS, 0).await;
    let broken = sent.broken.load(std::sync::atomic::Ordering::SeqCst) as i64;
    let letters = world
        .count("SELECT count(*) FROM landfall.dead_letters")
        .await;
    assert_eq!(
        letters,
        broken,
        "a letter for each broken record: {}",
        story()
    );
    assert_same(&world, &source, story).await;
    let untold = seen.untold(&workers.warned_at());
    assert!(
        untold.is_empty(),
        "{untold:?} of which nobody was told: {}",
        story()
    );
    let grown = late.memory_kb > early.memory_kb * 5 / 4 + (16 << 10);
    assert!(!grown, "memory: {early:?}, then {late:?}: {}", story());
    let more = late.most_sessions > early.most_sessions + 2;
    assert!(!more, "sessions: {early:?}, then {late:?}: {}", story());
    assert!(
        late.lines <= 6.0,
        "the log: {early:?}, then {late:?}: {}",
        story()
    );
    println!(
        "{} events, {letters} letters, {} stand-stills, all told, {} faults, {} log lines",
        source.distinct,
        seen.stills.len(),
        struck.len() - 1,
        workers.logs().lines().count()
    );
    workers.stop_all().await;
}

async fn strike_anything(
    scene: &mut Scene<'_>,
    postgres: &OwnPostgres,
    database: &str,
    sent: &Sent,
    chance: &mut Chance,
) -> String {
    match chance.below(10) {
        0 | 1 => {
            postgres.stop();
            tokio::time::sleep(Duration::from_millis(chance.below(10_000))).await;
            postgres.restart();
            "Postgres restarted".to_owned()
        }
        2 | 3 => freeze_session(database, chance).await,
        4 => {
            let seconds = 1 + chance.below(20);
            let sql = format!("BEGIN; LOCK TABLE t; SELECT pg_sleep({seconds}); COMMIT");
            connect(database).await.batch_execute(&sql).await.unwrap();
            format!("table locked for {seconds} s")
        }
        5 => {
            let records = 1 + chance.below(5);
            sent.send_broken(records);
            format!("{records} broken records")
        }
        6 => {
            scene.workers.kill(VETERAN + 1).await;
            tokio::time::sleep(Duration::from_millis(chance.below(9_000))).await;
            scene.workers.start_at(VETERAN + 1);
            "a worker killed".to_owned()
        }
        _ => {
            let broker = 1 + chance.below(3) as i32;
            let (lose, back) =
                [("kill", "start"), ("cut", "mend"), ("stop", "start")][chance.below(3) as usize];
            scene.cluster.have(lose, broker);
            tokio::time::sleep(Duration::from_millis(chance.below(15_000))).await;
            scene.cluster.have(back, broker);
            scene.cluster.is_whole(scene.topic).await;
            format!("broker {broker}: {lose}")
        }
    }
}

/// A session of a worker is stopped in whatever it is at, as on a machine that hangs.
async fn freeze_session(database: &str, chance: &mut Chance) -> String {
    let client = connect(database).await;
    let sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'landfall' \
               ORDER BY state = 'active' DESC, random() LIMIT 1";
    let Some(row) = client.query_opt(sql, &[]).await.unwrap() else {
        return "no session to freeze".to_owned();
    };
    let session = Pid::from_raw(row.get(0));
    let millis = 500 + chance.below(20_000);
    let _ = kill(session, Signal::SIGSTOP);
    tokio::time::sleep(Duration::from_millis(millis)).await;
    let _ = kill(session, Signal::SIGCONT);
    format!("session frozen for {millis} ms")
}

async fn wait_until_moving(world: &World, events: i64) {
    eventually("the first events are in", async || {
        let sql = "SELECT count(*) FROM landfall.processed_events";
        let row = world.db.query_one(sql, &[]).await.ok()?;
        (row.get::<_, i64>(0) >= events).then_some(())
    })
    .await;
}

/// Until all is in that had been sent when it was asked for.
async fn wait_until_level(world: &World, sent: &Sent) {
    let end: i64 = sent.ends.lock().unwrap().values().sum();
    eventually("all has landed", async || {
        let sql = "SELECT coalesce(sum(next_offset), 0)::bigint FROM landfall.partitions";
        (world.count(sql).await >= end).then_some(())
    })
    .await;
}

/// What a quiet while looks like, under load and without faults.
async fn measure(world: &World, workers: &Workers, quiet: Duration) -> Measured {
    let (since, lines) = (Instant::now(), workers.at(VETERAN).log().lines().count());
    let mut most_sessions = 0;
    while since.elapsed() < quiet {
        most_sessions = world.count(SESSIONS).await.max(most_sessions);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let more = workers.at(VETERAN).log().lines().count() - lines;
    Measured {
        memory_kb: memory_kb(workers),
        most_sessions,
        lines: more as f64 * 60.0 / quiet.as_secs_f64(),
    }
}

fn memory_kb(workers: &Workers) -> u64 {
    read_status(workers, "VmRSS:")
}

/// A number that Linux tells of the veteran.
fn read_status(workers: &Workers, name: &str) -> u64 {
    let status = format!("/proc/{}/status", workers.at(VETERAN).process_id());
    let status = std::fs::read_to_string(status).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.expect("Linux tells it")
}
