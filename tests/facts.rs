//! What is known of a table, and what its settings mean, holds for the transaction that goes by it.

mod altered;
mod indexes;
mod settings;

use serde_json::json;

use crate::support::events::change_of;
use crate::support::{World, eventually};

/// Has `t` hold what its keys' columns need, the extension in a schema that isn't on the path.
async fn world_with_extension(test: &str, extension: &str, table: &str) -> World {
    let world = World::new(test, 1).await;
    let sql = format!(
        "CREATE SCHEMA ext; CREATE EXTENSION {extension} SCHEMA ext; DROP TABLE t; {table}"
    );
    world.sql(&sql).await;
    world
}

#[tokio::test]
async fn keys_of_an_extensions_type_are_found_wherever_the_extension_is() {
    for (extension, key, other) in [
        ("citext", "ADA", "bob"),
        ("ltree", "a.b", "c"),
        ("isn", "978-0-393-04002-9", "978-0-306-40615-7"),
    ] {
        let column = if extension == "isn" {
            "isbn13"
        } else {
            extension
        };
        let table = format!("CREATE TABLE t (id ext.{column} PRIMARY KEY, a text, big text)");
        let world = world_with_extension(&format!("ext_{extension}"), extension, &table).await;
        // so that an index is used wherever one can be
        world
            .sql(&format!(
                "ALTER DATABASE {} SET enable_seqscan = off",
                world.name
            ))
            .await;
        let row = |lsn, op, id: &str, a: &str, big: &str| {
            change_of(
                "t",
                op,
                lsn,
                json!({ "id": id }),
                Some(json!({ "id": id, "a": a, "big": big })),
            )
        };
        let placeholder = "__debezium_unavailable_value";
        let events = [
            row(1, "c", key, "1", "large"),
            row(2, "c", other, "1", "large"),
        ];
        world.kafka.produce(&world.topic, &events).await;
        world.catch_up().await;
        let events = [
            row(3, "u", key, "2", placeholder),
            row(4, "u", other, "2", "larger"),
        ];
        world.kafka.produce(&world.topic, &events).await;
        world.catch_up().await;
        let all = "SELECT count(*) FROM t WHERE a = '2' AND big LIKE 'large%'";
        assert_eq!(world.count(all).await, 2, "{extension}");
        let events = [
            change_of("t", "d", 5, json!({ "id": key }), None),
            change_of(
                "t",
                "u",
                6,
                json!({ "id": other }),
                Some(json!({ "id": other, "a": "3", "big": placeholder })),
            ),
        ];
        world.kafka.produce(&world.topic, &events).await;
        world.catch_up().await;
        let left = "SELECT count(*) FROM t WHERE a = '3' AND big = 'larger'";
        assert_eq!(world.count(left).await, 1, "{extension}");
        assert_eq!(
            world.count("SELECT count(*) FROM t").await,
            1,
            "{extension}"
        );
        // two updates of a part, and a delete
        world
            .until_count(
                "SELECT least(idx_scan, 3) FROM pg_stat_user_indexes WHERE indexrelname = 't_pkey'",
                3,
            )
            .await;
        assert_eq!(world.letters().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_keys_type_that_moves_to_another_schema_is_found_there() {
    let table = "CREATE TABLE t (id ext.citext PRIMARY KEY, a text, big text)";
    let world = world_with_extension("ext_moved", "citext", table).await;
    let worker = world.run();
    let row = |lsn, id: &str| {
        change_of(
            "t",
            "c",
            lsn,
            json!({ "id": id }),
            Some(json!({ "id": id, "a": "1", "big": "large" })),
        )
    };
    for (lsn, schema) in [(1, "other"), (2, "third")] {
        let id = format!("id {lsn}");
        world.kafka.produce(&world.topic, &[row(lsn, &id)]).await;
        eventually("the row is there", async || {
            (world.count("SELECT count(*) FROM t").await == lsn).then_some(())
        })
        .await;
        let sql = format!("CREATE SCHEMA {schema}; ALTER EXTENSION citext SET SCHEMA {schema}");
        world.sql(&sql).await;
    }
    world.kafka.produce(&world.topic, &[row(3, "ID 2")]).await;
    eventually("the row is spelled anew", async || {
        let sql = "SELECT count(*) FROM t WHERE id::text = 'ID 2'";
        (world.count(sql).await == 1).then_some(())
    })
    .await;
    assert_eq!(worker.stop().await.0, Some(0));
}
