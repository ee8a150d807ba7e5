//! What is forgotten is processed again, once, also by a worker that runs.

use crate::commands::{command, done, landfall, put_aside};
use crate::support::{World, audit, events, eventually};

/// Those that count: what came from a forgotten partition stays until retention.
const IDS: &str = "SELECT count(*) FROM landfall.processed_events WHERE partition_id NOT IN (SELECT partition_id FROM landfall.forgotten_partitions)";
const ROWS: &str = "SELECT count(*) FROM t";

#[tokio::test]
async fn an_idle_worker_reads_a_forgotten_topic_again_from_its_first_record() {
    let world = World::new("forget_idle", 2).await;
    world
        .kafka
        .produce(&world.topic, &events::history(50, 2))
        .await;
    world.migrate().await;
    let worker = world.run();
    world.until_count(IDS, 100).await;
    put_aside(&world, &[]).await;
    let other = put_aside(&world, &[("topic", "'other'")]).await;
    world.db.batch_execute("DELETE FROM t").await.unwrap();

    let answer = done(&world, &format!("forget --topic {}", world.topic));

    // no event comes that could be fenced: the worker has to look by itself
    world.until_count(IDS, 100).await;
    world.until_count(ROWS, 50).await;
    let mut below = 0;
    for line in answer.text.lines().skip(2).take(2) {
        let cells: Vec<i64> = line
            .split_whitespace()
            .map(|c| c.parse().unwrap())
            .collect();
        below += cells[1];
    }
    assert_eq!(below, 100, "{}", answer.text);
    let letters = world
        .db
        .query("SELECT id FROM landfall.dead_letters", &[])
        .await
        .unwrap();
    let letters: Vec<i64> = letters.iter().map(|row| row.get(0)).collect();
    assert_eq!(letters, [other]);
    // and it goes on from there
    world
        .kafka
        .produce(&world.topic, &events::history(50, 3)[100..])
        .await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 3", 50)
        .await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn one_partition_is_forgotten_and_the_others_are_left_alone() {
    let world = World::new("forget_one", 2).await;
    for partition in [0, 1] {
        let ids = |e: &mut events::Event| e.partition = Some(partition);
        let first = i64::from(partition) * 100;
        let mut some: Vec<_> = (1..=10)
            .map(|id| events::insert(first + id, first + id, 1))
            .collect();
        some.iter_mut().for_each(ids);
        world.kafka.produce(&world.topic, &some).await;
    }
    world.catch_up().await;
    put_aside(&world, &[("partition", "0")]).await;
    put_aside(&world, &[("partition", "1")]).await;
    world.db.batch_execute("DELETE FROM t").await.unwrap();

    done(
        &world,
        &format!("forget --topic {} --partition 1", world.topic),
    );

    assert_eq!(world.count(IDS).await, 10);
    let letters = "SELECT sum(partition) FROM landfall.dead_letters";
    assert_eq!(world.count(letters).await, 0);
    let worker = world.catch_up().await;
    let again = "SELECT count(*) FROM t WHERE id > 100";
    assert_eq!(world.count(again).await, 10, "{}", worker.log());
    assert_eq!(world.count(ROWS).await, 10, "{}", worker.log());
    assert_eq!(world.count(IDS).await, 20);
}

#[tokio::test]
async fn a_batch_that_is_being_written_is_waited_for_and_forgotten_too() {
    let mut world = World::new("forget_busy", 1).await;
    world.set("apply", "batch_rows = 40");
    world
        .kafka
        .produce(&world.topic, &events::history(50, 2))
        .await;
    let worker = world.run_until_frozen("before_commit", 2).await;
    // the frozen batch holds the partition's row
    let mut forget = command(&world, &format!("forget --topic {}", world.topic))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FOR UPDATE'";
    eventually("forget waits for the batch", async || {
        let ended = forget.try_wait().unwrap();
        assert!(
            ended.is_none(),
            "it didn't wait: {ended:?}\n{}",
            worker.log()
        );
        (world.count(waiting).await == 1).then_some(())
    })
    .await;
    worker.thaw();
    let output = forget.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let both = ["80", "100"].iter().any(|offset| text.contains(offset));
    assert!(both, "both batches are forgotten: {text}");
    world.until_count(IDS, 100).await;
    eventually("everything is applied", async || {
        let end = "SELECT next_offset FROM landfall.partitions";
        let row = world.db.query_opt(end, &[]).await.unwrap();
        row.is_some_and(|row| row.get::<_, i64>(0) == 100)
            .then_some(())
    })
    .await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 2")
            .await,
        50
    );
}

#[tokio::test]
async fn what_kafka_has_deleted_meanwhile_is_no_gap_after_forgetting() {
    let world = World::new("forget_low", 1).await;
    world
        .kafka
        .produce(&world.topic, &events::history(10, 1))
        .await;
    world.catch_up().await;
    world.kafka.delete_records(&world.topic, 4).await;
    done(&world, &format!("forget --topic {}", world.topic));
    world.catch_up().await;
    assert_eq!(world.count(IDS).await, 6);
    assert_eq!(world.count(ROWS).await, 10);
}

