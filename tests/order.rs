//! The order of a key after one of its events was put aside.

use serde_json::{Value, json};

use crate::commands::{done, landfall};
use crate::support::events::{
    broken, change, change_of, delete, insert, partial, tombstone, update,
};
use crate::support::worker::Worker;
use crate::support::{Event, World};

/// A destination that refuses negative versions.
async fn world(test: &str) -> World {
    let mut world = World::new(test, 1).await;
    world.sql("ALTER TABLE t ADD CHECK (version >= 0)").await;
    // a handful of events, of which many are refused on purpose
    world.set("dead_letter.breaker", "ratio = 1.0");
    world
}

/// An update that the destination refuses.
fn bad(lsn: i64, id: i64) -> Event {
    update(lsn, id, -1)
}

/// Lands the events, each in a batch of its own.
async fn land_one_by_one(world: &World, events: impl IntoIterator<Item = Event>) -> Worker {
    let worker = world.run();
    let mut sent = 0;
    for event in events {
        world.kafka.produce(&world.topic, &[event]).await;
        sent += 1;
        let sql = "SELECT coalesce(max(next_offset), 0) FROM landfall.partitions";
        worker.says(&["serving /metrics"]).await;
        crate::support::eventually("the bookkeeping is there", async || {
            let there = "SELECT count(*) FROM pg_tables WHERE tablename = 'partitions'";
            (world.count(there).await == 1).then_some(())
        })
        .await;
        world.until_count(sql, sent).await;
    }
    worker
}

/// Superseded letters and the versions of their keys' rows that made them so: every `superseded_by`
/// is the id of an event that was applied.
async fn assert_superseded_by_applied_events(world: &World) {
    let dangling = "SELECT count(*) FROM landfall.dead_letters WHERE (state = 'superseded') <>
        (superseded_by IS NOT NULL AND superseded_by IN (SELECT id FROM landfall.processed_events))";
    assert_eq!(world.count(dangling).await, 0);
}

#[tokio::test]
async fn a_later_whole_event_in_the_same_batch_supersedes_the_letter() {
    let world = world("order_same_batch").await;
    let events = [
        broken(1),
        broken(2),
        update(10, 1, 2),
        insert(11, 3, 1),
        broken(3),
    ];
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.catch_up().await;
    assert_eq!(
        world.letters().await,
        [
            "1 undecodable superseded",
            "2 undecodable parked",
            "3 undecodable parked"
        ],
        "an event before the letter supersedes nothing:\n{}",
        worker.log()
    );
    assert_superseded_by_applied_events(&world).await;
    assert_eq!(world.rows().await, ["1 2 body 1 2", "3 1 body 3 1"]);
}

#[tokio::test]
async fn a_later_whole_event_in_a_later_batch_or_after_a_restart_supersedes_the_letter() {
    let world = world("order_later_batch").await;
    let events = [
        insert(1, 1, 1),
        bad(10, 1),
        bad(11, 2),
        bad(12, 3),
        update(20, 1, 2),
    ];
    let worker = land_one_by_one(&world, events).await;
    assert_eq!(
        world.letters().await,
        [
            "1 constraint superseded",
            "2 constraint parked",
            "3 constraint parked"
        ]
    );
    assert_eq!(worker.stop().await.0, Some(0));
    world.kafka.produce(&world.topic, &[update(30, 2, 3)]).await;
    world.catch_up().await;
    assert_eq!(
        world.letters().await,
        [
            "1 constraint superseded",
            "2 constraint superseded",
            "3 constraint parked"
        ]
    );
    assert_superseded_by_applied_events(&world).await;
    let different = "SELECT count(DISTINCT superseded_by) FROM landfall.dead_letters";
    assert_eq!(world.count(different).await, 2, "each by its own key's");
    assert_eq!(world.rows().await, ["1 2 body 1 2", "2 3 body 2 3"]);
}

#[tokio::test]
async fn a_delete_and_a_tombstone_supersede_the_letter() {
    let world = world("order_delete").await;
    let history = [
        insert(1, 1, 1),
        insert(2, 2, 1),
        insert(3, 3, 1),
        bad(10, 1),
        bad(11, 2),
        bad(12, 3),
    ];
    world.kafka.produce(&world.topic, &history).await;
    world.catch_up().await;
    let gone = [delete(20, 1), tombstone(1), tombstone(2)];
    world.kafka.produce(&world.topic, &gone).await;
    world.catch_up().await;
    assert_eq!(
        world.letters().await,
        [
            "1 constraint superseded",
            "2 constraint superseded",
            "3 constraint parked"
        ]
    );
    assert_superseded_by_applied_events(&world).await;
    assert_eq!(world.rows().await, ["3 1 body 3 1"]);
}

