//! Contacts as the JDBC source connector polls them: Avro values, no keys, no deletes.

use apache_avro::Schema;
use serde_json::{Value, json};

use super::{land, read_again, registry, sample_world, send, topic};
use crate::evolution::schemas::describe;
use crate::support::Event;
use crate::support::avro::message;

const ROWS: &str = "SELECT concat_ws('|', id, name, email, to_char(updated_at, 'HH24:MI:SS.MS')) FROM crm.contacts ORDER BY id";

/// As AvroConverter registers a table's rows.
fn schema() -> Value {
    let time = json!({ "type": "long", "connect.version": 1, "connect.name": "org.apache.kafka.connect.data.Timestamp",
        "logicalType": "timestamp-millis" });
    json!({ "type": "record", "name": "contacts", "connect.name": "contacts", "fields": [
        { "name": "id", "type": "int" },
        { "name": "name", "type": "string" },
        { "name": "email", "type": ["null", "string"], "default": null },
        { "name": "updated_at", "type": time }] })
}

#[tokio::test]
async fn contacts_of_a_jdbc_source_land_in_a_table_that_makes_itself_and_no_older_row_wins() {
    let mut world = sample_world("jdbc-source-avro", "crm").await;
    let subject = format!("{}-value", topic(&world, "crm.contacts"));
    let id = registry().register(&subject, &schema());
    let schema = (id, Schema::parse_str(&schema().to_string()).unwrap());
    let row = |id: i64, name: &str, email: Option<&str>, ms: i64| Event {
        value: Some(message(
            &schema,
            json!({ "id": id, "name": name, "email": email, "updated_at": 1_793_491_200_000_i64 + ms }),
        )),
        ..Event::default()
    };
    let first = [
        row(1, "Ada", Some("ada@example.com"), 1),
        row(2, "Björn", None, 2),
    ];
    send(&mut world, "crm.contacts", &first).await;
    land(&world).await;
    assert_eq!(
        describe(&world, "crm.contacts").await,
        [
            "id integer not null",
            "name text not null",
            "email text",
            "updated_at timestamp without time zone not null",
            "PRIMARY KEY (id)"
        ]
    );
    // the connector lost its offsets after an update, and polls from an older one
    let changed = row(1, "Ada Lovelace", None, 3);
    send(&mut world, "crm.contacts", &[changed]).await;
    send(&mut world, "crm.contacts", &first).await;
    land(&world).await;
    let rows = ["1|Ada Lovelace|00:00:00.003", "2|Björn|00:00:00.002"];
    assert_eq!(world.texts(ROWS).await, rows);
    read_again(&world, &["crm.contacts"]).await;
}