#[tokio::test]
async fn what_is_not_known_is_refused_with_what_is() {
    let world = World::new("forget_unknown", 1).await;
    world
        .kafka
        .produce(&world.topic, &events::history(3, 1))
        .await;
    world.catch_up().await;
    let refused = landfall(&world, "forget --topic orders");
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.error.contains("topic orders") && refused.error.contains(&world.topic),
        "{}",
        refused.error
    );
    let refused = landfall(
        &world,
        &format!("forget --topic {} --partition 9", world.topic),
    );
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.error.contains("partition 9") && refused.error.contains("known are 0"),
        "{}",
        refused.error
    );
    assert_eq!(
        landfall(
            &world,
            &format!("forget --topic {} --partition -1", world.topic)
        )
        .code,
        Some(2)
    );
    assert_eq!(world.count(IDS).await, 3);
}

#[tokio::test]
async fn an_event_that_was_put_aside_gets_another_chance() {
    let world = World::new("forget_letter", 1).await;
    let refuse = "ALTER TABLE t ADD CONSTRAINT positive CHECK (version > 0)";
    world.db.batch_execute(refuse).await.unwrap();
    let events = [events::insert(1, 1, 1), events::insert(2, 2, 0)];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    let letters = done(&world, "dlq list --json --reason constraint");
    assert_eq!(letters.all("key"), ["{\"id\":2}"], "{}", letters.text);
    assert_eq!(letters.all("sqlstate"), ["23514"]);

    let allow = "ALTER TABLE t DROP CONSTRAINT positive";
    world.db.batch_execute(allow).await.unwrap();
    done(&world, &format!("forget --topic {}", world.topic));
    world.catch_up().await;

    assert_eq!(world.count(ROWS).await, 2);
    let letters = done(&world, "dlq list --json --state all");
    assert_eq!(letters.text, "", "the letter is forgotten");
}

/// Has Postgres refuse this of one of the ledger's tables, as if whoever asks had been ended there.
async fn refuse(world: &World, what: &str) {
    let sql = format!(
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
         CREATE TRIGGER refuse BEFORE {what} FOR EACH ROW EXECUTE FUNCTION refuse()"
    );
    world.db.batch_execute(&sql).await.expect(&sql);
}

#[tokio::test]
async fn what_can_not_be_forgotten_keeps_its_letters() {
    let world = World::new("forget_refused", 1).await;
    let events = [events::insert(1, 1, 1)];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    let letter = put_aside(&world, &[]).await;
    refuse(&world, "INSERT ON landfall.forgotten_partitions").await;

    let answer = landfall(&world, &format!("forget --topic {}", world.topic));

    assert_eq!(answer.code, Some(1), "{}", answer.error);
    let letters = done(&world, "dlq list --json");
    assert_eq!(letters.all("id"), [letter], "{}", letters.text);
}

#[tokio::test]
async fn letters_whose_rows_are_left_when_forget_is_ended_do_not_count() {
    let world = World::new("forget_ended", 1).await;
    let refuses = "ALTER TABLE t ADD CONSTRAINT high CHECK (version > 1)";
    world.db.batch_execute(refuses).await.unwrap();
    let events = [events::insert(1, 1, 0), events::insert(2, 2, 1)];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    let before = done(&world, "dlq list --json").all("id");
    assert_eq!(before.len(), 2);
    refuse(&world, "DELETE ON landfall.dead_letters").await;

    let said = done(&world, &format!("forget --topic {}", world.topic)).text;

    assert!(said.contains("which don't count any more"), "{said}");
    const LETTERS: &str = "SELECT count(*) FROM landfall.dead_letters";
    assert_eq!(world.count(LETTERS).await, 2);
    let none = done(&world, "dlq list --json --state all").text;
    assert_eq!(none, "");
    let replayed = landfall(&world, &format!("dlq replay --id {} --yes", before[1]));
    assert!(
        !replayed.text.contains("replayed 1"),
        "{}{}",
        replayed.text,
        replayed.error
    );
    assert_eq!(world.count(ROWS).await, 0);
    // one is taken now, and the other is refused once more
    let higher = "DROP TRIGGER refuse ON landfall.dead_letters; ALTER TABLE t DROP CONSTRAINT high;
        ALTER TABLE t ADD CONSTRAINT high CHECK (version > 0)";
    world.db.batch_execute(higher).await.unwrap();
    world.catch_up().await;
    assert_eq!(world.count("SELECT count(*) FROM t WHERE id = 2").await, 1);
    let letters = done(&world, "dlq list --json --state all");
    assert_eq!(letters.all("key"), ["{\"id\":1}"], "{}", letters.text);
    assert!(!before.contains(&letters.all("id")[0]));
    done(&world, "prune");
    assert_eq!(world.count(LETTERS).await, 1);
}
