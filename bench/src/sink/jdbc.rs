//! The Debezium JDBC sink, in a standalone Connect worker that does nothing else, with the heap and the
//! collector that Kafka's own start script gives it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::connector::converters;
use crate::machine;
use crate::process::Process;
use crate::sink::Task;
use crate::workload::TABLE;

pub const TASKS: usize = 4;
const JVM: [&str; 6] = [
    "-Xms256M",
    "-Xmx2G",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
];

pub fn start(bench: &Bench, task: &Task<'_>, tuned: bool) -> Result<Process> {
    let state = std::path::absolute(&bench.options.state)?;
    let (worker, connector) = (
        state.join("worker.properties"),
        state.join("connector.properties"),
    );
    std::fs::write(
        &worker,
        properties(&worker_config(bench, &state.to_string_lossy())?),
    )?;
    std::fs::write(
        &connector,
        properties(&connector_config(bench, task, tuned)?),
    )?;
    let mut command = Command::new("java");
    command
        .args(JVM)
        .arg(format!(
            "-Dlog4j2.configurationFile={}",
            std::path::absolute("dev/lib/log4j2.properties")?.display()
        ))
        .args(["-cp", bench.stack.value("KAFKA_CLASSPATH")?])
        .arg("org.apache.kafka.connect.cli.ConnectStandalone")
        .args([worker, connector]);
    Process::start(&mut command, &bench.log("jdbc"))
}

/// The sink's folder beside the Avro converter's, whichever connectors the stack's own Connect offers.
fn plugins(bench: &Bench) -> Result<String> {
    let path = bench.stack.value("CONNECT_PLUGINS")?;
    let converter = Path::new(path.split(',').next().unwrap_or_default());
    let cache = converter
        .parent()
        .context("the folder of Connect's plugins")?;
    let sink = cache.join(format!(
        "debezium-jdbc-{}",
        machine::version("DEBEZIUM_VERSION")
    ));
    ensure!(
        sink.is_dir(),
        "{} is missing: LANDFALL_STACK_DEBEZIUM=jdbc dev/stack fetch",
        sink.display()
    );
    Ok(format!("{},{}", converter.display(), sink.display()))
}

fn worker_config(bench: &Bench, state: &str) -> Result<Value> {
    Ok(json!({
        "bootstrap.servers": bench.kafka.brokers,
        "plugin.path": plugins(bench)?,
        "plugin.discovery": "service_load",
        "listeners": "http://127.0.0.1:0",
        "offset.storage.file.filename": format!("{state}/connect.offsets"),
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "connector.client.config.override.policy": "All",
    }))
}

fn connector_config(bench: &Bench, task: &Task<'_>, tuned: bool) -> Result<Value> {
    let (port, name) = (&task.destination.port, &task.destination.name);
    let mut config = json!({
        "name": task.name,
        "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
        "tasks.max": TASKS.to_string(),
        "topics": task.topics,
        "connection.url": format!("jdbc:postgresql://127.0.0.1:{port}/{name}"),
        "connection.username": "postgres",
        "connection.password": "postgres",
        "insert.mode": "upsert",
        "delete.enabled": "true",
        "primary.key.mode": "record_key",
        "primary.key.fields": "id",
        "schema.evolution": "none",
        "collection.name.format": TABLE,
    });
    let tuning = json!({
        "batch.size": "5000",
        "use.reduction.buffer": "true",
        "consumer.override.max.poll.records": "5000",
        "consumer.override.max.partition.fetch.bytes": "10485760",
        "consumer.override.fetch.max.bytes": "104857600",
    });
    let mut more = vec![converters(task.encoding, bench.stack.value("REGISTRY")?)];
    if tuned {
        more.push(tuning);
    }
    for more in more {
        if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more) {
            config.extend(more);
        }
    }
    Ok(config)
}

/// As Java reads them. No value has a line end or a backslash.
fn properties(config: &Value) -> String {
    let pairs = config.as_object().into_iter().flatten();
    let lines = pairs.filter_map(|(k, v)| Some(format!("{k}={}\n", v.as_str()?)));
    lines.collect()
}
