//! A table may be altered at any time: events land in it as it is when they are written, exactly, and none is
//! put aside for what the table was before.

use serde_json::{Value, json};

use crate::support::events::{change, change_of, delete, insert, update};
use crate::support::worker::Worker;
use crate::support::{Event, World};

/// The type of column `v` before and after, and a value that only the latter holds exactly, with what
/// Postgres makes of it.
fn alterations() -> Vec<(&'static str, &'static str, Value, &'static str)> {
    vec![
        ("integer", "bigint", json!(3_000_000_000_i64), "3000000000"),
        ("smallint", "integer", json!(70_000), "70000"),
        (
            "real",
            "double precision",
            json!(0.1234567890123),
            "0.1234567890123",
        ),
        (
            "date",
            "timestamp",
            json!("2024-05-06 12:34:56"),
            "2024-05-06 12:34:56",
        ),
        ("integer", "numeric", json!("1.5"), "1.5"),
        (
            "double precision",
            "numeric",
            json!("0.12345678901234567890"),
            "0.12345678901234567890",
        ),
        (
            "numeric(6,2)",
            "numeric(12,4)",
            json!("123456.7891"),
            "123456.7891",
        ),
        ("varchar(3)", "varchar(10)", json!("longer"), "longer"),
        ("char(3)", "text", json!("a  "), "a  "),
        (
            "jsonb",
            "json",
            json!("{\"b\": 1,  \"a\": 2}"),
            "{\"b\": 1,  \"a\": 2}",
        ),
        (
            "timestamp",
            "timestamptz",
            json!("2024-05-06 12:34:56+02"),
            "2024-05-06 10:34:56+00",
        ),
    ]
}

fn insert_into(table: &str, lsn: i64, id: i64, v: Value) -> Event {
    change_of(
        table,
        "c",
        lsn,
        json!({ "id": id }),
        Some(json!({ "id": id, "v": v })),
    )
}

async fn assert_exact(world: &World, table: &str, expected: &str) {
    let sql = format!("SELECT count(*) FROM {table} WHERE id = 2 AND v::text = $${expected}$$");
    assert_eq!(world.count(&sql).await, 1, "{table}: {expected}");
}

