//! A key's letters go in oldest first, up to the first that fails.

use crate::commands::{done, landfall};
use crate::replay::{bad, land, mend, outcomes, part, refuse, states, version, with_body, world};
use crate::support::events::{delete, insert, tombstone, update};
use crate::support::{Event, World, audit};

async fn parking(test: &str) -> World {
    let mut world = world(test).await;
    world.set("dead_letter", "later_events = \"park\"");
    world
}

/// Three letters of key 1, of which the first and the second are refused for reasons of their own.
async fn three_letters(test: &str) -> World {
    let world = parking(test).await;
    refuse(&world, "worse").await;
    let worse = with_body("worse", 3, 1, 3);
    let events = [insert(1, 1, 1), bad(2, 1, 2), worse, update(4, 1, 4)];
    land(&world, &events).await;
    assert_eq!(states(&world).await, ["parked"; 3]);
    world
}

#[tokio::test]
async fn a_keys_letters_are_replayed_up_to_the_first_that_fails() {
    let world = three_letters("three").await;
    mend(&world, "bad").await;
    let answer = landfall(&world, "dlq replay --json");
    assert_eq!(answer.code, Some(1), "{}", answer.error);
    assert_eq!(
        outcomes(&answer.objects()),
        ["replayed", "failed", "behind"]
    );
    assert_eq!(version(&world, 1).await, Some(2));
    assert_eq!(states(&world).await, ["replayed", "parked", "parked"]);

    // not by name either
    let third = done(&world, "dlq replay --id 3").text;
    assert!(third.contains("waits behind letter 2"), "{third}");
    assert_eq!(version(&world, 1).await, Some(2));

    mend(&world, "worse").await;
    assert_eq!(done(&world, "dlq replay").text, "replayed 2\n");
    assert_eq!(version(&world, 1).await, Some(4));
    assert_eq!(states(&world).await, ["replayed"; 3]);
    audit::assert_forward_only(&world.db).await;
    assert_eq!(world.count("SELECT count(*) FROM audit").await, 4);
}

#[tokio::test]
async fn a_dry_run_shows_each_letter_what_those_before_it_would_leave_and_changes_nothing() {
    let world = three_letters("dry").await;
    let everything = "SELECT hashtextextended(concat(
            (SELECT string_agg(d::text, ',' ORDER BY id) FROM landfall.dead_letters d),
            (SELECT string_agg(a::text, ',' ORDER BY seq) FROM audit a),
            (SELECT count(*) FROM landfall.processed_events)), 0)";
    let before = world.count(everything).await;
    let look = async |code: i32| {
        let answer = landfall(&world, "dlq replay --dry-run --json");
        assert_eq!(answer.code, Some(code), "{}", answer.error);
        assert_eq!(world.count(everything).await, before);
        let letters = world.kafka.read_all(&world.dead_letter_topic()).await;
        assert_eq!(letters.len(), 3);
        let objects = answer.objects();
        outcomes(&objects).join(" ")
    };
    assert_eq!(look(1).await, "failed behind behind");
    mend(&world, "bad").await;
    assert_eq!(look(1).await, "replayed failed behind");
    mend(&world, "worse").await;
    assert_eq!(look(0).await, "replayed replayed replayed");
    assert_eq!(version(&world, 1).await, Some(1));
}

