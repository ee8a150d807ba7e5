//! Records in JSON by a JSON Schema, as Confluent's converter and serializer write them, their schemas in a real registry.

use serde_json::{Value, json};

use crate::commands::landfall;
use crate::envelopes::{letters, rows, survives_crashes};
use crate::support::avro::Registry;
use crate::support::events::{change, history};
use crate::support::{Event, World};

/// Ids of schemas of keys and values.
struct Schemas {
    key: i32,
    value: i32,
}

fn typed(kind: &str, connect: &str) -> Value {
    json!({ "type": kind, "connect.type": connect })
}

fn named(kind: &str, connect: &str, title: &str) -> Value {
    json!({ "type": kind, "connect.type": connect, "title": title, "connect.version": 1 })
}

fn optional(schema: Value) -> Value {
    json!({ "oneOf": [{ "type": "null" }, schema] })
}

fn object(properties: Value) -> Value {
    json!({ "type": "object", "properties": properties })
}

/// A row of `public.t`, with columns more that JSON alone doesn't tell.
fn row_schema() -> Value {
    let mut price = named("number", "bytes", "org.apache.kafka.connect.data.Decimal");
    price["connect.parameters"] = json!({ "scale": "2" });
    object(json!({
        "id": typed("integer", "int64"),
        "version": optional(typed("integer", "int64")),
        "body": optional(json!({ "type": "string" })),
        "day": optional(named("integer", "int32", "io.debezium.time.Date")),
        "seen": optional(named("integer", "int64", "io.debezium.time.MicroTimestamp")),
        "price": optional(price),
        "raw": optional(typed("string", "bytes")),
    }))
}

fn envelope_schema() -> Value {
    let text = || optional(json!({ "type": "string" }));
    let long = || optional(typed("integer", "int64"));
    let source = object(
        json!({ "version": text(), "connector": text(), "name": text(), "ts_ms": long(), "db": text(),
        "schema": text(), "table": text(), "txId": long(), "lsn": long() }),
    );
    object(
        json!({ "before": optional(row_schema()), "after": optional(row_schema()), "source": source,
        "op": { "type": "string" }, "ts_ms": long() }),
    )
}

impl Schemas {
    fn register(registry: &Registry, topic: &str, value: &Value) -> Self {
        let register = |part: &str, schema: &Value| {
            let subject = format!("{topic}-{part}");
            registry.register_text(&subject, "JSON", &schema.to_string(), json!([]))
        };
        Self {
            key: register("key", &object(json!({ "id": typed("integer", "int64") }))),
            value: register("value", value),
        }
    }

    /// The same event by these schemas.
    fn frame(&self, event: &Event) -> Event {
        let framed = |id: i32, json: &Option<Vec<u8>>| {
            let json = json.as_ref()?;
            Some([&[0][..], &id.to_be_bytes(), json].concat())
        };
        Event {
            key: framed(self.key, &event.key),
            value: framed(self.value, &event.value),
            ..event.clone()
        }
    }

    fn frame_all(&self, events: &[Event]) -> Vec<Event> {
        events.iter().map(|event| self.frame(event)).collect()
    }
}

/// A world of this encoding, whose values are of this schema.
async fn world(test: &str, encoding: &str, value: &Value) -> (World, Schemas) {
    let mut world = World::new(test, 1).await;
    let registry = world.use_registry_for(encoding);
    let schemas = Schemas::register(&registry, &world.topic, value);
    (world, schemas)
}

fn set_flat(world: &mut World) {
    let topic = world.topic.clone();
    world.set("[route]", &format!("topic = '{topic}'"));
    world.set("[route]", "table = 'public.t'");
    world.set("[route]", "envelope = 'flat'");
}

/// A row as JsonConverter writes it.
fn row(id: i64, version: i64) -> Value {
    json!({ "id": id, "version": version, "body": "b", "day": 20_000, "seen": 1_728_000_000_123_456_i64, "price": "AfQ=", "raw": "AQI=" })
}

fn flat(id: i64, version: i64) -> Event {
    Event::raw(
        &json!({ "id": id }).to_string(),
        &row(id, version).to_string(),
    )
}

async fn add_columns(world: &World) {
    world
        .sql("ALTER TABLE t ADD day date, ADD seen timestamptz, ADD price numeric(12,2), ADD raw bytea")
        .await;
}

