//! What ends the worker before it is told to stop.

use tokio::task::JoinError;

use crate::format::registry::RegistrySetupError;
use crate::kafka;
use crate::pipeline::caught_up::NotCaughtUp;
use crate::verdict::Failure;

/// Why the sink ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A client of Kafka's can't be had: mostly a property that librdkafka refuses.
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    /// The schema registry's client can't be had: a file for TLS that can't be used.
    #[error(transparent)]
    Registry(#[from] RegistrySetupError),
    /// Postgres' client can't be had: a file for TLS that can't be used.
    #[error(transparent)]
    Postgres(#[from] Failure),
    /// `--until-caught-up` would wait for ever.
    #[error(transparent)]
    NotCaughtUp(#[from] NotCaughtUp),
    /// Making its clients has panicked.
    #[error("the worker can't be started: {}", tell_end(.0))]
    StartFailed(JoinError),
    /// A lane has panicked.
    #[error("a lane failed: {}", tell_end(.0))]
    LaneFailed(JoinError),
    /// The poll thread has ended, and the lanes with it.
    #[error("reading from Kafka has ended")]
    ReadingEnded,
}

/// Its own words would hold the panic's, and those may hold a value.
fn tell_end(error: &JoinError) -> &'static str {
    match error.is_panic() {
        true => "it panicked, the log says where",
        false => "it was cut off",
    }
}