#[tokio::test]
async fn values_land_as_they_are_in_columns_whose_type_was_altered_under_a_running_worker() {
    let world = World::new("altered", 1).await;
    world.sql("SET TimeZone = 'UTC'").await;
    let alterations = alterations();
    let (mut first, mut then) = (Vec::new(), Vec::new());
    for (n, (before, _, value, _)) in alterations.iter().enumerate() {
        world
            .sql(&format!(
                "CREATE TABLE t{n} (id int PRIMARY KEY, v {before})"
            ))
            .await;
        first.push(insert_into(&format!("t{n}"), 1 + n as i64, 1, Value::Null));
        then.push(insert_into(
            &format!("t{n}"),
            101 + n as i64,
            2,
            value.clone(),
        ));
    }
    let worker = world.run();
    world.kafka.produce(&world.topic, &first).await;
    let last = alterations.len() - 1;
    for n in 0..=last {
        world
            .until_count(&format!("SELECT count(*) FROM t{n}"), 1)
            .await;
    }
    for (n, (_, after, ..)) in alterations.iter().enumerate() {
        let using = if *after == "json" {
            "USING v::json"
        } else {
            ""
        };
        world
            .sql(&format!("ALTER TABLE t{n} ALTER v TYPE {after} {using}"))
            .await;
    }
    world.kafka.produce(&world.topic, &then).await;
    for (n, (.., expected)) in alterations.iter().enumerate() {
        world
            .until_count(&format!("SELECT count(*) FROM t{n}"), 2)
            .await;
        assert_exact(&world, &format!("t{n}"), expected).await;
    }
    assert_eq!(world.letters().await, Vec::<String>::new());
    let told = worker.log().matches("was altered").count();
    assert!(
        told <= alterations.len(),
        "once for each table:\n{}",
        worker.log()
    );
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_table_that_is_altered_between_its_look_up_and_its_transaction_takes_values_as_it_is() {
    for (n, (before, after, value, expected)) in alterations().into_iter().enumerate() {
        if after == "json" {
            continue; // as the test above has it
        }
        let world = World::new(&format!("raced_{n}"), 1).await;
        world.sql(&format!("SET TimeZone = 'UTC'; DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, v {before})")).await;
        // with one that its table refuses by right
        let bad = change_of(
            "t",
            "c",
            7,
            json!({ "id": "x" }),
            Some(json!({ "id": "x", "v": null })),
        );
        let events = [
            insert_into("t", 1, 1, Value::Null),
            insert_into("t", 2, 2, value),
            bad,
        ];
        world.kafka.produce(&world.topic, &events).await;
        let worker = world.run_until_frozen("before_transaction", 1).await;
        world
            .sql(&format!("ALTER TABLE t ALTER v TYPE {after}"))
            .await;
        worker.thaw();
        world
            .until_count("SELECT count(*) FROM landfall.dead_letters", 1)
            .await;
        assert_eq!(
            world.letters().await,
            ["x value parked"],
            "{before} to {after}"
        );
        assert_exact(&world, "t", expected).await;
        assert_eq!(worker.stop().await.0, Some(0));
    }
}

#[tokio::test]
async fn a_table_that_was_swapped_by_renaming_takes_values_as_it_is() {
    let world = World::new("swapped", 1).await;
    world
        .sql("DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, v real)")
        .await;
    let worker = world.run();
    world
        .kafka
        .produce(&world.topic, &[insert_into("t", 1, 1, json!(0.5))])
        .await;
    world.until_count("SELECT count(*) FROM t", 1).await;
    let swap = "CREATE TABLE wide (id bigint PRIMARY KEY, v double precision); INSERT INTO wide SELECT * FROM t;
        ALTER TABLE t RENAME TO narrow; ALTER TABLE wide RENAME TO t";
    world.sql(swap).await;
    let large = 5_000_000_000_i64;
    let events = [
        insert_into("t", 2, 2, json!(0.1234567890123)),
        insert_into("t", 3, large, json!(1)),
    ];
    world.kafka.produce(&world.topic, &events).await;
    world.until_count("SELECT count(*) FROM t", 3).await;
    assert_exact(&world, "t", "0.1234567890123").await;
    assert_eq!(world.count("SELECT count(*) FROM narrow").await, 1);
    assert_eq!(world.letters().await, Vec::<String>::new());
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_snapshot_while_a_unique_index_is_rebuilt_repeats_no_row() {
    let world = World::new("rebuilt", 1).await;
    let worker = world.run();
    let rows = |lsn: i64| {
        (1..=20).map(move |id| {
            change(
                "r",
                lsn + id,
                id,
                Some(json!({ "id": id, "version": lsn, "body": "b" })),
            )
        })
    };
    let first: Vec<Event> = rows(1).collect();
    world.kafka.produce(&world.topic, &first).await;
    world.until_count("SELECT count(*) FROM t", 20).await;
    // so that a conflict isn't expected any more
    for lsn in 0..60 {
        world
            .kafka
            .produce(&world.topic, &[insert(100 + lsn, 100 + lsn, 1)])
            .await;
        world.until_count("SELECT count(*) FROM t", 21 + lsn).await;
    }
    world.sql("ALTER TABLE t DROP CONSTRAINT t_pkey").await;
    let again: Vec<Event> = rows(1000).collect();
    world.kafka.produce(&world.topic, &again).await;
    worker
        .says(&["stopped taking in", "no primary key or unique index"])
        .await;
    assert_eq!(world.count("SELECT count(*) FROM t").await, 80);
    world.sql("CREATE UNIQUE INDEX rebuilt ON t (id)").await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 1000", 20)
        .await;
    assert_eq!(world.count("SELECT count(*) FROM t").await, 80);
    assert_eq!(world.letters().await, Vec::<String>::new());
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_column_that_becomes_computed_or_is_there_anew_is_noticed_at_once() {
    let world = World::new("computed", 1).await;
    let worker = world.run();
    world.kafka.produce(&world.topic, &[insert(1, 1, 1)]).await;
    world.until_count("SELECT count(*) FROM t", 1).await;
    world.sql("ALTER TABLE t DROP body; ALTER TABLE t ADD body text GENERATED ALWAYS AS ('of ' || id) STORED").await;
    world.kafka.produce(&world.topic, &[insert(2, 2, 1)]).await;
    world.until_count("SELECT count(*) FROM t", 2).await;
    assert_eq!(world.rows().await, ["1 1 of 1", "2 1 of 2"]);
    world
        .sql("ALTER TABLE t DROP body; ALTER TABLE t ADD body varchar(20)")
        .await;
    world.kafka.produce(&world.topic, &[update(3, 1, 2)]).await;
    world
        .until_count("SELECT count(*) FROM t WHERE version = 2", 1)
        .await;
    assert_eq!(world.rows().await, ["1 2 body 1 2", "2 1"]);
    assert_eq!(world.letters().await, Vec::<String>::new());
    assert!(
        !worker.log().contains("stopped taking in"),
        "{}",
        worker.log()
    );
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_foreign_key_that_was_added_takes_no_row_that_has_moved_away_before() {
    let world = World::new("cascading", 1).await;
    world.sql("CREATE TABLE a (id bigint PRIMARY KEY, v text); CREATE TABLE b (id bigint PRIMARY KEY, v bigint, kept text)").await;
    let event = |table: &str, op: &str, lsn: i64, id: i64, v: Value| {
        let row = (op != "d").then(|| json!({ "id": id, "v": v }));
        change_of(table, op, lsn, json!({ "id": id }), row)
    };
    let parents = [
        event("a", "c", 1, 1, json!("x")),
        event("a", "c", 2, 2, json!("y")),
        event("b", "c", 3, 1, json!(1)),
    ];
    world.kafka.produce(&world.topic, &parents).await;
    let worker = world.run();
    world.until_count("SELECT count(*) FROM b", 1).await;
    world
        .sql("UPDATE b SET kept = 'by hand'; ALTER TABLE b ADD FOREIGN KEY (v) REFERENCES a ON DELETE CASCADE")
        .await;
    let events = [
        event("b", "u", 4, 1, json!(2)),
        event("a", "d", 5, 1, Value::Null),
    ];
    world.kafka.produce(&world.topic, &events).await;
    world.until_count("SELECT count(*) FROM a", 1).await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM b WHERE v = 2 AND kept = 'by hand'")
            .await,
        1
    );
    assert_eq!(worker.stop().await.0, Some(0));
}

/// Two columns swap their names each time, once their table is known by those of before. Whatever their names are, the one holds the value exactly and the other
/// rounds it; what goes by the names of before rounds both, without an error.
#[tokio::test]
async fn a_table_that_is_altered_again_and_again_costs_no_event_and_no_digit() {
    let world = World::new("restless", 1).await;
    world
        .sql("DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, a real, b double precision)")
        .await;
    let worker = world.run();
    for round in 0..20 {
        let event = |n: i64| {
            let id = round * 10 + n;
            let row = json!({ "id": id, "a": 0.1234567890123, "b": 0.1234567890123 });
            change_of("t", "c", 1 + id, json!({ "id": id }), Some(row))
        };
        let events: Vec<Event> = (0..10).map(event).collect();
        let swap =
            "ALTER TABLE t RENAME a TO c; ALTER TABLE t RENAME b TO a; ALTER TABLE t RENAME c TO b";
        tokio::join!(world.kafka.produce(&world.topic, &events), world.sql(swap));
        let landed = 10 * (round + 1);
        world.until_count("SELECT count(*) FROM t", landed).await;
    }
    // swapped an even number of times: they are what they were
    let exact = "SELECT count(*) FROM t WHERE b = 0.1234567890123 AND a = 0.1234567890123::real";
    assert_eq!(world.count(exact).await, 200);
    assert_eq!(world.letters().await, Vec::<String>::new());
    world.kafka.produce(&world.topic, &[delete(1000, 1)]).await;
    world.until_count("SELECT count(*) FROM t", 199).await;
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn letters_are_replayed_into_a_table_as_it_is_though_it_was_altered_meanwhile() {
    let mut world = World::new("replay_altered", 1).await;
    world.set("dead_letter.breaker", "ratio = 1.0");
    world
        .sql("DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, v real, CHECK (id < 0))")
        .await;
    let exact = json!(0.1234567890123);
    let events = [
        insert_into("t", 1, 1, exact.clone()),
        insert_into("t", 2, 2, exact),
        insert_into("t", 3, 3, json!("1e300")),
    ];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert_eq!(world.letters().await.len(), 3);
    world.sql("ALTER TABLE t DROP CONSTRAINT t_id_check").await;
    let environment = [
        ("FAILPOINTS", "replay_after_commit=1*return->off"),
        ("LANDFALL_FAILPOINT_FREEZES", "1"),
    ];
    let replay = Worker::start(&["dlq", "replay"], &world.config_file(), &environment);
    let mut replay = replay.await_seam("replay_after_commit").await;
    replay.is_frozen().await;
    world
        .sql("ALTER TABLE t ALTER v TYPE double precision")
        .await;
    replay.thaw();
    assert_eq!(replay.wait().await, Some(0), "{}", replay.log());
    assert_exact(&world, "t", "0.1234567890123").await;
    assert_eq!(
        world.count("SELECT count(*) FROM t WHERE v = 1e300").await,
        1
    );
}