#[tokio::test]
async fn letters_that_carry_only_part_of_a_row_go_in_after_the_one_they_wait_behind() {
    let world = world("partial").await;
    let events = [insert(1, 1, 1), bad(2, 1, 2), part(3, 1, 3), part(4, 1, 4)];
    land(&world, &events).await;
    let behind = "SELECT count(*) FROM landfall.dead_letters WHERE reason = 'behind'";
    assert_eq!(world.count(behind).await, 2);
    let failed = landfall(&world, "dlq replay").text;
    assert!(
        failed.ends_with("replayed 0, behind 2, failed 1\n"),
        "{failed}"
    );
    assert_eq!(version(&world, 1).await, Some(1));

    mend(&world, "bad").await;
    assert_eq!(done(&world, "dlq replay").text, "replayed 3\n");
    let row = "SELECT count(*) FROM t WHERE id = 1 AND version = 4 AND body = 'bad'";
    assert_eq!(world.count(row).await, 1);
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn force_does_not_jump_over_a_letter_that_fails() {
    let world = world("no_jump").await;
    land(&world, &[insert(1, 1, 1), bad(2, 1, 2), part(3, 1, 3)]).await;
    let forced = landfall(&world, "dlq replay --force");
    assert!(
        forced.text.ends_with("replayed 0, behind 1, failed 1\n"),
        "{}",
        forced.text
    );
    assert_eq!(version(&world, 1).await, Some(1));

    // who doesn't want the first one at all says so
    done(&world, "dlq discard --id 1 --yes");
    assert_eq!(done(&world, "dlq replay").text, "replayed 1\n");
    assert_eq!(version(&world, 1).await, Some(3));
    mend(&world, "bad").await;
    assert_eq!(done(&world, "dlq replay").text, "replayed 0\n");
    assert_eq!(version(&world, 1).await, Some(3));
}

#[tokio::test]
async fn force_does_not_bring_a_discarded_letter_in_before_an_earlier_one_of_its_key() {
    let world = world("no_jump_discarded").await;
    land(&world, &[insert(1, 1, 1), bad(2, 1, 2), part(3, 1, 3)]).await;
    done(&world, "dlq discard --id 2 --yes");
    // it would be overwritten by the first one, once that is mended
    let forced = done(&world, "dlq replay --id 2 --force").text;
    assert!(forced.ends_with("replayed 0, behind 1\n"), "{forced}");
    assert_eq!(version(&world, 1).await, Some(1));

    mend(&world, "bad").await;
    assert_eq!(done(&world, "dlq replay").text, "replayed 1\n");
    assert_eq!(version(&world, 1).await, Some(2));
    done(&world, "dlq replay --id 2 --force");
    assert_eq!(version(&world, 1).await, Some(3));
}

#[tokio::test]
async fn ten_parked_events_are_replayed_in_order_and_new_ones_applied_directly_again() {
    let world = parking("park").await;
    let mut events = vec![insert(1, 1, 1), bad(2, 1, 2)];
    events.extend((3..=12).map(|v| update(v, 1, v)));
    land(&world, &events).await;
    assert_eq!(version(&world, 1).await, Some(1));
    assert_eq!(states(&world).await, ["parked"; 11]);

    mend(&world, "bad").await;
    assert_eq!(done(&world, "dlq replay").text, "replayed 11\n");
    assert_eq!(version(&world, 1).await, Some(12));
    assert_eq!(world.count("SELECT count(*) FROM audit").await, 12);
    audit::assert_forward_only(&world.db).await;

    land(&world, &[update(13, 1, 13)]).await;
    assert_eq!(version(&world, 1).await, Some(13));
    assert_eq!(states(&world).await, ["replayed"; 11]);
}

#[tokio::test]
async fn deletes_and_tombstones_that_were_put_aside_are_replayed_too() {
    let world = parking("deletes").await;
    let lone_tombstone = tombstone(2);
    let events = [
        insert(1, 1, 1),
        insert(2, 2, 1),
        bad(3, 1, 2),
        delete(4, 1),
        tombstone(1),
        bad(5, 2, 2),
        lone_tombstone,
    ];
    land(&world, &events).await;
    let operations =
        "SELECT count(*) FROM landfall.dead_letters WHERE operation IN ('delete', 'tombstone')";
    assert_eq!(world.count(operations).await, 2);
    mend(&world, "bad").await;
    assert_eq!(done(&world, "dlq replay").text, "replayed 4\n");
    assert_eq!(world.count("SELECT count(*) FROM t").await, 0);
    let written = "SELECT count(*) FROM audit WHERE op = 'UPDATE' AND version = 2";
    assert_eq!(world.count(written).await, 2);
}

#[tokio::test]
async fn what_can_not_be_decoded_fails_again_and_holds_nobody_else_up() {
    let world = world("undecodable").await;
    let garbage = Event::raw(r#"{"id":1}"#, "not json");
    land(&world, &[garbage, insert(1, 2, 1), bad(2, 2, 2)]).await;
    mend(&world, "bad").await;
    let answer = landfall(&world, "dlq replay");
    assert_eq!(answer.code, Some(1));
    assert!(
        answer.text.contains("failed again (undecodable)"),
        "{}",
        answer.text
    );
    assert!(
        answer.text.ends_with("replayed 1, failed 1\n"),
        "{}",
        answer.text
    );
    assert!(answer.error.contains("1 letter failed"), "{}", answer.error);
    let attempts = "SELECT attempts::bigint FROM landfall.dead_letters WHERE id = 1";
    assert_eq!(world.count(attempts).await, 2);
}
