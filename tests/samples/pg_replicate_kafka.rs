//! One table, as pg-replicate-kafka sends it: its own words and positions, no keys.

use serde_json::{Value, json};

use super::{known_events, land, read_again, record, sample_world, send};
use crate::support::Event;

const ROWS: &str =
    "SELECT concat_ws('|', id, email, created_at AT TIME ZONE 'UTC') FROM users ORDER BY id";

fn change(op: &str, position: i64, before: &Value, after: &Value) -> Event {
    let time = 1_793_491_200_000_i64 + position;
    let source = json!({ "version": "0.1.0", "connector": "pg-replicate-kafka", "ts_ms": time, "db": "app", "schema": "public",
        "table": "users", "lsn": format!("0/{position:X}"), "xid": position / 8 });
    let value = json!({ "schema": "public", "table": "users", "op": op, "ts_ms": time + 5, "before": before, "after": after,
        "source": source });
    record(None, &value)
}

fn user(id: i64, email: &str) -> Value {
    json!({ "id": id, "email": email, "created_at": "2026-11-01T10:00:00.5+02:00" })
}

#[tokio::test]
async fn a_table_of_pg_replicate_kafka_lands_and_what_it_sends_again_is_recognised() {
    let mut world = sample_world("pg-replicate-kafka", "users").await;
    world
        .sql("CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL, created_at timestamptz)")
        .await;
    let none = Value::Null;
    let events = [
        change("INSERT", 0x1634FA0, &none, &user(1, "a@example.com")),
        change("INSERT", 0x1634FB0, &none, &user(2, "b@example.com")),
        change(
            "UPDATE",
            0x1634FC0,
            &user(1, "a@example.com"),
            &user(1, "c@example.com"),
        ),
        change("DELETE", 0x1634FD0, &user(2, "b@example.com"), &none),
    ];
    for _ in 0..2 {
        send(&mut world, "users", &events).await;
        land(&world).await;
        let rows = ["1|c@example.com|2026-11-01 08:00:00.5"];
        assert_eq!(world.texts(ROWS).await, rows);
        assert_eq!(known_events(&world).await, 4);
    }
    read_again(&world, &["users"]).await;
}
