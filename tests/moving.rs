//! Taking over from another sink: `kafka.start` says once where reading begins of what this destination never had, and
//! `landfall check` says it beforehand.

mod beforehand;
mod later;

use landfall::failpoint::SEAMS;

use crate::commands::done;
use crate::support::events::{self, history, insert, update};
use crate::support::worker::Worker;
use crate::support::{Event, World, audit};

/// Events of this version, log positions rising.
pub fn version(keys: i64, version: i64) -> Vec<Event> {
    history(keys, version).split_off((keys * (version - 1)) as usize)
}

/// A topic of this many partitions with `versions` of 8 rows in each, and the rows as another sink has left them: at the
/// last but one version, up to which the group's offsets are.
pub async fn taken_over(test: &str, partitions: i32, versions: i64) -> World {
    let world = World::new(test, partitions).await;
    for partition in 0..partitions {
        let keys = |id: i64| id + i64::from(partition) * 8;
        for v in 1..=versions {
            let change = |id| update(v * 1_000_000 + keys(id), keys(id), v).on(partition);
            let changes: Vec<Event> = (1..=8).map(change).collect();
            world.kafka.produce(&world.topic, &changes).await;
        }
    }
    let (rows, last) = (partitions * 8, versions - 1);
    let rows = format!(
        "INSERT INTO t SELECT id, {last}, 'b' FROM generate_series(1, {rows}) id; TRUNCATE audit"
    );
    world.sql(&rows).await;
    let (group, topic) = (world.group(), &world.topic);
    world.kafka.reset(group, topic, partitions, last * 8).await;
    world
}

pub fn start_at(world: &mut World, start: &str) {
    world.set("kafka", &format!("start = \"{start}\""));
}

/// The oldest version that was written, and how many writes there were.
async fn written(world: &World) -> (i64, i64) {
    let oldest = world
        .count("SELECT coalesce(min(version), 0) FROM audit")
        .await;
    (oldest, world.count("SELECT count(*) FROM audit").await)
}

#[tokio::test]
async fn a_group_goes_on_where_it_stands_and_no_row_goes_back() {
    let mut world = taken_over("take_over", 2, 50).await;
    start_at(&mut world, "group");
    let worker = world.catch_up().await;
    assert_eq!(written(&world).await, (50, 16), "{}", worker.log());
    worker
        .says(&["goes on where the group stands", "left_out=784"])
        .await;
    world.kafka.produce(&world.topic, &version(8, 51)).await;
    world.catch_up().await;
    assert_eq!(written(&world).await.0, 50);
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 51")
            .await,
        8
    );
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn a_destination_that_has_lost_its_bookkeeping_begins_not_where_landfall_itself_has_committed()
 {
    let mut world = taken_over("take_over_own", 1, 5).await;
    start_at(&mut world, "group");
    world.catch_up().await;
    assert_eq!(written(&world).await, (5, 8));
    world
        .sql("DROP SCHEMA landfall CASCADE; TRUNCATE t, audit")
        .await;
    let worker = world.catch_up().await;
    let rows = "SELECT count(*) FROM t WHERE version = 5";
    assert_eq!(world.count(rows).await, 8, "{}", worker.log());
    let of_all = "SELECT coalesce(sum(applied), 0)::bigint FROM (SELECT next_offset AS applied FROM landfall.partitions WHERE started_at IS NULL) p";
    assert_eq!(world.count(of_all).await, 40);
    worker
        .says(&[
            "Landfall itself has committed the group's offsets",
            "begins at its beginning",
        ])
        .await;
}

#[tokio::test]
async fn a_group_that_has_committed_nothing_is_waited_for_and_what_is_new_later_is_not() {
    let mut world = taken_over("take_over_wrong", 1, 5).await;
    let pattern = format!("^{}[.]public", world.name);
    world.topics = vec![pattern];
    let other = format!("{}.other", world.topic);
    world.kafka.create_topic(&other, 1).await;
    world.kafka.produce(&other, &version(8, 6)).await;
    start_at(&mut world, "group");
    let worker = world.run();
    let wrong = format!("has committed nothing of {other}: is it the right one");
    worker
        .says(&["waiting, and nothing is read meanwhile", &wrong])
        .await;
    assert_eq!(world.count("SELECT count(*) FROM landfall.topics").await, 0);
    // settled once somebody says where to begin
    world.kafka.reset(world.group(), &other, 1, 0).await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 6", 8)
        .await;
    assert_eq!(worker.stop().await.0, Some(0));
    let new = format!("{}.new", world.topic);
    world.kafka.create_topic(&new, 1).await;
    world.kafka.produce(&new, &version(8, 7)).await;
    let worker = world.catch_up().await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 7")
            .await,
        8
    );
    worker
        .says(&["kafka.start says nothing of topics", "topics=2"])
        .await;
}

