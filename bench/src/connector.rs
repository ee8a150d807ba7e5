//! Debezium at the source: a connector for each topic.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use serde_json::{Value, json};

use crate::database::Database;
use crate::stack::Stack;
use crate::wait;
use crate::workload::{Encoding, PARTITIONS, TABLE};

/// Source connectors, which are deleted when this goes out of scope.
pub struct Connectors<'s> {
    stack: &'s Stack,
    /// Under a name that it used before, a connector would go on where it was.
    run: u64,
}

impl<'s> Connectors<'s> {
    /// Deletes those that a bench which was killed left behind.
    ///
    /// # Errors
    /// What `dev/connector` says.
    pub fn new(stack: &'s Stack) -> Result<Self> {
        let run = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let connectors = Self { stack, run };
        connectors.delete()?;
        Ok(connectors)
    }

    fn delete(&self) -> Result<()> {
        let all = self.stack.dev("connector", &["list"], "")?;
        for name in all.lines().filter(|name| name.starts_with("bench-")) {
            self.stack.dev("connector", &["delete", name], "")?;
        }
        Ok(())
    }

    /// Starts one, with `more` than the usual properties, and waits until it runs.
    ///
    /// # Errors
    /// What `dev/connector` says.
    pub fn put(
        &self,
        database: &str,
        prefix: &str,
        encoding: Encoding,
        more: &[(&str, &str)],
    ) -> Result<()> {
        let name = format!("bench-{prefix}-{}", self.run);
        let mut config = config(self.stack, database, prefix, encoding)?;
        for (property, value) in more {
            config[*property] = json!(value);
        }
        self.stack
            .dev("connector", &["put", &name, "-"], &config.to_string())?;
        self.stack.dev("connector", &["wait", &name], "").map(drop)
    }
}

impl Drop for Connectors<'_> {
    fn drop(&mut self) {
        // what is left is deleted by the next run
        let _ = self.delete();
    }
}

/// The configuration of a source connector.
fn config(stack: &Stack, database: &str, prefix: &str, encoding: Encoding) -> Result<Value> {
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

fn slot(prefix: &str) -> String {
    format!("bench_{prefix}")
}

/// A slot that nobody reads keeps WAL, and one that somebody reads costs more than a sink.
///
/// # Errors
/// If it remains in use.
pub fn drop_slot(database: &Database, prefix: &str) -> Result<()> {
    let mut client = database.cluster()?;
    wait::until("the slot is free", Duration::from_secs(60), || {
        let sql = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1";
        Ok(client.execute(sql, &[&slot(prefix)]).ok().map(drop))
    })
}
