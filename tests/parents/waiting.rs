//! A parent that comes later than the batch of its child, or never.

use std::time::{Duration, Instant};

use super::{FOREVER, Source, family, land, letters, no_letters, orphan};
use crate::support::events::insert;
use crate::support::{Event, eventually};

#[tokio::test]
async fn a_parent_five_hundred_events_behind_in_its_partition_is_reached() {
    let mut world = family("far_behind", 1, FOREVER, "").await;
    world.set("apply", "batch_rows = 10");
    let mut source = Source::default();
    let mut events = vec![source.child(1, 7)];
    events.extend(source.others(500));
    events.push(source.parent(7));
    let worker = land(&world, &events).await;
    assert_eq!(
        world.count("SELECT count(*) FROM child").await,
        1,
        "{}",
        worker.log()
    );
    assert_eq!(world.count("SELECT count(*) FROM parent").await, 501);
    no_letters(&world, &worker).await;
}

#[tokio::test]
async fn a_parent_far_behind_in_another_partition_of_the_lane_is_reached_without_a_pause_for_each_batch()
 {
    let mut world = family("far_beside", 3, "parent_wait = \"15s\"", "").await;
    world.set("apply", "batch_rows = 1");
    let mut source = Source::default();
    let child = source.child(1, 7).on(0);
    world.kafka.produce(&world.topic, &[child]).await;
    let worker = world.run();
    worker
        .says(&["waiting for the row that a foreign key names"])
        .await;
    // partitions 0 and 2 are of one lane
    let mut parents = source.others(30);
    parents.push(source.parent(7));
    let parents: Vec<Event> = parents.into_iter().map(|event| event.on(2)).collect();
    world.kafka.produce(&world.topic, &parents).await;
    world.until_count("SELECT count(*) FROM child", 1).await;
    assert_eq!(worker.stop().await.0, Some(0));
    assert!(letters(&world).await.is_empty());
}

#[tokio::test]
async fn only_orphans_are_put_aside_if_their_parent_never_comes() {
    let world = family("never", 1, "parent_wait = \"500ms\"", "").await;
    let mut source = Source::default();
    let mut events = Vec::new();
    for n in 1..=200 {
        events.push(source.parent(n));
        events.push(source.child(n, if n % 50 == 1 { 9_000 + n } else { n }));
    }
    let worker = land(&world, &events).await;
    let orphans = [1, 101, 151, 51].map(|n| orphan(&format!("public.child {n}")));
    assert_eq!(letters(&world).await, orphans, "{}", worker.log());
    assert_eq!(world.count("SELECT count(*) FROM child").await, 196);
    assert_eq!(world.count("SELECT count(*) FROM parent").await, 200);
    let waits = worker
        .log()
        .matches("waiting for the row that a foreign key names")
        .count();
    assert_eq!(
        waits,
        1,
        "all of them wait together, once\n{}",
        worker.log()
    );
}

#[tokio::test]
async fn each_orphan_waits_its_own_time() {
    let deferred =
        "ALTER TABLE child ALTER CONSTRAINT child_parent_fkey DEFERRABLE INITIALLY DEFERRED";
    // whose it is isn't known before the first has waited its time
    tokio::join!(
        waits_its_own("own_time", ""),
        waits_its_own("own_time_deferred", deferred)
    );
}

async fn waits_its_own(test: &str, more: &str) {
    const WAIT: Duration = Duration::from_secs(10);
    let world = family(test, 1, "parent_wait = \"10s\"", more).await;
    let mut source = Source::default();
    world
        .kafka
        .produce(&world.topic, &[source.child(1, 1)])
        .await;
    let worker = world.run();
    worker
        .says(&["waiting for the row that a foreign key names"])
        .await;
    let since = Instant::now();
    eventually("half of its time is over", async || {
        (since.elapsed() > WAIT / 2).then_some(())
    })
    .await;
    world
        .kafka
        .produce(&world.topic, &[source.child(2, 2)])
        .await;
    world
        .until_count("SELECT count(*) FROM landfall.dead_letters", 1)
        .await;
    world.kafka.produce(&world.topic, &[source.parent(2)]).await;
    world.until_count("SELECT count(*) FROM child", 1).await;
    assert_eq!(
        letters(&world).await,
        [orphan("public.child 1")],
        "{}",
        worker.log()
    );
}

#[tokio::test]
async fn nothing_is_waited_for_if_the_wait_is_zero() {
    let world = family("no_wait", 1, "parent_wait = \"0s\"", "").await;
    let mut source = Source::default();
    let events = [source.child(1, 1), source.child(2, 2), source.parent(2)];
    let worker = land(&world, &events).await;
    assert_eq!(
        letters(&world).await,
        [orphan("public.child 1")],
        "{}",
        worker.log()
    );
    assert_eq!(world.count("SELECT count(*) FROM child").await, 1);
}

