//! Keys that the converter of headers writes in another way than the keys' own: Connect's default writes a decimal
//! as a number, a date without quotes, and a line's end as it is.

use serde_json::{Value, json};

use super::{LEFT_OUT, land, world};
use crate::support::World;
use crate::support::events::{Event, change_of};

/// 2020-01-02, a name of two lines, and a number.
const FROM: &str = "{\"id\":42,\"day\":2020-01-02,\"name\":\"a\n\\\"b\"}";
const TO: &str = "{\"id\":43,\"day\":2020-01-02,\"name\":\"a\n\\\"b\"}";

fn key(number: &str) -> Value {
    let decimal = json!({ "type": "bytes", "optional": false, "name": "org.apache.kafka.connect.data.Decimal", "version": 1,
        "parameters": { "scale": "0" }, "field": "id" });
    let date = json!({ "type": "int32", "optional": false, "name": "org.apache.kafka.connect.data.Date", "version": 1, "field": "day" });
    let text = json!({ "type": "string", "optional": false, "field": "name" });
    json!({ "schema": { "type": "struct", "fields": [decimal, date, text], "optional": false },
        "payload": { "id": number, "day": 18263, "name": "a\n\"b" } })
}

fn moved() -> Vec<Event> {
    let event = |op: &str, lsn: i64, number: &str, row: Option<Value>| {
        change_of("n", op, lsn, key(number), row)
    };
    let gone = event("d", 2, "Kg==", None);
    let tombstone = Event {
        value: None,
        ..gone.clone()
    };
    let come = json!({ "version": 2, "body": LEFT_OUT });
    vec![
        event(
            "c",
            1,
            "Kg==",
            Some(json!({ "version": 1, "body": "large" })),
        ),
        gone.with_header("__debezium.newkey", TO),
        tombstone.with_header("__debezium.newkey", TO),
        event("c", 2, "Kw==", Some(come)).with_header("__debezium.oldkey", FROM),
    ]
}

async fn numbers(test: &str, partitions: i32) -> World {
    let mut world = world(test, partitions).await;
    world.set("retry", "parent_wait = \"100ms\"");
    let table = "CREATE TABLE n (id numeric, day date, name text, version int, body text, PRIMARY KEY (id, day, name))";
    world.sql(table).await;
    world.topics = vec![format!("{}.public.n", world.name)];
    world.topic = world.topics[0].clone();
    world.kafka.create_topic(&world.topic, partitions).await;
    world
}

async fn assert_moved(world: &World) {
    assert_eq!(world.letters().await, [] as [&str; 0], "{}", world.name);
    let moved = "SELECT count(*) FROM n WHERE id = 43 AND day = '2020-01-02' AND name = E'a\\n\"b' AND version = 2 AND body = 'large'";
    assert_eq!(world.count(moved).await, 1, "{}", world.name);
    assert_eq!(world.count("SELECT count(*) FROM n").await, 1);
}

#[tokio::test]
async fn a_row_keeps_its_values_whatever_its_key_is_written_like_in_the_headers() {
    let at_once = numbers("moved_numeric", 1).await;
    land(&at_once, &moved()).await;
    assert_moved(&at_once).await;
    let apart = numbers("moved_numeric_apart", 2).await;
    for (at, event) in moved().into_iter().enumerate() {
        land(&apart, &[event.on(i32::from(at == 3))]).await;
    }
    assert_moved(&apart).await;
}

#[tokio::test]
async fn rows_of_one_transaction_whose_keys_are_numerics_are_told_apart() {
    let world = numbers("moved_numerics", 1).await;
    let row = |body: &str| Some(json!({ "version": 1, "body": body }));
    let event = |op: &str, lsn: i64, number: &str, row: Option<Value>| {
        change_of("n", op, lsn, key(number), row)
    };
    let mut events = vec![
        event("c", 11, "Cg==", row("ten")),
        event("c", 12, "FA==", row("twenty")),
    ];
    for (lsn, from, to, numbers) in [
        (13, "Cg==", "Cw==", (10, 11)),
        (14, "FA==", "FQ==", (20, 21)),
    ] {
        let written = |number: i64| TO.replace("43", &number.to_string());
        events.push(
            event("d", lsn, from, None).with_header("__debezium.newkey", &written(numbers.1)),
        );
        events.push(
            event("c", lsn, to, row(LEFT_OUT))
                .with_header("__debezium.oldkey", &written(numbers.0)),
        );
    }
    land(&world, &events[..3]).await;
    land(&world, &events[3..]).await;
    assert_eq!(world.letters().await, [] as [&str; 0]);
    let as_it_was = "SELECT count(*) FROM n WHERE (id, body) IN ((11, 'ten'), (21, 'twenty'))";
    assert_eq!(world.count(as_it_was).await, 2);
}

#[tokio::test]
async fn a_row_keeps_its_values_where_keys_are_avro_and_headers_are_not() {
    let mut world = world("moved_avro", 1).await;
    world.set("retry", "parent_wait = \"100ms\"");
    world
        .sql("DROP TABLE t; CREATE TABLE t (id numeric PRIMARY KEY, version bigint, body text)")
        .await;
    let registry = world.use_avro();
    let encoder = registry.encoder(&world.topic, &[]);
    let decimal = json!({ "type": "bytes", "scale": 0, "precision": 10, "connect.version": 1, "logicalType": "decimal",
        "connect.parameters": { "scale": "0", "connect.decimal.precision": "10" }, "connect.name": "org.apache.kafka.connect.data.Decimal" });
    let schema = json!({ "type": "record", "name": "Key", "namespace": "test.public.t", "doc": world.topic,
        "fields": [{ "name": "id", "type": decimal }] });
    let schema = registry.register(&format!("{}-numeric-key", world.topic), &schema);
    let event = |op: &str, lsn: i64, id: u8, body: Option<&str>| {
        let row = body.map(|body| json!({ "id": id, "version": lsn, "body": body }));
        let event = change_of("t", op, lsn, json!({ "id": id }), row);
        let event = Event { key: None, ..event };
        let encoded = encoder.encode(&event);
        // its frame, and one byte
        let key = [&[0][..], &schema.to_be_bytes(), &[2, id]].concat();
        Event {
            key: Some(key),
            ..encoded
        }
    };
    let events = [
        event("c", 1, 42, Some("large")),
        event("d", 2, 42, None).with_header("__debezium.newkey", "{\"id\":43}"),
        event("c", 2, 43, Some(LEFT_OUT)).with_header("__debezium.oldkey", "{\"id\":42}"),
    ];
    for event in events {
        land(&world, &[event]).await;
    }
    assert_eq!(world.letters().await, [] as [&str; 0]);
    assert_eq!(world.rows().await, ["43 2 large"]);
}
