//! The spans of a batch, by the names of OpenTelemetry's conventions for messaging and for databases (1.44). While nothing
//! is sent anywhere they are disabled where they stand, and cost a look at a flag.

mod messaging;
mod statement;

use std::sync::OnceLock;

use tracing::{Span, info_span};

use crate::config::Config;
pub use crate::watch::spans::messaging::{commit_offsets, process_records, send_letters};
pub use crate::watch::spans::statement::{Statement, run_statement};

/// The target of all spans: what the log leaves out, and what is sent.
pub const TARGET: &str = "landfall::span";

/// What is the same in all spans of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scene {
    /// The consumer group.
    pub group: String,
    /// The destination's database.
    pub database: String,
    /// The server that has it.
    pub host: String,
    /// The port that it listens at.
    pub port: u16,
}

impl Scene {
    /// What the configuration names; of several servers the first.
    pub fn from_config(config: &Config) -> Self {
        let (host, port) = config.postgres.first_server();
        Self {
            group: config.kafka.group.clone(),
            database: config.postgres.database().to_owned(),
            host,
            port,
        }
    }
}

static SCENE: OnceLock<Scene> = OnceLock::new();

/// Says once what is the same in all spans. Before that there are none but of whole batches.
pub fn set_scene(scene: Scene) {
    _ = SCENE.set(scene);
}

fn group() -> Option<&'static str> {
    SCENE.get().map(|scene| scene.group.as_str())
}

/// Notes that what the current span does has failed for good, for now: `what` is one of few words. What is tried again isn't
/// that.
pub fn note_failure(what: &str) {
    note_failure_of(&Span::current(), what);
}

fn note_failure_of(span: &Span, what: &str) {
    span.record("otel.status_code", "ERROR");
    span.record("error.type", what);
}

/// Part of what the current span does; nothing, if there is none or nothing is sent. (That isn't asked of tracing: a question
/// that no span follows leaves its answer behind, by which the log would leave out its next line.)
fn part(make: impl FnOnce() -> Span) -> Span {
    match SCENE.get().is_some() && !Span::current().is_none() {
        true => make(),
        false => Span::none(),
    }
}

/// A step of Landfall's own.
pub fn step(name: &'static str) -> Span {
    part(|| info_span!(target: TARGET, "step", otel.name = name, otel.kind = "INTERNAL"))
}