#[tokio::test]
async fn partial_events_are_parked_behind_the_letter_until_a_whole_one_supersedes_them_all() {
    let world = world("order_partial").await;
    let first = [
        insert(1, 1, 1),
        insert(2, 2, 1),
        partial(3, 2, 2),
        broken(1),
        partial(4, 1, 2),
        partial(5, 1, 3),
    ];
    world.kafka.produce(&world.topic, &first).await;
    world.catch_up().await;
    world
        .kafka
        .produce(&world.topic, &[partial(6, 1, 4), partial(7, 2, 3)])
        .await;
    world.catch_up().await;
    assert_eq!(
        world.letters().await,
        [
            "1 undecodable parked",
            "1 behind parked",
            "1 behind parked",
            "1 behind parked"
        ]
    );
    assert_eq!(
        world.rows().await,
        ["1 1 body 1 1", "2 3 body 2 1"],
        "the other key goes on"
    );
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.processed_events")
            .await,
        4,
        "what is parked isn't processed"
    );
    assert_eq!(world.published().await.len(), 4);

    let rest = [partial(8, 1, 5), update(9, 1, 6), partial(10, 1, 7)];
    world.kafka.produce(&world.topic, &rest).await;
    world.catch_up().await;
    assert_eq!(
        world.letters().await,
        [
            "1 undecodable superseded",
            "1 behind superseded",
            "1 behind superseded",
            "1 behind superseded",
            "1 behind superseded"
        ]
    );
    assert_superseded_by_applied_events(&world).await;
    assert_eq!(world.rows().await, ["1 7 body 1 6", "2 3 body 2 1"]);
}

/// A refused event is found by halving its batch; those behind it must wait all the same.
#[tokio::test]
async fn partial_events_wait_behind_one_that_was_refused_in_the_same_batch() {
    let world = world("order_isolated").await;
    world.sql("ALTER TABLE t ADD CHECK (body <> 'bad')").await;
    // the partial event behind it leaves out what is wrong with it, so that folding mends nothing
    let row = json!({ "id": 1, "version": 2, "body": "bad" });
    let refused = change("u", 2, 1, Some(row));
    let mut events = vec![insert(1, 1, 1), refused, partial(3, 1, 3), bad(4, 2)];
    events.extend((10..60).map(|id| insert(id, id, 1)));
    // partial, and refused by itself: the row it speaks of isn't there
    events.extend([partial(90, 3, 1), partial(91, 3, 2), update(92, 2, 5)]);
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.catch_up().await;
    assert_eq!(
        world.letters().await,
        [
            "1 constraint parked",
            "1 behind parked",
            "2 constraint superseded",
            "3 incomplete parked",
            "3 behind parked"
        ],
        "{}",
        worker.log()
    );
    assert_superseded_by_applied_events(&world).await;
    assert_eq!(
        world.rows().await[..3],
        ["1 1 body 1 1", "2 5 body 2 5", "10 1 body 10 1"]
    );
    assert_eq!(world.count("SELECT count(*) FROM t").await, 52);
}

#[tokio::test]
async fn park_mode_parks_every_later_event_of_the_key_and_none_of_other_keys() {
    let mut world = world("order_park").await;
    world.set("dead_letter", "later_events = \"park\"");
    let first = [
        insert(1, 1, 1),
        insert(2, 2, 1),
        broken(1),
        update(10, 1, 2),
        update(11, 2, 2),
    ];
    world.kafka.produce(&world.topic, &first).await;
    world.catch_up().await;
    let later = [
        partial(20, 1, 3),
        delete(21, 1),
        tombstone(1),
        insert(22, 1, 4),
        partial(23, 2, 3),
        delete(24, 3),
        insert(25, 4, 1),
    ];
    world.kafka.produce(&world.topic, &later).await;
    world.catch_up().await;
    assert_eq!(
        world.letters().await,
        [
            "1 undecodable parked",
            "1 behind parked",
            "1 behind parked",
            "1 behind parked",
            "1 behind parked"
        ]
    );
    let operations = "SELECT count(*) FROM (SELECT array_agg(operation ORDER BY id) = '{NULL,update,update,delete,create}' AS ok
                      FROM landfall.dead_letters) o WHERE ok";
    assert_eq!(world.count(operations).await, 1, "in order");
    assert_eq!(
        world.rows().await,
        ["1 1 body 1 1", "2 3 body 2 2", "4 1 body 4 1"]
    );
}

