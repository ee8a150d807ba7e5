//! Debezium at the source: a connector for each topic.

use anyhow::Result;
use serde_json::{Value, json};

use crate::stack::Stack;
use crate::workload::{Encoding, PARTITIONS, TABLE};

/// The configuration of a source connector, for `dev/connector put`.
///
/// # Errors
/// If the stack lacks a part.
pub fn config(stack: &Stack, database: &str, prefix: &str, encoding: Encoding) -> Result<Value> {
    let mut config = json!({
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "plugin.name": "pgoutput",
        "database.hostname": "127.0.0.1",
        "database.port": stack.source_port()?,
        "database.user": "postgres",
        "database.dbname": database,
        "slot.name": slot(prefix),
        "publication.name": "bench",
        "publication.autocreate.mode": "disabled",
        "topic.prefix": prefix,
        "table.include.list": format!("public.{TABLE}"),
        "snapshot.mode": "initial",
        "topic.creation.default.partitions": PARTITIONS.to_string(),
        "topic.creation.default.replication.factor": "1",
        "topic.creation.default.retention.ms": "-1",
    });
    let more = converters(encoding, stack.value("REGISTRY")?);
    if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more) {
        config.extend(more);
    }
    Ok(config)
}

/// How a connector, source or sink, writes or reads keys and values.
pub fn converters(encoding: Encoding, registry: &str) -> Value {
    let mut config = json!({});
    for side in ["key", "value"] {
        let mut set =
            |name: &str, value: String| config[format!("{side}.converter{name}")] = json!(value);
        if encoding == Encoding::Avro {
            set(
                "",
                "io.apicurio.registry.utils.converter.AvroConverter".to_owned(),
            );
            set(
                ".apicurio.registry.url",
                format!("{registry}/apis/registry/v2"),
            );
            for (name, value) in [
                ("auto-register", "true"),
                ("find-latest", "true"),
                ("as-confluent", "true"),
                ("use-id", "contentId"),
                ("headers.enabled", "false"),
            ] {
                set(&format!(".apicurio.registry.{name}"), value.to_owned());
            }
        } else {
            set("", "org.apache.kafka.connect.json.JsonConverter".to_owned());
            set(".schemas.enable", (encoding == Encoding::Json).to_string());
        }
    }
    if encoding == Encoding::Avro {
        config["schema.name.adjustment.mode"] = json!("avro");
    }
    config
}

pub fn slot(prefix: &str) -> String {
    format!("bench_{prefix}")
}
