//! A key is told by one unique index of its table, as that index tells it; whatever other indexes or tables have equal
//! values.

use serde_json::{Value, json};

use crate::support::events::change_of;
use crate::support::{Event, World};

fn put(op: &str, lsn: i64, k: &str, v: i64) -> Event {
    let row = json!({ "k": k, "v": v });
    change_of("t", op, lsn, json!({ "k": k }), Some(row))
}

/// A table of one's own as `t`.
async fn world_of(test: &str, sql: &str) -> World {
    let mut world = World::new(test, 1).await;
    world.set("retry", "parent_wait = \"500ms\"");
    world.set("dead_letter.breaker", "ratio = 1.0");
    let blind = "CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false)";
    world.sql(&format!("DROP TABLE t; {blind}; {sql}")).await;
    world
}

async fn rows_of(world: &World, table: &str) -> Vec<String> {
    let sql = format!("SELECT r::text FROM ONLY {table} AS r ORDER BY 1");
    let rows = world.db.query(&sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn land(world: &World, events: &[Event]) {
    world.kafka.produce(&world.topic, events).await;
    world.catch_up().await;
}

#[tokio::test]
async fn a_row_that_only_another_index_holds_equal_is_not_overwritten() {
    let table =
        "CREATE TABLE t (k text PRIMARY KEY, v int); CREATE UNIQUE INDEX ON t (k COLLATE blind)";
    let world = world_of("arbiter", table).await;
    land(&world, &[put("u", 1, "bob", 1)]).await;
    land(
        &world,
        &[
            put("u", 2, "Bob", 2),
            put("u", 3, "bob", 3),
            put("u", 4, "eve", 1),
        ],
    )
    .await;
    assert_eq!(rows_of(&world, "t").await, ["(bob,3)", "(eve,1)"]);
    assert_eq!(
        world.letters().await.len(),
        1,
        "{:?}",
        world.letters().await
    );
}

#[tokio::test]
async fn a_unique_index_without_a_constraint_is_the_only_one_that_is_gone_by() {
    let table = "CREATE TABLE t (k text NOT NULL, v int); CREATE UNIQUE INDEX ON t (k COLLATE \"C\" text_pattern_ops);
        CREATE UNIQUE INDEX ON t (k COLLATE blind)";
    let world = world_of("arbiter_bare", table).await;
    land(&world, &[put("u", 1, "bob", 1)]).await;
    land(&world, &[put("u", 2, "Bob", 2), put("u", 3, "bob", 3)]).await;
    assert_eq!(rows_of(&world, "t").await, ["(bob,3)"]);
    assert_eq!(
        world.letters().await.len(),
        1,
        "{:?}",
        world.letters().await
    );
}

#[tokio::test]
async fn a_deferrable_constraint_beside_the_primary_key_is_in_no_ones_way() {
    let table = "CREATE TABLE t (k text PRIMARY KEY, v int, UNIQUE (k) DEFERRABLE)";
    let world = world_of("deferrable", table).await;
    land(&world, &[put("u", 1, "bob", 1), put("u", 2, "eve", 1)]).await;
    land(&world, &[put("u", 3, "bob", 2)]).await;
    assert_eq!(rows_of(&world, "t").await, ["(bob,2)", "(eve,1)"]);
}

#[tokio::test]
async fn texts_that_the_index_compares_as_char_are_one_key() {
    let table = "CREATE TABLE t (k text NOT NULL, v int); CREATE UNIQUE INDEX ON t (k bpchar_ops)";
    let world = world_of("bpchar_ops", table).await;
    land(&world, &[put("u", 1, "a", 1), put("u", 2, "a ", 2)]).await;
    assert_eq!(rows_of(&world, "t").await, ["(\"a \",2)"]);
    let events = [
        put("u", 3, "a  ", 3),
        change_of("t", "d", 4, json!({ "k": "a " }), None),
    ];
    land(&world, &events).await;
    assert_eq!(rows_of(&world, "t").await, ["(\"a  \",3)"]);
    assert_eq!(world.letters().await, Vec::<String>::new());
}

#[tokio::test]
async fn rows_of_tables_that_inherit_are_left_alone() {
    let mut world = World::new("inherited", 1).await;
    world.set("apply", "truncates = true");
    world
        .sql("DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, v int, big text);
              CREATE TABLE child () INHERITS (t); INSERT INTO child VALUES (1, 1, 'own'), (2, 1, 'own')")
        .await;
    let row = |op: &str, lsn, id: i64, v, big: &str| {
        let row = json!({ "id": id, "v": v, "big": big });
        change_of("t", op, lsn, json!({ "id": id }), Some(row))
    };
    let own = ["(1,1,own)", "(2,1,own)"];
    land(
        &world,
        &[row("c", 1, 1, 1, "large"), row("c", 2, 2, 1, "large")],
    )
    .await;
    let partial = row("u", 3, 1, 2, "__debezium_unavailable_value");
    land(
        &world,
        &[partial, change_of("t", "d", 4, json!({ "id": 2 }), None)],
    )
    .await;
    assert_eq!(rows_of(&world, "t").await, ["(1,2,large)"]);
    assert_eq!(rows_of(&world, "child").await, own);
    let truncate = Event {
        key: None,
        ..change_of("t", "t", 5, Value::Null, None)
    };
    land(&world, &[truncate]).await;
    assert_eq!(rows_of(&world, "t").await, [""; 0]);
    assert_eq!(rows_of(&world, "child").await, own);
    assert_eq!(world.letters().await, Vec::<String>::new());
}

/// Postgres itself cuts what it is told to make a name of.
#[tokio::test]
async fn a_value_that_postgres_would_cut_without_a_word_is_refused() {
    let mut world = World::new("cut", 1).await;
    world.set("dead_letter.breaker", "ratio = 1.0");
    world
        .sql("DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, n name, ns name[], c \"char\", x xid)")
        .await;
    let (fits, long) = ("n".repeat(63), "n".repeat(64));
    let of = |id: i64, column: &str, value: Value| {
        let mut row = json!({ "id": id });
        row[column] = value;
        change_of("t", "c", id, json!({ "id": id }), Some(row))
    };
    let events = [
        of(1, "n", json!(fits)),
        of(2, "n", json!(long)),
        of(3, "ns", json!(["a", fits])),
        of(4, "ns", json!(["a", long])),
        of(5, "c", json!("x")),
        of(6, "c", json!("xy")),
        of(7, "x", json!("4294967295")),
        of(8, "x", json!("4294967296")),
    ];
    land(&world, &events).await;
    let ids = world.db.query("SELECT id FROM t ORDER BY 1", &[]).await;
    let ids: Vec<i32> = ids.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(ids, [1, 3, 5, 7]);
    assert_eq!(world.letters().await.len(), 4);
}
