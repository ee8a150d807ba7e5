//! Letters of several tables: one that needs another's row, and one whose table is gone.

use serde_json::json;

use crate::commands::{done, landfall};
use crate::replay::{bad, land, mend, refuse, states, version, world};
use crate::support::events::{change_of, insert};
use crate::support::{Event, World, audit};

/// With a second table, `public.p`, and its topic.
async fn two_tables(test: &str) -> World {
    let mut world = world(test).await;
    audit::create_table(&world.db, "p").await;
    let topic = parents(&world);
    world.kafka.create_topic(&topic, 1).await;
    world.topics.push(topic);
    world.set("retry", "parent_wait = \"50ms\"");
    world
}

fn parents(world: &World) -> String {
    format!("{}.public.p", world.name)
}

async fn land_parents(world: &World, events: &[Event]) {
    world.kafka.produce(&parents(world), events).await;
    world.catch_up().await;
}

fn parent(lsn: i64, id: i64, body: &str) -> Event {
    let row = json!({ "id": id, "version": 1, "body": body });
    change_of("p", "c", lsn, json!({ "id": id }), Some(row))
}

#[tokio::test]
async fn a_parent_that_is_a_later_letter_is_found_in_the_next_round() {
    let world = two_tables("later_parent").await;
    let sql = "ALTER TABLE t ADD CONSTRAINT of_parent FOREIGN KEY (version) REFERENCES p;
               ALTER TABLE p ADD CONSTRAINT not_bad CHECK (body <> 'bad')";
    world.db.batch_execute(sql).await.unwrap();
    land(&world, &[insert(1, 1, 7), insert(2, 2, 8)]).await;
    land_parents(&world, &[parent(3, 7, "bad")]).await;
    assert_eq!(states(&world).await, ["parked"; 3]);

    let mend = "ALTER TABLE p DROP CONSTRAINT not_bad";
    world.db.batch_execute(mend).await.unwrap();
    let answer = landfall(&world, "dlq replay");
    // the parent of row 2 never came
    assert_eq!(answer.code, Some(1));
    assert!(
        answer.text.ends_with("replayed 2, failed 1\n"),
        "{}",
        answer.text
    );
    assert!(answer.text.contains("23503"), "{}", answer.text);
    assert_eq!(version(&world, 1).await, Some(7));
    assert_eq!(states(&world).await, ["replayed", "parked", "replayed"]);
}

#[tokio::test]
async fn letters_of_a_table_that_is_gone_are_left_as_they_are_and_the_others_replayed() {
    let world = two_tables("no_table").await;
    let sql = "ALTER TABLE p ADD CONSTRAINT not_bad CHECK (body <> 'bad')";
    world.db.batch_execute(sql).await.unwrap();
    land_parents(&world, &[parent(1, 7, "bad")]).await;
    land(&world, &[insert(2, 1, 1), bad(3, 1, 2)]).await;
    mend(&world, "bad").await;
    let away = "ALTER TABLE p DROP CONSTRAINT not_bad; ALTER TABLE p RENAME TO gone";
    world.db.batch_execute(away).await.unwrap();
    let letter = "SELECT hashtextextended(d::text, 0) FROM landfall.dead_letters d WHERE id = 1";
    let before = world.count(letter).await;

    let answer = landfall(&world, "dlq replay");
    assert_eq!(answer.code, Some(1));
    let says = "table public.p does not exist in the destination; create it";
    assert!(answer.text.contains(says), "{}", answer.text);
    assert!(!answer.text.contains("unavailable"), "{}", answer.text);
    assert!(
        answer.text.ends_with("replayed 1, failed 1\n"),
        "{}",
        answer.text
    );
    assert_eq!(version(&world, 1).await, Some(2));
    assert_eq!(world.count(letter).await, before, "it isn't touched");

    let back = "ALTER TABLE gone RENAME TO p";
    world.db.batch_execute(back).await.unwrap();
    assert_eq!(done(&world, "dlq replay").text, "replayed 1\n");
    assert_eq!(world.count("SELECT count(*) FROM p").await, 1);
}

#[tokio::test]
async fn a_constraint_that_is_checked_at_commit_is_seen_by_a_dry_run() {
    let world = two_tables("deferred").await;
    refuse(&world, "worse").await;
    let sql = "ALTER TABLE t ADD CONSTRAINT of_parent FOREIGN KEY (version) REFERENCES p DEFERRABLE INITIALLY DEFERRED";
    world.db.batch_execute(sql).await.unwrap();
    land(&world, &[insert(1, 1, 7)]).await;
    let look = landfall(&world, "dlq replay --dry-run").text;
    assert!(
        look.contains("would fail (constraint, SQLSTATE 23503)"),
        "{look}"
    );
    let tried = landfall(&world, "dlq replay").text;
    assert!(
        tried.contains("failed again (constraint, SQLSTATE 23503)"),
        "{tried}"
    );
}
