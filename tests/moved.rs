//! A key that changes keeps its row: Debezium sends a delete of the old key and a create of the new one, which
//! leaves out what is large and has not changed.

mod again;
mod keys;

use serde_json::{Value, json};

use crate::commands::done;
use crate::support::World;
use crate::support::events::{Event, change, change_of, insert, partial, tombstone, update};

const LEFT_OUT: &str = "__debezium_unavailable_value";

fn header(id: i64) -> String {
    json!({ "id": id }).to_string()
}

/// The row goes from its old key, in this partition: a delete, and its tombstone.
fn away(lsn: i64, from: i64, to: i64) -> [Event; 2] {
    let events = [change("d", lsn, from, None), tombstone(from)];
    events.map(|event| event.with_header("__debezium.newkey", &header(to)))
}

/// And comes to the new one, without its body.
fn here(lsn: i64, from: i64, to: i64, version: i64) -> Event {
    let row = json!({ "id": to, "version": version, "body": LEFT_OUT });
    change("c", lsn, to, Some(row)).with_header("__debezium.oldkey", &header(from))
}

fn moved(lsn: i64, from: i64, to: i64, version: i64) -> Vec<Event> {
    let mut events = away(lsn, from, to).to_vec();
    events.push(here(lsn, from, to, version));
    events
}

async fn world(test: &str, partitions: i32) -> World {
    let mut world = World::new(test, partitions).await;
    world.set("dead_letter.breaker", "ratio = 1.0");
    world
}

async fn land(world: &World, events: &[Event]) {
    world.kafka.produce(&world.topic, events).await;
    world.catch_up().await;
}

async fn kept(world: &World) -> i64 {
    world
        .count("SELECT count(*) FROM landfall.moved_rows WHERE taken_at IS NULL")
        .await
}

/// In one batch, and in a batch and a process for each event: the same rows, and nothing put aside, also if all of it
/// is sent again, and is recognised or isn't.
async fn lands_as(test: &str, events: Vec<Event>, rows: &[&str]) {
    let at_once = world(test, 1).await;
    land(&at_once, &events).await;
    let mut apart = world(&format!("{test}_apart"), 1).await;
    apart.set("apply", "idempotency = \"offset\"");
    for event in &events {
        land(&apart, std::slice::from_ref(event)).await;
    }
    for world in [at_once, apart] {
        assert_eq!(world.rows().await, rows, "{}", world.name);
        land(&world, &events).await;
        assert_eq!(world.rows().await, rows, "{} sent again", world.name);
        assert_eq!(world.letters().await, [] as [&str; 0], "{}", world.name);
        assert_eq!(kept(&world).await, 0, "{}", world.name);
    }
}

#[tokio::test]
async fn a_row_whose_key_changes_keeps_the_values_that_its_event_leaves_out() {
    let mut events = vec![insert(1, 1, 1), update(2, 1, 2)];
    events.extend(moved(3, 1, 2, 3));
    events.extend([partial(4, 2, 4), insert(5, 1, 1)]);
    lands_as("moved", events, &["1 1 body 1 1", "2 4 body 1 2"]).await;
}

#[tokio::test]
async fn a_key_that_changes_there_and_back_and_on_keeps_its_row() {
    let mut events = vec![insert(1, 1, 1)];
    events.extend(moved(2, 1, 2, 2));
    events.extend(moved(3, 2, 1, 3));
    events.extend(moved(4, 1, 2, 4));
    events.extend(moved(5, 2, 3, 5));
    lands_as("moved_on", events, &["3 5 body 1 1"]).await;
}

#[tokio::test]
async fn two_rows_that_change_keys_by_way_of_a_third_keep_each_its_own() {
    let mut events = vec![insert(1, 1, 1), insert(2, 2, 2)];
    events.extend(moved(3, 1, 9, 3));
    events.extend(moved(4, 2, 1, 4));
    events.extend(moved(5, 9, 2, 5));
    lands_as("moved_swap", events, &["1 4 body 2 2", "2 5 body 1 1"]).await;
}

/// What it lands as where the row of the key between was another one is a limit that `docs/guarantees.md` tells.
#[tokio::test]
async fn events_of_a_shift_are_taken_for_those_of_one_row_that_goes_on() {
    let mut events = vec![insert(1, 1, 1), insert(2, 2, 2)];
    events.extend(moved(3, 1, 2, 3));
    events.extend(moved(4, 2, 3, 4));
    lands_as("moved_shift", events, &["3 4 body 1 1"]).await;
}

#[tokio::test]
async fn a_row_that_comes_whole_under_its_new_key_lands_as_before() {
    let mut events = vec![insert(1, 1, 1)];
    events.extend(away(2, 1, 2));
    let whole = insert(2, 2, 2).with_header("__debezium.oldkey", &header(1));
    events.push(whole);
    lands_as("moved_whole", events, &["2 2 body 2 2"]).await;
}

