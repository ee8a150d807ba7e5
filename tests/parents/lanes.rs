//! Parents that come through another lane.

use super::{FOREVER, Source, family, land, no_letters};
use crate::support::Event;

#[tokio::test]
async fn a_parent_that_comes_through_another_lane_is_waited_for() {
    let world = family("other_lane", 2, FOREVER, "").await;
    let mut source = Source::default();
    let children: Vec<Event> = (1..=40).map(|n| source.child(n, n).on(0)).collect();
    world.kafka.produce(&world.topic, &children).await;
    let worker = world.run();
    worker
        .says(&["waiting for the row that a foreign key names"])
        .await;
    let parents: Vec<Event> = (1..=40).map(|n| source.parent(n).on(1)).collect();
    world.kafka.produce(&world.topic, &parents).await;
    world.until_count("SELECT count(*) FROM child", 40).await;
    no_letters(&world, &worker).await;
}

#[tokio::test]
async fn lanes_that_hold_each_others_parents_do_not_wait_for_each_other() {
    // two tables of two partitions: each lane has children of the one, and parents of the other lane's
    let world = family("each_other", 4, FOREVER, "").await;
    let mut source = Source::default();
    let mut events = Vec::new();
    for n in 0..50 {
        events.push(source.child(2 * n, 2 * n).on(0));
        events.push(source.child(2 * n + 1, 2 * n + 1).on(1));
        events.push(source.parent(2 * n + 1).on(2));
        events.push(source.parent(2 * n).on(3));
    }
    let worker = land(&world, &events).await;
    assert_eq!(
        world.count("SELECT count(*) FROM child").await,
        100,
        "{}",
        worker.log()
    );
    no_letters(&world, &worker).await;
}

#[tokio::test]
async fn neither_if_parents_lie_before_children_in_the_same_partitions() {
    let world = family("each_others", 2, FOREVER, "").await;
    let mut source = Source::default();
    let mut events = Vec::new();
    for n in 0..25 {
        // each parent before its child, as the source wrote them
        events.push(source.parent(2 * n).on(0));
        events.push(source.child(2 * n, 2 * n).on(1));
        events.push(source.parent(2 * n + 1).on(1));
        events.push(source.child(2 * n + 1, 2 * n + 1).on(0));
    }
    let worker = land(&world, &events).await;
    assert_eq!(
        world.count("SELECT count(*) FROM child").await,
        50,
        "{}",
        worker.log()
    );
    no_letters(&world, &worker).await;
}
