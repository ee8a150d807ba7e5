//! Everything at once, in an order nobody thought of: workers that are killed, frozen and stopped,
//! connections that are cut, tables that are locked or missing, partitions that somebody else has
//! written, offsets that are rewound, history that is sent again. At the end each event is in exactly
//! once.
//!
//! `CHAOS_SEED` plays a run again as far as timing lets it, `CHAOS_SECONDS` makes it longer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::support::source::{Chance, Source};
use crate::support::worker::Worker;
use crate::support::{World, audit};

const PARTITIONS: i32 = 3;

/// Sends what is new; now and then after some of what was sent before, as a connector does that
/// was restarted before it had noted its position.
async fn send_some(source: &mut Source, world: &World, chance: &mut Chance) {
    let mut from = source.sent;
    if chance.below(4) == 0 {
        from = from.saturating_sub(chance.below(600) as usize);
        while from > 0 && source.history[from].value.is_none() {
            from -= 1; // a delete and its tombstone come together
        }
    }
    world
        .kafka
        .produce(&world.topic, &source.history[from..])
        .await;
    source.sent = source.history.len();
}

struct Workers<'w> {
    world: &'w World,
    running: Vec<Worker>,
    logs: Vec<String>,
}

impl Workers<'_> {
    fn start(&mut self) {
        self.running.push(self.world.run());
    }

    async fn kill(&mut self, at: usize) {
        let worker = self.running.remove(at);
        self.logs.push(worker.log());
        worker.kill().await;
    }

    async fn stop(&mut self, at: usize) {
        let worker = self.running.remove(at);
        // by then it listens for signals
        worker.says(&["serving /metrics"]).await;
        let (code, log) = worker.stop().await;
        assert_eq!(code, Some(0), "{log}");
        self.logs.push(log);
    }

    async fn kill_all(&mut self) {
        while !self.running.is_empty() {
            self.kill(0).await;
        }
    }
}

const CUT: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE datname = current_database() AND application_name = 'landfall'";

async fn strike(workers: &mut Workers<'_>, chance: &mut Chance) -> &'static str {
    let world = workers.world;
    let victim = chance.below(workers.running.len() as u64) as usize;
    match chance.below(15) {
        0 | 1 => {
            workers.kill(victim).await;
            workers.start();
            "killed"
        }
        2 => {
            workers.stop(victim).await;
            workers.start();
            "stopped"
        }
        3 | 4 => {
            // at times beyond the session timeout of six seconds
            let frozen = Duration::from_millis([300, 900, 8_000][chance.below(3) as usize]);
            workers.running[victim].freeze();
            tokio::time::sleep(frozen).await;
            workers.running[victim].thaw();
            "frozen"
        }
        5..=7 => {
            world.count(CUT).await;
            "cut off"
        }
        8 => {
            let sql = "BEGIN; LOCK TABLE t; SELECT pg_sleep(0.7); COMMIT";
            world.db.batch_execute(sql).await.unwrap();
            "locked"
        }
        9 | 10 => {
            // what a lane finds when another process has written its partitions
            let sql = "UPDATE landfall.partitions SET batch = gen_random_uuid()";
            let _ = world.db.batch_execute(sql).await; // there is no such table yet
            "fenced"
        }
        11 => {
            // lanes wait with a batch in hand, and lose it to a rebalance
            world
                .db
                .batch_execute("ALTER TABLE t RENAME TO away")
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_millis(800)).await;
            match workers.running.len() {
                1 => workers.start(),
                _ => workers.stop(victim).await,
            }
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            world
                .db
                .batch_execute("ALTER TABLE away RENAME TO t")
                .await
                .unwrap();
            "left without a table"
        }
        12 if workers.running.len() < 3 => {
            workers.start();
            "joined"
        }
        13 if workers.running.len() > 1 => {
            workers.stop(victim).await;
            "left"
        }
        _ => {
            workers.kill_all().await;
            let offset = chance.below(1_000) as i64;
            world
                .kafka
                .reset(world.group(), &world.topic, PARTITIONS, offset)
                .await;
            workers.start();
            workers.start();
            "rewound"
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_in_whatever_order_each_event_is_applied_once() {
    let variable = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = variable("CHAOS_SEED").unwrap_or(now.unwrap().as_nanos() as u64 | 1);
    let length = Duration::from_secs(variable("CHAOS_SECONDS").unwrap_or(20));
    println!("CHAOS_SEED={seed}");
    let mut chance = Chance::of_seed(seed);

    let mut world = World::new("chaos", PARTITIONS).await;
    let rows = [10, 130, 700][chance.below(3) as usize];
    let linger = [20, 300][chance.below(2) as usize];
    world.settings.remove("apply");
    world.set(
        "apply",
        &format!("lanes = 2\nbatch_rows = {rows}\nlinger = \"{linger}ms\""),
    );
    world.set("retry", "initial_delay = \"50ms\"\nmax_delay = \"500ms\"");
    let mut source = Source::default();
    let mut workers = Workers {
        world: &world,
        running: Vec::new(),
        logs: Vec::new(),
    };
    workers.start();
    workers.start();
    let since = Instant::now();
    let mut struck = Vec::new();
    while since.elapsed() < length {
        for _ in 0..200 + chance.below(1_800) {
            source.change(&mut chance);
        }
        send_some(&mut source, &world, &mut chance).await;
        struck.push(strike(&mut workers, &mut chance).await);
        tokio::time::sleep(Duration::from_millis(chance.below(1_200))).await;
    }
    workers.kill_all().await;
    let logs = std::mem::take(&mut workers.logs).join("\n--- the next worker\n");
    let last = world.catch_up().await;

    let story = || {
        let path = std::env::temp_dir().join(format!("landfall-chaos-{seed}.log"));
        let text = format!(
            "batches of {rows} after {linger} ms: {struck:?}\n{logs}\n--- the last worker\n{}",
            last.log()
        );
        std::fs::write(&path, text).unwrap();
        format!(
            "CHAOS_SEED={seed}; the workers' logs are in {}",
            path.display()
        )
    };
    let landed = world
        .db
        .query("SELECT id, version, body FROM t ORDER BY id", &[])
        .await
        .unwrap();
    let found: BTreeMap<i64, (i64, String)> = landed
        .iter()
        .map(|row| (row.get(0), (row.get(1), row.get(2))))
        .collect();
    assert_eq!(found, source.rows, "{}", story());
    let recorded = world
        .count("SELECT count(*) FROM landfall.processed_events")
        .await;
    assert_eq!(recorded, source.distinct, "{}", story());
    let letters = world.kafka.read_all(&world.dead_letter_topic()).await;
    assert_eq!(letters.len(), 0, "{}", story());
    audit::assert_forward_only(&world.db).await;
    println!("{} events through {struck:?}", source.history.len());
    if variable("CHAOS_SEED").is_some() {
        println!("{}", story());
    }
}
