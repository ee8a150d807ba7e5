//! The Debezium JDBC sink, in a standalone Connect worker that does nothing else.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::connector::converters;
use crate::machine;
use crate::process::Process;
use crate::sink::Task;
use crate::wait;
use crate::workload::TABLE;

pub const TASKS: usize = 4;
/// The heap of Kafka's start script, and the collector that suits two cores: G1, which that script sets, costs the sink a
/// fifth here.
const JVM: [&str; 3] = ["-Xms256M", "-Xmx2G", "-XX:+UseParallelGC"];
const STARTING: Duration = Duration::from_secs(90);

/// A Connect worker that has no connector yet.
pub struct Worker {
    pub process: Process,
    /// Of its REST interface.
    address: String,
}

impl Worker {
    /// Starts one, and waits until it answers.
    ///
    /// # Errors
    /// If it doesn't start.
    pub fn start(bench: &Bench) -> Result<Self> {
        let state = std::path::absolute(&bench.options.state)?;
        let file = state.join("worker.properties");
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("http://127.0.0.1:{port}");
        let config = worker_config(bench, &state.to_string_lossy(), &address)?;
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
        let process = Process::start(&mut command, &bench.log("jdbc"))?;
        let mut worker = Self { process, address };
        wait::until("the Connect worker answers", STARTING, || {
            worker.process.is_well()?;
            Ok(worker.request("GET", "/", None).ok())
        })?;
        Ok(worker)
    }

    /// Has it begin a task.
    ///
    /// # Errors
    /// If it refuses.
    pub fn put(&self, bench: &Bench, task: &Task<'_>, tuned: bool) -> Result<()> {
        let config = connector_config(bench, task, tuned)?;
        let path = format!("/connectors/{}/config", task.name);
        self.request("PUT", &path, Some(&config))
    }

    /// Has it end a task.
    ///
    /// # Errors
    /// If it refuses.
    pub fn delete(&self, name: &str) -> Result<()> {
        self.request("DELETE", &format!("/connectors/{name}"), None)
    }

    fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Result<()> {
        let mut command = Command::new("curl");
        command.args([
            "--noproxy",
            "*",
            "--silent",
            "--show-error",
            "--fail-with-body",
        ]);
        command.args(["--max-time", "60", "--request", method]);
        if let Some(body) = body {
            command.args(["--header", "Content-Type: application/json"]);
            command.args(["--data-binary", &body.to_string()]);
        }
        let answer = command.arg(format!("{}{path}", self.address)).output()?;
        let said = String::from_utf8_lossy(&answer.stdout);
        ensure!(
            answer.status.success(),
            "Connect refused {method} {path}: {said}"
        );
        Ok(())
    }
}

/// Starts a worker that begins with the task at once, cold as its JVM is.
///
/// # Errors
/// If it doesn't start.
pub fn start(bench: &Bench, task: &Task<'_>, tuned: bool) -> Result<Process> {
    let worker = Worker::start(bench)?;
    worker.put(bench, task, tuned)?;
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
