//! Parents that go, move or come again, in one batch with their children.

use serde_json::json;

use super::{FOREVER, Source, family, land, letters, no_letters, sql};
use crate::support::Event;
use crate::support::events::change_of;

#[tokio::test]
async fn a_parent_and_its_children_may_go_in_any_order() {
    let world = family("all_go", 1, FOREVER, "").await;
    let mut source = Source::default();
    let mut events: Vec<Event> = (1..=30).map(|n| source.parent(n)).collect();
    events.extend((1..=30).map(|n| source.child(n, n)));
    land(&world, &events).await;
    let mut events = Vec::new();
    for n in 1..=30 {
        let (parent, child) = (source.delete("parent", n), source.delete("child", n));
        events.extend(if n % 2 == 0 {
            [parent, child]
        } else {
            [child, parent]
        });
    }
    let worker = land(&world, &events).await;
    assert_eq!(world.count("SELECT count(*) FROM parent").await, 0);
    assert!(!worker.log().contains("taken apart"), "{}", worker.log());
    no_letters(&world, &worker).await;
}

/// Children 1 to 30 move from parents 1 to 30 to parent 100, and their old parents go.
async fn children_move(test: &str, on_delete: &str) -> super::Worker {
    let more = format!(
        "ALTER TABLE child DROP CONSTRAINT child_parent_fkey,
             ADD FOREIGN KEY (parent) REFERENCES parent {on_delete};
         ALTER TABLE child ADD own text DEFAULT 'untouched';
         CREATE TABLE grandchild (id bigint PRIMARY KEY, child bigint REFERENCES child ON DELETE CASCADE)"
    );
    let world = family(test, 1, FOREVER, &more).await;
    let mut source = Source::default();
    let mut events: Vec<Event> = (1..=30).map(|n| source.parent(n)).collect();
    events.extend((1..=30).map(|n| source.child(n, n)));
    for n in 1..=30 {
        events.push(source.put("grandchild", json!({ "id": n, "child": n })));
    }
    land(&world, &events).await;
    sql(&world, "UPDATE child SET own = 'its own'").await;

    let mut events = vec![source.parent(100)];
    for n in 1..=30 {
        events.push(source.child(n, 100));
        events.push(source.delete("parent", n));
    }
    let worker = land(&world, &events).await;
    let moved = "SELECT count(*) FROM child WHERE parent = 100 AND own = 'its own'";
    assert_eq!(world.count(moved).await, 30, "{}", worker.log());
    assert_eq!(world.count("SELECT count(*) FROM parent").await, 1);
    assert_eq!(world.count("SELECT count(*) FROM grandchild").await, 30);
    no_letters(&world, &worker).await;
    worker
}

#[tokio::test]
async fn children_move_to_another_parent_while_their_old_one_goes() {
    let worker = children_move("moved", "").await;
    assert!(!worker.log().contains("taken apart"), "{}", worker.log());
    children_move("moved_restrict", "ON DELETE RESTRICT").await;
}

#[tokio::test]
async fn children_that_moved_away_do_not_go_with_their_old_parent() {
    children_move("moved_cascade", "ON DELETE CASCADE").await;
}

#[tokio::test]
async fn neither_within_a_table_that_refers_to_itself() {
    let more = "CREATE TABLE staff (id bigint PRIMARY KEY, manager bigint REFERENCES staff ON DELETE CASCADE)";
    let world = family("moved_itself", 1, FOREVER, more).await;
    let mut source = Source::default();
    let mut staff = |id: i64, manager: Option<i64>| {
        source.put("staff", json!({ "id": id, "manager": manager }))
    };
    let before = [
        staff(1, None),
        staff(2, None),
        staff(3, Some(1)),
        staff(4, Some(3)),
    ];
    let moved = staff(3, Some(2));
    land(&world, &before).await;
    let worker = land(&world, &[moved, source.delete("staff", 1)]).await;
    assert_eq!(world.count("SELECT count(*) FROM staff").await, 3);
    no_letters(&world, &worker).await;
}

#[tokio::test]
async fn children_stay_when_their_parent_is_deleted_and_inserted_again() {
    for on_delete in ["", "ON DELETE CASCADE", "ON DELETE SET NULL"] {
        for culprit in [false, true] {
            stays(on_delete, culprit).await;
        }
    }
}

