//! Topics that are unwrapped at their source, taken over from a sink of Kafka Connect's.

use serde_json::{Value, json};

use super::{land, read_again, record, sample_world, send, topic};
use crate::support::Event;

const ROWS: &str =
    "SELECT concat_ws('|', id, status, deleted_at IS NOT NULL) FROM orders ORDER BY id";

/// `delete.tombstone.handling.mode=rewrite`, `add.fields=op,lsn,source.ts_ms`.
fn row(op: &str, lsn: i64, id: i64, status: Option<&str>) -> Event {
    let value = json!({ "id": id, "status": status, "__deleted": (op == "d").to_string(), "__op": op, "__lsn": lsn,
        "__source_ts_ms": 1_793_491_200_000_i64 + lsn });
    record(Some(&json!({ "id": id })), &value)
}

#[tokio::test]
async fn unwrapped_topics_go_on_where_the_connector_stopped_and_deleted_rows_are_marked() {
    let mut world = sample_world("unwrapped", "shop").await;
    world
        .sql("CREATE TABLE orders (id bigint PRIMARY KEY, status text, deleted_at timestamptz)")
        .await;
    // what the connector had landed, one of which was changed by hand since
    let landed = [
        row("r", 10, 1, Some("new")),
        row("c", 20, 2, Some("new")),
        row("c", 30, 3, Some("new")),
    ];
    send(&mut world, "shop.public.orders", &landed).await;
    world
        .sql("INSERT INTO orders VALUES (1, 'new'), (2, 'new'), (3, 'mended')")
        .await;
    let orders = topic(&world, "shop.public.orders");
    world.kafka.reset(world.group(), &orders, 1, 3).await;
    let events = [
        row("u", 40, 1, Some("paid")),
        row("d", 50, 2, Some("new")),
        row("c", 60, 4, Some("new")),
        row("c", 70, 5, Some("new")),
        row("d", 80, 5, None),
        // a tombstone of another connector's: delete.tombstone.handling.mode=tombstone
        record(Some(&json!({ "id": 4 })), &Value::Null),
    ];
    send(&mut world, "shop.public.orders", &events).await;
    land(&world).await;
    let rows = ["1|paid|f", "2|new|t", "3|mended|f", "4|new|t", "5|new|t"];
    assert_eq!(world.texts(ROWS).await, rows);
    read_again(&world, &["orders"]).await;
}
