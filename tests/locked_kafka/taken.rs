//! Rights that are taken from a worker that runs: each stops what needs it and no more, is named with the statement that gives
//! it, and once it is given back everything goes on.

use std::time::{Duration, Instant};

use super::granted::Granted;
use crate::support::events::{broken, insert_into};
use crate::support::locked_kafka::USER;
use crate::support::locked_kafka::rights::Right;
use crate::support::worker::Worker;
use crate::support::{World, audit, eventually};

async fn is_named(worker: &Worker, right: &Right) {
    let statement = right.statement();
    eventually("/readyz names the right", async || {
        let (status, reasons) = worker.get("/readyz").await;
        (status == 503 && reasons.contains(&statement)).then_some(())
    })
    .await;
    worker.says(&["landfall::", &statement]).await;
}

/// What Kafka refuses is told as long as it does: it says so again and again, and what is told is renewed each time.
async fn is_named_on(worker: &Worker, right: &Right) {
    is_named(worker, right).await;
    let statement = right.statement();
    let count_renewals = || {
        let log = worker.log();
        let renewed = log.lines().filter(|line| line.contains("refuses still"));
        renewed.filter(|line| line.contains(&statement)).count()
    };
    let (before, since) = (count_renewals(), Instant::now());
    eventually("it is renewed", async || {
        (count_renewals() >= before + 2).then_some(())
    })
    .await;
    // what isn't renewed is forgotten after half a minute
    assert!(
        since.elapsed() < Duration::from_secs(30),
        "{}",
        worker.log()
    );
    is_named(worker, right).await;
}

async fn is_ready(worker: &Worker) {
    eventually("it is ready", async || {
        (worker.get("/readyz").await.0 == 200).then_some(())
    })
    .await;
}

async fn land(world: &World, topic: &str, table: &str, id: i64) {
    let event = [insert_into(table, id, 1).on(0)];
    world.kafka.produce(topic, &event).await;
    let landed = format!("SELECT count(*) FROM {table} WHERE id = {id}");
    world.until_count(&landed, 1).await;
}

/// The topics, which have a table each: `t` and more.
async fn granted(test: &str, more: &[&str]) -> (Granted, Vec<String>) {
    let mut granted = Granted::new(test).await;
    let world = &mut granted.locked.world;
    // what is said again and again is told of as such with this
    let level = "level = \"info,landfall::kafka=debug,landfall::watch=debug\"";
    world.set("log", level);
    for table in more {
        let topic = format!("{}.public.{table}", world.name);
        world.kafka.create_topic(&topic, 1).await;
        audit::create_table(&world.db, table).await;
        world.topics.push(topic);
    }
    let topics = granted.world().topics.clone();
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    granted.grant(&names);
    (granted, topics)
}

/// Each row was written once, nothing was put aside, and the log isn't full of it.
async fn ends_well(granted: &Granted, worker: Worker, letters: i64) {
    is_ready(&worker).await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0));
    let world = granted.world();
    audit::assert_forward_only(&world.db).await;
    let count = "SELECT count(*) FROM landfall.dead_letters";
    assert_eq!(world.count(count).await, letters);
    let plain = log.lines().filter(|line| !line.contains(" DEBUG "));
    assert!(plain.count() < 60, "{log}");
}

#[tokio::test]
async fn topics_that_may_not_be_read_stand_and_others_go_on() {
    let (granted, topics) = granted("topics_taken", &["u", "v"]).await;
    let (world, admin) = (granted.world(), granted.admin());
    let worker = granted.start(USER, "run");
    for (topic, table) in topics.iter().zip(["t", "u", "v"]) {
        land(world, topic, table, 1).await;
    }
    let read = |topic| granted.right_of(USER, "Read", topic);
    let (unreadable, hidden) = (read(&topics[1]), read(&topics[2]));
    // the one may still be known, of the other nothing
    let describe = unreadable.statement().replace("Read", "Describe");
    admin.grant(&Right::of_statement(&describe)[0]);
    admin.take(&unreadable);
    admin.take(&hidden);
    is_named_on(&worker, &unreadable).await;
    is_named_on(&worker, &hidden).await;
    // not before: a fetch that waits at the broker was let in
    for (taken, table) in [(&unreadable, "u"), (&hidden, "v")] {
        let event = [insert_into(table, 2, 1)];
        world.kafka.produce(&taken.name, &event).await;
    }
    land(world, &topics[0], "t", 2).await;
    let stopped = "SELECT count(*) FROM (SELECT FROM u UNION ALL SELECT FROM v) taken";
    assert_eq!(world.count(stopped).await, 2);
    admin.grant(&unreadable);
    admin.grant(&hidden);
    world.until_count(stopped, 4).await;
    ends_well(&granted, worker, 0).await;
}

/// A letter that may not be written waits, with what comes behind it, and the other partition goes on.
async fn waits_for_its_letter(
    granted: &Granted,
    worker: &Worker,
    write: &Right,
    [refused, behind, other]: [i64; 3],
) {
    let world = granted.world();
    let letters = "SELECT count(*) FROM landfall.dead_letters";
    let before = world.count(letters).await;
    let events = [
        broken(refused).on(0),
        insert_into("t", behind, 1).on(0),
        insert_into("t", other, 1).on(1),
    ];
    world.kafka.produce(&world.topic, &events).await;
    is_named(worker, write).await;
    let row = |id: i64| format!("SELECT count(*) FROM t WHERE id = {id}");
    world.until_count(&row(other), 1).await;
    assert_eq!(world.count(&row(behind)).await, 0);
    assert_eq!(world.count(letters).await, before);
    granted.admin().grant(write);
    world.until_count(&row(behind), 1).await;
    world.until_count(letters, before + 1).await;
    is_ready(worker).await;
}

#[tokio::test]
async fn without_its_group_a_worker_waits_and_without_its_letters_topic_one_partition_does() {
    let (granted, topics) = granted("group_taken", &[]).await;
    let (world, admin) = (granted.world(), granted.admin());
    let write = granted.right_of(USER, "Write", &world.dead_letter_topic());
    admin.take(&write);
    let worker = granted.start(USER, "run");
    let produce = async |ids: [i64; 2]| {
        let events = [0, 1].map(|n| insert_into("t", ids[n], 1).on(n as i32));
        world.kafka.produce(&topics[0], &events).await;
    };
    // a partition that has begun waits for no other
    produce([1, 2]).await;
    let rows = "SELECT count(*) FROM t";
    world.until_count(rows, 2).await;
    waits_for_its_letter(&granted, &worker, &write, [3, 4, 5]).await;
    admin.take(&write);
    waits_for_its_letter(&granted, &worker, &write, [6, 7, 8]).await;

    // it isn't taken for a member any more, and can't become one again
    let read = granted.right_of(USER, "Read", world.group());
    admin.take(&read);
    produce([9, 10]).await;
    is_named(&worker, &read).await;
    let expelled = "doesn't take this process for a member";
    worker.says(&[expelled]).await;
    is_named_on(&worker, &read).await;
    produce([11, 12]).await;
    admin.grant(&read);
    world.until_count(rows, 10).await;
    ends_well(&granted, worker, 2).await;
}
