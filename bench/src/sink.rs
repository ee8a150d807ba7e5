//! The sinks that are compared.

pub mod jdbc;
pub mod landfall;

use anyhow::Result;

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

    /// # Errors
    /// If it can't be started.
    pub fn start(&self, bench: &Bench, task: &Task<'_>) -> Result<Process> {
        match self {
            Sink::Landfall(settings) => landfall::start(bench, task, settings),
            Sink::Jdbc { tuned } => jdbc::start(bench, task, *tuned),
        }
    }

    /// The consumer group that it is in.
    pub fn group(&self, task: &Task<'_>) -> String {
        match self {
            Sink::Landfall(_) => task.name.to_owned(),
            Sink::Jdbc { .. } => format!("connect-{}", task.name),
        }
    }

    /// How many consumers it has.
    pub fn members(&self) -> usize {
        match self {
            Sink::Landfall(_) => 1,
            Sink::Jdbc { .. } => jdbc::TASKS,
        }
    }
}
