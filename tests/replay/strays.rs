//! Letters without a row: published before a crash, or while Postgres was away. The worker will read
//! their events again, so a replay puts in only what leaves the order as it is.

use rdkafka::message::Message as _;

use crate::commands::{done, landfall};
use crate::replay::{bad, land, mend, outcomes, refuse, states, version, world};
use crate::support::events::{insert, update};
use crate::support::kafka::header;
use crate::support::own_postgres::OwnPostgres;
use crate::support::{Event, World, audit, eventually};

#[tokio::test]
async fn a_letter_from_before_a_crash_is_left_to_the_worker_which_knows_it_afterwards() {
    let world = world("crashed").await;
    let events = [insert(1, 1, 1), bad(2, 1, 2)];
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.run_until("before_commit", 2);
    worker.await_seam("before_commit").await.kill().await;
    assert_eq!(
        world.kafka.read_all(&world.dead_letter_topic()).await.len(),
        1
    );

    let left = done(&world, "dlq replay").text;
    assert!(left.contains("is left to the worker"), "{left}");
    assert!(left.ends_with("replayed 0, left to worker 1\n"), "{left}");
    assert_eq!(version(&world, 1).await, Some(1));

    world.catch_up().await;
    assert_eq!(states(&world).await, ["parked"]);
    mend(&world, "bad").await;
    assert_eq!(done(&world, "dlq replay").text, "replayed 1\n");
    assert_eq!(version(&world, 1).await, Some(2));
}

#[tokio::test]
async fn a_letter_without_a_row_is_forced_in_and_that_is_said() {
    let world = world("forced_stray").await;
    land(&world, &[insert(1, 1, 1)]).await;
    world.kafka.produce(&world.topic, &[bad(2, 1, 2)]).await;
    let worker = world.run_until("before_commit", 1);
    worker.await_seam("before_commit").await.kill().await;
    mend(&world, "bad").await;
    let forced = done(&world, "dlq replay --force").text;
    assert!(forced.contains("was applied by force, though"), "{forced}");
    assert!(forced.ends_with("replayed 0, forced 1\n"), "{forced}");
    assert_eq!(version(&world, 1).await, Some(2));
    world.catch_up().await;
    assert_eq!(world.count("SELECT count(*) FROM audit").await, 2);
}

/// Key 1 is in, at version 1; then Postgres goes away, these events go to the dead letter topic, and
/// the worker is killed before Postgres is back.
async fn diverted(test: &str, events: &[Event], setting: Option<&str>) -> (World, OwnPostgres) {
    let postgres = OwnPostgres::start(&[]);
    let mut world = World::on(test, 1, &postgres.url()).await;
    for line in [
        "when_unavailable = \"dead_letter\"",
        "max_attempts = 2",
        "initial_delay = \"50ms\"",
        "max_delay = \"100ms\"",
    ] {
        world.set("retry", line);
    }
    if let Some(line) = setting {
        world.set("apply", line);
    }
    world.set("apply", "batch_rows = 1");
    refuse(&world, "bad").await;
    world.kafka.produce(&world.topic, &[insert(1, 1, 1)]).await;
    let worker = world.run();
    world.until_count("SELECT count(*) FROM t", 1).await;
    postgres.stop();
    world.kafka.produce(&world.topic, events).await;
    let topic = world.dead_letter_topic();
    eventually("all of them are dead letters", async || {
        let letters = world.kafka.read_all(&topic).await;
        (letters.len() == events.len()).then_some(())
    })
    .await;
    worker.kill().await;
    postgres.restart();
    world.reconnect().await;
    assert_eq!(states(&world).await.len(), 0);
    (world, postgres)
}

#[tokio::test]
async fn what_was_diverted_is_put_in_in_order_and_the_worker_applies_none_of_it_again() {
    let events = [
        update(2, 1, 2),
        insert(3, 2, 1),
        update(4, 1, 3),
        update(5, 2, 2),
        update(6, 1, 4),
    ];
    let (world, _postgres) = diverted("diverted", &events, None).await;
    let look = done(&world, "dlq replay --dry-run --json").objects();
    assert_eq!(outcomes(&look), ["replayed"; 5]);
    assert_eq!(version(&world, 1).await, Some(1));

    assert_eq!(done(&world, "dlq replay").text, "replayed 5\n");
    assert_eq!(
        (version(&world, 1).await, version(&world, 2).await),
        (Some(4), Some(2))
    );
    assert_eq!(world.count("SELECT count(*) FROM audit").await, 6);
    assert_eq!(done(&world, "dlq replay").text, "replayed 0\n");
    assert_eq!(done(&world, "dlq replay --force").text, "replayed 0\n");

    land(&world, &[update(7, 1, 5)]).await;
    assert_eq!(version(&world, 1).await, Some(5));
    assert_eq!(world.count("SELECT count(*) FROM audit").await, 7);
    assert_eq!(states(&world).await.len(), 0);
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn behind_a_diverted_event_that_is_refused_nothing_of_its_partition_is_put_in() {
    let events = [bad(2, 1, 2), update(3, 1, 3)];
    let (world, _postgres) = diverted("diverted_bad", &events, None).await;
    let look = landfall(&world, "dlq replay --dry-run --json");
    assert_eq!(outcomes(&look.objects()), ["failed", "behind"]);
    let answer = landfall(&world, "dlq replay");
    assert_eq!(answer.code, Some(1));
    assert!(
        answer.text.ends_with("replayed 0, behind 1, failed 1\n"),
        "{}",
        answer.text
    );
    assert_eq!(version(&world, 1).await, Some(1));

    world.catch_up().await;
    assert_eq!(
        (version(&world, 1).await, states(&world).await),
        (Some(3), vec!["superseded".to_owned()])
    );
    mend(&world, "bad").await;
    assert_eq!(done(&world, "dlq replay").text, "replayed 0\n");
    assert_eq!(version(&world, 1).await, Some(3));
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn a_diverted_event_that_is_named_alone_does_not_go_before_those_it_came_after() {
    let (world, _postgres) =
        diverted("diverted_id", &[update(2, 1, 2), update(3, 1, 3)], None).await;
    let letters = world.kafka.read_all(&world.dead_letter_topic()).await;
    let last = letters
        .iter()
        .max_by_key(|l| (l.partition(), l.offset()))
        .unwrap();
    let event = header(last, "landfall.event.id").unwrap();
    let answer = done(&world, &format!("dlq replay --id {event}")).text;
    assert!(answer.ends_with("replayed 0, behind 1\n"), "{answer}");
    let shown = done(&world, &format!("dlq show {event}")).text;
    assert!(
        shown.contains("would be applied"),
        "after the one before it: {shown}"
    );

    world.catch_up().await;
    assert_eq!(version(&world, 1).await, Some(3));
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn where_no_event_ids_are_kept_what_was_diverted_is_the_workers() {
    let setting = Some("idempotency = \"offset\"");
    let (world, _postgres) = diverted(
        "diverted_offset",
        &[update(2, 1, 2), update(3, 1, 3)],
        setting,
    )
    .await;
    let answer = done(&world, "dlq replay").text;
    assert!(
        answer.ends_with("replayed 0, behind 1, left to worker 1\n"),
        "{answer}"
    );
    world.catch_up().await;
    assert_eq!(version(&world, 1).await, Some(3));
    audit::assert_forward_only(&world.db).await;
}
