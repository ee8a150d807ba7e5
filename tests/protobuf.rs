//! Records in Protobuf, as Confluent's serializer writes them, their schemas in a real registry.

use serde_json::{Value, json};

use crate::commands::{done, landfall};
use crate::envelopes::{letters, rows, survives_crashes};
use crate::support::events::{change, history};
use crate::support::protobuf::{Encoder, envelope_schema, row_schema};
use crate::support::{Event, World};

/// A world of this encoding, whose values are of this schema.
async fn world(test: &str, encoding: &str, value: &str) -> (World, Encoder) {
    let mut world = World::new(test, 1).await;
    let registry = world.use_registry_for(encoding);
    let encoder = Encoder::register(&registry, &world.topic, value);
    (world, encoder)
}

fn set_flat(world: &mut World) {
    let topic = world.topic.clone();
    world.set("[route]", &format!("topic = '{topic}'"));
    world.set("[route]", "table = 'public.t'");
    world.set("[route]", "envelope = 'flat'");
}

fn row(id: i64, version: i64) -> Value {
    json!({ "id": id, "version": version, "body": "b", "day": { "year": 2024, "month": 10, "day": 4 },
        "seen": { "seconds": 1_728_000_000, "nanos": 123_456_789 }, "price": { "value": [1, 0xf4], "scale": 2 }, "raw": [1, 2] })
}

fn flat(id: i64, version: i64) -> Event {
    let key = json!({ "id": id }).to_string();
    Event::raw(&key, &row(id, version).to_string())
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
    let (world, encoder) = world("protobuf_envelope", "protobuf", &envelope_schema()).await;
    add_columns(&world).await;
    let sparse = json!({ "id": 3, "version": 1 });
    let events = [
        change("c", 10, 1, Some(row(1, 1))),
        change("c", 11, 2, Some(row(2, 1))),
        change("d", 12, 2, None),
        change("c", 13, 3, Some(sparse)),
    ];
    world
        .kafka
        .produce(&world.topic, &encoder.all(&events))
        .await;
    world.catch_up().await;
    assert_eq!(typed_row(&world).await, AS_TYPED);
    let empty = "SELECT count(*) FROM t WHERE id = 3 AND concat(body, day, seen, price, raw) = ''";
    assert_eq!(world.count(empty).await, 1);
    assert_eq!(
        (rows(&world).await, letters(&world).await),
        ("1:1 3:1".to_owned(), 0)
    );
}

#[tokio::test]
async fn a_flat_row_lands_with_the_types_of_its_schema() {
    let (mut world, encoder) = world("protobuf_flat", "protobuf", &row_schema()).await;
    set_flat(&mut world);
    add_columns(&world).await;
    let mut events = encoder.all(&[flat(1, 1), flat(3, 1)]);
    events.push(Event {
        value: None,
        ..events[1].clone()
    });
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert_eq!(typed_row(&world).await, AS_TYPED);
    assert_eq!(
        (rows(&world).await, letters(&world).await),
        ("1:1".to_owned(), 0)
    );
}

#[tokio::test]
async fn envelopes_and_flat_rows_are_applied_once_whatever_crashes() {
    let (world, encoder) = world("protobuf_crash", "protobuf", &envelope_schema()).await;
    add_columns(&world).await;
    survives_crashes(world, &encoder.all(&history(200, 4))).await;
    let (mut world, encoder) = self::world("protobuf_crash_flat", "protobuf", &row_schema()).await;
    set_flat(&mut world);
    add_columns(&world).await;
    let versions = (1..=4).flat_map(|version| (1..=200).map(move |id| flat(id, version)));
    let events: Vec<Event> = versions.map(|event| encoder.encode(&event)).collect();
    survives_crashes(world, &events).await;
}

#[tokio::test]
async fn what_is_no_message_of_its_schema_is_a_letter_alone_and_is_shown_as_far_as_it_can_be_read()
{
    let (world, encoder) = world("protobuf_letters", "protobuf", &envelope_schema()).await;
    add_columns(&world).await;
    let good = encoder.all(&history(3, 1));
    let with = |bytes: &dyn Fn(Vec<u8>) -> Vec<u8>| Event {
        value: good[1].value.clone().map(bytes),
        ..good[1].clone()
    };
    let cut = with(&|value| value[..value.len() - 3].to_vec());
    // another message than the schema has
    let index = with(&|value| [&value[..5], &[2, 18], &value[6..]].concat());
    let events = [good[0].clone(), cut, index, good[2].clone()];
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert_eq!(rows(&world).await, "1:1 3:1");
    let listed = done(&world, "dlq list --json");
    for said in ["is no test.Envelope", "message [9] of its schema"] {
        assert!(listed.text.contains(said), "{said}: {}", listed.text);
    }
    assert_eq!(letters(&world).await, 2);
    let shown = landfall(&world, "dlq show 1");
    assert!(shown.text.contains("\"id\""), "{shown:?}");
}

#[tokio::test]
async fn a_topic_whose_schemas_are_of_another_type_waits_and_is_named_with_its_setting() {
    let (world, encoder) = world("protobuf_as_avro", "avro", &envelope_schema()).await;
    world
        .kafka
        .produce(&world.topic, &encoder.all(&history(5, 1)))
        .await;
    for command in ["check", "run --until-caught-up --wait-for 2s"] {
        let answer = landfall(&world, command);
        assert_eq!(answer.code, Some(1), "{answer:?}");
        let said = format!("{}{}", answer.text, answer.error);
        assert!(said.contains("encoding = \"protobuf\""), "{answer:?}");
    }
    assert_eq!(
        (rows(&world).await, letters(&world).await),
        ("-".to_owned(), 0)
    );
}
