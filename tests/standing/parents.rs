//! Rows whose parents are in partitions that stand still: they wait with them, whatever those stand still for, and
//! whoever waits for the rows waits as well.

use super::{goes_on, stand_still};
use crate::support::events::insert_into;
use crate::support::worker::Worker;
use crate::support::{Event, World, audit, events, eventually};

/// A world of one lane, in which rows wait for their parents for a moment only. Beside `t` there are these tables.
async fn impatient(test: &str, tables: &[&str]) -> World {
    let mut world = World::new(test, 1).await;
    world.set_lanes(1);
    world.set("retry", "parent_wait = \"300ms\"");
    for table in tables {
        audit::create_table(&world.db, table).await;
        world.add_topic(table, 1).await;
    }
    world
}

#[tokio::test]
async fn the_children_of_a_child_whose_parents_table_is_broken_wait_with_it() {
    let world = impatient("broken_grandparent", &["elders", "parents"]).await;
    world
        .sql(
            "ALTER TABLE parents ADD FOREIGN KEY (id) REFERENCES elders; ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES parents;
             ALTER TABLE elders DROP COLUMN body",
        )
        .await;
    let worker = world.run();
    let (elders, parents) = (&world.topics[1], &world.topics[2]);
    let elder = [insert_into("elders", 7, 1)];
    world.kafka.produce(elders, &elder).await;
    stand_still(&worker, 1, &["elders[0]", "(systemic)"]).await;
    let parent = [insert_into("parents", 7, 1)];
    world.kafka.produce(parents, &parent).await;
    stand_still(&worker, 1, &["parents[0]", "(early)"]).await;
    world
        .kafka
        .produce(&world.topic, &[events::insert(1, 7, 1)])
        .await;
    stand_still(&worker, 1, &["public.t[0]", "(early)"]).await;
    world.sql("ALTER TABLE elders ADD COLUMN body text").await;
    world.until_count("SELECT count(*) FROM t", 1).await;
    goes_on(&world, worker).await;
}

#[tokio::test]
async fn a_child_waits_with_a_partition_that_stands_still_for_another_table_before_its_parent() {
    let mut world = impatient("mixed_parents", &["parents"]).await;
    let mixed = world.add_topic("mixed", 1).await;
    world
        .sql("ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES parents")
        .await;
    let both = [insert_into("homeless", 1, 1), insert_into("parents", 7, 1)];
    world.kafka.produce(&mixed, &both).await;
    let worker = world.run();
    stand_still(&worker, 1, &["mixed[0]", "public.homeless does not exist"]).await;
    world
        .kafka
        .produce(&world.topic, &[events::insert(1, 7, 1)])
        .await;
    stand_still(&worker, 1, &["public.t[0]", "(early)"]).await;
    audit::create_table(&world.db, "homeless").await;
    world.until_count("SELECT count(*) FROM t", 1).await;
    goes_on(&world, worker).await;
}

