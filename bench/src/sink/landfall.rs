//! `landfall run` with nothing set but brokers, group, topics, destination and, for Avro, the registry.

use std::process::Command;

use anyhow::Result;

use crate::bench::Bench;
use crate::process::Process;
use crate::sink::Task;
use crate::workload::Encoding;

pub fn start(bench: &Bench, task: &Task<'_>, variables: &[(String, String)]) -> Result<Process> {
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
    let path = bench.options.state.join("landfall.toml");
    std::fs::write(&path, file)?;
    let mut command = Command::new(&bench.options.landfall);
    command.arg("run").arg("--config").arg(&path);
    // what the caller has set for another Landfall
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LANDFALL_")) {
        command.env_remove(name);
    }
    command.envs(variables.iter().map(|(k, v)| (k, v)));
    Process::start(&mut command, &bench.log("landfall"))
}
