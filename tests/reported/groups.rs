//! Consumer groups as people set them up, and two versions that run at once.

use crate::support::worker::Worker;
use crate::support::{Event, World, audit, events};

const ROWS: i64 = 200;

fn properties(world: &mut World, lines: &[&str]) {
    world.settings.remove("kafka.properties");
    for line in lines {
        world.set("kafka.properties", line);
    }
}

/// Each row's versions up to this, the events of one version after those of the one before.
fn version(number: i64) -> Vec<Event> {
    events::history(ROWS, number).split_off(((number - 1) * ROWS) as usize)
}

async fn lands(world: &World, number: i64) {
    world.kafka.produce(&world.topic, &version(number)).await;
    let landed = format!("SELECT count(*) FROM t WHERE version = {number}");
    world.until_count(&landed, ROWS).await;
}

async fn is_equal(world: &World, versions: i64) {
    audit::assert_forward_only(&world.db).await;
    let ids = "SELECT count(*) FROM landfall.processed_events";
    assert_eq!(world.count(ids).await, versions * ROWS);
    let writes = "SELECT count(*) FROM audit";
    assert!(world.count(writes).await <= versions * ROWS);
}

const QUICK: [&str; 2] = [
    "\"session.timeout.ms\" = 6000",
    "\"heartbeat.interval.ms\" = 1000",
];

#[tokio::test]
async fn static_members_that_are_stopped_and_killed_come_back_to_an_equal_destination() {
    let mut world = World::new("static_members", 4).await;
    let mut start = |name: &str| {
        let id = format!("\"group.instance.id\" = \"{name}\"");
        properties(&mut world, &[QUICK[0], QUICK[1], &id]);
        world.run()
    };
    let first = start("one");
    first.says(&["starting"]).await;
    let second = start("two");
    second.says(&["partitions assigned", "partitions=2"]).await;
    let mut again = None;
    for number in 1..=4 {
        lands(&world, number).await;
        match number {
            1 => second.signal(nix::sys::signal::Signal::SIGKILL),
            2 => {
                let id = "\"group.instance.id\" = \"two\"";
                properties(&mut world, &[QUICK[0], QUICK[1], id]);
                again = Some(world.run());
            }
            _ => {}
        }
    }
    is_equal(&world, 4).await;
    assert_eq!(first.stop().await.0, Some(0));
    assert_eq!(again.unwrap().stop().await.0, Some(0));
}

#[tokio::test]
async fn of_two_members_with_one_name_one_ends_and_the_other_goes_on() {
    let mut world = World::new("twins", 4).await;
    let id = "\"group.instance.id\" = \"twin\"";
    properties(&mut world, &[QUICK[0], QUICK[1], id]);
    let mut first = world.run();
    lands(&world, 1).await;
    let mut second = world.run();
    let ended = crate::support::eventually("one of them ends", async || {
        match (first.is_running(), second.is_running()) {
            (true, true) => None,
            (first, _) => Some(if first { 2 } else { 1 }),
        }
    })
    .await;
    let (gone, mut left) = if ended == 1 {
        (&mut first, second)
    } else {
        (&mut second, first)
    };
    assert_eq!(gone.wait().await, Some(1), "{}", gone.log());
    lands(&world, 2).await;
    assert!(left.is_running());
    is_equal(&world, 2).await;
    assert_eq!(left.stop().await.0, Some(0));
}

/// Two members, of which one is stopped and started, and the other killed.
async fn stands_restarts(world: &World) {
    let (first, second) = (world.run(), world.run());
    lands(world, 1).await;
    assert_eq!(first.stop().await.0, Some(0));
    lands(world, 2).await;
    let third = world.run();
    lands(world, 3).await;
    second.kill().await;
    lands(world, 4).await;
    is_equal(world, 4).await;
    assert_eq!(third.stop().await.0, Some(0));
}

#[tokio::test]
async fn members_that_share_partitions_by_range_come_to_an_equal_destination() {
    let mut world = World::new("range_members", 4).await;
    let range = "\"partition.assignment.strategy\" = \"range\"";
    properties(&mut world, &[QUICK[0], QUICK[1], range]);
    stands_restarts(&world).await;
}

#[tokio::test]
async fn members_under_the_newer_protocol_come_to_an_equal_destination() {
    let mut world = World::new("newer_members", 4).await;
    properties(&mut world, &["\"group.protocol\" = \"consumer\""]);
    stands_restarts(&world).await;
}

#[tokio::test]
async fn a_version_with_a_topic_more_and_other_lanes_runs_beside_the_one_before_it() {
    let mut world = World::new("roll", 4).await;
    let old = world.run();
    lands(&world, 1).await;
    let more = format!("{}.public.more", world.name);
    world.kafka.create_topic(&more, 4).await;
    audit::create_table(&world.db, "more").await;
    world.topics.push(more.clone());
    let lanes = [("LANDFALL_APPLY__LANES", "4")];
    let new = Worker::start(&["run"], &world.config_file(), &lanes);
    let rows: Vec<Event> = (1..=ROWS)
        .map(|id| events::insert_into("more", id, 1))
        .collect();
    world.kafka.produce(&more, &rows).await;
    world.until_count("SELECT count(*) FROM more", ROWS).await;
    lands(&world, 2).await;
    assert_eq!(old.stop().await.0, Some(0));
    lands(&world, 3).await;
    audit::assert_forward_only(&world.db).await;
    let ids = "SELECT count(*) FROM landfall.processed_events";
    assert_eq!(world.count(ids).await, 4 * ROWS);
    assert_eq!(new.stop().await.0, Some(0));
}

#[tokio::test]
async fn two_groups_under_load_on_one_ledger_fill_no_log() {
    let world = World::new("rivals", 4).await;
    let blue = world.run();
    let group = [("LANDFALL_KAFKA__GROUP", "green")];
    let green = Worker::start(&["run"], &world.config_file(), &group);
    for number in 1..=20 {
        lands(&world, number).await;
    }
    audit::assert_forward_only(&world.db).await;
    for worker in [blue, green] {
        let (code, log) = worker.stop().await;
        assert_eq!(code, Some(0), "{log}");
        assert!(log.lines().count() < 100, "{log}");
    }
}
