//! Partitions that are added to a topic: its rows go on through another partition, and never go back.

use crate::commands::{done, landfall};
use crate::support::worker::Worker;
use crate::support::{Event, World, audit, events, eventually};

const ROWS: i64 = 200;
const NEWEST: &str = "SELECT count(*) FROM t WHERE version = 7";

/// The rows' events of this version, as a producer sends them that knows of so many partitions.
fn version(version: i64, partitions: i64) -> Vec<Event> {
    let all = events::history(ROWS, version);
    let new = all[((version - 1) * ROWS) as usize..].iter().cloned();
    let place = |(at, event): (usize, Event)| event.on((at as i64 % partitions) as i32);
    new.enumerate().map(place).collect()
}

/// Versions up to the sixth are in one partition, then there are four, and the seventh is in all of them.
async fn grow(world: &World, from: i64) {
    for v in from..=6 {
        world.kafka.produce(&world.topic, &version(v, 1)).await;
    }
    world.kafka.grow_topic(&world.topic, 4).await;
    world.kafka.produce(&world.topic, &version(7, 4)).await;
}

/// A topic of one partition; batches are small, so that it takes many to drain it.
async fn world(test: &str) -> World {
    let mut world = World::new(test, 1).await;
    world.settings.remove("apply");
    world.set("apply", "lanes = 4\nbatch_rows = 40\nlinger = \"20ms\"");
    world.set(
        "kafka.properties",
        "\"topic.metadata.refresh.interval.ms\" = 1000",
    );
    world
}

async fn assert_newest(world: &World, log: &str) {
    assert_eq!(world.count(NEWEST).await, ROWS, "{log}");
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn a_topic_that_grew_while_no_worker_ran_is_drained_before_its_new_partitions() {
    let mut world = world("grown_stopped").await;
    // a lane that has one partition alone waits for a little without a word
    world.settings.remove("apply");
    world.set("apply", "lanes = 2\nbatch_rows = 40\nlinger = \"20ms\"");
    world.kafka.produce(&world.topic, &version(1, 1)).await;
    world.catch_up().await;
    grow(&world, 2).await;
    let worker = world.catch_up().await;
    assert_newest(&world, &worker.log()).await;
    worker.says(&["a partition waits for others"]).await;
    // the same once more: nothing waits any more, nothing is applied twice
    let worker = world.catch_up().await;
    assert!(
        !worker.log().contains("waits for others"),
        "{}",
        worker.log()
    );
}

#[tokio::test]
async fn a_new_destination_reads_a_grown_topic_in_its_order() {
    let world = world("grown_before").await;
    grow(&world, 1).await;
    let worker = world.catch_up().await;
    assert_newest(&world, &worker.log()).await;
}

#[tokio::test]
async fn new_partitions_wait_beside_a_running_worker_and_say_so() {
    let world = world("grown_running").await;
    let worker = world.run();
    world.kafka.produce(&world.topic, &version(1, 1)).await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 1", ROWS)
        .await;
    // the backlog can't be landed meanwhile
    let rival = crate::support::world::connect(&world.database_url).await;
    let lock = "BEGIN; SELECT FROM t WHERE id = 1 FOR UPDATE";
    rival.batch_execute(lock).await.unwrap();
    grow(&world, 2).await;
    let told = eventually("the new partitions wait", async || {
        let (code, text) = worker.get("/readyz").await;
        let waiting = (1..=3).filter(|n| text.contains(&format!("[{n}] stands still")));
        (code == 503 && waiting.count() == 3).then_some(text)
    })
    .await;
    assert!(
        told.contains("partition 0 of its topic goes first"),
        "{told}"
    );
    let status = done(&world, "status").text;
    assert!(
        status.contains("stands still (waits): older partitions"),
        "{status}"
    );
    assert_eq!(world.count(NEWEST).await, 0);
    rival.batch_execute("COMMIT").await.unwrap();
    world.until_count(NEWEST, ROWS).await;
    eventually("the worker is ready", async || {
        (worker.get("/readyz").await.0 == 200).then_some(())
    })
    .await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0));
    assert_newest(&world, &log).await;
}