#[tokio::test]
async fn columns_of_every_type_that_may_be_left_out_keep_their_values() {
    let mut world = world("moved_types", 1).await;
    let docs = "CREATE TABLE docs (id int, shop int, n int, big text, doc jsonb, raw bytea, tags text[], ids uuid[], nums int[],
                PRIMARY KEY (shop, id))";
    world.sql(docs).await;
    world.topics = vec![format!("{}.public.docs", world.name)];
    world.topic = world.topics[0].clone();
    world.kafka.create_topic(&world.topic, 1).await;
    let key = |id: i64| json!({ "shop": 7, "id": id });
    let uuid = "6b29fc40-ca47-1067-b31d-00dd010662da";
    let row = json!({ "id": 1, "shop": 7, "n": 1, "big": "b\"\\ü\n", "doc": "{\"a\": [1, null]}", "raw": "AP+A",
        "tags": ["a,b", null, ""], "ids": [uuid], "nums": [1, null] });
    let bytes: Vec<u8> = LEFT_OUT.bytes().collect();
    let part = json!({ "id": 2, "shop": 7, "n": 2, "big": LEFT_OUT, "doc": LEFT_OUT, "raw": "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==",
        "tags": [LEFT_OUT], "ids": ["b68a35a7-17ad-35b3-af2a-ae46edb4545a"], "nums": bytes });
    // as a converter of its own writes it, members in another order; as the one that writes schemas does
    let to = r#"{"id":2,"shop":7}"#;
    let from = r#"{"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"shop"},{"type":"int32","optional":false,"field":"id"}],"optional":false},"payload":{"shop":7,"id":1}}"#;
    let created = change_of("docs", "c", 1, key(1), Some(row));
    let gone = change_of("docs", "d", 2, key(1), None).with_header("__debezium.newkey", to);
    let come = change_of("docs", "c", 2, key(2), Some(part)).with_header("__debezium.oldkey", from);
    for event in [created, gone, come] {
        land(&world, &[event]).await;
    }
    assert_eq!(world.letters().await, [] as [&str; 0]);
    let as_it_was = format!(
        "SELECT count(*) FROM docs WHERE id = 2 AND n = 2 AND big = E'b\"\\\\ü\\n' AND doc = '{{\"a\": [1, null]}}' AND raw = '\\x00ff80'
         AND tags = '{{\"a,b\",NULL,\"\"}}' AND ids = '{{{uuid}}}' AND nums = '{{1,NULL}}'"
    );
    assert_eq!(world.count(&as_it_was).await, 1);
    assert_eq!(world.count("SELECT count(*) FROM docs").await, 1);
}

#[tokio::test]
async fn a_row_keeps_its_values_through_two_partitions_whichever_comes_first() {
    let world = world("moved_parts", 2).await;
    let on = |partition: i32, events: Vec<Event>| -> Vec<Event> {
        events
            .into_iter()
            .map(|event| event.on(partition))
            .collect()
    };
    // the old key's partition first, and a restart between
    let mut first = vec![insert(1, 1, 1), insert(2, 3, 3)];
    first.extend(away(3, 1, 2));
    land(&world, &on(0, first)).await;
    assert_eq!(
        (world.rows().await, kept(&world).await),
        (vec!["3 3 body 3 3".to_owned()], 1)
    );
    land(&world, &on(1, vec![here(3, 1, 2, 2)])).await;
    assert_eq!(world.rows().await, ["2 2 body 1 1", "3 3 body 3 3"]);

    // the new key's partition first: it waits, and doesn't take what the old row has by now
    let worker = world.run();
    let ahead = vec![here(5, 3, 4, 5), partial(6, 4, 6)];
    world.kafka.produce(&world.topic, &on(1, ahead)).await;
    worker
        .says(&["waiting for the event that makes a row, or takes it away"])
        .await;
    assert_eq!(world.rows().await, ["2 2 body 1 1", "3 3 body 3 3"]);
    let mut behind = vec![update(4, 3, 4)];
    behind.extend(away(5, 3, 4));
    world.kafka.produce(&world.topic, &on(0, behind)).await;
    world
        .until_count("SELECT count(*) FROM t WHERE id = 4", 1)
        .await;
    assert_eq!(world.rows().await, ["2 2 body 1 1", "4 6 body 3 4"]);
    assert_eq!(worker.stop().await.0, Some(0));
    assert_eq!(world.letters().await, [] as [&str; 0]);
    assert_eq!(kept(&world).await, 0);
}

