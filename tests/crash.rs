//! SIGKILL between any two steps: each event is applied once.

use landfall::failpoint::SEAMS;

use crate::support::{World, audit, events};

/// The worker is killed at the seam, and another one lands the rest.
async fn crash_at(seam: &str) {
    assert!(SEAMS.contains(&seam));
    let mut world = World::new(&format!("crash_{seam}"), 2).await;
    world.set("apply", "batch_rows = 200");
    let history = events::history(500, 4);
    world.kafka.produce(&world.topic, &history).await;

    let worker = world.run_until(seam, 3).await_seam(seam).await;
    worker.kill().await;
    let worker = world.catch_up().await;

    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 4")
            .await,
        500,
        "{}",
        worker.log()
    );
    audit::assert_forward_only(&world.db).await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.processed_events")
            .await,
        2000
    );
}

#[tokio::test]
async fn crash_before_the_transaction_applies_once() {
    crash_at("before_transaction").await;
}

#[tokio::test]
async fn crash_before_commit_applies_once() {
    crash_at("before_commit").await;
}

#[tokio::test]
async fn crash_between_commit_and_offset_commit_applies_once() {
    crash_at("after_commit").await;
}

#[tokio::test]
async fn crash_after_the_offset_commit_applies_once() {
    crash_at("after_offset_commit").await;
}
