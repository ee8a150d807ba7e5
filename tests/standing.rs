//! A partition that can't go on stands still by itself: its table is missing or locked, lacks a column, a privilege or a
//! partition. The others go on, and nothing of what time or set-up mends becomes a dead letter.

mod away;
mod locks;
mod many;
mod offline;
mod parents;

use serde_json::json;
use tokio_postgres::Client;

use crate::support::events::insert_into;
use crate::support::worker::Worker;
use crate::support::world::locking_at;
use crate::support::{Event, World, audit, events, eventually};

impl World {
    fn set_lanes(&mut self, lanes: usize) {
        let lines = self.settings.entry("apply").or_default();
        lines.retain(|line| !line.starts_with("lanes"));
        lines.push(format!("lanes = {lanes}"));
    }

    /// A topic of this many partitions with the events of a table, which isn't made.
    async fn add_topic(&mut self, table: &str, partitions: i32) -> String {
        let topic = format!("{}.public.{table}", self.name);
        self.kafka.create_topic(&topic, partitions).await;
        self.topics.push(topic.clone());
        topic
    }
}

/// A session that has locked something until it is dropped, or ends its transaction.
async fn locking(world: &World, lock: &str) -> Client {
    locking_at(&world.database_url, lock).await
}

/// `/readyz` says of so many partitions that they stand still, and of each these words.
async fn stand_still(worker: &Worker, partitions: usize, words: &[&str]) {
    eventually("they stand still, and it is told", async || {
        let (code, text) = worker.get("/readyz").await;
        let stands = |line: &&str| {
            let words = words.iter().all(|word| line.contains(word));
            line.contains("stands still since 2") && words
        };
        let count = text.lines().filter(stands).count();
        (code == 503 && count == partitions).then_some(())
    })
    .await;
}

/// It goes on: nothing stands still, and nothing became a dead letter.
async fn goes_on(world: &World, worker: Worker) {
    eventually("it is ready again", async || {
        (worker.get("/readyz").await.0 == 200).then_some(())
    })
    .await;
    let standing = worker.metric("landfall_standing_partitions", &[]).await;
    assert_eq!(standing, 0.0);
    assert_eq!(world.letters().await, [""; 0], "{}", worker.log());
    assert_eq!(world.published().await.len(), 0);
    audit::assert_forward_only(&world.db).await;
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_new_table_whose_topic_begins_with_tombstones_is_waited_for_though_few_events_are_tried()
{
    let mut world = World::new("homeless_tombstones", 1).await;
    let homeless = world.add_topic("homeless", 1).await;
    let mut news: Vec<Event> = (1..=120).map(events::tombstone).collect();
    news.push(insert_into("homeless", 500, 1));
    world.kafka.produce(&homeless, &news).await;
    let worker = world.run();
    let why = "table public.homeless does not exist";
    stand_still(&worker, 1, &["homeless[0]", "(systemic)", why]).await;
    eventually("it is read again twice", async || {
        let again = "landfall_batches_total";
        let again = worker.metric(again, &["outcome=\"abandoned\""]).await;
        (again >= 2.0).then_some(())
    })
    .await;
    stand_still(&worker, 1, &["homeless[0]", "(systemic)", why]).await;
    assert!(!worker.log().contains("stood still goes on"));
    audit::create_table(&world.db, "homeless").await;
    world.until_count("SELECT count(*) FROM homeless", 1).await;
    worker.says(&["stood still goes on"]).await;
    goes_on(&world, worker).await;
}

/// A table that is new at the source, whatever number of lanes there is.
async fn a_table_without_a_home(test: &str, lanes: usize) {
    let mut world = World::new(test, 4).await;
    world.set("apply", "batch_rows = 100");
    world.set_lanes(lanes);
    let homeless = world.add_topic("homeless", 4).await;
    let news: Vec<Event> = (1..=400).map(|id| insert_into("homeless", id, 1)).collect();
    world.kafka.produce(&homeless, &news).await;
    let worker = world.run();
    let why = "table public.homeless does not exist";
    stand_still(&worker, 1, &["homeless[0]", "(systemic)", why]).await;
    // the others of the topic wait for their turn
    stand_still(&worker, 4, &["homeless["]).await;

    let history = events::history(300, 2);
    world.kafka.produce(&world.topic, &history).await;
    let landed = "SELECT count(*) FROM t WHERE version = 2";
    world.until_count(landed, 300).await;
    let standing = async |why| worker.metric("landfall_standing_partitions", &[why]).await;
    assert_eq!(standing("systemic").await, 1.0);
    let log = worker.log();
    let lines = log.lines().filter(|l| l.contains("breaker open"));
    assert_eq!(
        lines.count(),
        1,
        "one line, however often it is tried:\n{log}"
    );

    audit::create_table(&world.db, "homeless").await;
    world
        .until_count("SELECT count(*) FROM homeless", 400)
        .await;
    goes_on(&world, worker).await;
}

#[tokio::test]
async fn a_table_without_a_home_stops_its_own_partitions_with_four_lanes() {
    a_table_without_a_home("homeless_four", 4).await;
}

#[tokio::test]
async fn a_table_without_a_home_stops_its_own_partitions_with_one_lane() {
    a_table_without_a_home("homeless_one", 1).await;
}

#[tokio::test]
async fn a_locked_table_is_waited_for_without_a_letter_and_the_others_go_on() {
    let mut world = World::new("table_locked", 1).await;
    world.set("retry", "max_attempts = 1\nmax_delay = \"200ms\"");
    world.set_lanes(1);
    let quiet = world.add_topic("quiet", 1).await;
    audit::create_table(&world.db, "quiet").await;
    let rival = locking(&world, "LOCK TABLE quiet IN SHARE MODE").await;
    // a batch of one
    world
        .kafka
        .produce(&quiet, &[insert_into("quiet", 1, 1)])
        .await;
    let worker = world.run();
    stand_still(
        &worker,
        1,
        &[
            "quiet[0]",
            "(locked)",
            "public.quiet is locked by session",
            "forgotten",
            "ShareLock",
        ],
    )
    .await;
    world
        .kafka
        .produce(&world.topic, &events::history(200, 2))
        .await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 200)
        .await;
    assert_eq!(world.count("SELECT count(*) FROM quiet").await, 0);
    assert_eq!(
        worker
            .metric("landfall_standing_partitions", &["locked"])
            .await,
        1.0
    );

    rival.batch_execute("COMMIT").await.unwrap();
    world.until_count("SELECT count(*) FROM quiet", 1).await;
    goes_on(&world, worker).await;
}

