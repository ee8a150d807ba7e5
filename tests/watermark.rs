//! A watermark says that everything below is dealt with, records or not.

use serde_json::Value;

use crate::commands::done;
use crate::support::worker::Worker;
use crate::support::{Event, World, events, eventually};

const APPLIED: &str =
    "SELECT coalesce(max(next_offset), 0)::bigint FROM landfall.partitions WHERE partition = 0";

pub fn last_version(version: i64) -> String {
    format!("SELECT count(*) FROM t WHERE version = {version}")
}

/// The sum over partitions of what `landfall status` tells.
pub fn told(world: &World, key: &str) -> i64 {
    let objects = done(world, "status --json").objects();
    let partitions = objects.iter().filter(|o| o["kind"] == "partition");
    partitions.filter_map(|p: &Value| p[key].as_i64()).sum()
}

pub async fn transactions(world: &World, versions: std::ops::RangeInclusive<i64>) {
    for version in versions {
        let history = events::history(20, version);
        let new = &history[(version as usize - 1) * 20..];
        world.kafka.produce_in_transaction(&world.topic, new).await;
    }
}

#[tokio::test]
async fn a_marker_that_retention_deletes_while_the_worker_is_idle_is_no_lost_event() {
    let world = World::new("marker_deleted", 1).await;
    let worker = world.run();
    transactions(&world, 1..=3).await;
    world.until_count(&last_version(3), 20).await;
    world.until_count(APPLIED, 63).await;
    assert_eq!(told(&world, "lag"), 0);
    world.kafka.delete_all_records(&world.topic).await;
    transactions(&world, 4..=4).await;
    world.until_count(&last_version(4), 20).await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("never reached Landfall"), "{log}");
}

#[tokio::test]
async fn a_log_that_retention_has_emptied_is_no_gap_after_a_restart() {
    let world = World::new("emptied", 1).await;
    transactions(&world, 1..=3).await;
    world.catch_up().await;
    assert_eq!(world.count(APPLIED).await, 63);
    world.kafka.delete_all_records(&world.topic).await;
    world.catch_up().await;
    transactions(&world, 4..=4).await;
    world.catch_up().await;
    assert_eq!(world.count(&last_version(4)).await, 20);
}

