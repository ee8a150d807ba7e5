//! What others see of a running worker: metrics, health, progress, the page, the log, spans.

pub mod health;
pub mod held_back;
pub mod http;
pub mod kafka_health;
mod kept_traces;
mod lateness;
pub mod lineage;
mod log_line;
pub mod metrics;
pub mod page;
pub mod panics;
mod position;
pub mod progress;
pub mod recent_ddl;
pub mod sampled;
mod span_queue;
pub mod spans;
pub mod standing;
pub mod telemetry;
mod trace_links;
pub mod traces;
