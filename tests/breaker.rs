//! Too many refusals: nothing more is taken in, rather than the stream poured into the dead letter topic.

use crate::support::events::{insert, update};
use crate::support::worker::Worker;
use crate::support::{Event, World, events, eventually};

/// A destination that refuses negative versions until the constraint is dropped.
async fn world(test: &str) -> World {
    let world = World::new(test, 1).await;
    world
        .sql("ALTER TABLE t ADD CONSTRAINT positive CHECK (version >= 0)")
        .await;
    world
}

fn refused(ids: std::ops::Range<i64>) -> impl Iterator<Item = Event> {
    ids.map(|id| insert(id, id, -424_242))
}

async fn until_probed(worker: &Worker, times: f64) {
    eventually("it was tried again", async || {
        let attempts = worker
            .metric("landfall_failed_attempts_total", &["systemic"])
            .await;
        (attempts >= times).then_some(())
    })
    .await;
}

/// Nothing was put aside, in the topic or in the table.
async fn assert_no_letters(world: &World, worker: &Worker) {
    assert_eq!(world.letters().await, [""; 0], "{}", worker.log());
    assert_eq!(world.published().await.len(), 0);
}

#[tokio::test]
async fn too_many_refusals_open_the_breaker_until_their_cause_is_mended() {
    let mut world = world("breaker").await;
    world.set("dead_letter.breaker", "ratio = 0.2\nwindow = 50");
    let mut events: Vec<Event> = events::history(100, 1);
    events.extend(refused(1_000..1_060));
    events.push(update(5_000, 1, 2));
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.run();
    worker.says(&["breaker open"]).await;
    until_probed(&worker, 4.0).await;

    let (status, reasons) = worker.get("/readyz").await;
    assert_eq!(status, 503);
    for told in [
        "systemic",
        "of 50 events",
        "constraint",
        "23514",
        "public.t",
        "dead_letter.breaker.ratio",
    ] {
        assert!(reasons.contains(told), "{told} in {reasons}");
    }
    let waiting = worker
        .metric("landfall_standing_partitions", &["why=\"systemic\""])
        .await;
    assert_eq!(waiting, 1.0);
    let log = worker.log();
    let lines: Vec<&str> = log.lines().filter(|l| l.contains("breaker open")).collect();
    assert_eq!(
        lines.len(),
        1,
        "one line, however often it is tried:\n{log}"
    );
    for told in [
        "ERROR",
        "mend the cause",
        "dead_letter.breaker.ratio",
        "23514",
    ] {
        assert!(lines[0].contains(told), "{told} in {}", lines[0]);
    }
    assert!(!log.contains("424242"), "no row value in the log:\n{log}");
    assert_no_letters(&world, &worker).await;
    assert_eq!(
        world.count("SELECT count(*) FROM t").await,
        100,
        "what comes before the first one is in"
    );

    world.sql("ALTER TABLE t DROP CONSTRAINT positive").await;
    world.until_count("SELECT count(*) FROM t", 160).await;
    world
        .until_count("SELECT count(*) FROM t WHERE id = 1 AND version = 2", 1)
        .await;
    worker.says(&["stood still goes on"]).await;
    assert_eq!(worker.get("/readyz").await, (200, "ready\n".into()));
    assert_no_letters(&world, &worker).await;
    assert_eq!(worker.stop().await.0, Some(0));
}

/// The events before the window was full are letters; no more of them follow.
#[tokio::test]
async fn refusals_are_counted_over_batches() {
    let mut world = world("breaker_batches").await;
    world.set("dead_letter.breaker", "ratio = 0.5\nwindow = 20");
    world.set("apply", "batch_rows = 5");
    let mut events: Vec<Event> = vec![insert(1, 500, 1)];
    events.extend(refused(100..110));
    events.extend((1..=10).map(|id| insert(id, id, 1)));
    events.extend(refused(110..200));
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.run();
    worker.says(&["breaker open"]).await;
    until_probed(&worker, 3.0).await;
    // ten; then the window slides over the good ones, and more than ten in twenty are too many: the batch that has
    // the last of them is left from its first one on
    assert_eq!(world.letters().await.len(), 19, "{}", worker.log());
    assert_eq!(world.published().await.len(), 19);
    world.sql("ALTER TABLE t DROP CONSTRAINT positive").await;
    world.until_count("SELECT count(*) FROM t", 92).await;
    assert_eq!(world.published().await.len(), 19);
}

#[tokio::test]
async fn a_topic_none_of_whose_records_was_ever_accepted_stops_from_its_first_one_on() {
    let world = world("breaker_never_landed").await;
    let events: Vec<Event> = refused(0..20).collect();
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.run();
    let words = ["breaker open", "all of its first", "none was ever landed"];
    worker.says(&words).await;
    until_probed(&worker, 3.0).await;
    assert_no_letters(&world, &worker).await;
    world.sql("ALTER TABLE t DROP CONSTRAINT positive").await;
    world.until_count("SELECT count(*) FROM t", 20).await;
    assert_no_letters(&world, &worker).await;
}

#[tokio::test]
async fn undecodable_records_open_the_breaker_too() {
    let world = world("breaker_undecodable").await;
    let events: Vec<Event> = (0..150).map(events::broken).collect();
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.run();
    worker.says(&["breaker open", "undecodable"]).await;
    until_probed(&worker, 3.0).await;
    assert_no_letters(&world, &worker).await;
    assert_eq!(worker.stop().await.0, Some(0), "it can be stopped");
}

#[tokio::test]
async fn with_a_ratio_of_one_the_breaker_never_opens() {
    let mut world = world("breaker_never").await;
    world.set("dead_letter.breaker", "ratio = 1.0\nwindow = 10");
    let events: Vec<Event> = refused(0..200).collect();
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.catch_up().await;
    assert_eq!(world.letters().await.len(), 200, "{}", worker.log());
}

#[tokio::test]
async fn twenty_bad_records_in_twenty_thousand_are_letters_and_no_more_wherever_they_stand() {
    let world = world("breaker_twenty").await;
    let good = |id: i64| insert(id, id, 1);
    let bad = |id: i64| insert(id, id, -1);
    // spread in the first half, in a row in the second
    let event = |id: i64| match id {
        0..10_000 if id % 1_000 == 500 => bad(id),
        15_000..15_020 => bad(id),
        _ => good(id),
    };
    let events: Vec<Event> = (0..20_000).map(event).collect();
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.catch_up().await;
    assert!(!worker.log().contains("breaker open"), "{}", worker.log());
    assert_eq!(world.letters().await.len(), 30);
    assert_eq!(world.count("SELECT count(*) FROM t").await, 19_970);
}
