//! Locks, missing rights and servers' troubles that show where nobody looks for them: at COMMIT, in a trigger, in one leaf
//! of a table, at the other end of a foreign key. What they are about stands still alone, and nothing becomes a letter.

use super::{goes_on, locking, stand_still};
use crate::support::events::insert_into;
use crate::support::{Event, World, audit, events};

/// A world of one lane with these tables beside `t`, a topic each, that counts what isn't landed at once as failed.
async fn strict(test: &str, tables: &[&str]) -> World {
    let mut world = World::new(test, 1).await;
    world.set_lanes(1);
    world.set("retry", "max_attempts = 1\nmax_delay = \"200ms\"");
    for table in tables {
        audit::create_table(&world.db, table).await;
        world.add_topic(table, 1).await;
    }
    world
}

impl World {
    /// An event of each table, but for `t`, which gets many.
    async fn produce_to_all(&self, tables: &[&str]) {
        for (table, topic) in tables.iter().zip(&self.topics[1..]) {
            self.kafka.produce(topic, &[insert_into(table, 7, 1)]).await;
        }
        let rows = events::history(200, 1);
        self.kafka.produce(&self.topic, &rows).await;
    }
}

#[tokio::test]
async fn what_shows_at_commit_stops_its_own_table_alone() {
    let tables = ["child", "parents", "refused"];
    let world = strict("at_commit", &tables).await;
    world
        .sql(
            "INSERT INTO parents VALUES (7, 0, 'b');
             ALTER TABLE child ADD FOREIGN KEY (id) REFERENCES parents DEFERRABLE INITIALLY DEFERRED;
             CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 RAISE EXCEPTION 'permission denied for a table behind' USING ERRCODE = '42501'; END $$;
             CREATE CONSTRAINT TRIGGER late AFTER INSERT ON refused DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()",
        )
        .await;
    let rival = locking(&world, "SELECT FROM parents WHERE id = 7 FOR UPDATE").await;
    world
        .kafka
        .produce(&world.topics[1], &[insert_into("child", 7, 1)])
        .await;
    world
        .kafka
        .produce(&world.topics[3], &[insert_into("refused", 7, 1)])
        .await;
    world
        .kafka
        .produce(&world.topic, &events::history(200, 1))
        .await;
    let worker = world.run();
    world.until_count("SELECT count(*) FROM t", 200).await;
    stand_still(&worker, 1, &["child[0]", "(locked)", "forgotten"]).await;
    stand_still(
        &worker,
        1,
        &["refused[0]", "(systemic)", "permission denied"],
    )
    .await;
    stand_still(&worker, 2, &["["]).await;
    rival.batch_execute("COMMIT").await.unwrap();
    world.sql("DROP TRIGGER late ON refused").await;
    world.until_count("SELECT count(*) FROM child", 1).await;
    world.until_count("SELECT count(*) FROM refused", 1).await;
    goes_on(&world, worker).await;
}

#[tokio::test]
async fn a_row_that_a_foreign_key_names_may_be_locked_for_long() {
    let world = strict("parent_row_locked", &["child", "parents"]).await;
    world
        .sql("INSERT INTO parents VALUES (7, 0, 'b'); ALTER TABLE child ADD FOREIGN KEY (id) REFERENCES parents")
        .await;
    let rival = locking(&world, "SELECT FROM parents WHERE id = 7 FOR UPDATE").await;
    world.produce_to_all(&["child"]).await;
    let worker = world.run();
    world.until_count("SELECT count(*) FROM t", 200).await;
    stand_still(
        &worker,
        1,
        &["child[0]", "(locked)", "public.parents", "forgotten"],
    )
    .await;
    rival.batch_execute("COMMIT").await.unwrap();
    world.until_count("SELECT count(*) FROM child", 1).await;
    goes_on(&world, worker).await;
}

#[tokio::test]
async fn a_leaf_that_is_locked_stops_those_partitions_that_have_rows_for_it() {
    let mut world = strict("leaf_locked", &[]).await;
    world
        .sql(
            "CREATE TABLE parted (id bigint PRIMARY KEY, version bigint NOT NULL, body text) PARTITION BY RANGE (id);
             CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
             CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (100) TO (200)",
        )
        .await;
    let topic = world.add_topic("parted", 2).await;
    let rows = |from: i64, partition| {
        (from..from + 25).map(move |id| insert_into("parted", id, 1).on(partition))
    };
    let both = |first: i64| -> Vec<Event> { rows(first, 0).chain(rows(100 + first, 1)).collect() };
    world.kafka.produce(&topic, &both(1)).await;
    world.catch_up().await;
    let rival = locking(&world, "LOCK TABLE parted_1 IN ACCESS EXCLUSIVE MODE").await;
    world.kafka.produce(&topic, &both(30)).await;
    world.produce_to_all(&[]).await;
    let worker = world.run();
    world.until_count("SELECT count(*) FROM t", 200).await;
    world.until_count("SELECT count(*) FROM parted_2", 50).await;
    stand_still(
        &worker,
        1,
        &["parted[0]", "(locked)", "parted_1", "forgotten"],
    )
    .await;
    rival.batch_execute("COMMIT").await.unwrap();
    world.until_count("SELECT count(*) FROM parted", 100).await;
    goes_on(&world, worker).await;
}