#[tokio::test]
async fn a_row_that_comes_first_takes_no_values_of_an_old_row_that_has_its_key() {
    let world = world("moved_stale", 2).await;
    land(&world, &[insert(1, 1, 1).on(0)]).await;
    // of a row that the source hasn't any more
    world.sql("INSERT INTO t VALUES (2, 0, 'stale')").await;
    let worker = world.run();
    let ahead = [here(3, 1, 2, 3).on(1)];
    world.kafka.produce(&world.topic, &ahead).await;
    worker
        .says(&["waiting for the event that makes a row, or takes it away"])
        .await;
    let behind = away(3, 1, 2).map(|event| event.on(0));
    world.kafka.produce(&world.topic, &behind).await;
    let moved = "SELECT count(*) FROM t WHERE id = 2 AND version = 3";
    world.until_count(moved, 1).await;
    assert_eq!(world.rows().await, ["2 3 body 1 1"]);
    worker.stop().await;
    assert_eq!(world.letters().await, [] as [&str; 0]);
}

#[tokio::test]
async fn the_letter_of_a_row_whose_old_key_comes_late_goes_in_with_its_values() {
    let mut world = world("moved_late", 2).await;
    world.set("retry", "parent_wait = \"100ms\"");
    let key_of = |event: Event, partition: i32| event.on(partition);
    land(
        &world,
        &[key_of(insert(1, 1, 1), 0), key_of(here(2, 1, 2, 2), 1)],
    )
    .await;
    assert_eq!(world.letters().await, ["2 incomplete parked"]);
    let gone = away(2, 1, 2).map(|event| event.on(0));
    land(&world, &gone).await;
    assert_eq!((world.rows().await.len(), kept(&world).await), (0, 1));
    let dry = done(&world, "dlq replay --dry-run");
    assert!(dry.text.contains("would be applied"), "{}", dry.text);
    assert_eq!((world.rows().await.len(), kept(&world).await), (0, 1));
    assert_eq!(done(&world, "dlq replay").text, "replayed 1\n");
    assert_eq!(world.rows().await, ["2 2 body 1 1"]);
    assert_eq!(kept(&world).await, 0);
}

#[tokio::test]
async fn a_row_does_not_go_from_its_key_before_a_letter_of_the_key_and_takes_its_values_along() {
    let mut world = world("moved_letters", 1).await;
    world.set("retry", "parent_wait = \"100ms\"");
    world
        .sql("ALTER TABLE t ADD CONSTRAINT few CHECK (version <> 7)")
        .await;
    land(&world, &[insert(1, 1, 1)]).await;
    land(&world, &[update(2, 1, 7)]).await;
    // what the row has is older than what the new key's event leaves out
    land(&world, &moved(3, 1, 2, 3)).await;
    let letters = [
        "1 constraint parked",
        "1 behind parked",
        "2 incomplete parked",
    ];
    assert_eq!(world.letters().await, letters);
    assert_eq!(world.rows().await, ["1 1 body 1 1"]);
    world.sql("ALTER TABLE t DROP CONSTRAINT few").await;
    assert_eq!(done(&world, "dlq replay").text, "replayed 3\n");
    assert_eq!(world.rows().await, ["2 3 body 1 7"]);
}

#[tokio::test]
async fn a_new_row_of_the_old_key_waits_behind_the_letter_of_the_delete_that_takes_values_along() {
    for at_once in [true, false] {
        let test = format!("moved_again_{at_once}");
        let mut world = world(&test, 1).await;
        world.set("retry", "parent_wait = \"100ms\"");
        let few = "ALTER TABLE t ADD CONSTRAINT few CHECK (version <> 7)";
        world.sql(few).await;
        land(&world, &[insert(1, 1, 1)]).await;
        let mut events = vec![update(2, 1, 7)];
        events.extend(moved(3, 1, 2, 3));
        events.push(insert(5, 1, 5));
        match at_once {
            true => land(&world, &events).await,
            false => {
                for event in &events {
                    land(&world, std::slice::from_ref(event)).await;
                }
            }
        }
        let letters = [
            "1 constraint parked",
            "1 behind parked",
            "2 incomplete parked",
            "1 behind parked",
        ];
        assert_eq!(world.letters().await, letters, "{test}");
        assert_eq!(world.rows().await, ["1 1 body 1 1"]);
        world.sql("ALTER TABLE t DROP CONSTRAINT few").await;
        assert_eq!(done(&world, "dlq replay").text, "replayed 4\n");
        assert_eq!(world.rows().await, ["1 5 body 1 5", "2 3 body 1 7"]);
        // recognised, and no longer waited for
        land(&world, &events).await;
        land(&world, &[update(6, 1, 6)]).await;
        assert_eq!(world.rows().await, ["1 6 body 1 6", "2 3 body 1 7"]);
    }
}