/// With a culprit between the delete and the insert, or without.
async fn stays(on_delete: &str, culprit: bool) {
    let more = format!(
        "ALTER TABLE child ALTER parent DROP NOT NULL, DROP CONSTRAINT child_parent_fkey,
             ADD FOREIGN KEY (parent) REFERENCES parent {on_delete};
         ALTER TABLE parent ADD n int CHECK (n > 0)"
    );
    let world = family("stays", 1, FOREVER, &more).await;
    let mut source = Source::default();
    let mut events: Vec<Event> = (1..=9).map(|n| source.parent(n)).collect();
    events.extend((1..=9).map(|n| source.child(n, n)));
    land(&world, &events).await;

    let mut events: Vec<Event> = (1..=9).map(|n| source.delete("parent", n)).collect();
    if culprit {
        events.push(source.put("parent", json!({ "id": 50, "n": -1 })));
    }
    events.extend((1..=9).map(|n| source.put("parent", json!({ "id": n, "n": 2 }))));
    let worker = land(&world, &events).await;
    let children = "SELECT count(*) FROM child JOIN parent ON parent = parent.id WHERE n = 2";
    let log = worker.log();
    assert_eq!(
        world.count(children).await,
        9,
        "{on_delete} {culprit}\n{log}"
    );
    assert_eq!(letters(&world).await.len(), usize::from(culprit), "{log}");
}

#[tokio::test]
async fn a_unique_value_that_a_parent_leaves_is_free_for_another() {
    let more = "ALTER TABLE parent ADD name text UNIQUE;
        CREATE TABLE hotel (id bigint PRIMARY KEY, floor int4range, EXCLUDE USING gist (floor WITH &&));
        CREATE TABLE room (id bigint PRIMARY KEY, hotel bigint REFERENCES hotel)";
    let world = family("freed", 1, FOREVER, more).await;
    let mut source = Source::default();
    let parent = |source: &mut Source, id: i64, name: i64| {
        source.put("parent", json!({ "id": id, "name": name.to_string() }))
    };
    let hotel = |source: &mut Source, id: i64, floor: i64| {
        let floor = format!("[{floor},{})", floor + 1);
        source.put("hotel", json!({ "id": id, "floor": floor }))
    };
    let mut events: Vec<Event> = (1..=30).map(|n| parent(&mut source, n, n)).collect();
    events.extend((1..=30).map(|n| hotel(&mut source, n, n)));
    land(&world, &events).await;
    let mut events = Vec::new();
    for n in 1..=30 {
        events.push(source.delete("parent", n));
        events.push(parent(&mut source, 100 + n, n));
        events.push(source.child(n, 100 + n));
        events.push(source.delete("hotel", n));
        events.push(hotel(&mut source, 100 + n, n));
    }
    let worker = land(&world, &events).await;
    let children =
        "SELECT count(*) FROM child JOIN parent ON parent = parent.id AND name = child.id::text";
    assert_eq!(world.count(children).await, 30, "{}", worker.log());
    assert_eq!(
        world
            .count("SELECT count(*) FROM hotel WHERE id > 100")
            .await,
        30
    );
    no_letters(&world, &worker).await;
}

#[tokio::test]
async fn a_child_that_carries_only_what_changed_keeps_the_rest_when_its_old_parent_goes() {
    let more = "ALTER TABLE child DROP CONSTRAINT child_parent_fkey, ADD body text,
        ADD FOREIGN KEY (parent) REFERENCES parent ON DELETE CASCADE";
    let world = family("moved_partly", 1, FOREVER, more).await;
    let mut source = Source::default();
    let whole = json!({ "id": 1, "parent": 1, "body": "large" });
    let before = [
        source.parent(1),
        source.parent(2),
        source.put("child", whole),
    ];
    land(&world, &before).await;
    let row = json!({ "id": 1, "parent": 2, "body": "__debezium_unavailable_value" });
    let moved = change_of("child", "u", 900, json!({ "id": 1 }), Some(row));
    let worker = land(&world, &[moved, source.delete("parent", 1)]).await;
    let kept = "SELECT count(*) FROM child WHERE parent = 2 AND body = 'large'";
    assert_eq!(world.count(kept).await, 1, "{}", worker.log());
    no_letters(&world, &worker).await;
}
