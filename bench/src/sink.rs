//! The sinks that are compared.

pub mod flink;
pub mod jdbc;
pub mod landfall;
pub mod worker;

use anyhow::{Result, bail};

use crate::bench::Bench;
use crate::database::Database;
use crate::process::Process;
use crate::workload::Encoding;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// In its default configuration, but for this.
    Landfall(Settings),
    /// The Debezium JDBC sink, in a Connect worker of its own.
    Jdbc { tuned: bool },
    /// Flink's JDBC upsert sink, in a mini cluster.
    Flink { tuned: bool },
}

/// What is set for Landfall.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Names and values.
    pub variables: Vec<(String, String)>,
    /// Behind the other sections of its file.
    pub routes: &'static str,
}

/// What a sink has to do.
pub struct Task<'a> {
    /// A new one each time; the JDBC sink's begins with `connect-`, which is not part of this.
    pub name: &'a str,
    /// Names, or one pattern that begins with ^.
    pub topics: &'a str,
    pub encoding: Encoding,
    pub destination: &'a Database,
}

impl Sink {
    pub fn landfall() -> Self {
        Self::Landfall(Settings::default())
    }

    /// With routes.
    pub fn landfall_led(routes: &'static str) -> Self {
        Self::Landfall(Settings {
            routes,
            ..Settings::default()
        })
    }

    /// With one key set.
    pub fn landfall_with(variable: &str, value: &str) -> Self {
        Self::Landfall(Settings {
            variables: vec![(variable.to_owned(), value.to_owned())],
            ..Settings::default()
        })
    }

    /// Starts it as it comes, a JVM cold.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start(&self, bench: &Bench, task: &Task<'_>) -> Result<Process> {
        match self {
            Sink::Landfall(settings) => landfall::start(bench, task, settings),
            Sink::Jdbc { tuned } => jdbc::start(bench, task, *tuned),
            Sink::Flink { .. } => bail!("Flink's job is only made for the topics of the workloads"),
        }
    }

    /// Whether the last rows that it writes may be there while deletes from before them aren't: Flink's connector writes what it
    /// has buffered in two statements, upserts first, each a transaction of its own.
    pub fn deletes_last(&self) -> bool {
        matches!(self, Sink::Flink { .. })
    }

    /// Whether all of its consumers have their partitions.
    ///
    /// # Errors
    /// As Kafka says.
    pub fn is_reading(&self, bench: &Bench, task: &Task<'_>, process: &Process) -> Result<bool> {
        let settled = |group: &str, members| {
            let there = bench.kafka.settled_members(group)?;
            Ok(there == Some(members))
        };
        match self {
            Sink::Landfall(_) => settled(task.name, 1),
            Sink::Jdbc { .. } => settled(&format!("connect-{}", task.name), jdbc::TASKS),
            Sink::Flink { .. } => Ok(flink::is_reading(process, task.name)),
        }
    }
}
