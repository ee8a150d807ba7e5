//! `landfall run` with nothing set but brokers, group, topics, destination and, for Avro, the registry.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::bench::Bench;
use crate::database::Database;
use crate::process::Process;
use crate::sink::{Settings, Task};
use crate::workload::{Encoding, Topic};

pub fn start(bench: &Bench, task: &Task<'_>, settings: &Settings) -> Result<Process> {
    let mut command = command(bench, task, "run", settings.routes)?;
    command.envs(settings.variables.iter().map(|(k, v)| (k, v)));
    Process::start(&mut command, &bench.log("landfall"))
}

/// Makes the bookkeeping tables, with those that `run` would make at its start.
///
/// # Errors
/// What Landfall says.
pub fn prepare(bench: &Bench, destination: &Database, topic: Topic) -> Result<()> {
    let task = Task {
        name: "bench",
        topics: &topic.full_name(),
        encoding: topic.encoding,
        destination,
    };
    for subcommand in ["migrate", "prune"] {
        let output = command(bench, &task, subcommand, "")?.output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "landfall {subcommand}: {}",
            said.trim_end()
        );
    }
    Ok(())
}

fn command(bench: &Bench, task: &Task<'_>, subcommand: &str, routes: &str) -> Result<Command> {
    let mut file = format!(
        "[kafka]\nbrokers = {:?}\ngroup = {:?}\ntopics = [{:?}]\n\n[postgres]\nurl = {:?}\n\n[http]\nlisten = \"127.0.0.1:0\"\n",
        bench.kafka.brokers,
        task.name,
        task.topics,
        task.destination.url()
    );
    if task.encoding == Encoding::Avro {
        let registry = bench.stack.value("REGISTRY")?;
        file += &format!(
            "\n[format]\nencoding = \"avro\"\n\n[format.registry]\nurl = \"{registry}/apis/ccompat/v7\"\n"
        );
    }
    if task.encoding == Encoding::Plain {
        file += "\n[format.schemaless]\ndecimals = \"base64\"\n";
    }
    file += routes;
    let path = bench.options.state.join("landfall.toml");
    std::fs::write(&path, file)?;
    let mut command = Command::new(&bench.options.landfall);
    command.arg(subcommand).arg("--config").arg(&path);
    // what the caller has set for another Landfall
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LANDFALL_")) {
        command.env_remove(name);
    }
    Ok(command)
}
