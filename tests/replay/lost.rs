//! Letters that Kafka no longer has: it is said clearly, and the others are replayed.

use serde_json::json;

use crate::commands::landfall;
use crate::replay::{bad, land, mend, states, version, with_body, world};
use crate::support::World;
use crate::support::events::{change, insert};

/// The dead letter topic has one partition, so that its offsets are known.
async fn with_own_topic(test: &str) -> World {
    let world = world(test).await;
    world
        .kafka
        .create_topic(&world.dead_letter_topic(), 1)
        .await;
    world
}

#[tokio::test]
async fn what_the_retention_of_the_dead_letter_topic_has_deleted_is_told_as_lost() {
    let world = with_own_topic("retention_lost").await;
    land(
        &world,
        &[insert(1, 1, 1), insert(2, 2, 1), bad(3, 1, 2), bad(4, 2, 2)],
    )
    .await;
    mend(&world, "bad").await;
    world
        .kafka
        .delete_records(&world.dead_letter_topic(), 1)
        .await;
    let answer = landfall(&world, "dlq replay");
    assert_eq!(answer.code, Some(1));
    let says = format!(
        "is lost: the dead letter topic no longer holds it ({}[0], offset 0)",
        world.dead_letter_topic()
    );
    assert!(answer.text.contains(&says), "{}", answer.text);
    assert!(
        answer.text.ends_with("replayed 1, missing 1\n"),
        "{}",
        answer.text
    );
    assert_eq!(
        (version(&world, 1).await, version(&world, 2).await),
        (Some(1), Some(2))
    );
    assert_eq!(states(&world).await, ["parked", "replayed"]);
}

#[tokio::test]
async fn of_a_dead_letter_topic_created_again_no_other_letter_is_taken_for_the_lost_one() {
    let world = with_own_topic("recreated").await;
    let rows = [insert(1, 1, 1), insert(2, 2, 1), insert(3, 3, 1)];
    land(&world, &rows).await;
    land(&world, &[bad(4, 1, 2), bad(5, 2, 2)]).await;
    world.kafka.delete_topic(&world.dead_letter_topic()).await;
    world
        .kafka
        .create_topic(&world.dead_letter_topic(), 1)
        .await;
    land(&world, &[bad(6, 3, 2)]).await;
    mend(&world, "bad").await;

    let answer = landfall(&world, "dlq replay");
    assert_eq!(answer.code, Some(1));
    assert!(
        answer.text.contains("another letter lies at its place"),
        "{}",
        answer.text
    );
    assert!(
        answer.text.contains("no longer holds it"),
        "{}",
        answer.text
    );
    assert!(
        answer.text.ends_with("replayed 1, missing 2\n"),
        "{}",
        answer.text
    );
    assert_eq!(version(&world, 1).await, Some(1));
    assert_eq!(version(&world, 2).await, Some(1));
    assert_eq!(version(&world, 3).await, Some(2));
}

#[tokio::test]
async fn a_letter_too_large_for_its_topic_is_replayed_from_where_it_was_read() {
    let world = with_own_topic("too_large").await;
    let topic = world.dead_letter_topic();
    world
        .kafka
        .configure(&topic, &[("max.message.bytes", "4000")])
        .await;
    let sql = "ALTER TABLE t ADD CONSTRAINT short CHECK (length(body) < 3000)";
    world.db.batch_execute(sql).await.unwrap();
    let large = |lsn: i64, id: i64| {
        let row = json!({ "id": id, "version": 2, "body": "x".repeat(9_000) });
        change("u", lsn, id, Some(row))
    };
    land(
        &world,
        &[insert(1, 1, 1), insert(2, 2, 1), large(3, 1), large(4, 2)],
    )
    .await;
    let left_out = "SELECT count(*) FROM landfall.dead_letters WHERE left_out_bytes > 9000";
    assert_eq!(world.count(left_out).await, 2);
    // it fails again, and is as large again
    assert_eq!(landfall(&world, "dlq replay").code, Some(1));
    assert_eq!(world.count(left_out).await, 2);
    let again =
        "SELECT count(*) FROM landfall.dead_letters WHERE attempts >= 2 AND dlq_offset >= 2";
    assert_eq!(world.count(again).await, 2);

    world
        .db
        .batch_execute("ALTER TABLE t DROP CONSTRAINT short")
        .await
        .unwrap();
    world.kafka.delete_records(&world.topic, 3).await;
    let answer = landfall(&world, "dlq replay");
    assert_eq!(answer.code, Some(1));
    let says = format!("{}[0] no longer holds it at offset 2", world.topic);
    assert!(answer.text.contains(&says), "{}", answer.text);
    assert!(
        answer.text.contains("too many for the dead letter topic"),
        "{}",
        answer.text
    );
    assert!(
        answer.text.ends_with("replayed 1, missing 1\n"),
        "{}",
        answer.text
    );
    let whole = "SELECT id FROM t WHERE length(body) = 9000";
    assert_eq!(world.count(whole).await, 2);
}

#[tokio::test]
async fn behind_a_lost_letter_its_key_waits_until_the_lost_one_is_given_up() {
    let mut world = with_own_topic("lost_first").await;
    world.set("dead_letter", "later_events = \"park\"");
    land(
        &world,
        &[insert(1, 1, 1), bad(2, 1, 2), with_body("good", 3, 1, 3)],
    )
    .await;
    mend(&world, "bad").await;
    world
        .kafka
        .delete_records(&world.dead_letter_topic(), 1)
        .await;
    let answer = landfall(&world, "dlq replay");
    assert!(
        answer.text.ends_with("replayed 0, behind 1, missing 1\n"),
        "{}",
        answer.text
    );
    assert_eq!(version(&world, 1).await, Some(1));
    crate::commands::done(&world, "dlq discard --id 1 --yes");
    crate::commands::done(&world, "dlq replay");
    assert_eq!(version(&world, 1).await, Some(3));
}