#[tokio::test]
async fn the_same_key_of_another_table_is_not_affected() {
    let mut world = world("order_tables").await;
    crate::support::audit::create_table(&world.db, "u").await;
    let other = format!("{}.public.u", world.name);
    world.kafka.create_topic(&other, 1).await;
    world.topics.push(other.clone());
    world.set("apply", "batch_rows = 1000");
    let of_u = |op: &str, lsn: i64, version: i64, body: &str| {
        let row = json!({ "id": 1, "version": version, "body": body });
        change_of("u", op, lsn, json!({ "id": 1 }), Some(row))
    };
    world
        .kafka
        .produce(&world.topic, &[insert(1, 1, 1), broken(1)])
        .await;
    world.kafka.produce(&other, &[of_u("c", 2, 1, "u")]).await;
    world.catch_up().await;
    let later = [
        of_u("u", 3, 2, "__debezium_unavailable_value"),
        of_u("u", 4, 3, "whole"),
    ];
    for event in later {
        world.kafka.produce(&other, &[event]).await;
        world.catch_up().await;
    }
    assert_eq!(world.letters().await, ["1 undecodable parked"]);
    assert_eq!(
        world
            .count("SELECT count(*) FROM audit WHERE tbl = 'u'")
            .await,
        3,
        "each was applied"
    );
}

