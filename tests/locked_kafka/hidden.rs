//! Topics that nobody may know of yet at a worker's first start.

use super::granted::Granted;
use crate::moving::{start_at, version};
use crate::support::Event;
use crate::support::events::update;
use crate::support::locked_kafka::USER;

/// Five versions of rows of another table's worth of keys.
fn hidden_history() -> Vec<Event> {
    let of_version = |v: i64| (1..=8).map(move |id| update(v * 1_000_000 + id, 100 + id, v));
    (1..=5).flat_map(of_version).collect()
}

#[tokio::test]
async fn a_topic_that_may_be_seen_only_later_goes_on_where_the_group_stands() {
    let mut granted = Granted::new("late_group").await;
    let world = &mut granted.locked.world;
    let (hidden, new) = (
        format!("{}.hidden", world.topic),
        format!("{}.new", world.topic),
    );
    world.kafka.create_topic(&hidden, 1).await;
    world.kafka.produce(&hidden, &hidden_history()).await;
    world.kafka.produce(&world.topic, &version(8, 1)).await;
    let group = world.group();
    world.kafka.reset(group, &hidden, 1, 32).await;
    world.kafka.reset(group, &world.topic, 2, 0).await;
    world.topics = vec![format!("^{}[.]public[.]t", world.name)];
    start_at(world, "group");
    let refresh = "\"topic.metadata.refresh.interval.ms\" = 1000";
    world.set("kafka.properties", refresh);
    let world = granted.world();
    granted.grant(&[&world.topic, &new]);
    let worker = granted.start(USER, "run");
    world.until_count("SELECT count(*) FROM t", 8).await;
    granted.grant(&[&hidden]);
    world.kafka.create_topic(&new, 1).await;
    let events = [update(9_000_000, 201, 1), update(9_000_001, 202, 1)];
    world.kafka.produce(&new, &events).await;
    let landed =
        "SELECT count(*) FROM t WHERE id > 100 AND version = 5 OR id > 200 AND version = 1";
    world.until_count(landed, 10).await;
    worker
        .says(&["goes on where the group stands", "left_out=32", &hidden])
        .await;
    let gone_back = "SELECT count(*) FROM audit WHERE id BETWEEN 101 AND 108 AND version < 5";
    assert_eq!(world.count(gone_back).await, 0, "{}", worker.log());
    assert_eq!(worker.stop().await.0, Some(0));
}
