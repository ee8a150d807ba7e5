//! Bookings and tickets with their schemas, and heartbeats among them.

use serde_json::{Value, json};

use super::{known_events, land, read_again, record, sample_world, send};
use crate::evolution::schemas::{FieldSchema, describe, optional, required, with_schemas};
use crate::support::Event;
use crate::support::events::{change_of, tombstone};

fn booking(op: &str, lsn: i64, id: i64, row: Option<Value>, more: &[FieldSchema<'_>]) -> Event {
    let mut fields = vec![
        required("id", "int64"),
        required("guest_name", "string"),
        optional("email", "string"),
        optional("nights", "int32"),
        optional("internal_note", "string"),
    ];
    fields.extend_from_slice(more);
    with_schemas(
        change_of("bookings", op, lsn, json!({ "id": id }), row),
        &fields,
    )
}

fn row(id: i64, nights: i64) -> Value {
    json!({ "id": id, "guest_name": "Ada Lovelace", "email": "ada@example.com", "nights": nights, "internal_note": "pays late" })
}

fn heartbeat(ms: i64) -> Event {
    let field = |kind: &str, name: &str| json!({ "type": kind, "optional": false, "field": name });
    let key = json!({ "schema": { "type": "struct", "fields": [field("string", "serverName")],
        "name": "io.debezium.connector.common.ServerNameKey" }, "payload": { "serverName": "cdc.bookings" } });
    let value = json!({ "schema": { "type": "struct", "fields": [field("int64", "ts_ms")],
        "name": "io.debezium.connector.common.Heartbeat" }, "payload": { "ts_ms": ms } });
    record(Some(&key), &value)
}

#[tokio::test]
async fn bookings_and_tickets_land_without_guests_names_and_heartbeats_are_passed_over() {
    let mut world = sample_world("bookings", "cdc").await;
    world
        .sql(
            "CREATE SCHEMA bookings;
             CREATE TABLE bookings.bookings (id bigint PRIMARY KEY, guest_name text NOT NULL, email text, nights int);
             CREATE TABLE bookings.tickets (id bigint PRIMARY KEY, seat text)",
        )
        .await;
    let channel = optional("channel", "string");
    let mut changed = row(1, 3);
    changed["channel"] = "phone".into();
    let bookings = [
        booking("c", 10, 1, Some(row(1, 2)), &[]),
        booking("c", 20, 2, Some(row(2, 5)), &[]),
        // the source has a new column
        booking("u", 30, 1, Some(changed), &[channel]),
        booking("d", 40, 2, None, &[]),
        tombstone(2),
    ];
    let ticket = json!({ "id": 9, "seat": "12A" });
    let ticket = change_of("tickets", "c", 50, json!({ "id": 9 }), Some(ticket));
    let seats = [required("id", "int64"), optional("seat", "string")];
    for _ in 0..2 {
        // topic.heartbeat.prefix = "cdc.heartbeat", topic.prefix = "bookings"
        send(
            &mut world,
            "cdc.heartbeat.bookings",
            &[heartbeat(1), heartbeat(2)],
        )
        .await;
        send(&mut world, "cdc.bookings.public.bookings", &bookings).await;
        let tickets = [with_schemas(ticket.clone(), &seats)];
        send(&mut world, "cdc.bookings.public.tickets", &tickets).await;
        land(&world).await;
        let rows = "SELECT concat_ws('|', id, guest_name, length(email), email LIKE '%@%', nights, channel) FROM bookings.bookings";
        assert_eq!(world.texts(rows).await, ["1|hidden|64|f|3|phone"]);
        let tickets = world.texts("SELECT t::text FROM bookings.tickets t").await;
        assert_eq!(tickets, ["(9,12A)"]);
        assert_eq!(known_events(&world).await, 5);
    }
    let columns = describe(&world, "bookings.bookings").await;
    assert!(columns.contains(&"channel text".to_owned()), "{columns:?}");
    let note = columns.iter().find(|column| column.contains("note"));
    assert_eq!(note, None);
    read_again(&world, &["bookings.bookings", "bookings.tickets"]).await;
}
