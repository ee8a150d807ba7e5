//! What the figures were taken on.

use std::process::Command;

use anyhow::Result;

use crate::bench::Bench;
use crate::database::Database;

/// Short, with a + if files differ from it.
pub fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output();
        output
            .map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
            .unwrap_or_default()
    };
    let commit = git(&["rev-parse", "--short", "HEAD"]);
    let changed = git(&[
        "status",
        "--porcelain",
        "--untracked-files=no",
        "src",
        "Cargo.lock",
    ]);
    format!("{commit}{}", if changed.is_empty() { "" } else { "+" })
}

fn read(file: &str) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}

/// Of the first line that begins so, what follows the separator.
fn value(text: &str, name: &str, separator: char) -> String {
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|l| l.split_once(separator))
        .map(|(_, v)| v.trim().to_owned())
        .unwrap_or_default()
}

/// What dev/versions.env pins.
pub fn version(name: &str) -> String {
    value(&read("dev/versions.env"), name, '=')
}

/// The destination's.
///
/// # Errors
/// If it isn't up.
pub fn postgres_version(bench: &Bench) -> Result<String> {
    let mut client = Database::destination(&bench.stack, "postgres")?.connect()?;
    Ok(client.query_one("SHOW server_version", &[])?.get(0))
}

/// Lines for the results.
///
/// # Errors
/// If the destination isn't up.
pub fn facts(bench: &Bench) -> Result<Vec<String>> {
    let cpu = value(&read("/proc/cpuinfo"), "model name", ':');
    let cores = std::thread::available_parallelism()?;
    let memory = value(&read("/proc/meminfo"), "MemTotal", ':');
    let gigabytes = memory
        .split(' ')
        .next()
        .and_then(|kb| kb.parse::<u64>().ok())
        .unwrap_or_default()
        >> 20;
    let kernel = read("/proc/sys/kernel/osrelease");
    let postgres = postgres_version(bench)?;
    Ok(vec![
        format!(
            "{cores} cores of {cpu}, {gigabytes} GiB, Linux {}; broker, sink and Postgres on this one machine",
            kernel.trim()
        ),
        format!(
            "Kafka and Kafka Connect {}, Debezium and its JDBC sink {}, Flink {} with its JDBC connector {}, Postgres {postgres}",
            version("KAFKA_VERSION"),
            version("DEBEZIUM_VERSION"),
            version("FLINK_VERSION"),
            version("FLINK_JDBC_VERSION")
        ),
    ])
}