#[tokio::test]
async fn a_worker_killed_in_the_middle_of_draining_goes_on_with_it() {
    let world = world("grown_killed").await;
    world.kafka.produce(&world.topic, &version(1, 1)).await;
    world.catch_up().await;
    grow(&world, 2).await;
    let worker = world.run_until("after_commit", 4);
    let worker = worker.await_seam("after_commit").await;
    assert_eq!(world.count(NEWEST).await, 0, "{}", worker.log());
    worker.kill().await;
    let worker = world.catch_up().await;
    assert_newest(&world, &worker.log()).await;
}

#[tokio::test]
async fn several_workers_drain_a_grown_topic_together() {
    let world = world("grown_workers").await;
    world.kafka.produce(&world.topic, &version(1, 1)).await;
    world.catch_up().await;
    grow(&world, 2).await;
    let start = || Worker::start(&["run", "--until-caught-up"], &world.config_file(), &[]);
    let mut workers = [start(), start(), start()];
    for worker in &mut workers {
        assert_eq!(worker.wait().await, Some(0), "{}", worker.log());
    }
    assert_newest(&world, &workers[0].log()).await;
}

#[tokio::test]
async fn a_grown_topic_that_is_forgotten_is_read_again_in_its_order() {
    let world = world("grown_forgotten").await;
    world.kafka.produce(&world.topic, &version(1, 1)).await;
    world.catch_up().await;
    grow(&world, 2).await;
    world.catch_up().await;
    let alone = landfall(
        &world,
        &format!("forget --topic {} --partition 0", world.topic),
    );
    assert_eq!(alone.code, Some(1), "{}", alone.text);
    assert!(
        alone.error.contains("forget the whole topic"),
        "{}",
        alone.error
    );

    done(&world, &format!("forget --topic {}", world.topic));
    world
        .db
        .batch_execute("TRUNCATE t; TRUNCATE audit")
        .await
        .unwrap();
    let worker = world.catch_up().await;
    assert_newest(&world, &worker.log()).await;
}

#[tokio::test]
async fn a_partition_that_stays_empty_for_long_waits_when_its_first_event_comes() {
    let world = world("grown_late").await;
    world.kafka.produce(&world.topic, &version(1, 1)).await;
    world.kafka.grow_topic(&world.topic, 4).await;
    // the producer doesn't know yet; this is all that a new destination sees
    world.catch_up().await;
    for v in 2..=6 {
        world.kafka.produce(&world.topic, &version(v, 1)).await;
    }
    world.kafka.produce(&world.topic, &version(7, 4)).await;
    let worker = world.catch_up().await;
    assert_newest(&world, &worker.log()).await;
}

#[tokio::test]
async fn a_job_ends_with_the_gap_that_a_new_partition_would_wait_for() {
    let world = world("grown_gap").await;
    world.kafka.produce(&world.topic, &version(1, 1)).await;
    world.catch_up().await;
    grow(&world, 2).await;
    world.kafka.delete_records(&world.topic, ROWS + 10).await;
    let mut job = Worker::start(&["run", "--until-caught-up"], &world.config_file(), &[]);
    assert_eq!(job.wait().await, Some(1), "{}", job.log());
    job.says(&["10 events never reached Landfall"]).await;
    assert_eq!(world.count(NEWEST).await, 0);
}

#[tokio::test]
async fn a_child_that_waits_for_its_parent_holds_up_no_partition_that_brings_it() {
    let mut world = World::new("grown_parents", 2).await;
    world.settings.remove("apply");
    world.set("apply", "lanes = 1\nlinger = \"200ms\"");
    world.set("retry", "parent_wait = \"8s\"");
    let table = "CREATE TABLE child (id bigint PRIMARY KEY, t_id bigint REFERENCES t)";
    world.db.batch_execute(table).await.unwrap();
    let children = format!("{}.public.child", world.name);
    world.kafka.create_topic(&children, 1).await;
    world.topics.push(children.clone());
    let parents = |from: i64, partition: i32| -> Vec<Event> {
        let parent = |id| events::insert(id, id, 1).on(partition);
        (from..from + 100).map(parent).collect()
    };
    world.kafka.produce(&world.topic, &parents(1, 0)).await;
    world.kafka.produce(&world.topic, &parents(101, 1)).await;
    let child = |id: i64| {
        let row = serde_json::json!({ "id": id, "t_id": id });
        let key = serde_json::json!({ "id": id });
        events::change_of("child", "c", 1_000 + id, key, Some(row))
    };
    let all: Vec<Event> = (1..=200).map(child).collect();
    world.kafka.produce(&children, &all).await;
    let worker = world.catch_up().await;
    assert_eq!(
        world.count("SELECT count(*) FROM child").await,
        200,
        "{}",
        worker.log()
    );
    let letters = "SELECT count(*) FROM landfall.dead_letters";
    assert_eq!(world.count(letters).await, 0);
}