#[tokio::test]
async fn a_row_that_a_forgotten_session_holds_stops_its_own_partition_alone() {
    let mut world = World::new("row_forgotten", 4).await;
    world.set_lanes(1);
    world.set("retry", "max_attempts = 1\nmax_delay = \"200ms\"");
    world
        .kafka
        .produce(&world.topic, &events::history(40, 1))
        .await;
    world.catch_up().await;
    let rival = locking(&world, "SELECT FROM t WHERE id = 7 FOR UPDATE").await;
    let newer = events::history(40, 2).split_off(40);
    world.kafka.produce(&world.topic, &newer).await;
    let worker = world.run();
    stand_still(
        &worker,
        1,
        &["(locked)", "a row of public.t is locked", "forgotten"],
    )
    .await;
    // each partition has some; those of the others may land after it is told
    let others = "SELECT (count(*) BETWEEN 20 AND 39)::int::int8 FROM t WHERE version = 2";
    world.until_count(others, 1).await;
    rival.batch_execute("COMMIT").await.unwrap();
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 40)
        .await;
    goes_on(&world, worker).await;
}

#[tokio::test]
async fn a_dead_letter_topic_that_takes_no_old_timestamps_and_nothing_without_a_key_takes_every_letter()
 {
    let world = World::new("strict_letters", 1).await;
    let letters = world.dead_letter_topic();
    world.kafka.create_topic(&letters, 1).await;
    let strict = [
        ("message.timestamp.before.max.ms", "3600000"),
        ("cleanup.policy", "compact"),
    ];
    world.kafka.configure(&letters, &strict).await;
    let old = 1_600_000_000_000;
    let mut broken = vec![events::broken(1), events::broken(2)];
    broken[0].timestamp = Some(old);
    broken[1].key = None;
    let mut events = vec![events::insert(1, 10, 1)];
    events.extend(broken);
    events.push(events::insert(2, 11, 1));
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.catch_up().await;
    assert_eq!(world.count("SELECT count(*) FROM t").await, 2);
    let published = world.published().await;
    assert_eq!(published.len(), 2, "{}", worker.log());
    let header = |at: usize, key| crate::support::kafka::header(&published[at], key);
    assert_eq!(header(0, "landfall.timestamp"), Some(old.to_string()));
    assert_eq!(header(1, "landfall.key.added").as_deref(), Some("true"));
    let shown = crate::commands::done(&world, "dlq list --json");
    let ids = shown.text.lines().map(|line| {
        let letter: serde_json::Value = serde_json::from_str(line).unwrap();
        letter["id"].to_string().trim_matches('"').to_owned()
    });
    let show = |id: &str| crate::commands::done(&world, &format!("dlq show {id} --json")).text;
    let shown: Vec<String> = ids.collect::<Vec<_>>().iter().map(|id| show(id)).collect();
    let all = shown.concat();
    assert!(
        all.contains(&old.to_string()),
        "the record's own timestamp: {all}"
    );
    assert_eq!(
        worker.log().matches("put aside as a dead letter").count(),
        2
    );
}

