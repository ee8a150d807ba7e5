//! A machine that vanishes while its worker sends.

use std::time::{Duration, Instant};

use crate::support::proxy::Hole;
use crate::support::worker::Worker;
use crate::support::{World, events};

#[tokio::test]
async fn what_a_vanished_machine_had_half_sent_holds_its_successor_up_for_seconds_only() {
    let world = World::new("vanished", 1).await;
    let hole = Hole::start(world.server()).await;
    let through = format!("postgres://postgres@127.0.0.1:{}/{}", hole.port, world.name);
    let worker = Worker::start(&["run"], &world.config_file_for(&through), &[]);
    world
        .kafka
        .produce(&world.topic, &[events::insert(1, 1, 1)])
        .await;
    world.until_count("SELECT count(*) FROM t", 1).await;
    // the next batch's statements are larger than what still gets through
    hole.swallow_behind(60_000);
    let all = events::history(3_000, 1);
    world.kafka.produce(&world.topic, &all).await;
    let half = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                AND application_name = 'landfall' AND xact_start < now() - interval '2 s'";
    world.until_count(half, 1).await;
    worker.freeze();
    let since = Instant::now();
    let successor = world.run();
    world.until_count("SELECT count(*) FROM t", 3_000).await;
    let took = since.elapsed();
    assert!(
        took < Duration::from_secs(60),
        "{took:?}\n{}",
        successor.log()
    );
    assert_eq!(successor.stop().await.0, Some(0));
    worker.thaw();
    worker.kill().await;
}
