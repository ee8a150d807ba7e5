//! Three brokers under load, of which some are killed, restarted and cut off, with the workers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::faults::{Scene, strike};
use crate::load::Load;
use crate::settings;
use crate::sight::Watcher;
use crate::support::kafka::Kafka;
use crate::support::source::{Chance, Source};
use crate::support::{World, audit, stack};
use crate::workers::Workers;

const PARTITIONS: i32 = 4;
const EVENTS_A_SECOND: u64 = 2_000;
/// How many faults a run has.
const FAULTS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_befalls_three_brokers_each_event_is_applied_once_and_each_standstill_told() {
    let cluster = Cluster::start();
    for seed in settings::seeds() {
        let since = Instant::now();
        let told = run_seed(&cluster, seed).await;
        println!("seed {seed}: {told}; {} s", since.elapsed().as_secs());
    }
}

async fn run_seed(cluster: &Cluster, seed: u64) -> String {
    let mut chance = Chance::of_seed(seed);
    let kafka = Kafka::at(&cluster.brokers);
    let mut world = World::of("soak_brokers", PARTITIONS, &stack().postgres, kafka).await;
    world.set("dead_letter", "replication = 3");
    cluster.is_whole(&world.topic).await;
    let mut workers = Workers::start(&world, &cluster.brokers, 2);
    let load = Load::start(&cluster.brokers, &world.topic, EVENTS_A_SECOND, seed);
    let watcher = Watcher::start(&world.database_url, &workers.addresses, load.sent.clone());
    let mut struck = Vec::new();
    for _ in 0..FAULTS {
        tokio::time::sleep(Duration::from_millis(500 + chance.below(4_000))).await;
        let mut scene = Scene {
            cluster,
            topic: &world.topic,
            partitions: PARTITIONS as u64,
            workers: &mut workers,
        };
        struck.push(strike(&mut scene, &mut chance).await);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let sent = load.sent.clone();
    let source = load.end().await;
    let end: i64 = sent.ends.lock().unwrap().values().sum();
    let applied = "SELECT coalesce(sum(next_offset), 0)::bigint FROM landfall.partitions";
    let story = |workers: &Workers| tell_story(seed, &struck, workers);
    let landed = tokio::time::timeout(Duration::from_secs(90), async {
        while world.count(applied).await < end {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    assert!(
        landed.await.is_ok(),
        "not all has landed: {}",
        story(&workers)
    );
    let seen = watcher.end().await;
    let untold = seen.untold(&workers.warned_at());
    assert!(
        untold.is_empty(),
        "{untold:?} of which nobody was told: {}",
        story(&workers)
    );
    assert_same(&world, &source, || story(&workers)).await;
    workers.stop_all().await;
    let stills = seen.stills.len();
    let events = source.distinct;
    format!(
        "{events} events, {stills} stand-stills, all told; {}",
        struck.join(", ")
    )
}

/// The destination has what the source has, and each event was applied once.
pub async fn assert_same(world: &World, source: &Source, story: impl Fn() -> String) {
    let rows = "SELECT id, version, body FROM t ORDER BY id";
    let landed = world.db.query(rows, &[]).await.unwrap();
    let row = |row: &tokio_postgres::Row| (row.get(0), (row.get(1), row.get(2)));
    let found: BTreeMap<i64, (i64, String)> = landed.iter().map(row).collect();
    assert_eq!(found, source.rows, "{}", story());
    let recorded = world
        .count("SELECT count(*) FROM landfall.processed_events")
        .await;
    assert_eq!(recorded, source.distinct, "{}", story());
    audit::assert_forward_only(&world.db).await;
}

/// Writes down what was said, for whoever has to find out.
pub fn tell_story(seed: u64, struck: &[String], workers: &Workers) -> String {
    let path = std::env::temp_dir().join(format!("landfall-soak-{seed}.log"));
    let text = format!("{}\n{}", struck.join(", "), workers.logs());
    std::fs::write(&path, text).unwrap();
    let struck = struck.join(", ");
    format!(
        "SEED={seed} ({struck}); the workers' logs are in {}",
        path.display()
    )
}
