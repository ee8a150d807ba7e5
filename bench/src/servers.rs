//! What Postgres and Kafka cost meanwhile: no sink can be quicker than the machine is without it.

use anyhow::{Context as _, Result};

use crate::database::Database;
use crate::process::ticks_of;
use crate::stack::Stack;

/// The destination's Postgres and Kafka, as processes.
pub struct Servers {
    postmaster: u32,
    kafka: u32,
}

/// CPU seconds, since they were started.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerUsage {
    pub postgres: f64,
    pub kafka: f64,
}

impl Servers {
    /// # Errors
    /// If one of them isn't there.
    pub fn find(stack: &Stack) -> Result<Self> {
        let mut client = Database::destination(stack, "postgres")?.connect()?;
        let backend: i32 = client.query_one("SELECT pg_backend_pid()", &[])?.get(0);
        let postmaster = ticks_of(u32::try_from(backend)?)?.parent;
        Ok(Self {
            postmaster,
            kafka: stack.kafka_pid()?,
        })
    }

    /// So far.
    ///
    /// # Errors
    /// If one of them is gone.
    pub fn usage(&self) -> Result<ServerUsage> {
        let own = ticks_of(self.postmaster)?;
        let children = std::fs::read_dir("/proc")?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(|pid| ticks_of(pid).ok())
            .filter(|process| process.parent == self.postmaster);
        // sessions that have ended are counted with the postmaster
        let postgres = children.map(|child| child.own).sum::<f64>() + own.own + own.of_children;
        Ok(ServerUsage {
            postgres,
            kafka: ticks_of(self.kafka).context("Kafka")?.own,
        })
    }
}

impl ServerUsage {
    /// What was used between two readings.
    pub fn since(self, before: Self) -> Self {
        Self {
            postgres: self.postgres - before.postgres,
            kafka: self.kafka - before.kafka,
        }
    }
}