#[tokio::test]
async fn two_that_wait_for_each_other_are_put_aside_in_time_whatever_else_stands_still() {
    let mut world = impatient("wait_in_vain", &["parents"]).await;
    let broken = world.add_topic("broken", 1).await;
    world
        .sql(
            "ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES parents; ALTER TABLE parents ADD FOREIGN KEY (id) REFERENCES t",
        )
        .await;
    world
        .kafka
        .produce(&broken, &[insert_into("broken", 1, 1)])
        .await;
    let worker = world.run();
    stand_still(&worker, 1, &["broken[0]", "(systemic)"]).await;
    world
        .kafka
        .produce(&world.topics[1], &[insert_into("parents", 7, 1)])
        .await;
    world
        .kafka
        .produce(&world.topic, &[events::insert(1, 8, 1)])
        .await;
    eventually("both are letters", async || {
        (world.letters().await.len() == 2).then_some(())
    })
    .await;
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_child_is_not_put_aside_while_its_parent_lies_in_a_part_that_comes_later() {
    let mut world = impatient("parted_parent", &["a_child"]).await;
    let retry = world.settings.get_mut("retry").unwrap();
    *retry = vec!["parent_wait = \"0s\"".to_owned()];
    let linger = [("LANDFALL_APPLY__LINGER", "1s")]; // all of them are one batch
    // the parts of a batch go by their tables' names, and the parents' comes last
    world
        .sql(
            "ALTER TABLE a_child ADD FOREIGN KEY (id) REFERENCES t DEFERRABLE;
             CREATE FUNCTION short_of_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF 100 < (SELECT count(*) FROM rows) THEN
                     RAISE EXCEPTION 'out of shared memory' USING ERRCODE = '53200';
                 END IF;
                 RETURN NULL; END $$;
             CREATE TRIGGER short AFTER INSERT ON t REFERENCING NEW TABLE AS rows FOR EACH STATEMENT EXECUTE FUNCTION short_of_room()",
        )
        .await;
    let children: Vec<Event> = (1..=90).map(|id| insert_into("a_child", id, 1)).collect();
    world.kafka.produce(&world.topics[1], &children).await;
    let parents: Vec<Event> = (1..=150).map(|id| events::insert(id, id, 1)).collect();
    world.kafka.produce(&world.topic, &parents).await;
    let worker = Worker::start(&["run"], &world.config_file(), &linger);
    world.until_count("SELECT count(*) FROM t", 150).await;
    world.until_count("SELECT count(*) FROM a_child", 90).await;
    assert!(worker.log().contains("smaller ones"), "{}", worker.log());
    goes_on(&world, worker).await;
}

#[tokio::test]
async fn a_child_waits_with_its_parents_partition_though_that_is_another_processs() {
    let mut world = World::new("parent_elsewhere", 2).await;
    world.set("retry", "parent_wait = \"300ms\"");
    let parents = world.add_topic("parents", 2).await;
    audit::create_table(&world.db, "parents").await;
    world
        .sql("ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES parents; ALTER TABLE parents DROP COLUMN body")
        .await;
    let workers = [world.run(), world.run()];
    for worker in &workers {
        worker.says(&["partitions assigned", "partitions=2"]).await;
    }
    // each has one of either topic
    let parent = [insert_into("parents", 7, 1).on(0)];
    world.kafka.produce(&parents, &parent).await;
    let stands = async |words: [&str; 2]| {
        eventually("a partition of one of them stands still", async || {
            let ready = [
                workers[0].get("/readyz").await,
                workers[1].get("/readyz").await,
            ];
            let told = |(_, text): &(u16, String)| {
                let mut lines = text.lines();
                lines.any(|line| words.iter().all(|word| line.contains(word)))
            };
            ready.iter().position(told)
        })
        .await
    };
    let first = stands(["parents[0] stands still", "(systemic)"]).await;
    let child = [events::insert(1, 7, 1).on(1)];
    world.kafka.produce(&world.topic, &child).await;
    let second = stands(["public.t[1] stands still", "(early)"]).await;
    assert_ne!(first, second, "each has its own partitions");
    world.sql("ALTER TABLE parents ADD COLUMN body text").await;
    world.until_count("SELECT count(*) FROM t", 1).await;
    let [one, other] = workers;
    goes_on(&world, one).await;
    assert_eq!(other.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_child_waits_with_its_parents_partition_whatever_else_of_its_batch_waits() {
    let mut world = World::new("other_waiter", 1).await;
    world.set_lanes(1);
    world.set("retry", "parent_wait = \"2s\"");
    let parents = world.add_topic("parents", 1).await;
    let names = world.add_topic("names", 2).await;
    for table in ["parents", "names"] {
        audit::create_table(&world.db, table).await;
    }
    world
        .sql(
            "ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES parents; ALTER TABLE parents DROP COLUMN body;
             ALTER TABLE names ADD UNIQUE (body); INSERT INTO names VALUES (1, 1, 'b')",
        )
        .await;
    let parent = [insert_into("parents", 7, 1)];
    world.kafka.produce(&parents, &parent).await;
    let worker = world.run();
    stand_still(&worker, 1, &["parents[0]", "(systemic)"]).await;
    let taken = [insert_into("names", 2, 1).on(0)];
    world.kafka.produce(&names, &taken).await;
    worker.says(&["waiting for a unique value"]).await;
    let child = [events::insert(1, 7, 1)];
    world.kafka.produce(&world.topic, &child).await;
    stand_still(&worker, 1, &["public.t[0]", "(early)"]).await;
    // nobody frees the value
    let letters = "SELECT count(*) FROM landfall.dead_letters";
    world.until_count(letters, 1).await;
    world.sql("ALTER TABLE parents ADD COLUMN body text").await;
    world.until_count("SELECT count(*) FROM t", 1).await;
    assert_eq!(world.count(letters).await, 1, "{}", worker.log());
    assert_eq!(worker.stop().await.0, Some(0));
}