#[tokio::test]
async fn a_worker_that_is_stopped_right_behind_its_last_event_has_passed_the_marker() {
    let world = World::new("stopped_at_marker", 1).await;
    let worker = world.run();
    transactions(&world, 1..=1).await;
    world.until_count(&last_version(1), 20).await;
    assert_eq!(worker.stop().await.0, Some(0));
    world.kafka.delete_all_records(&world.topic).await;
    let worker = world.run();
    transactions(&world, 2..=2).await;
    world.until_count(&last_version(2), 20).await;
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn the_marker_of_an_idle_topic_is_passed_beside_a_busy_one() {
    let mut world = World::new("marker_beside_busy", 1).await;
    world.settings.remove("apply");
    world.set("apply", "lanes = 1\nbatch_rows = 50\nlinger = \"20ms\"");
    let busy = format!("{}.busy.public.t", world.name);
    world.kafka.create_topic(&busy, 1).await;
    world.topics.push(busy.clone());
    let worker = world.run();
    transactions(&world, 1..=1).await;
    let history = events::history(5_000, 4);
    let applied = format!("{APPLIED} AND topic = '{}'", world.topic);
    let (kafka, sent) = (&world.kafka, std::cell::Cell::new(0));
    let keep_busy = async {
        for part in history.chunks(500) {
            let part: Vec<_> = part.to_vec();
            kafka.produce(&busy, &part).await;
            sent.set(sent.get() + part.len());
        }
    };
    let passed = world.until_count(&applied, 21);
    tokio::join!(keep_busy, passed);
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn until_caught_up_ends_beside_another_member_on_a_transactional_topic() {
    let world = World::new("two_members", 4).await;
    transactions(&world, 1..=3).await;
    let fellow = world.run();
    world.until_count(&last_version(3), 20).await;
    let mut job = Worker::start(&["run", "--until-caught-up"], &world.config_file(), &[]);
    assert_eq!(job.wait().await, Some(0), "{}", job.log());
    assert_eq!(told(&world, "lag"), 0);
    assert_eq!(fellow.stop().await.0, Some(0));
}

#[tokio::test]
async fn aborted_transactions_at_the_end_leave_no_lag() {
    let world = World::new("aborted", 1).await;
    transactions(&world, 1..=2).await;
    for version in 3..=5 {
        let history = events::history(20, version);
        let aborted = &history[history.len() - 20..];
        world.kafka.produce_and_abort(&world.topic, aborted).await;
    }
    world.catch_up().await;
    assert_eq!(world.count(&last_version(2)).await, 20);
    assert_eq!(told(&world, "lag"), 0);
    assert_eq!(told(&world, "applied"), told(&world, "end"));
    assert_eq!(
        told(&world, "committed"),
        told(&world, "end"),
        "the group has no lag either"
    );
    // nothing but aborted records comes behind it
    let worker = world.run();
    worker.says(&["partitions assigned"]).await;
    let history = events::history(20, 6);
    world
        .kafka
        .produce_and_abort(&world.topic, &history[100..])
        .await;
    eventually("the aborted records are passed", async || {
        (told(&world, "lag") == 0).then_some(())
    })
    .await;
    assert_eq!(world.count("SELECT max(version) FROM t").await, 2);
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn records_behind_an_open_transaction_are_not_hidden_and_land_once_it_ends() {
    let world = World::new("open_transaction", 1).await;
    transactions(&world, 1..=1).await;
    world.catch_up().await;
    let history = events::history(20, 3);
    let open = world
        .kafka
        .open_transaction(&world.topic, &history[20..21])
        .await;
    let behind: Vec<_> = history[40..].to_vec();
    world.kafka.produce(&world.topic, &behind).await;
    let worker = world.run();
    worker.says(&["partitions assigned"]).await;
    assert_eq!(told(&world, "lag"), 21);
    open.abort().await;
    world.until_count(&last_version(3), 20).await;
    eventually("there is no lag", async || {
        (told(&world, "lag") == 0).then_some(())
    })
    .await;
    assert_eq!(worker.stop().await.0, Some(0));
}

/// Ten events on each of two partitions, landed; then more, of which Kafka deletes the first fifteen of
/// partition 0.
async fn two_partitions_with_a_gap(test: &str) -> World {
    let world = World::new(test, 2).await;
    world.kafka.produce(&world.topic, &on_both(1)).await;
    world.catch_up().await;
    for version in 2..=4 {
        world.kafka.produce(&world.topic, &on_both(version)).await;
    }
    world.kafka.delete_records(&world.topic, 25).await;
    world
}

/// Rows 1 to 10 in partition 0, rows 11 to 20 in partition 1.
fn on_both(version: i64) -> Vec<Event> {
    let history = events::history(20, version);
    let new = history[(version as usize - 1) * 20..].iter().cloned();
    new.enumerate()
        .map(|(at, event)| event.on((at / 10) as i32))
        .collect()
}

async fn until_it_stands(worker: &Worker) -> String {
    eventually("the partition stands still", async || {
        let (code, text) = worker.get("/readyz").await;
        (code == 503 && text.contains("[0] stands still")).then_some(text)
    })
    .await
}

/// So that other processes know what their events wait for.
const NOTED: &str = "SELECT count(*) FROM landfall.partitions WHERE stands_for LIKE '(lost): %'";
const OTHER: &str = "SELECT count(*) FROM t WHERE id > 10 AND version = 4";
const CONCERNED: &str = "SELECT count(*) FROM t WHERE id <= 10 AND version = ";

#[tokio::test]
async fn events_that_kafka_has_deleted_unseen_stop_their_partition_and_no_other() {
    let world = two_partitions_with_a_gap("gap").await;
    // a restart finds the same
    for _ in 0..2 {
        let worker = world.run();
        let told = until_it_stands(&worker).await;
        for words in [
            &*format!("{}[0] stands still", world.topic),
            "everything below offset 10",
            "before 25",
            "15 events never reached Landfall",
        ] {
            assert!(told.contains(words), "{told}");
        }
        world.until_count(OTHER, 10).await;
        let version_1 = world.count(&format!("{CONCERNED} 1")).await;
        assert_eq!(version_1, 10, "nothing is skipped over");
        let standing = worker
            .metric("landfall_standing_partitions", &["lost"])
            .await;
        assert_eq!(standing, 1.0);
        let text = done(&world, "status").text;
        assert!(text.contains("Kafka has deleted what comes next"), "{text}");
        world.until_count(NOTED, 1).await;
        let (code, log) = worker.stop().await;
        assert_eq!(code, Some(0), "{log}");
        let errors = log.lines().filter(|line| line.contains("ERROR")).count();
        assert_eq!(errors, 1, "{log}");
    }
}

#[tokio::test]
async fn a_gap_that_a_person_accepts_is_passed_without_a_restart() {
    let world = two_partitions_with_a_gap("gap_accepted").await;
    let worker = world.run();
    let told = until_it_stands(&worker).await;
    let accept = told
        .lines()
        .find_map(|line| line.find("UPDATE ").map(|at| &line[at..]));
    world.db.batch_execute(accept.unwrap()).await.unwrap();
    world.until_count(&format!("{CONCERNED} 4"), 10).await;
    eventually("the worker is ready", async || {
        (worker.get("/readyz").await.0 == 200).then_some(())
    })
    .await;
    worker.says(&["goes on", "[0]"]).await;
    assert_eq!(worker.stop().await.0, Some(0));
    assert_eq!(world.count(NOTED).await, 0);
}

#[tokio::test]
async fn until_caught_up_lands_the_others_and_ends_with_the_gap() {
    let world = two_partitions_with_a_gap("gap_job").await;
    let mut job = Worker::start(&["run", "--until-caught-up"], &world.config_file(), &[]);
    assert_eq!(job.wait().await, Some(1), "{}", job.log());
    job.says(&["[0]", "15 events never reached Landfall"]).await;
    assert_eq!(world.count(OTHER).await, 10);
}

#[tokio::test]
async fn retention_that_overtakes_a_running_worker_stops_the_partition_and_no_other() {
    let world = World::new("overtaken", 2).await;
    let worker = world.run();
    world.kafka.produce(&world.topic, &on_both(1)).await;
    world.until_count(&last_version(1), 20).await;
    worker.freeze();
    for version in 2..=4 {
        world.kafka.produce(&world.topic, &on_both(version)).await;
    }
    world.kafka.delete_records(&world.topic, 25).await;
    worker.thaw();
    // a fetch that was under way may have brought the first of them
    let told = until_it_stands(&worker).await;
    assert!(told.contains("events never reached Landfall"), "{told}");
    world.until_count(OTHER, 10).await;
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn events_of_transactions_that_retention_deletes_unseen_are_told_though_a_marker_is_left() {
    let world = World::new("overtaken_marker", 1).await;
    let worker = world.run();
    transactions(&world, 1..=1).await;
    world.until_count(&last_version(1), 20).await;
    world.until_count(APPLIED, 21).await;
    worker.freeze();
    // a fetch that was under way may bring the first of them
    transactions(&world, 2..=3).await;
    world.kafka.delete_records(&world.topic, 62).await;
    worker.thaw();
    let told = until_it_stands(&worker).await;
    assert!(told.contains("events never reached Landfall"), "{told}");
    assert_eq!(worker.stop().await.0, Some(0));
}