#[tokio::test]
async fn a_crash_at_any_seam_of_the_first_batch_decides_nothing_anew() {
    for seam in SEAMS {
        let mut world = taken_over(&format!("take_over_{seam}"), 1, 5).await;
        start_at(&mut world, "group");
        let worker = world.run_until(seam, 1).await_seam(seam).await;
        worker.kill().await;
        // whoever decided by it now would read everything, or nothing
        world.kafka.reset(world.group(), &world.topic, 1, 0).await;
        let worker = world.catch_up().await;
        assert_eq!(written(&world).await, (5, 8), "{seam}: {}", worker.log());
        let moved =
            "SELECT count(*) FROM landfall.partitions WHERE started_at = 32 AND next_offset = 40";
        assert_eq!(world.count(moved).await, 1, "{seam}");
    }
}

#[tokio::test]
async fn a_partition_of_which_the_group_has_committed_nothing_begins_at_its_beginning() {
    let mut world = taken_over("take_over_half", 1, 5).await;
    world.kafka.grow_topic(&world.topic, 2).await;
    let added: Vec<Event> = (1..=3)
        .map(|id| insert(9_000_000 + id, 100 + id, 1).on(1))
        .collect();
    world.kafka.produce(&world.topic, &added).await;
    start_at(&mut world, "group");
    let worker = world.catch_up().await;
    assert_eq!(
        world.count("SELECT count(*) FROM t WHERE id > 100").await,
        3
    );
    assert_eq!(written(&world).await.1, 11, "{}", worker.log());
    worker.says(&["from_beginning=1"]).await;
}

#[tokio::test]
async fn offsets_that_a_log_does_not_have_stop_their_partitions_and_no_other() {
    let mut world = taken_over("take_over_lost", 2, 5).await;
    let other = format!("{}.other", world.topic);
    world.kafka.create_topic(&other, 1).await;
    world.topics.push(other.clone());
    world.kafka.produce(&other, &version(8, 2)).await;
    world.kafka.reset(world.group(), &other, 1, 1_000).await;
    let below = rdkafka::Offset::Offset(36);
    world.kafka.delete_records_of(&world.topic, 1, below).await;
    start_at(&mut world, "group");
    let mut job = Worker::start(&["run", "--until-caught-up"], &world.config_file(), &[]);
    assert_eq!(job.wait().await, Some(1), "{}", job.log());
    job.says(&["deleted what comes before 36", "4 events never reached"])
        .await;
    job.says(&["below offset 1000, but the log ends at 8"])
        .await;
    // the partition whose offset is there
    assert_eq!(written(&world).await, (5, 8), "{}", job.log());
}

