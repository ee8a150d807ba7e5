//! MySQL's tables of several tenants, whose topics' names say where their rows go.

use serde_json::{Value, json};

use super::{known_events, land, read_again, record, sample_world, send, topic};
use crate::support::{Event, World};

/// At this place in the binary log; `row` is what is left of the row.
fn change(op: &str, database: &str, table: &str, place: i64, id: i64, row: Option<Value>) -> Event {
    let source = json!({ "version": "3.6.0.Final", "connector": "mysql", "name": "monitor-4", "ts_ms": 1_793_491_200_000_i64 + place,
        "snapshot": "false", "db": database, "sequence": null, "table": table, "server_id": 1, "gtid": null,
        "file": "binlog.000003", "pos": place, "row": 0, "thread": 7, "query": null });
    let before = (op == "d").then(|| json!({ "id": id }));
    let value = json!({ "before": before, "after": row, "source": source, "op": op, "ts_ms": 1_793_491_200_900_i64 });
    record(Some(&json!({ "id": id })), &value)
}

fn line(op: &str, tenant: &str, place: i64, id: i64, sku: Option<&str>) -> Event {
    let row = sku.map(|sku| json!({ "id": id, "sku": sku }));
    change(op, &format!("{tenant}_shop"), "order_line", place, id, row)
}

async fn lines(world: &World, tenant: &str) -> Vec<String> {
    let sql = format!(
        "SELECT concat_ws('|', id, sku, substr(_topic, strpos(_topic, 'monitor-4')), _offset, to_char(_changed_at AT TIME ZONE 'UTC', 'HH24:MI:SS.MS'), _origin)
         FROM {tenant}.order_line ORDER BY id"
    );
    world.texts(&sql).await
}

#[tokio::test]
async fn topics_of_tenants_land_in_a_schema_each_and_their_rows_say_where_they_are_from() {
    let mut world = sample_world("tenants-mysql", "monitor-4").await;
    let facts = "_topic text, _offset bigint, _changed_at timestamptz, _origin text";
    for (table, columns) in [
        ("acme.order_line", "sku text"),
        ("globex.order_line", "sku text"),
        ("acme.contact", "email text"),
    ] {
        let schema = table.split('.').next().unwrap();
        world
            .sql(&format!(
                "CREATE SCHEMA IF NOT EXISTS {schema}; CREATE TABLE {table} (id bigint PRIMARY KEY, {columns}, {facts})"
            ))
            .await;
    }
    let gone = record(Some(&json!({ "id": 2 })), &Value::Null);
    let acme = [
        line("c", "acme", 100, 1, Some("a")),
        line("c", "acme", 200, 2, Some("b")),
        line("u", "acme", 300, 1, Some("c")),
        line("d", "acme", 400, 2, None),
        gone,
    ];
    let globex = [line("r", "globex", 50, 1, Some("z"))];
    let email = json!({ "id": 5, "email": "e@example.com" });
    let contacts = [change("c", "acme_crm", "contact", 500, 5, Some(email))];
    // provide.transaction.metadata, under the connector's prefix and topic.delimiter=_
    let marker = |status: &str| {
        let value = json!({ "status": status, "id": "file=binlog.000003,pos=90", "event_count": null, "data_collections": null,
            "ts_ms": 1_793_491_200_000_i64 });
        record(Some(&json!({ "id": "file=binlog.000003,pos=90" })), &value)
    };
    send(
        &mut world,
        "monitor-4_transaction",
        &[marker("BEGIN"), marker("END")],
    )
    .await;
    for _ in 0..2 {
        send(&mut world, "monitor-4_acme_shop_order_line", &acme).await;
        send(&mut world, "monitor-4_globex_shop_order_line", &globex).await;
        send(&mut world, "monitor-4_acme_crm_contact", &contacts).await;
        land(&world).await;
        assert_eq!(
            lines(&world, "acme").await,
            ["1|c|monitor-4_acme_shop_order_line|2|00:00:00.300|monitor-4"]
        );
        assert_eq!(
            lines(&world, "globex").await,
            ["1|z|monitor-4_globex_shop_order_line|0|00:00:00.050|monitor-4"]
        );
        let contact = world
            .texts("SELECT concat_ws('|', id, email, _topic) FROM acme.contact")
            .await;
        let from = topic(&world, "monitor-4_acme_crm_contact");
        assert_eq!(contact, [format!("5|e@example.com|{from}")]);
        assert_eq!(known_events(&world).await, 6);
    }
    read_again(
        &world,
        &["acme.order_line", "globex.order_line", "acme.contact"],
    )
    .await;
}
