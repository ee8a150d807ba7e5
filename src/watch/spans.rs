//! The spans of a batch, by the names of OpenTelemetry's conventions for messaging and for databases (1.44). While nothing
//! is sent anywhere they are disabled where they stand, and cost a look at a flag.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::OnceLock;

use tracing::field::Empty;
use tracing::{Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::config::Config;
use crate::record::Record;
use crate::watch::trace_links::linked_contexts;

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

/// Landing records, from decoding them to committing their offsets; linked to the spans that their `traceparent` headers
/// name.
pub fn process_records(lane: usize, records: &[Record]) -> Span {
    let span = info_span!(
        target: TARGET,
        "process",
        otel.name = Empty,
        otel.kind = "CONSUMER",
        otel.status_code = Empty,
        error.type = Empty,
        messaging.system = "kafka",
        messaging.operation.name = "process",
        messaging.operation.type = "process",
        messaging.consumer.group.name = group(),
        messaging.batch.message_count = records.len(),
        messaging.destination.name = Empty,
        messaging.destination.partition.id = Empty,
        messaging.kafka.offset = Empty,
        landfall.lane = lane,
    );
    if span.is_disabled() {
        return span;
    }
    let sources: BTreeSet<_> = records.iter().map(|record| &record.source).collect();
    let topics: BTreeSet<&str> = sources.iter().map(|source| &*source.topic).collect();
    match topics.first() {
        Some(topic) if topics.len() == 1 => {
            span.record("otel.name", format!("process {topic}"));
            span.record("messaging.destination.name", topic);
        }
        _ => _ = span.record("otel.name", "process"),
    }
    if let (1, Some(source), Some(record)) = (sources.len(), sources.first(), records.first()) {
        let partition = source.partition.to_string();
        span.record("messaging.destination.partition.id", partition);
        span.record("messaging.kafka.offset", record.offset);
    }
    linked_contexts(records).for_each(|context| span.add_link(context));
    span
}

/// Notes that what the current span does has failed for good, for now: `what` is one of few words. What is tried again isn't
/// that.
pub fn note_failure(what: &'static str) {
    let span = Span::current();
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

/// Statements on a table, or on the whole database: `operation` is SQL's word, `rows` how many of them it is about.
pub fn statement(operation: &'static str, table: Option<&dyn Display>, rows: usize) -> Span {
    part(|| {
        let scene = SCENE.get();
        let table = table.map(ToString::to_string);
        let name = match &table {
            Some(table) => format!("{operation} {table}"),
            None => operation.to_owned(),
        };
        info_span!(
            target: TARGET,
            "statement",
            otel.name = name,
            otel.kind = "CLIENT",
            db.system.name = "postgresql",
            db.namespace = scene.map(|scene| scene.database.as_str()),
            db.operation.name = operation,
            db.operation.batch.size = (rows > 1).then_some(rows),
            db.collection.name = table,
            db.query.summary = name,
            server.address = scene.map(|scene| scene.host.as_str()),
            server.port = scene.map(|scene| scene.port),
        )
    })
}

/// Sending so many letters to their topics.
pub fn send_letters(letters: usize) -> Span {
    part(|| {
        info_span!(
            target: TARGET,
            "send",
            otel.name = "send letters",
            otel.kind = "CLIENT",
            messaging.system = "kafka",
            messaging.operation.name = "send",
            messaging.operation.type = "send",
            messaging.batch.message_count = letters,
        )
    })
}

/// Committing offsets to Kafka.
pub fn commit_offsets() -> Span {
    part(|| {
        info_span!(
            target: TARGET,
            "commit",
            otel.name = "commit",
            otel.kind = "CLIENT",
            messaging.system = "kafka",
            messaging.operation.name = "commit",
            messaging.operation.type = "settle",
            messaging.consumer.group.name = group(),
        )
    })
}