#[tokio::test]
async fn what_is_there_at_the_first_start_is_left_out_once_and_nothing_that_comes_later() {
    let mut world = World::new("start_latest", 1).await;
    world.kafka.produce(&world.topic, &history(20, 3)).await;
    start_at(&mut world, "latest");
    let worker = world.run();
    worker.says(&["begins at its end", "left_out=60"]).await;
    worker.kill().await;
    // nobody has read since, and what comes now isn't what the destination was to miss
    world.kafka.produce(&world.topic, &version(20, 4)).await;
    world.kafka.grow_topic(&world.topic, 2).await;
    let added: Vec<Event> = (1..=3)
        .map(|id| insert(9_000_000 + id, 100 + id, 1).on(1))
        .collect();
    world.kafka.produce(&world.topic, &added).await;
    let worker = world.catch_up().await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 4")
            .await,
        20
    );
    assert_eq!(
        world.count("SELECT count(*) FROM t WHERE id > 100").await,
        3
    );
    assert_eq!(written(&world).await.1, 23, "{}", worker.log());
    // a topic that is created again has nothing that was to be missed
    world.kafka.delete_topic(&world.topic).await;
    world.kafka.create_topic(&world.topic, 2).await;
    world.kafka.produce(&world.topic, &version(20, 5)).await;
    world.catch_up().await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 5")
            .await,
        20
    );
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn a_topic_that_is_created_after_the_first_start_is_read_from_its_beginning() {
    let mut world = World::new("latest_new_topic", 1).await;
    world.topics = vec![format!("^{}[.]public", world.name)];
    world.kafka.produce(&world.topic, &history(20, 2)).await;
    start_at(&mut world, "latest");
    world.catch_up().await;
    assert_eq!(written(&world).await.1, 0);
    // also while no worker runs
    let new = format!("{}.new", world.topic);
    world.kafka.create_topic(&new, 1).await;
    world.kafka.produce(&new, &version(20, 3)).await;
    let worker = world.catch_up().await;
    assert_eq!(written(&world).await, (3, 20), "{}", worker.log());
    // what is asked for anew is there already, and is left out
    let asked = format!("{}_asked", world.name);
    world.kafka.create_topic(&asked, 1).await;
    world.kafka.produce(&asked, &version(20, 4)).await;
    world.topics.push(asked);
    let worker = world.catch_up().await;
    assert_eq!(written(&world).await, (3, 20), "{}", worker.log());
}

#[tokio::test]
async fn workers_that_start_together_settle_one_start() {
    let mut world = World::new("latest_together", 4).await;
    world.kafka.produce(&world.topic, &history(100, 2)).await;
    start_at(&mut world, "latest");
    world.migrate().await;
    let workers = [world.run(), world.run()];
    let begun = "SELECT count(*) FROM landfall.partitions WHERE started_at = next_offset AND started_at > 0";
    world.until_count(begun, 4).await;
    world.kafka.produce(&world.topic, &version(100, 3)).await;
    let newest = "SELECT count(*) FROM t WHERE version = 3";
    world.until_count(newest, 100).await;
    assert_eq!(written(&world).await, (3, 100));
    for worker in workers {
        assert_eq!(worker.stop().await.0, Some(0));
    }
}

#[tokio::test]
async fn a_transaction_that_is_open_at_the_first_start_is_not_left_out() {
    let mut world = World::new("latest_open", 1).await;
    world.kafka.produce(&world.topic, &history(20, 1)).await;
    let open = world
        .kafka
        .open_transaction(&world.topic, &version(20, 2))
        .await;
    start_at(&mut world, "latest");
    let worker = world.run();
    worker.says(&["begins at its end", "left_out=20"]).await;
    open.commit().await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 20)
        .await;
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn what_is_forgotten_is_read_from_its_beginning_however_it_began() {
    let mut world = World::new("latest_forgotten", 1).await;
    world
        .kafka
        .produce(&world.topic, &events::history(20, 2))
        .await;
    start_at(&mut world, "latest");
    world.catch_up().await;
    done(&world, &format!("forget --topic {}", world.topic));
    world.catch_up().await;
    // each row's events are one write
    assert_eq!(written(&world).await, (2, 20));
}

#[tokio::test]
async fn a_route_that_matches_no_topic_is_told_by_the_worker() {
    let mut world = World::new("idle_route", 1).await;
    let route = "topic = '.*[.]pubic[.](?<t>.+)'\ntable = 'public.${t}'";
    world.set("[route]", route);
    world.kafka.produce(&world.topic, &history(1, 1)).await;
    let worker = world.run();
    worker
        .says(&["a route matches no topic that is read", "route=1"])
        .await;
    world.until_count("SELECT count(*) FROM t", 1).await;
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_pattern_is_written_as_a_route_is_and_numbered_groups_lead_to_tables() {
    let mut world = World::new("one_dialect", 1).await;
    world.topics = vec![format!(r"^(?:{}|x)\.\w+?\.[^\d]$", world.name)];
    world.set(
        "[route]",
        "topic = '\\w+\\.(?:\\w+)\\.(\\w)'\ntable = 'public.$1'",
    );
    world.kafka.produce(&world.topic, &history(20, 1)).await;
    world.catch_up().await;
    assert_eq!(world.count("SELECT count(*) FROM t").await, 20);
}