#[tokio::test]
async fn a_unique_value_that_another_partition_is_about_to_free_is_waited_for() {
    let world = World::new("freed_value", 2).await;
    world.sql("ALTER TABLE t ADD UNIQUE (body)").await;
    let user = |op: &str, lsn: i64, id: i64, body: &str| {
        let row = json!({ "id": id, "version": lsn, "body": body });
        events::change(op, lsn, id, Some(row))
    };
    let before = [user("c", 1, 1, "a@x").on(0), user("c", 2, 2, "b@x").on(1)];
    world.kafka.produce(&world.topic, &before).await;
    let worker = world.run();
    world.until_count("SELECT count(*) FROM t", 2).await;
    // 1 gives a@x up first, which comes later
    let taken = [user("u", 4, 2, "a@x").on(1)];
    world.kafka.produce(&world.topic, &taken).await;
    worker
        .says(&["waiting for a unique value that another row still has"])
        .await;
    let freed = [user("u", 3, 1, "c@x").on(0)];
    world.kafka.produce(&world.topic, &freed).await;
    let equal = "SELECT count(*) FROM t WHERE (id, body) IN ((1, 'c@x'), (2, 'a@x'))";
    world.until_count(equal, 2).await;
    goes_on(&world, worker).await;
}

#[tokio::test]
async fn a_place_in_an_exclusion_constraint_that_another_partition_is_about_to_leave_is_waited_for()
{
    let world = World::new("freed_place", 2).await;
    world
        .sql("ALTER TABLE t ADD EXCLUDE USING hash (body WITH =)")
        .await;
    let put = |lsn: i64, id: i64, body: &str| {
        let row = json!({ "id": id, "version": lsn, "body": body });
        events::change("u", lsn, id, Some(row)).on((id - 1) as i32)
    };
    let before = [put(1, 1, "here"), put(2, 2, "there")];
    world.kafka.produce(&world.topic, &before).await;
    let worker = world.run();
    world.until_count("SELECT count(*) FROM t", 2).await;
    world
        .kafka
        .produce(&world.topic, &[put(4, 2, "here")])
        .await;
    worker
        .says(&["waiting for a unique value that another row still has"])
        .await;
    world
        .kafka
        .produce(&world.topic, &[put(3, 1, "away")])
        .await;
    let equal = "SELECT count(*) FROM t WHERE (id, body) IN ((1, 'away'), (2, 'here'))";
    world.until_count(equal, 2).await;
    goes_on(&world, worker).await;
}

#[tokio::test]
async fn what_is_too_much_for_one_transaction_is_landed_in_smaller_ones() {
    let mut world = World::new("too_much", 2).await;
    world.set_lanes(1);
    let small = world.add_topic("small", 1).await;
    audit::create_table(&world.db, "small").await;
    // as Postgres says where a transaction has more locks than there is room for
    world
        .sql(
            "CREATE FUNCTION short_of_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF TG_ARGV[0]::int < (SELECT count(*) FROM rows) THEN
                     RAISE EXCEPTION 'out of shared memory' USING ERRCODE = '53200', HINT = 'You might need to increase max_locks_per_transaction.';
                 END IF;
                 RETURN NULL; END $$;
             CREATE TRIGGER short AFTER INSERT ON t REFERENCING NEW TABLE AS rows FOR EACH STATEMENT EXECUTE FUNCTION short_of_room(30);
             CREATE TRIGGER short AFTER INSERT ON small REFERENCING NEW TABLE AS rows FOR EACH STATEMENT EXECUTE FUNCTION short_of_room(0)",
        )
        .await;
    let rows: Vec<Event> = (1..=500).map(|id| events::insert(id, id, 1)).collect();
    world.kafka.produce(&world.topic, &rows).await;
    world
        .kafka
        .produce(&small, &[insert_into("small", 1, 1)])
        .await;
    let worker = world.run();
    world.until_count("SELECT count(*) FROM t", 500).await;
    stand_still(
        &worker,
        1,
        &[
            "small[0]",
            "(systemic)",
            "out of shared memory",
            "max_locks_per_transaction",
        ],
    )
    .await;
    let status = crate::commands::done(&world, "status");
    assert!(
        status.text.contains("stands still since 2"),
        "{}",
        status.text
    );
    assert!(
        status
            .text
            .contains("(systemic): Postgres: out of shared memory"),
        "{}",
        status.text
    );
    world.sql("DROP TRIGGER short ON small").await;
    world.until_count("SELECT count(*) FROM small", 1).await;
    goes_on(&world, worker).await;
    let status = crate::commands::done(&world, "status");
    assert!(!status.text.contains("stands still"), "{}", status.text);
}

#[tokio::test]
async fn a_child_whose_parents_table_is_broken_waits_with_it_for_as_long_as_that_takes() {
    let mut world = World::new("broken_parent", 1).await;
    world.set_lanes(1);
    world.set("retry", "parent_wait = \"1s\"");
    let parents = world.add_topic("parents", 1).await;
    audit::create_table(&world.db, "parents").await;
    world.sql("ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES parents; ALTER TABLE parents DROP COLUMN body").await;
    world
        .kafka
        .produce(&parents, &[insert_into("parents", 7, 1)])
        .await;
    let worker = world.run();
    stand_still(&worker, 1, &["parents[0]", "has no column body"]).await;
    world
        .kafka
        .produce(&world.topic, &[events::insert(1, 7, 1)])
        .await;
    stand_still(&worker, 1, &["public.t[0]", "(early)"]).await;
    // for longer than it would wait for a parent that may come
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    world.sql("ALTER TABLE parents ADD COLUMN body text").await;
    world.until_count("SELECT count(*) FROM t", 1).await;
    goes_on(&world, worker).await;
}