#[tokio::test]
async fn a_row_that_comes_whole_does_not_wait_for_the_letters_of_its_old_key() {
    let world = world("moved_whole_letters", 1).await;
    world
        .sql("ALTER TABLE t ADD CONSTRAINT few CHECK (version <> 7)")
        .await;
    land(&world, &[insert(1, 1, 1)]).await;
    land(&world, &[update(2, 1, 7)]).await;
    let mut events = away(3, 1, 2).to_vec();
    events.push(insert(3, 2, 3).with_header("__debezium.oldkey", &header(1)));
    land(&world, &events).await;
    assert_eq!(world.letters().await, ["1 constraint superseded"]);
    assert_eq!(world.rows().await, ["2 3 body 2 3"]);
}

#[tokio::test]
async fn a_row_that_was_never_there_is_put_aside_at_once_under_its_new_key() {
    // nothing is waited for: the delete has come, and found no row
    let mut world = world("moved_never", 1).await;
    world.set("retry", "parent_wait = \"10m\"");
    let mut events = moved(1, 1, 2, 1);
    events.push(insert(2, 5, 5));
    land(&world, &events).await;
    assert_eq!(world.letters().await, ["2 incomplete parked"]);
    assert_eq!(world.rows().await, ["5 5 body 5 5"]);
}

#[tokio::test]
async fn where_deletes_are_not_applied_the_old_row_stays_and_the_new_one_has_its_values() {
    let mut world = world("moved_stays", 2).await;
    world.set("apply", "deletes = false");
    world.set("retry", "parent_wait = \"100ms\"");
    let mut events = vec![insert(1, 1, 1)];
    events.extend(moved(2, 1, 2, 2));
    land(&world, &events[..2]).await;
    land(&world, &events[2..]).await;
    assert_eq!(world.rows().await, ["1 1 body 1 1", "2 2 body 1 1"]);
    let mut whole = away(3, 2, 3).to_vec();
    whole.push(insert(3, 3, 3).with_header("__debezium.oldkey", &header(2)));
    land(&world, &whole).await;
    let all = ["1 1 body 1 1", "2 2 body 1 1", "3 3 body 3 3"];
    assert_eq!(world.rows().await, all);
    assert_eq!(world.letters().await, [] as [&str; 0]);
    // a row of the new key that is long gone at the source is not the one that comes
    land(&world, &[here(4, 1, 3, 4).on(1)]).await;
    assert_eq!(world.rows().await, all);
    assert_eq!(world.letters().await, ["3 incomplete parked"]);
    land(&world, &away(4, 1, 3).map(|event| event.on(0))).await;
    assert_eq!(done(&world, "dlq replay").text, "replayed 1\n");
    let all = ["1 1 body 1 1", "2 2 body 1 1", "3 4 body 1 1"];
    assert_eq!(world.rows().await, all);
}

#[tokio::test]
async fn a_referenced_row_whose_key_changes_takes_its_children_along() {
    let mut world = world("moved_parent", 1).await;
    world.set("retry", "parent_wait = \"10m\"");
    world
        .sql("CREATE TABLE child (id int PRIMARY KEY, t_id bigint REFERENCES t (id))")
        .await;
    let child = |op: &str, lsn: i64, parent: i64| {
        let row: Value = json!({ "id": 1, "t_id": parent });
        change_of("child", op, lsn, json!({ "id": 1 }), Some(row))
    };
    land(&world, &[insert(1, 1, 1), child("c", 2, 1)]).await;
    let mut events = moved(3, 1, 2, 2);
    events.push(child("u", 3, 2));
    land(&world, &events).await;
    assert_eq!(world.rows().await, ["2 2 body 1 1"]);
    assert_eq!(
        world
            .count("SELECT count(*) FROM child WHERE t_id = 2")
            .await,
        1
    );
    assert_eq!(world.letters().await, [] as [&str; 0]);
}

#[tokio::test]
async fn what_nobody_asks_for_is_forgotten_with_the_old_ids() {
    let world = world("moved_old", 1).await;
    let mut events = vec![insert(1, 1, 1)];
    events.extend(away(2, 1, 2));
    events.extend(away(3, 5, 6));
    land(&world, &events).await;
    assert_eq!(kept(&world).await, 2);
    let old =
        "UPDATE landfall.moved_rows SET kept_at = kept_at - interval '8 days' WHERE texts IS NULL";
    world.sql(old).await;
    let worker = world.run();
    world
        .until_count("SELECT count(*) FROM landfall.moved_rows", 1)
        .await;
    worker.stop().await;
    let young = "SELECT count(*) FROM landfall.moved_rows WHERE texts @> '{body 1 1}'";
    assert_eq!(world.count(young).await, 1);
}
