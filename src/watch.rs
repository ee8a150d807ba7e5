//! What others see of a running worker: metrics, health, progress, the log.

pub mod health;
pub mod http;
pub mod kafka_health;
mod lateness;
pub mod metrics;
pub mod progress;
pub mod sampled;
pub mod standing;
pub mod telemetry;
