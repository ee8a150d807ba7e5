//! Through a pooler of transactions everything works, and who shares its sessions sees nothing of us.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinHandle;
use tokio_postgres::SimpleQueryMessage;

use crate::commands::{done, landfall};
use crate::support::pooler::Pooler;
use crate::support::{World, audit, events, eventually, world};

/// Settings that we change, and statements that we prepare, as another application meets them.
const SEEN: &str = "SELECT string_agg(name || '=' || setting, ', ' ORDER BY name) FROM pg_settings \
    WHERE source = 'session' AND name NOT IN ('application_name', 'client_encoding'); \
    SELECT 'prepared=' || count(*) FROM pg_prepared_statements";

/// Another application: asks again and again what it finds, each time in a session that has been anybody's.
struct Neighbour {
    ended: Arc<AtomicBool>,
    asking: JoinHandle<(usize, BTreeSet<String>)>,
}

impl Neighbour {
    async fn start(url: &str) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let clients = [world::connect(url).await, world::connect(url).await];
        let over = ended.clone();
        let asking = tokio::spawn(async move {
            let (mut asked, mut seen) = (0, BTreeSet::new());
            while !over.load(Ordering::Relaxed) {
                for client in &clients {
                    asked += 1;
                    let answers = client.simple_query(SEEN).await.expect("it may ask");
                    seen.extend(answers.iter().filter_map(|answer| match answer {
                        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                        _ => None,
                    }));
                }
                tokio::task::yield_now().await;
            }
            (asked, seen)
        });
        Self { ended, asking }
    }

    /// How often it asked, and all that it saw.
    async fn end(self) -> (usize, BTreeSet<String>) {
        self.ended.store(true, Ordering::Relaxed);
        self.asking.await.expect("it asks")
    }
}

/// Events, and one in each partition's beginning that becomes a letter.
async fn produce(world: &World) {
    let mut some = events::history(60, 3);
    some.insert(20, events::broken(7001));
    some.insert(40, events::broken(7002));
    world.kafka.produce(&world.topic, &some).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_a_pooler_of_transactions_all_works_and_others_see_nothing_of_us() {
    let mut world = World::new("pooled", 3).await;
    let pooler = Pooler::start(&world.name);
    let direct = std::mem::replace(&mut world.database_url, pooler.url(&world.name));
    world.set("apply", "batch_rows = 20");
    let neighbour = Neighbour::start(&world.database_url).await;

    done(&world, "migrate");
    let worker = world.run();
    produce(&world).await;
    world.until_count("SELECT count(*) FROM t", 60).await;
    let letters = "SELECT count(*) FROM landfall.dead_letters";
    world.until_count(letters, 2).await;
    let checked = landfall(&world, "check --json");
    assert!(checked.text.contains("postgres_pooled"), "{}", checked.text);
    done(&world, "status");
    done(&world, "dlq list");
    let numbers = done(&world, "dlq list --json").all("id");
    done(&world, &format!("dlq show {}", numbers[0]));
    for dry_run in ["--dry-run", ""] {
        let replayed = landfall(&world, &format!("dlq replay {dry_run}"));
        assert!(
            replayed.text.contains("failed 2"),
            "{}{}",
            replayed.text,
            replayed.error
        );
    }
    done(&world, &format!("dlq discard --id {} --yes", numbers[0]));
    done(&world, "prune");
    world.db.batch_execute("DELETE FROM t").await.unwrap();
    done(&world, &format!("forget --topic {}", world.topic));
    world.until_count("SELECT count(*) FROM t", 60).await;
    let (code, log) = worker.stop().await;
    world.catch_up().await;

    let (asked, seen) = neighbour.end().await;
    assert!(asked > 100, "{asked}");
    assert_eq!(seen, BTreeSet::from(["prepared=0".to_owned()]));
    assert_eq!(code, Some(0), "{log}");
    for word in ["ERROR", "prepared statement", "26000"] {
        assert!(!log.contains(word), "{log}");
    }
    world.database_url = direct;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_is_restarted_is_waited_for_and_nothing_is_landed_twice() {
    let mut world = World::new("pooler_away", 3).await;
    let pooler = Pooler::start(&world.name);
    let direct = std::mem::replace(&mut world.database_url, pooler.url(&world.name));
    world.set("apply", "batch_rows = 5");
    world.migrate().await;
    let worker = world.run();
    world
        .kafka
        .produce(&world.topic, &events::history(200, 1))
        .await;
    eventually("it has begun", async || {
        (world.count("SELECT count(*) FROM t").await > 20).then_some(())
    })
    .await;

    pooler.stop();
    worker.says(&["waiting; nothing is lost"]).await;
    pooler.restart();

    world.until_count("SELECT count(*) FROM t", 200).await;
    let after = &events::history(200, 2)[200..];
    world.kafka.produce(&world.topic, after).await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 200)
        .await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(world.count("SELECT count(*) FROM audit").await, 400);
    audit::assert_forward_only(&world.db).await;
    let letters = "SELECT count(*) FROM landfall.dead_letters";
    assert_eq!(world.count(letters).await, 0);
    world.database_url = direct;
}
