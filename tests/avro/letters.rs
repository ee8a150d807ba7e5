//! What can't be read is put aside alone, and replayed once it can be.

use serde_json::json;

use super::produce;
use crate::commands::{done, landfall};
use crate::support::avro::Encoder;
use crate::support::events::{history, insert, update};
use crate::support::kafka::header;
use crate::support::own_registry::OwnRegistry;
use crate::support::{Event, World};

fn with_value(event: &Event, value: &[u8]) -> Event {
    Event {
        value: Some(value.to_vec()),
        ..event.clone()
    }
}

#[tokio::test]
async fn bytes_that_do_not_fit_are_dead_letters_and_the_rest_is_landed() {
    let (mut world, encoder) = super::world("avro_poison", 1).await;
    world.set("dead_letter.breaker", "ratio = 1.0");
    let good = encoder.encode(&insert(1, 1, 1));
    let value = good.value.clone().unwrap();
    let cut = &value[..value.len() - 3];
    let more = [&value[..], b"more"].concat();
    let wild = [&value[..5], &[0xff; 40]].concat();
    let id = i32::MAX.to_be_bytes();
    let bad = [
        (with_value(&good, cut), "VALUE_CONVERTER", "too early"),
        (with_value(&good, &more), "VALUE_CONVERTER", "4 more bytes"),
        (with_value(&good, &wild), "VALUE_CONVERTER", "by schema"),
        (
            with_value(&good, b"\x00\x00"),
            "VALUE_CONVERTER",
            "too early",
        ),
        (
            with_value(&good, b"\xff random"),
            "VALUE_CONVERTER",
            "byte 0xff",
        ),
        (
            with_value(&good, b"{\"op\":\"c\"}"),
            "VALUE_CONVERTER",
            "look like JSON",
        ),
        (
            with_value(&good, b"{\"schema\":{},\"payload\":{}}"),
            "VALUE_CONVERTER",
            "look like JSON",
        ),
        (
            with_value(&good, &[&[0][..], &id, &[2]].concat()),
            "VALUE_CONVERTER",
            "has no schema with id 2147483647",
        ),
        // the key's schema is no envelope's
        (
            with_value(&good, good.key.as_ref().unwrap()),
            "VALUE_CONVERTER",
            "look like rows",
        ),
        (
            Event {
                key: Some(b"7".to_vec()),
                ..good.clone()
            },
            "KEY_CONVERTER",
            "byte 0x37",
        ),
        (
            Event {
                key: Some([&[0][..], &id, &[2]].concat()),
                ..good.clone()
            },
            "KEY_CONVERTER",
            "has no schema with id",
        ),
    ];
    let around = encoder.all(&history(40, 2));
    let (before, after) = around.split_at(33);
    let events = bad.iter().map(|(event, ..)| event.clone());
    let events: Vec<Event> = before
        .iter()
        .cloned()
        .chain(events)
        .chain(after.iter().cloned())
        .collect();
    world.kafka.produce(&world.topic, &events).await;
    let worker = world.catch_up().await;

    let landed = "SELECT count(*) FROM t WHERE version = 2";
    assert_eq!(world.count(landed).await, 40, "{}", worker.log());
    let letters = world.kafka.read_all(&world.dead_letter_topic()).await;
    assert_eq!(letters.len(), bad.len());
    for (letter, (event, stage, said)) in letters.iter().zip(&bad) {
        use rdkafka::message::Message as _;
        assert_eq!(letter.payload(), event.value.as_deref());
        assert_eq!(letter.key(), event.key.as_deref());
        assert_eq!(
            header(letter, "landfall.reason").as_deref(),
            Some("undecodable")
        );
        assert_eq!(
            header(letter, "__connect.errors.stage").as_deref(),
            Some(*stage)
        );
        let message = header(letter, "__connect.errors.exception.message").unwrap();
        assert!(message.contains(said), "{message} lacks {said}");
    }
    assert!(!worker.log().contains("body 1 1"), "{}", worker.log());
}

#[tokio::test]
async fn a_letter_of_an_unknown_schema_goes_in_once_the_schema_is_registered() {
    let mut world = World::new("avro_unknown", 1).await;
    world.set("dead_letter.breaker", "ratio = 1.0");
    let registry = OwnRegistry::start();
    let api = registry.api();
    world.use_registry(&api.url);
    let known = api.encoder(&world.topic, &[]);
    // ids are given in order, so the next one is that of the next schema
    let next = known.value.0 + 1;
    let later = Encoder {
        key: known.key.clone(),
        value: (next, known.value.1.clone()),
    };
    produce(&world, &known, &[insert(1, 1, 1), insert(2, 2, 1)]).await;
    produce(&world, &later, &[update(3, 1, 2)]).await;
    produce(&world, &known, &[insert(4, 3, 1)]).await;
    world.catch_up().await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM t WHERE version = 1")
            .await,
        3
    );
    let listed = done(&world, "dlq list --json").objects();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["key"], "{\"id\":1}");
    assert_eq!(listed[0]["reason"], "undecodable");
    let show = format!("dlq show {} --json", listed[0]["id"]);
    let shown = done(&world, &show).objects().remove(0);
    assert_eq!(shown["record"]["key"], "{\"id\":1}");
    assert_eq!(shown["replay"]["outcome"], "failed", "{shown}");
    let answer = landfall(&world, "dlq replay");
    assert_eq!(answer.code, Some(1), "{}{}", answer.text, answer.error);

    let same = crate::support::avro::envelope("another", &[]);
    assert_eq!(api.register(&format!("{}-later", world.topic), &same), next);
    // while the registry is away it isn't the letter's fault
    registry.stop();
    let answer = landfall(&world, "dlq replay");
    assert_eq!(answer.code, Some(1));
    assert!(answer.error.contains("registry"), "{}", answer.error);
    registry.restart();
    let shown = done(&world, &show).objects().remove(0);
    let value = shown["record"]["value"].as_str().unwrap();
    let value: serde_json::Value = serde_json::from_str(value).unwrap();
    assert_eq!(
        value["after"],
        json!({ "id": 1, "version": 2, "body": "body 1 2" })
    );
    done(&world, "dlq replay");
    assert_eq!(world.count("SELECT version FROM t WHERE id = 1").await, 2);
    assert_eq!(world.letters().await, ["1 undecodable replayed"]);
}
