//! Has both sinks land the topics, each from nothing into a database of its own.

use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use postgres::Client;
use serde_json::{Value, json};

use super::fixture::{Encoding, Fixture};
use crate::bench::Bench;
use crate::connector::converters;
use crate::database::Database;
use crate::sink::jdbc::Connect;
use crate::sink::worker::Worker as _;
use crate::wait;
use crate::workload;

const PATIENCE: Duration = Duration::from_secs(90);

/// Topics and their names.
pub type Topics = [(Fixture, String)];

/// # Errors
/// What Landfall says.
pub fn land_by_landfall(bench: &Bench, topics: &Topics, into: &Database) -> Result<()> {
    let names: Vec<&str> = topics.iter().map(|(_, name)| name.as_str()).collect();
    let mut file = format!(
        "[kafka]\nbrokers = {:?}\ngroup = \"bench-tables-{}\"\ntopics = {names:?}\n\n[format.registry]\nurl = \"{}/apis/ccompat/v7\"\n\n\
         [postgres]\nurl = {:?}\n\n[apply]\nschema_evolution = \"create\"\n\n[http]\nlisten = \"127.0.0.1:0\"\n",
        bench.kafka.brokers,
        now()?,
        bench.stack.value("REGISTRY")?,
        into.url()
    );
    file.extend(topics.iter().map(|(fixture, name)| fixture.route(name)));
    let path = bench.options.state.join("tables.toml");
    std::fs::write(&path, file)?;
    let mut command = Command::new(&bench.options.landfall);
    command
        .args([
            "run",
            "--until-caught-up",
            "--fail-on-dead-letters",
            "--config",
        ])
        .arg(&path);
    let output = command.output().context("starting Landfall")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "landfall run: {}", said.trim_end());
    Ok(())
}

/// # Errors
/// If it gives up, or takes too long.
pub fn land_by_jdbc(bench: &Bench, topics: &Topics, into: &Database) -> Result<()> {
    let mut worker = Connect::start(bench, false)?;
    let run = now()?;
    for (fixture, topic) in topics {
        let config = connector_config(bench, fixture, topic, into)?;
        worker.put_config(&format!("bench-tables-{}-{run}", fixture.table), &config)?;
    }
    let mut client = into.connect()?;
    wait::until("the JDBC sink has landed the rows", PATIENCE, || {
        worker.process().is_well()?;
        let landed = topics
            .iter()
            .all(|(fixture, _)| rows(&mut client, fixture) == 2);
        Ok(landed.then_some(()))
    })
}

/// None if there is no table.
fn rows(client: &mut Client, fixture: &Fixture) -> i64 {
    let sql = format!("SELECT count(*) FROM {}", fixture.table);
    client.query_one(&sql, &[]).map_or(0, |row| row.get(0))
}

fn connector_config(
    bench: &Bench,
    fixture: &Fixture,
    topic: &str,
    into: &Database,
) -> Result<Value> {
    let key_mode = if fixture.has_key {
        "record_key"
    } else {
        "record_value"
    };
    let mut config = json!({
        "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
        "tasks.max": "1",
        "topics": topic,
        "connection.url": format!("jdbc:postgresql://127.0.0.1:{}/{}", into.port, into.name),
        "connection.username": "postgres",
        "connection.password": "postgres",
        "insert.mode": "upsert",
        "primary.key.mode": key_mode,
        "primary.key.fields": "id",
        "schema.evolution": "basic",
        "collection.name.format": fixture.table,
    });
    let encoding = match fixture.encoding {
        Encoding::Json => workload::Encoding::Json,
        Encoding::Avro => workload::Encoding::Avro,
    };
    let more = converters(encoding, bench.stack.value("REGISTRY")?);
    if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more) {
        config.extend(more);
    }
    Ok(config)
}

/// Under a name that was used before, a sink would go on where it was.
fn now() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}