#[tokio::test]
async fn a_trigger_that_is_out_of_locks_memory_or_time_stops_its_own_table_alone() {
    let tables = ["busy", "poor", "slow"];
    let world = strict("troubled_triggers", &tables).await;
    world
        .sql(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 RAISE EXCEPTION 'as a trigger says' USING ERRCODE = TG_ARGV[0]; END $$;
             CREATE TRIGGER fail BEFORE INSERT ON busy FOR EACH ROW EXECUTE FUNCTION fail('55P03');
             CREATE TRIGGER fail BEFORE INSERT ON poor FOR EACH ROW EXECUTE FUNCTION fail('53200');
             CREATE TRIGGER fail BEFORE INSERT ON slow FOR EACH ROW EXECUTE FUNCTION fail('57014')",
        )
        .await;
    world.produce_to_all(&tables).await;
    let worker = world.run();
    world.until_count("SELECT count(*) FROM t", 200).await;
    for (partition, why) in [
        ("busy[0]", "(locked)"),
        ("poor[0]", "(systemic)"),
        ("slow[0]", "(retry)"),
    ] {
        stand_still(&worker, 1, &[partition, why, "as a trigger says"]).await;
    }
    world
        .sql("DROP TRIGGER fail ON busy; DROP TRIGGER fail ON poor; DROP TRIGGER fail ON slow")
        .await;
    for table in tables {
        world
            .until_count(&format!("SELECT count(*) FROM {table}"), 1)
            .await;
    }
    goes_on(&world, worker).await;
}

/// As `VACUUM FULL` goes from table to table.
#[tokio::test]
async fn tables_that_are_locked_one_after_the_other_are_found_out_one_after_the_other() {
    let tables = ["l1", "l2", "l3", "l4", "l5", "l6"];
    let world = strict("locked_in_turn", &tables).await;
    let rival = locking(
        &world,
        "LOCK TABLE l1, l2, l3, l4, l5, l6 IN ACCESS EXCLUSIVE MODE",
    )
    .await;
    let worker = world.run();
    for (number, (table, topic)) in tables.iter().zip(&world.topics[1..]).enumerate() {
        world
            .kafka
            .produce(topic, &[insert_into(table, 7, 1)])
            .await;
        stand_still(
            &worker,
            1,
            &[&format!("{table}[0]"), "(locked)", "forgotten"],
        )
        .await;
        let id = number as i64 + 1;
        world
            .kafka
            .produce(&world.topic, &[events::insert(id, id, 1)])
            .await;
        world.until_count("SELECT count(*) FROM t", id).await;
    }
    rival.batch_execute("COMMIT").await.unwrap();
    for table in tables {
        world
            .until_count(&format!("SELECT count(*) FROM {table}"), 1)
            .await;
    }
    goes_on(&world, worker).await;
}

#[tokio::test]
async fn a_letter_of_a_partition_that_is_set_aside_at_commit_is_published_once() {
    let mut world = strict("published_aside", &["late"]).await;
    let apply = world.settings.get_mut("apply").unwrap();
    apply.retain(|line| !line.starts_with("linger"));
    apply.push("linger = \"300ms\"".to_owned());
    world.set("dead_letter.breaker", "ratio = 1.0");
    world
        .sql(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 RAISE EXCEPTION 'permission denied for a table behind' USING ERRCODE = '42501'; END $$;
             CREATE CONSTRAINT TRIGGER late AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()",
        )
        .await;
    let late = [insert_into("late", 7, 1), events::broken(8)];
    world.kafka.produce(&world.topics[1], &late).await;
    let others = events::history(200, 1);
    world.kafka.produce(&world.topic, &others).await;
    let worker = world.run();
    world.until_count("SELECT count(*) FROM t", 200).await;
    stand_still(&worker, 1, &["late[0]", "(systemic)", "permission denied"]).await;
    world.sql("DROP TRIGGER late ON late").await;
    world.until_count("SELECT count(*) FROM late", 1).await;
    let letters = "SELECT count(*) FROM landfall.dead_letters";
    world.until_count(letters, 1).await;
    assert_eq!(world.published().await.len(), 1, "{}", worker.log());
    assert_eq!(worker.stop().await.0, Some(0));
}
