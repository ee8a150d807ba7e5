//! A topic deleted and created again loses nothing, whatever its offsets look like.

use landfall::watch::metrics;

use crate::support::events::{self, insert, update};
use crate::support::{Event, World, audit};

/// Events of a topic's second life: new log positions, some keys anew.
fn second_life(keys: i64) -> Vec<Event> {
    let updates = (1..=keys).map(|id| update(50_000_000 + id, id, 50));
    let again = (1..=keys).map(|id| update(51_000_000 + id, id, 51));
    updates.chain(again).collect()
}

async fn recreate(world: &World) {
    world.kafka.delete_topic(&world.topic).await;
    world.kafka.create_topic(&world.topic, 1).await;
}

#[tokio::test]
async fn a_topic_recreated_while_stopped_loses_nothing() {
    let world = World::new("recreated_stopped", 1).await;
    world
        .kafka
        .produce(&world.topic, &events::history(100, 3))
        .await;
    world.catch_up().await;
    recreate(&world).await;
    // longer than it was: its offsets look as if they went on
    world.kafka.produce(&world.topic, &second_life(200)).await;
    let worker = world.catch_up().await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 51")
            .await,
        200,
        "{}",
        worker.log()
    );
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn a_shorter_topic_recreated_while_running_loses_nothing() {
    let world = World::new("recreated_shorter", 1).await;
    let worker = world.run();
    world
        .kafka
        .produce(&world.topic, &events::history(100, 3))
        .await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 3", 100)
        .await;
    recreate(&world).await;
    world.kafka.produce(&world.topic, &second_life(20)).await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 51", 20)
        .await;
    audit::assert_forward_only(&world.db).await;
    let resumptions = metrics::RESUMPTIONS.name;
    let recreated = worker.metric(resumptions, &["cause=\"recreated\""]).await;
    assert_eq!(recreated, 1.0, "{}", worker.log());
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_longer_topic_recreated_while_running_loses_nothing_and_keeps_its_order() {
    let world = World::new("recreated_longer", 1).await;
    let worker = world.run();
    world
        .kafka
        .produce(&world.topic, &events::history(100, 3))
        .await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 3", 100)
        .await;
    // frozen meanwhile, so that it can't notice until the new topic is longer than the old
    worker.freeze();
    recreate(&world).await;
    world.kafka.produce(&world.topic, &second_life(400)).await;
    worker.thaw();
    world
        .until_count("SELECT count(*) FROM t WHERE version = 51", 400)
        .await;
    audit::assert_forward_only(&world.db).await;
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn events_sent_again_to_a_recreated_topic_are_recognised_by_their_ids() {
    let world = World::new("recreated_same", 1).await;
    world
        .kafka
        .produce(&world.topic, &events::history(100, 3))
        .await;
    world.catch_up().await;
    let writes = world.count("SELECT count(*) FROM audit").await;
    recreate(&world).await;
    world
        .kafka
        .produce(&world.topic, &events::history(100, 3))
        .await;
    world
        .kafka
        .produce(&world.topic, &[insert(60_000_000, 1_000, 1)])
        .await;
    world.catch_up().await;
    assert_eq!(world.count("SELECT count(*) FROM audit").await, writes + 1);
}