const TYPED: &str =
    "SELECT concat_ws(' ', day, seen AT TIME ZONE 'UTC', price, raw) FROM t WHERE id = 1";
const AS_TYPED: &str = "2024-10-04 2024-10-04 00:00:00.123456 5.00 \\x0102";

async fn typed_row(world: &World) -> String {
    world.db.query_one(TYPED, &[]).await.expect(TYPED).get(0)
}

#[tokio::test]
async fn an_envelope_lands_with_the_types_of_its_schema() {
    let (world, schemas) = world("json_schema_envelope", "json-schema", &envelope_schema()).await;
    add_columns(&world).await;
    let events = [
        change("c", 10, 1, Some(row(1, 1))),
        change("c", 11, 2, Some(row(2, 1))),
        change("d", 12, 2, None),
    ];
    world
        .kafka
        .produce(&world.topic, &schemas.frame_all(&events))
        .await;
    world.catch_up().await;
    assert_eq!(typed_row(&world).await, AS_TYPED);
    assert_eq!(
        (rows(&world).await, letters(&world).await),
        ("1:1".to_owned(), 0)
    );
}

#[tokio::test]
async fn a_flat_row_lands_with_the_types_of_its_schema() {
    let (mut world, schemas) = world("json_schema_flat", "json-schema", &row_schema()).await;
    set_flat(&mut world);
    add_columns(&world).await;
    let mut numeric = row(2, 1);
    numeric["price"] = json!(12.5);
    let mut events = vec![schemas.frame(&flat(1, 1))];
    events.push(schemas.frame(&Event::raw(r#"{"id":2}"#, &numeric.to_string())));
    events.push(schemas.frame(&flat(3, 1)));
    events.push(Event {
        value: None,
        ..schemas.frame(&flat(3, 1))
    });
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert_eq!(typed_row(&world).await, AS_TYPED);
    let price = "SELECT count(*) FROM t WHERE id = 2 AND price = 12.50";
    assert_eq!(world.count(price).await, 1);
    assert_eq!(
        (rows(&world).await, letters(&world).await),
        ("1:1 2:1".to_owned(), 0)
    );
}

#[tokio::test]
async fn envelopes_and_flat_rows_are_applied_once_whatever_crashes() {
    let (world, schemas) = world("json_schema_crash", "json-schema", &envelope_schema()).await;
    survives_crashes(world, &schemas.frame_all(&history(200, 4))).await;
    let (mut world, schemas) =
        self::world("json_schema_crash_flat", "json-schema", &row_schema()).await;
    set_flat(&mut world);
    add_columns(&world).await;
    let versions = (1..=4).flat_map(|version| (1..=200).map(move |id| flat(id, version)));
    let events: Vec<Event> = versions.map(|event| schemas.frame(&event)).collect();
    survives_crashes(world, &events).await;
}

#[tokio::test]
async fn an_event_that_came_in_json_is_recognised_by_its_json_schema() {
    let (mut world, schemas) =
        world("json_schema_after_json", "json-schema", &envelope_schema()).await;
    let format = world.settings.remove("format").expect("set");
    let events = history(10, 2);
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    world.settings.insert("format", format);
    world
        .kafka
        .produce(&world.topic, &schemas.frame_all(&events))
        .await;
    world.catch_up().await;
    let ids = "SELECT count(*) FROM landfall.processed_events";
    assert_eq!((world.count(ids).await, letters(&world).await), (20, 0));
}

#[tokio::test]
async fn a_topic_whose_schemas_are_of_another_type_waits_and_is_named_with_its_setting() {
    let (world, schemas) = world("json_schema_as_avro", "avro", &envelope_schema()).await;
    world
        .kafka
        .produce(&world.topic, &schemas.frame_all(&history(5, 1)))
        .await;
    for command in ["check", "run --until-caught-up --wait-for 2s"] {
        let answer = landfall(&world, command);
        assert_eq!(answer.code, Some(1), "{answer:?}");
        let said = format!("{}{}", answer.text, answer.error);
        assert!(said.contains("encoding = \"json-schema\""), "{answer:?}");
    }
    assert_eq!(
        (rows(&world).await, letters(&world).await),
        ("-".to_owned(), 0)
    );
}
