//! pg-replicate-kafka's envelope.

use serde_json::{Value, json};

use super::{letters, record, rows, survives_crashes, world};
use crate::support::Event;

const FORMAT: &[&str] = &["envelope = 'pg-replicate-kafka'"];

fn row(id: i64, version: i64) -> Value {
    json!({ "id": id, "version": version, "body": "b" })
}

fn event(op: &str, lsn: i64, before: &Value, after: &Value) -> Event {
    let time = 1_793_491_200_000_i64 + lsn;
    let value = json!({ "schema": "public", "table": "t", "op": op, "ts_ms": time + 5, "before": before, "after": after,
        "source": { "version": "0.1.0", "connector": "pg-replicate-kafka", "ts_ms": time, "db": "d", "schema": "public",
                    "table": "t", "lsn": format!("0/{lsn:X}"), "xid": lsn / 10 } });
    record(None, &value)
}

#[tokio::test]
async fn its_words_land_as_debeziums_do_and_its_positions_recognise_what_is_sent_again() {
    let world = world("pg_replicate", 1, FORMAT).await;
    let none = Value::Null;
    let events = [
        event("INSERT", 0x1634FA1, &none, &row(1, 1)),
        event("UPDATE", 0x1634FA2, &row(1, 1), &row(1, 2)),
        event("INSERT", 0x1634FA3, &none, &row(2, 1)),
        event("DELETE", 0x1634FA4, &row(2, 1), &none),
    ];
    for _ in 0..2 {
        world.kafka.produce(&world.topic, &events).await;
        world.catch_up().await;
        let ids = "SELECT count(*) FROM landfall.processed_events";
        assert_eq!(
            (rows(&world).await, world.count(ids).await),
            ("1:2".to_owned(), 4)
        );
    }
    assert_eq!(letters(&world).await, 0);
}

#[tokio::test]
async fn crashes_apply_each_of_its_events_once() {
    let world = world("pg_replicate_crash", 1, FORMAT).await;
    let of_version = |version: i64| {
        (1..=200).map(move |id| {
            let lsn = version * 10_000 + id;
            match version {
                1 => event("INSERT", lsn, &Value::Null, &row(id, 1)),
                _ => event("UPDATE", lsn, &row(id, version - 1), &row(id, version)),
            }
        })
    };
    let events: Vec<Event> = (1..=4).flat_map(of_version).collect();
    survives_crashes(world, &events).await;
}
