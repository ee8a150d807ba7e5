//! The Debezium JDBC sink, in a standalone Connect worker that does nothing else.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::connector::converters;
use crate::machine;
use crate::process::Process;
use crate::sink::Task;
use crate::sink::worker::{Address, Body, JVM, Worker};
use crate::workload::TABLE;

pub const TASKS: usize = 4;

/// A Connect worker that has no connector yet.
pub struct Connect {
    process: Process,
    /// Of its REST interface.
    address: Address,
    tuned: bool,
}

impl Connect {
    /// Starts one, and waits until it answers.
    ///
    /// # Errors
    /// If it doesn't start.
    pub fn start(bench: &Bench, tuned: bool) -> Result<Self> {
        let state = std::path::absolute(&bench.options.state)?;
        let file = state.join("worker.properties");
        let address = Address::new()?;
        let config = worker_config(bench, &state.to_string_lossy(), &address.url())?;
        std::fs::write(&file, properties(&config))?;
        let mut command = Command::new("java");
        command
            .args(JVM)
            .arg(format!(
                "-Dlog4j2.configurationFile={}",
                std::path::absolute("dev/lib/log4j2.properties")?.display()
            ))
            .args(["-cp", bench.stack.value("KAFKA_CLASSPATH")?])
            .arg("org.apache.kafka.connect.cli.ConnectStandalone")
            .arg(file);
        let mut process = Process::start(&mut command, &bench.log("jdbc"))?;
        address.await_answer("the Connect worker", &mut process)?;
        Ok(Self {
            process,
            address,
            tuned,
        })
    }

    /// Has it begin with a connector of this name.
    ///
    /// # Errors
    /// If it refuses.
    pub fn put_config(&self, name: &str, config: &Value) -> Result<()> {
        let body = Body {
            media_type: "application/json",
            text: &config.to_string(),
        };
        let path = format!("/connectors/{name}/config");
        self.address.request("PUT", &path, Some(body))
    }
}

impl Worker for Connect {
    fn put(&self, bench: &Bench, task: &Task<'_>) -> Result<()> {
        self.put_config(task.name, &connector_config(bench, task, self.tuned)?)
    }

    fn delete(&self, name: &str) -> Result<()> {
        let path = format!("/connectors/{name}");
        self.address.request("DELETE", &path, None)
    }

    fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    fn into_process(self) -> Process {
        self.process
    }
}

/// Starts a worker that begins with the task at once, cold as its JVM is.
///
/// # Errors
/// If it doesn't start.
pub fn start(bench: &Bench, task: &Task<'_>, tuned: bool) -> Result<Process> {
    let worker = Connect::start(bench, tuned)?;
    worker.put(bench, task)?;
    Ok(worker.process)
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

fn worker_config(bench: &Bench, state: &str, address: &str) -> Result<Value> {
    Ok(json!({
        "bootstrap.servers": bench.kafka.brokers,
        "plugin.path": plugins(bench)?,
        "plugin.discovery": "service_load",
        "listeners": address,
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