#[tokio::test]
async fn more_orphans_than_are_looked_for_while_waiting_are_all_found_in_the_end() {
    let world = family("many_orphans", 1, "parent_wait = \"300ms\"", "").await;
    let mut source = Source::default();
    let mut events = Vec::new();
    for n in 1..=400 {
        events.push(source.child(n, if n % 8 == 0 { 9_000 + n } else { n }));
        events.push(source.parent(n));
    }
    let worker = land(&world, &events).await;
    assert_eq!(letters(&world).await.len(), 50, "{}", worker.log());
    assert_eq!(world.count("SELECT count(*) FROM child").await, 350);
    assert_eq!(world.count("SELECT count(*) FROM parent").await, 400);
}

#[tokio::test]
async fn a_parent_waits_to_go_until_its_children_have_gone() {
    let mut world = family("goes_late", 2, FOREVER, "").await;
    world.set("apply", "batch_rows = 10");
    let mut source = Source::default();
    let before = [
        source.parent(1),
        source.child(1, 1),
        source.parent(2),
        source.child(2, 2),
    ];
    land(&world, &before.map(|e| e.on(0))).await;
    // far behind in the same partition, and in another lane
    let mut events = vec![source.delete("parent", 1), source.delete("parent", 2)];
    events.extend(source.others(100));
    events.push(source.delete("child", 1));
    let mut events: Vec<Event> = events.into_iter().map(|e| e.on(0)).collect();
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.run();
    worker
        .says(&["waiting for the row that a foreign key names"])
        .await;
    events = vec![source.delete("child", 2).on(1)];
    world.kafka.produce(&world.topic, &events).await;
    world
        .until_count("SELECT count(*) FROM parent WHERE id < 100", 0)
        .await;
    no_letters(&world, &worker).await;
}

/// A worker that waits for the parent of child 1, with much else in its batch.
async fn waiting(
    test: &str,
    wait: &str,
) -> (
    crate::support::World,
    crate::support::worker::Worker,
    Source,
) {
    let world = family(test, 1, wait, "").await;
    let mut source = Source::default();
    let mut events = vec![source.child(1, 1)];
    events.extend(source.others(100));
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.run();
    worker
        .says(&["waiting for the row that a foreign key names"])
        .await;
    (world, worker, source)
}

#[tokio::test]
async fn a_worker_that_waits_for_a_parent_stops_in_time_and_its_successor_goes_on() {
    let (world, worker, mut source) = waiting("stopped", FOREVER).await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
    let worker = land(&world, &[source.parent(1)]).await;
    assert_eq!(world.count("SELECT count(*) FROM parent").await, 101);
    assert_eq!(world.count("SELECT count(*) FROM child").await, 1);
    no_letters(&world, &worker).await;
}

#[tokio::test]
async fn a_worker_killed_while_it_waits_for_a_parent_loses_nothing() {
    let (world, worker, mut source) = waiting("killed", FOREVER).await;
    worker.kill().await;
    let worker = land(&world, &[source.parent(1)]).await;
    assert_eq!(world.count("SELECT count(*) FROM parent").await, 101);
    assert_eq!(world.count("SELECT count(*) FROM child").await, 1);
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.processed_events")
            .await,
        102
    );
    no_letters(&world, &worker).await;
}

#[tokio::test]
async fn a_rebalance_while_waiting_for_a_parent_loses_nothing() {
    let world = family("rebalanced", 2, FOREVER, "").await;
    let mut source = Source::default();
    for partition in 0..2 {
        let mut events = vec![source.child(1 + partition, 1 + partition)];
        events.extend((0..50).map(|n| insert(1_000 + n + 100 * partition, n + 100 * partition, 1)));
        let on = |e: Event| e.on(partition as i32);
        let events: Vec<Event> = events.into_iter().map(on).collect();
        world.kafka.produce(&world.topic, &events).await;
    }
    let first = world.run();
    first.says(&["waiting for the row", "lane=0"]).await;
    first.says(&["waiting for the row", "lane=1"]).await;
    let second = world.run();
    second.says(&["waiting for the row"]).await;
    let parents = [source.parent(1).on(0), source.parent(2).on(1)];
    world.kafka.produce(&world.topic, &parents).await;
    world.until_count("SELECT count(*) FROM child", 2).await;
    world.until_count("SELECT count(*) FROM t", 100).await;
    world
        .until_count("SELECT count(*) FROM landfall.processed_events", 104)
        .await;
    no_letters(&world, &first).await;
    for worker in [first, second] {
        assert_eq!(worker.stop().await.0, Some(0));
    }
}