#[tokio::test]
async fn a_topic_that_grew_twice_is_read_in_its_order_whichever_partition_is_met_first() {
    let mut world = World::new("grown_twice", 2).await;
    world.set("apply", "batch_rows = 40");
    world.kafka.produce(&world.topic, &version(1, 2)).await;
    world.catch_up().await;
    world.kafka.grow_topic(&world.topic, 4).await;
    // hidden until its end, so that partitions 4 to 7 are met before 2 and 3
    let of_four = [version(4, 4), version(5, 4)].concat();
    let open = world.kafka.open_transaction(&world.topic, &of_four).await;
    world.kafka.grow_topic(&world.topic, 8).await;
    world.kafka.produce(&world.topic, &version(6, 8)).await;
    let worker = world.run();
    let decided = "SELECT count(*) FROM landfall.partition_starts WHERE partition BETWEEN 4 AND 7";
    worker.says(&["serving /metrics"]).await;
    worker.says(&["a partition waits for others", "[7]"]).await;
    world.until_count(decided, 4).await;
    open.commit().await;
    let newest = "SELECT count(*) FROM t WHERE version = 6";
    world.until_count(newest, ROWS).await;
    audit::assert_forward_only(&world.db).await;
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_new_destination_reads_a_grown_topic_in_its_order_though_all_was_written_in_one_millisecond()
 {
    let world = world("grown_same_time").await;
    let at_once = |events: Vec<Event>| -> Vec<Event> {
        let at = |event| Event {
            timestamp: Some(1_793_491_200_000),
            ..event
        };
        events.into_iter().map(at).collect()
    };
    for v in 1..=6 {
        let events = at_once(version(v, 1));
        world.kafka.produce(&world.topic, &events).await;
    }
    world.kafka.grow_topic(&world.topic, 4).await;
    let last = at_once(version(7, 4));
    world.kafka.produce(&world.topic, &last).await;
    world.migrate().await;
    let rival = hold_up(&world).await;
    let worker = world.run();
    let decided = "SELECT count(*) FROM landfall.partition_starts WHERE partition > 0";
    world.until_count(decided, 3).await;
    worker.says(&["waits for others", "[3]"]).await;
    rival.batch_execute("ROLLBACK").await.unwrap();
    until_drained(&world).await;
    world.until_count(NEWEST, ROWS).await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0));
    assert_newest(&world, &log).await;
}

/// Partition 0 can't be landed before the transaction ends.
async fn hold_up(world: &World) -> tokio_postgres::Client {
    let rival = crate::support::world::connect(&world.database_url).await;
    let lock = "BEGIN; INSERT INTO t VALUES (1, 0)";
    rival.batch_execute(lock).await.unwrap();
    rival
}

/// Until everything of partition 0 is dealt with, which has six versions and a part of the seventh.
async fn until_drained(world: &World) {
    let drained = format!(
        "SELECT next_offset FROM landfall.partitions WHERE partition = 0 AND topic = '{}'",
        world.topic
    );
    world.until_count(&drained, 6 * ROWS + ROWS / 4).await;
}

/// A topic of children whose foreign keys name rows of `parent`, which nobody brings.
async fn add_orphans(world: &mut World, parent: &str) {
    let sql =
        format!("CREATE TABLE child (id bigint PRIMARY KEY, p_id bigint REFERENCES {parent})");
    world.db.batch_execute(&sql).await.unwrap();
    let children = format!("{}.public.child", world.name);
    world.kafka.create_topic(&children, 1).await;
    world.topics.push(children.clone());
    let child = |id: i64| {
        let row = serde_json::json!({ "id": id, "p_id": 1_000_000 + id });
        let key = serde_json::json!({ "id": id });
        events::change_of("child", "c", 1_000 + id, key, Some(row))
    };
    let orphans: Vec<Event> = (1..=3).map(child).collect();
    world.kafka.produce(&children, &orphans).await;
}