#[tokio::test]
async fn the_columns_that_a_route_names_are_the_key_by_which_letters_and_later_events_meet() {
    let mut world = world("order_route").await;
    world.sql("ALTER TABLE t ADD UNIQUE (version)").await;
    world.set(
        "[route]",
        "topic = '.*'\ntable = \"t\"\nkey = [\"version\"]\nfixed_key = true",
    );
    let event = |op: &str, lsn: i64, id: i64, version: i64, body: &str| Event {
        key: Some(br#"{"unrelated":1}"#.to_vec()),
        ..change(
            op,
            lsn,
            id,
            Some(json!({ "id": id, "version": version, "body": body })),
        )
    };
    let unavailable = "__debezium_unavailable_value";
    // body is refused for version 7 and 8
    world.sql("ALTER TABLE t ADD CHECK (body <> 'bad')").await;
    let first = [
        event("c", 1, 7, 7, "good"),
        event("c", 2, 8, 8, "good"),
        event("c", 3, 9, 9, "good"),
    ];
    world.kafka.produce(&world.topic, &first).await;
    world.catch_up().await;
    let refused = [event("u", 4, 7, 7, "bad"), event("u", 5, 8, 8, "bad")];
    world.kafka.produce(&world.topic, &refused).await;
    world.catch_up().await;
    let later = [
        event("u", 6, 7, 7, unavailable),
        event("u", 7, 8, 8, "better"),
        event("u", 8, 9, 9, unavailable),
    ];
    world.kafka.produce(&world.topic, &later).await;
    world.catch_up().await;
    let sql = "SELECT count(*) FROM landfall.dead_letters WHERE (key, reason, state) IN
               (('{\"version\":7}', 'constraint', 'parked'), ('{\"version\":8}', 'constraint', 'superseded'), ('{\"version\":7}', 'behind', 'parked'))";
    assert_eq!(world.count(sql).await, 3, "{:?}", world.letters().await);
    assert_eq!(world.letters().await.len(), 3);
}

/// Rows are told apart by their version, and may get another one.
async fn world_by_version(test: &str) -> World {
    let mut world = world(test).await;
    world.sql("ALTER TABLE t ADD UNIQUE (version)").await;
    world.set(
        "[route]",
        "topic = '.*'\ntable = \"public.t\"\nkey = [\"version\"]",
    );
    world
}

/// An update of the column that is the key, as a source with REPLICA IDENTITY FULL sends it.
fn moved(lsn: i64, id: i64, from: i64, to: i64, body: &str) -> Event {
    let row = json!({ "id": id, "version": to, "body": body });
    let event = change("u", lsn, id, Some(row));
    let mut value: Value = serde_json::from_slice(event.value.as_ref().unwrap()).unwrap();
    value["before"] = json!({ "id": id, "version": from, "body": "before" });
    Event {
        key: None,
        value: Some(value.to_string().into_bytes()),
        ..event
    }
}

#[tokio::test]
async fn an_update_of_a_column_that_the_route_names_leaves_no_row_of_the_old_key() {
    let events = [
        insert(1, 1, 1),
        moved(2, 1, 1, 3, "moved"),
        insert(3, 4, 1),
        insert(4, 2, 2),
        moved(5, 2, 2, 5, "on its way"),
        moved(6, 2, 5, 6, "moved twice"),
    ];
    let (at_once, one_by_one) = (
        world_by_version("order_moved").await,
        world_by_version("order_moved_single").await,
    );
    at_once.kafka.produce(&at_once.topic, &events).await;
    at_once.catch_up().await;
    land_one_by_one(&one_by_one, events.clone())
        .await
        .stop()
        .await;
    for world in [at_once, one_by_one] {
        // their source sends them again
        world.kafka.produce(&world.topic, &events).await;
        world.catch_up().await;
        assert_eq!(
            world.rows().await,
            ["1 3 moved", "2 6 moved twice", "4 1 body 4 1"]
        );
        let ids = "SELECT count(*) FROM landfall.processed_events";
        assert_eq!(world.count(ids).await, 6, "one id for each event");
        assert_eq!(world.letters().await, [] as [&str; 0]);
    }
}

#[tokio::test]
async fn an_update_of_a_key_column_that_leaves_a_value_out_takes_it_from_the_row_of_the_old_key() {
    let world = world_by_version("order_moved_part").await;
    let unavailable = "__debezium_unavailable_value";
    let events = [
        insert(1, 1, 1),
        moved(2, 1, 1, 3, unavailable),
        moved(3, 1, 3, 4, unavailable),
        insert(4, 2, 1),
    ];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert_eq!(world.rows().await, ["1 4 body 1 1", "2 1 body 2 1"]);
    let again = [moved(5, 2, 1, 7, unavailable)];
    world.kafka.produce(&world.topic, &again).await;
    world.catch_up().await;
    assert_eq!(world.rows().await, ["1 4 body 1 1", "2 7 body 2 1"]);
    assert_eq!(world.letters().await, [] as [&str; 0]);
}

#[tokio::test]
async fn an_event_that_hides_whether_its_row_had_another_key_stops_the_lane_and_says_what_helps() {
    // a source that doesn't log whole rows: nothing before an update, the record's key before a delete
    let row = |version: i64| json!({ "id": 1, "version": version, "body": "x" });
    let mut gone = change("d", 3, 1, None);
    let mut value: Value = serde_json::from_slice(gone.value.as_ref().unwrap()).unwrap();
    value["before"] = json!({ "id": 1, "version": 0, "body": null });
    gone.value = Some(value.to_string().into_bytes());
    for (test, event) in [
        ("order_hidden", change("u", 2, 1, Some(row(2)))),
        ("order_hidden_delete", gone),
        ("order_hidden_default", filled_up_delete(3, 1)),
    ] {
        let world = world_by_version(test).await;
        world.kafka.produce(&world.topic, &[insert(1, 1, 1)]).await;
        world.catch_up().await;
        world
            .kafka
            .produce(&world.topic, std::slice::from_ref(&event))
            .await;
        let told = landfall(&world, "check --json");
        assert_eq!(told.code, Some(1), "{}", told.text);
        assert!(told.text.contains("key_hidden"), "{}", told.text);
        let worker = world.run();
        worker
            .says(&["stopped taking in", "REPLICA IDENTITY FULL"])
            .await;
        assert_eq!(world.rows().await, ["1 1 body 1 1"]);
        assert_eq!(world.letters().await, [] as [&str; 0]);
        worker.stop().await;
    }
}

/// A delete by a source that logs keys alone, as Debezium writes it with schemas: what takes no null has its default,
/// or a zero.
fn filled_up_delete(lsn: i64, id: i64) -> Event {
    let event = change("d", lsn, id, None);
    let mut payload: Value = serde_json::from_slice(event.value.as_ref().unwrap()).unwrap();
    payload["before"] = json!({ "id": id, "version": 0, "body": "new" });
    let row = |name: &str| {
        json!({ "type": "struct", "optional": true, "field": name, "name": "shop.public.t.Value", "fields": [
            { "type": "int32", "optional": false, "field": "id" },
            { "type": "int32", "optional": false, "field": "version" },
            { "type": "string", "optional": false, "default": "new", "field": "body" },
        ] })
    };
    let schema = json!({ "type": "struct", "optional": false, "name": "shop.public.t.Envelope",
        "fields": [row("before"), row("after"), { "type": "string", "optional": false, "field": "op" }] });
    let value = json!({ "schema": schema, "payload": payload });
    Event {
        value: Some(value.to_string().into_bytes()),
        ..event
    }
}

#[tokio::test]
async fn a_row_of_zeros_and_defaults_is_deleted_where_the_source_is_said_to_log_whole_rows() {
    let mut world = world_by_version("order_whole_rows").await;
    world.set("[route]", "whole_rows = true");
    let events = [insert(1, 1, 0), insert(2, 2, 5), filled_up_delete(3, 1)];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert_eq!(world.rows().await, ["2 5 body 2 5"]);
    assert_eq!(world.letters().await, [] as [&str; 0]);
}

#[tokio::test]
async fn events_of_either_key_wait_behind_the_letter_of_an_event_that_changes_the_key() {
    let events = [
        insert(1, 1, 1),
        moved(2, 1, 1, 2, "bad"),
        moved(3, 1, 2, 5, "good"),
        insert(4, 8, 1),
        insert(5, 6, 6),
    ];
    let world = world_by_version("order_moved_bad").await;
    world
        .sql("ALTER TABLE t ADD CONSTRAINT not_bad CHECK (body <> 'bad')")
        .await;
    land_one_by_one(&world, events).await.stop().await;
    assert_eq!(
        world.letters().await,
        ["constraint parked", "behind parked", "behind parked"]
    );
    let as_before = ["1 1 body 1 1", "6 6 body 6 6"];
    assert_eq!(world.rows().await, as_before, "nothing is half done");

    world.sql("ALTER TABLE t DROP CONSTRAINT not_bad").await;
    done(&world, "dlq replay --dry-run"); // which would fail if one still waited
    assert_eq!(done(&world, "dlq replay").text, "replayed 3\n");
    assert_eq!(
        world.rows().await,
        ["1 5 good", "6 6 body 6 6", "8 1 body 8 1"]
    );
}

#[tokio::test]
async fn an_event_that_changes_the_key_is_found_among_others_and_those_of_both_keys_wait_behind_it()
{
    let world = world_by_version("order_moved_apart").await;
    world
        .sql("ALTER TABLE t ADD CONSTRAINT not_bad CHECK (body <> 'bad')")
        .await;
    let events = [
        insert(1, 1, 1),
        insert(2, 6, 6),
        moved(3, 1, 1, 2, "bad"),
        insert(4, 8, 1),
        insert(5, 7, 7),
    ];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert_eq!(
        world.letters().await,
        ["constraint parked", "behind parked"]
    );
    assert_eq!(
        world.rows().await,
        ["1 1 body 1 1", "6 6 body 6 6", "7 7 body 7 7"]
    );
}

#[tokio::test]
async fn an_undecodable_event_behind_a_letter_is_a_letter_of_its_key_too() {
    let world = world("order_undecodable").await;
    let events = [
        insert(1, 1, 1),
        bad(2, 1),
        broken(1),
        partial(3, 1, 2),
        Event {
            key: Some(br#"{"id":1}"#.to_vec()),
            value: Some(vec![0xff, 0xfe]),
            ..Event::default()
        },
    ];
    land_one_by_one(&world, events).await;
    assert_eq!(
        world.letters().await,
        [
            "1 constraint parked",
            "1 undecodable parked",
            "1 behind parked",
            "1 undecodable parked"
        ]
    );
    world.kafka.produce(&world.topic, &[update(9, 1, 9)]).await;
    world.catch_up().await;
    assert_eq!(
        world.letters().await,
        [
            "1 constraint superseded",
            "1 undecodable superseded",
            "1 behind superseded",
            "1 undecodable superseded"
        ]
    );
    assert_eq!(world.rows().await, ["1 9 body 1 9"]);
}

/// Only what an operator gave up, or has replayed, no longer holds its key up.
#[tokio::test]
async fn a_letter_that_was_discarded_or_replayed_holds_nothing_up() {
    let world = world("order_done").await;
    let history = [
        insert(1, 1, 1),
        insert(2, 2, 1),
        insert(3, 3, 1),
        bad(10, 1),
        bad(11, 2),
        bad(12, 3),
    ];
    world.kafka.produce(&world.topic, &history).await;
    world.catch_up().await;
    world
        .sql("UPDATE landfall.dead_letters SET state = CASE key WHEN '{\"id\":1}' THEN 'discarded' ELSE 'replayed' END WHERE key <> '{\"id\":3}'")
        .await;
    let later = [partial(20, 1, 2), partial(21, 2, 2), partial(22, 3, 2)];
    world.kafka.produce(&world.topic, &later).await;
    world.catch_up().await;
    assert_eq!(
        world.letters().await,
        [
            "1 constraint discarded",
            "2 constraint replayed",
            "3 constraint parked",
            "3 behind parked"
        ]
    );
    assert_eq!(
        world.rows().await,
        ["1 2 body 1 1", "2 2 body 2 1", "3 1 body 3 1"]
    );
}
