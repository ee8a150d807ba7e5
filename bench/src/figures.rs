//! The raw figures: a file of JSON lines for each experiment, so that one can be run again by itself.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::measure::Measured;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figure {
    pub variant: String,
    pub round: usize,
    pub measured: Option<Measured>,
    pub latency: Option<Latency>,
    /// Why there is no figure: it failed, or its destination differed.
    pub error: Option<String>,
    /// Of the repository, with a + if its files differ from it.
    pub commit: String,
    /// Seconds since 1970.
    pub at: u64,
}

/// In milliseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Latency {
    pub p50: f64,
    pub p99: f64,
    /// From the record's timestamp in Kafka: the sink's own share, and the broker's.
    pub own_p50: f64,
    pub own_p99: f64,
}

impl Figure {
    /// Records a second.
    pub fn rate(&self) -> Option<f64> {
        self.measured.map(|m| m.records as f64 / m.seconds)
    }

    /// Seconds a million records.
    pub fn cpu(&self) -> Option<f64> {
        self.measured
            .map(|m| m.cpu_seconds / m.records as f64 * 1e6)
    }
}

impl Measured {
    /// Records a second that this machine could do if the sink cost nothing: what Postgres and Kafka used for them is all
    /// that its cores have to do. None where that wasn't measured.
    pub fn free_sink_rate(&self, cores: usize) -> Option<f64> {
        let servers = self.postgres_seconds + self.kafka_seconds;
        (self.postgres_seconds > 0.0).then(|| self.records as f64 * cores as f64 / servers)
    }
}

fn file(state: &Path, experiment: &str) -> PathBuf {
    state.join("figures").join(format!("{experiment}.jsonl"))
}

/// Those there are; none if it was never run.
///
/// # Errors
/// If the file can't be understood.
pub fn read(state: &Path, experiment: &str) -> Result<Vec<Figure>> {
    let file = file(state, experiment);
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let figures = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>();
    figures.with_context(|| file.display().to_string())
}

/// Puts figures in the place of older ones of the same variants.
///
/// # Errors
/// If they can't be written.
pub fn replace(state: &Path, experiment: &str, new: &[Figure]) -> Result<()> {
    let mut all = read(state, experiment)?;
    all.retain(|old| !new.iter().any(|n| n.variant == old.variant));
    all.extend_from_slice(new);
    let lines: Vec<String> = all
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<_, _>>()?;
    let file = file(state, experiment);
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&file, lines.join("\n") + "\n").with_context(|| file.display().to_string())
}
