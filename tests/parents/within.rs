//! Parent and child in one batch: nothing is waited for.

use serde_json::json;

use super::{FOREVER, Source, family, land, letters, no_letters, orphan};
use crate::support::{Event, World};

#[tokio::test]
async fn a_child_before_its_parent_in_a_batch_is_no_trouble() {
    let world = family("child_first", 1, FOREVER, "").await;
    let mut source = Source::default();
    let mut events: Vec<Event> = (1..=50).map(|n| source.child(n, n)).collect();
    events.extend((1..=50).map(|n| source.parent(n)));
    let worker = land(&world, &events).await;
    assert_eq!(world.count("SELECT count(*) FROM child").await, 50);
    assert!(!worker.log().contains("taken apart"), "{}", worker.log());
    no_letters(&world, &worker).await;
}

#[tokio::test]
async fn grandchildren_before_children_before_parents_land_in_one_go() {
    let more =
        "CREATE TABLE a_grandchild (id bigint PRIMARY KEY, child bigint NOT NULL REFERENCES child)";
    let world = family("grandchildren", 1, FOREVER, more).await;
    let mut source = Source::default();
    let mut events = Vec::new();
    for n in 1..=20 {
        events.push(source.put("a_grandchild", json!({ "id": n, "child": n })));
    }
    events.extend((1..=20).map(|n| source.child(n, n)));
    events.extend((1..=20).map(|n| source.parent(n)));
    let worker = land(&world, &events).await;
    assert_eq!(world.count("SELECT count(*) FROM a_grandchild").await, 20);
    assert!(!worker.log().contains("taken apart"), "{}", worker.log());

    // and they go in any order
    let mut events = Vec::new();
    for n in 1..=20 {
        events.push(source.delete("parent", n));
        events.push(source.delete("a_grandchild", n));
        events.push(source.delete("child", n));
    }
    let worker = land(&world, &events).await;
    let all = "SELECT (SELECT count(*) FROM parent) + (SELECT count(*) FROM child) + (SELECT count(*) FROM a_grandchild)";
    assert_eq!(world.count(all).await, 0);
    assert!(!worker.log().contains("taken apart"), "{}", worker.log());
    no_letters(&world, &worker).await;
}

async fn staff(test: &str) -> World {
    let more = "CREATE TABLE staff (id bigint PRIMARY KEY, manager_id bigint REFERENCES staff, note text, flag int CHECK (flag > 0))";
    family(test, 1, FOREVER, more).await
}

#[tokio::test]
async fn a_table_that_refers_to_itself_takes_children_first() {
    let world = staff("itself").await;
    let mut source = Source::default();
    let mut events: Vec<Event> = (1..40)
        .map(|n| source.put("staff", json!({ "id": n, "manager_id": n + 1 })))
        .collect();
    events.push(source.put("staff", json!({ "id": 40, "manager_id": null })));
    let worker = land(&world, &events).await;
    assert_eq!(world.count("SELECT count(*) FROM staff").await, 40);
    no_letters(&world, &worker).await;
}

#[tokio::test]
async fn also_if_their_events_carry_different_columns() {
    let world = staff("itself_mixed").await;
    let mut source = Source::default();
    let mut events = Vec::new();
    // written by two statements, of which neither can go first
    for n in 1..=40 {
        events.push(source.put(
            "staff",
            json!({ "id": n, "manager_id": 100 + n % 3 * 50 + n }),
        ));
        let id = 200 + n;
        events.push(source.put(
            "staff",
            json!({ "id": id, "manager_id": 100 + n, "note": "x" }),
        ));
    }
    for n in 0..100 {
        let (id, manager_id) = (101 + n, 1_000);
        events.push(match n % 2 {
            0 => source.put("staff", json!({ "id": id, "manager_id": manager_id })),
            _ => source.put(
                "staff",
                json!({ "id": id, "manager_id": manager_id, "note": "x" }),
            ),
        });
    }
    let top = json!({ "id": 1_000, "manager_id": null, "flag": 1 });
    events.push(source.put("staff", top));
    let worker = land(&world, &events).await;
    let log = worker.log();
    assert_eq!(
        world.count("SELECT count(*) FROM staff").await,
        181,
        "{log}"
    );
    no_letters(&world, &worker).await;
}

const CIRCLE: &str = "
    CREATE TABLE egg (id bigint PRIMARY KEY, hen bigint NOT NULL);
    CREATE TABLE hen (id bigint PRIMARY KEY, egg bigint NOT NULL REFERENCES egg DEFERRABLE INITIALLY DEFERRED,
                      age int CHECK (age >= 0));
    ALTER TABLE egg ADD FOREIGN KEY (hen) REFERENCES hen DEFERRABLE INITIALLY DEFERRED;";

#[tokio::test]
async fn a_circle_that_is_checked_at_commit_lands_beside_a_row_that_is_refused() {
    let world = family("circle", 1, FOREVER, CIRCLE).await;
    let mut source = Source::default();
    let mut events = Vec::new();
    for n in 1..=20 {
        events.push(source.put(
            "hen",
            json!({ "id": n, "egg": n, "age": if n == 9 { -1 } else { 1 } }),
        ));
        if n != 9 {
            events.push(source.put("egg", json!({ "id": n, "hen": n })));
        }
    }
    let worker = land(&world, &events).await;
    assert_eq!(
        world.count("SELECT count(*) FROM hen").await,
        19,
        "{}",
        worker.log()
    );
    assert_eq!(world.count("SELECT count(*) FROM egg").await, 19);
    let refused = (
        "public.hen 9".to_owned(),
        "constraint".to_owned(),
        "23514".to_owned(),
    );
    assert_eq!(letters(&world).await, [refused]);
}

#[tokio::test]
async fn orphans_and_refused_rows_are_told_from_children_before_their_parents() {
    let more = "ALTER TABLE child ADD n int CHECK (n > 0)";
    let world = family("mixed", 1, "parent_wait = \"300ms\"", more).await;
    let mut source = Source::default();
    let mut events = Vec::new();
    for n in 1..=300 {
        let parent = if n % 100 == 50 { 5_000 + n } else { n };
        let value = if n % 100 == 70 { -1 } else { 1 };
        events.push(source.put("child", json!({ "id": n, "parent": parent, "n": value })));
    }
    events.extend((1..=300).map(|n| source.parent(n)));
    let worker = land(&world, &events).await;
    assert_eq!(
        world.count("SELECT count(*) FROM child").await,
        294,
        "{}",
        worker.log()
    );
    assert_eq!(world.count("SELECT count(*) FROM parent").await, 300);
    let mut expected = [50, 150, 250]
        .map(|n| orphan(&format!("public.child {n}")))
        .to_vec();
    for n in [70, 170, 270] {
        expected.push((
            format!("public.child {n}"),
            "constraint".into(),
            "23514".into(),
        ));
    }
    expected.sort();
    assert_eq!(letters(&world).await, expected);
}
