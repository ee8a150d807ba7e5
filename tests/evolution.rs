//! Tables become what their events' schemas tell, as far as `schema_evolution` allows, and no event is lost or doubled by it.

mod beside_jdbc;
mod crashes;
mod gone;
mod loosened;
mod mariadb;
mod policies;
mod proposals;
mod real;
mod removed;
pub mod schemas;
mod several;
mod sharing;

use serde_json::json;

use crate::support::{World, audit};
use schemas::{create, describe, insert, optional, required, topic};

#[tokio::test]
async fn a_missing_table_is_made_with_the_key_types_nullability_and_defaults_of_its_events() {
    let mut world = World::new("evolve_create", 1).await;
    create(&mut world);
    let name = topic(&mut world, "made", 1).await;
    world.set("[route]", &format!("topic = {name:?}"));
    world.set("[route]", "table = \"shop.made\"");
    let list = [
        ("id", "int64", json!({ "optional": false, "default": 0 })),
        required("count", "int32"),
        optional("name", "string"),
        (
            "state",
            "string",
            json!({ "optional": false, "default": "it's \\new" }),
        ),
        (
            "code",
            "string",
            json!({ "optional": true, "parameters": {
            "__debezium.source.column.type": "VARCHAR", "__debezium.source.column.length": "12" } }),
        ),
        (
            "price",
            "bytes",
            json!({ "optional": true, "name": "org.apache.kafka.connect.data.Decimal",
            "parameters": { "scale": "2", "connect.decimal.precision": "10" } }),
        ),
        (
            "day",
            "int32",
            json!({ "optional": false, "name": "io.debezium.time.Date", "default": 19723 }),
        ),
        (
            "moment",
            "string",
            json!({ "optional": true, "name": "io.debezium.time.ZonedTimestamp" }),
        ),
        (
            "doc",
            "string",
            json!({ "optional": true, "name": "io.debezium.data.Json" }),
        ),
        (
            "tags",
            "array",
            json!({ "optional": true, "items": { "type": "string" } }),
        ),
        (
            "x\" int); DROP TABLE t; --",
            "boolean",
            json!({ "optional": true }),
        ),
    ];
    let row = |id: i64| {
        json!({ "id": id, "count": 7, "name": null, "state": "s", "code": "c", "price": "BNI=", "day": 19724,
        "moment": "2024-01-01T00:00:00Z", "doc": "{\"a\": 1}", "tags": ["a", "b"], "x\" int); DROP TABLE t; --": true })
    };
    let events: Vec<_> = (1..=10).map(|id| insert("made", &list, row(id))).collect();
    world.kafka.produce(&name, &events).await;
    let worker = world.run();
    world
        .until_count("SELECT count(*) FROM pg_tables WHERE tablename = 'made'", 1)
        .await;
    world.until_count("SELECT count(*) FROM shop.made WHERE price = 12.34 AND day = '2024-01-02' AND tags[2] = 'b'", 10).await;
    assert_eq!(
        describe(&world, "shop.made").await,
        [
            "id bigint not null",
            "count integer not null",
            "name text",
            "state text not null default 'it''s \\new'::text",
            "code character varying(12)",
            "price numeric(10,2)",
            "day date not null default '2024-01-01'::date",
            "moment timestamp with time zone",
            "doc jsonb",
            "tags text[]",
            "x\" int); DROP TABLE t; -- boolean",
            "PRIMARY KEY (id)",
        ]
    );
    for kind in ["create_schema", "create_table"] {
        let label = format!("kind=\"{kind}\"");
        assert_eq!(
            worker
                .metric("landfall_ddl_statements_total", &[&label])
                .await,
            1.0,
            "{kind}"
        );
    }
    worker
        .says(&["CREATE TABLE IF NOT EXISTS", "shop", "schema_evolution"])
        .await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.processed_events")
            .await,
        10
    );
}