/// A grown topic whose first partition is held up until orphans, whose foreign keys name rows of `parent`, are given up.
async fn grow_beside_orphans(test: &str, parent: &str) {
    let mut world = world(test).await;
    world.settings.remove("apply");
    world.set("apply", "lanes = 8\nbatch_rows = 40\nlinger = \"20ms\"");
    world.set("retry", "parent_wait = \"3s\"");
    world.set("dead_letter.breaker", "ratio = 1.0");
    let table = "CREATE TABLE parent (id bigint PRIMARY KEY)";
    world.db.batch_execute(table).await.unwrap();
    add_orphans(&mut world, parent).await;
    grow(&world, 1).await;
    world.migrate().await;
    let rival = hold_up(&world).await;
    let worker = world.run();
    world
        .until_count("SELECT count(*) FROM landfall.dead_letters", 3)
        .await;
    rival.batch_execute("ROLLBACK").await.unwrap();
    until_drained(&world).await;
    world.until_count(NEWEST, ROWS).await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0));
    let gave_way = log.contains("a partition is begun before others");
    assert_eq!(gave_way, parent == "t", "{log}");
    assert_newest(&world, &log).await;
}

#[tokio::test]
async fn a_child_that_waits_for_its_parent_takes_no_other_tables_order_away() {
    grow_beside_orphans("grown_orphans", "parent").await;
}

#[tokio::test]
async fn a_partition_that_may_bring_a_parent_goes_first_and_its_rows_never_go_back() {
    grow_beside_orphans("grown_orphans_of_own", "t").await;
}

#[tokio::test]
async fn a_row_whose_parent_comes_through_a_new_partition_of_its_own_topic_is_no_dead_letter() {
    let mut world = World::new("grown_tree", 1).await;
    world.set("retry", "parent_wait = \"5s\"");
    let table = "CREATE TABLE tree (id bigint PRIMARY KEY, parent bigint REFERENCES tree)";
    world.db.batch_execute(table).await.unwrap();
    let tree = format!("{}.public.tree", world.name);
    world.kafka.create_topic(&tree, 1).await;
    world.topics = vec![tree.clone()];
    let node = |id: i64, parent: Option<i64>| {
        let row = serde_json::json!({ "id": id, "parent": parent });
        let key = serde_json::json!({ "id": id });
        events::change_of("tree", "c", 1_000 + id, key, Some(row))
    };
    world.kafka.produce(&tree, &[node(1, None).on(0)]).await;
    world.catch_up().await;
    world.kafka.grow_topic(&tree, 2).await;
    let grown = [node(2, Some(1)).on(1), node(3, Some(2)).on(0)];
    world.kafka.produce(&tree, &grown).await;
    let worker = world.catch_up().await;
    let landed = world.count("SELECT count(*) FROM tree").await;
    assert_eq!(landed, 3, "{}", worker.log());
    assert!(world.letters().await.is_empty());
}

/// Nobody commits an insert of row 5 before the session that is returned lets go.
async fn hold_commits(world: &World) -> tokio_postgres::Client {
    let trigger = "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_catalog.pg_advisory_xact_lock(42); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.id = 5) EXECUTE FUNCTION wait()";
    world.sql(trigger).await;
    let rival = crate::support::world::connect(&world.database_url).await;
    let lock = "SELECT pg_catalog.pg_advisory_lock(42)";
    rival.batch_execute(lock).await.unwrap();
    rival
}

#[tokio::test]
async fn a_delete_through_a_partition_that_gave_way_waits_for_the_insert_that_isnt_committed() {
    let mut world = world("grown_uncommitted").await;
    world.settings.remove("apply");
    world.set("apply", "lanes = 8\nlinger = \"20ms\"");
    world.set("retry", "parent_wait = \"30s\"");
    add_orphans(&mut world, "t").await;
    let insert = events::insert(100, 5, 1).on(0);
    world.kafka.produce(&world.topic, &[insert]).await;
    world.kafka.grow_topic(&world.topic, 2).await;
    let delete = events::delete(200, 5).on(1);
    world.kafka.produce(&world.topic, &[delete]).await;
    world.migrate().await;
    let rival = hold_commits(&world).await;
    let worker = world.run();
    let deleted_or_waits = "SELECT (SELECT count(*) FROM landfall.row_positions WHERE gone_at IS NOT NULL) + \
        (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%is_overtaken = true%')";
    world.until_count(deleted_or_waits, 1).await;
    rival
        .batch_execute("SELECT pg_catalog.pg_advisory_unlock(42)")
        .await
        .unwrap();
    let landed = format!(
        "SELECT count(*) FROM landfall.partitions WHERE next_offset = 1 AND topic = '{}'",
        world.topic
    );
    world.until_count(&landed, 2).await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("a partition is begun before others"), "{log}");
    assert_eq!(world.count("SELECT count(*) FROM t").await, 0, "{log}");
}

