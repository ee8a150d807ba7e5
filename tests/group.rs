//! Several workers in one group: one dies, one hangs and comes back.

use crate::support::{World, audit, events};

#[tokio::test]
async fn a_killed_worker_is_replaced_by_its_fellow() {
    let mut world = World::new("killed", 4).await;
    world.set("apply", "batch_rows = 100");
    let history = events::history(500, 6);
    let (first, second) = (world.run(), world.run());
    world.kafka.produce(&world.topic, &history[..1000]).await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 500)
        .await;
    for worker in [&first, &second] {
        worker.says(&["partitions assigned", "partitions=2"]).await;
    }
    world.kafka.produce(&world.topic, &history[1000..]).await;
    first.kill().await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 6", 500)
        .await;
    audit::assert_forward_only(&world.db).await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.processed_events")
            .await,
        3000
    );
    assert_eq!(second.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_worker_frozen_beyond_the_session_timeout_writes_nothing_stale_when_it_goes_on() {
    let mut world = World::new("frozen", 2).await;
    world.set("apply", "batch_rows = 100");
    let history = events::history(400, 6);
    world.kafka.produce(&world.topic, &history[..800]).await;
    // stopped in the middle of a transaction, rows written, COMMIT still to come
    let zombie = world.run_until_frozen("before_commit", 3).await;
    let successor = world.run();
    world.kafka.produce(&world.topic, &history[800..]).await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 6", 400)
        .await;
    let writes = world.count("SELECT count(*) FROM audit").await;
    zombie.thaw();
    // it finds its transaction gone and its partitions with somebody else, and settles down
    zombie.says(&["partitions given up"]).await;
    audit::assert_forward_only(&world.db).await;
    assert_eq!(
        world.count("SELECT count(*) FROM audit").await,
        writes,
        "{}",
        zombie.log()
    );
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.processed_events")
            .await,
        2400
    );
    assert_eq!(successor.stop().await.0, Some(0));
    assert_eq!(zombie.stop().await.0, Some(0));
}