#[tokio::test]
async fn an_avro_topic_makes_its_table_too() {
    let mut world = World::new("evolve_avro", 1).await;
    create(&mut world);
    let registry = world.use_avro();
    world.db.batch_execute("DROP TABLE t").await.unwrap();
    let propagated = json!({ "type": "string", "connect.parameters": {
        "__debezium.source.column.type": "VARCHAR", "__debezium.source.column.length": "9" } });
    let decimal = json!({ "type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 3 });
    let date =
        json!({ "type": "int", "connect.name": "io.debezium.time.Date", "connect.version": 1 });
    let small = json!({ "type": "int", "connect.type": "int16" });
    let more = [
        ("code", propagated),
        ("price", decimal),
        ("day", date),
        ("small", small),
    ];
    let encoder = registry.encoder(&world.topic, &more);
    let events: Vec<_> = (1..=5)
        .map(|id| {
            let row = json!({ "id": id, "version": 1, "body": "b", "code": "c", "price": null, "day": 19723, "small": 3 });
            encoder.encode(&crate::support::events::change("c", id, id, Some(row)))
        })
        .collect();
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.catch_up().await;
    assert_eq!(
        describe(&world, "public.t").await,
        [
            "id bigint not null",
            "version bigint",
            "body text",
            "code character varying(9)",
            "price numeric(12,3)",
            "day date",
            "small smallint",
            "PRIMARY KEY (id)",
        ],
        "{}",
        worker.log()
    );
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE day = '2024-01-01' AND small = 3")
            .await,
        5
    );
}

#[tokio::test]
async fn a_column_that_the_source_adds_in_mid_stream_is_added_and_no_event_is_lost() {
    let mut world = World::new("evolve_add", 2).await;
    world.set("apply", "schema_evolution = \"add_columns\"");
    let old = [
        required("id", "int64"),
        required("version", "int64"),
        optional("body", "string"),
    ];
    let mut new = old.to_vec();
    new.push(("added", "int32", json!({ "optional": false })));
    new.push((
        "state",
        "string",
        json!({ "optional": false, "default": "new" }),
    ));
    // as Debezium writes a function's
    let made_up = json!({ "optional": false, "default": "00000000-0000-0000-0000-000000000000", "name": "io.debezium.data.Uuid" });
    new.push(("token", "string", made_up));
    let event = |id: i64| match id {
        ..=50 => insert("t", &old, json!({ "id": id, "version": 1, "body": "b" })),
        _ => insert(
            "t",
            &new,
            json!({ "id": id, "version": 1, "body": "b", "added": id, "state": "s", "token": "b68a35a7-17ad-35b3-af2a-ae46edb4545b" }),
        ),
    };
    let worker = world.run();
    for (ids, landed) in [(1..=50, 50), (51..=100, 100)] {
        let events: Vec<_> = ids.map(event).collect();
        world.kafka.produce(&world.topic, &events).await;
        world.until_count("SELECT count(*) FROM t", landed).await;
    }
    let described = describe(&world, "public.t").await;
    // rows that are there have no value for a column without a default
    assert_eq!(described[3], "added integer");
    assert_eq!(described[4], "state text not null default 'new'::text");
    assert_eq!(described[5], "token uuid");
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE added = id AND state = 's'")
            .await,
        50
    );
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE added IS NULL AND token IS NULL AND state = 'new'")
            .await,
        50
    );
    let added = worker
        .metric("landfall_ddl_statements_total", &["kind=\"add_column\""])
        .await;
    assert_eq!(added, 3.0);
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn columns_are_widened_and_never_narrowed() {
    let mut world = World::new("evolve_widen", 1).await;
    create(&mut world);
    let name = topic(&mut world, "widths", 1).await;
    let made = "CREATE TABLE widths (id integer PRIMARY KEY, code varchar(3), small smallint, price numeric(4,1), wide bigint, free text, kept integer)";
    world.db.batch_execute(made).await.unwrap();
    let list = [
        required("id", "int64"),
        (
            "code",
            "string",
            json!({ "optional": true, "parameters": {
            "__debezium.source.column.type": "VARCHAR", "__debezium.source.column.length": "10" } }),
        ),
        optional("small", "int32"),
        (
            "price",
            "bytes",
            json!({ "optional": true, "name": "org.apache.kafka.connect.data.Decimal",
            "parameters": { "scale": "2", "connect.decimal.precision": "10" } }),
        ),
        optional("wide", "int16"),
        optional("free", "int32"),
        optional("kept", "string"),
    ];
    let row = json!({ "id": 5_000_000_000_i64, "code": "0123456789", "small": 70_000, "price": "O5rJ/w==", "wide": 1, "free": 2, "kept": "3" });
    world
        .kafka
        .produce(&name, &[insert("widths", &list, row)])
        .await;
    let worker = world.run();
    world
        .until_count(
            "SELECT count(*) FROM widths WHERE id = 5000000000 AND price = 9999999.99",
            1,
        )
        .await;
    assert_eq!(
        describe(&world, "widths").await,
        [
            "id bigint not null",
            "code character varying(10)",
            "small integer",
            "price numeric(10,2)",
            "wide bigint",
            "free text",
            "kept integer",
            "PRIMARY KEY (id)",
        ]
    );
    // what would be another kind of column is said, and left to a person
    worker
        .says(&["ALTER COLUMN \\\"kept\\\" TYPE text", "never run by itself"])
        .await;
    let widened = worker
        .metric("landfall_ddl_statements_total", &["kind=\"alter_type\""])
        .await;
    assert_eq!(widened, 4.0);
}