#[tokio::test]
async fn a_process_learns_by_its_next_batch_that_another_ones_partition_gave_way() {
    let world = world("grown_elsewhere").await;
    let insert = |lsn: i64| events::insert(lsn, lsn, 1).on(0);
    world.kafka.produce(&world.topic, &[insert(1)]).await;
    let worker = world.run();
    world.until_count("SELECT count(*) FROM t", 1).await;
    let positions = "SELECT count(*) FROM landfall.row_positions";
    assert_eq!(world.count(positions).await, 0);
    // as another process does whose partition is begun before its turn
    let overtaken = world.count("SELECT count(*) FROM landfall.partitions WHERE NOT is_overtaken");
    assert_eq!(overtaken.await, 1);
    world
        .sql("UPDATE landfall.partitions SET is_overtaken = true")
        .await;
    world.kafka.produce(&world.topic, &[insert(2)]).await;
    world.until_count("SELECT count(*) FROM t", 2).await;
    assert_eq!(world.count(positions).await, 1, "{}", worker.log());
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
}

#[tokio::test]
async fn what_comes_before_its_turn_waits_for_the_row_it_changes_a_part_of_and_keeps_its_letter() {
    let mut world = world("grown_early").await;
    world.settings.remove("apply");
    world.set("apply", "lanes = 8\nlinger = \"20ms\"");
    world.set(
        "retry",
        "parent_wait = \"10m\"\nmax_attempts = 10_000\nmax_delay = \"200ms\"",
    );
    world.set("dead_letter.breaker", "ratio = 1.0");
    world
        .sql("ALTER TABLE t ADD CONSTRAINT not_bad CHECK (body <> 'bad')")
        .await;
    // row 1, and with it partition 0, can't be landed as long as there is something in `hold`
    let trigger = "CREATE TABLE hold AS SELECT 1 AS held; CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF EXISTS (SELECT FROM public.hold) THEN RAISE EXCEPTION 'held' USING ERRCODE = '40001'; END IF; RETURN NEW; END $$;
        CREATE TRIGGER hold BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.id = 1) EXECUTE FUNCTION hold()";
    world.sql(trigger).await;
    add_orphans(&mut world, "t").await;
    let first = [1, 5, 6].map(|id| events::insert(100 + id, id, 1).on(0));
    world.kafka.produce(&world.topic, &first).await;
    world.kafka.grow_topic(&world.topic, 2).await;
    let bad = serde_json::json!({ "id": 6, "version": 2, "body": "bad" });
    let bad_seventh = serde_json::json!({ "id": 7, "version": 1, "body": "bad" });
    let then = [
        events::change("u", 205, 6, Some(bad)).on(1),
        events::partial(206, 5, 2).on(1),
        // a letter, which what follows through the same partition makes obsolete
        events::change("c", 207, 7, Some(bad_seventh)).on(1),
        events::update(208, 7, 2).on(1),
        events::partial(209, 7, 3).on(1),
    ];
    world.kafka.produce(&world.topic, &then).await;
    world.migrate().await;
    let worker = world.run();
    worker
        .says(&["waiting for the event that makes a row"])
        .await;
    world.sql("DELETE FROM hold").await;
    let landed = format!(
        "SELECT sum(next_offset)::bigint FROM landfall.partitions WHERE topic = '{}'",
        world.topic
    );
    world.until_count(&landed, 8).await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("a partition is begun before others"), "{log}");
    assert_eq!(
        world.rows().await,
        [
            "1 1 body 1 1",
            "5 2 body 5 1",
            "6 1 body 6 1",
            "7 3 body 7 2"
        ],
        "{log}"
    );
    // and the refused change of row 6 is a later one than what came after it
    world.sql("ALTER TABLE t DROP CONSTRAINT not_bad").await;
    assert_eq!(done(&world, "dlq replay").text, "replayed 1\n");
    let newest =
        world.count("SELECT count(*) FROM t WHERE id = 6 AND version = 2 AND body = 'bad'");
    assert_eq!(newest.await, 1);
}
