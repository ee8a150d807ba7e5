//! Envelopes in Avro, taken over from Debezium's JDBC sink.

use serde_json::json;

use super::{land, read_again, registry, sample_world, send, topic};
use crate::evolution::schemas::describe;
use crate::support::events::{delete, insert, tombstone, update};

const ROWS: &str = "SELECT concat_ws('|', id, version, body) FROM inventory_public_t ORDER BY id";

#[tokio::test]
async fn envelopes_go_on_where_the_jdbc_sink_stopped_in_its_tables_and_in_new_ones() {
    let mut world = sample_world("debezium-jdbc-sink", "inventory").await;
    let name = topic(&world, "inventory.public.t");
    let encoder = registry().encoder(
        &name,
        &[(
            "at",
            json!({ "type": "long", "connect.name": "io.debezium.time.Timestamp" }),
        )],
    );
    world
        .sql("CREATE TABLE inventory_public_t (id bigint PRIMARY KEY, version bigint, body text)")
        .await;
    let landed = encoder.all(&[insert(1, 1, 1), insert(2, 2, 1), insert(3, 3, 1)]);
    send(&mut world, "inventory.public.t", &landed).await;
    world
        .sql("INSERT INTO inventory_public_t VALUES (1, 1, 'mended'), (2, 1, 'b'), (3, 1, 'b')")
        .await;
    world.kafka.reset(world.group(), &name, 1, 3).await;
    let mut events = encoder.all(&[update(4, 2, 2), delete(5, 3)]);
    events.push(encoder.encode(&tombstone(3)));
    send(&mut world, "inventory.public.t", &events).await;
    land(&world).await;
    assert_eq!(world.texts(ROWS).await, ["1|1|mended", "2|2|body 2 2"]);
    let columns = describe(&world, "inventory_public_t").await;
    assert!(
        columns.iter().any(|column| column.starts_with("at ")),
        "{columns:?}"
    );
    read_again(&world, &["inventory_public_t"]).await;
}
