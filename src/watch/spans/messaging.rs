//! Spans of what is done with records and their topics.

use std::collections::BTreeSet;
use std::fmt::Display;

use tracing::field::Empty;
use tracing::{Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::record::{Record, TopicPartition};
use crate::watch::spans::{TARGET, group, part};
use crate::watch::trace_links::linked_contexts;

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
    let source = name_destination(&span, "process", records.iter().map(|r| &r.source));
    if let (Some(_), Some(record)) = (source, records.first()) {
        span.record("messaging.kafka.offset", record.offset);
    }
    linked_contexts(records).for_each(|context| span.add_link(context));
    span
}

/// Sending so many letters to a topic. Their headers don't name it: they are their records' own, and if one of these names a
/// span, it is that of the record's producer.
pub fn send_letters(topic: &dyn Display, letters: usize) -> Span {
    part(|| {
        info_span!(
            target: TARGET,
            "send",
            otel.name = format!("send {topic}"),
            otel.kind = "PRODUCER",
            otel.status_code = Empty,
            error.type = Empty,
            messaging.system = "kafka",
            messaging.operation.name = "send",
            messaging.operation.type = "send",
            messaging.destination.name = %topic,
            messaging.batch.message_count = letters,
        )
    })
}

/// Committing offsets of these partitions to Kafka.
pub fn commit_offsets<'p>(partitions: impl Iterator<Item = &'p TopicPartition>) -> Span {
    let span = part(|| {
        info_span!(
            target: TARGET,
            "commit",
            otel.name = Empty,
            otel.kind = "CLIENT",
            otel.status_code = Empty,
            error.type = Empty,
            messaging.system = "kafka",
            messaging.operation.name = "commit",
            messaging.operation.type = "settle",
            messaging.consumer.group.name = group(),
            messaging.destination.name = Empty,
            messaging.destination.partition.id = Empty,
        )
    });
    if !span.is_disabled() {
        name_destination(&span, "commit", partitions);
    }
    span
}

/// Names the span for the topic, if these partitions are of one, and says which partition, if it is one.
fn name_destination<'p>(
    span: &Span,
    operation: &str,
    partitions: impl Iterator<Item = &'p TopicPartition>,
) -> Option<&'p TopicPartition> {
    let sources: BTreeSet<_> = partitions.collect();
    let topics: BTreeSet<&str> = sources.iter().map(|source| &*source.topic).collect();
    match topics.first() {
        Some(topic) if topics.len() == 1 => {
            span.record("otel.name", format!("{operation} {topic}"));
            span.record("messaging.destination.name", topic);
        }
        _ => _ = span.record("otel.name", operation),
    }
    let only = sources.first().copied().filter(|_| sources.len() == 1)?;
    let partition = only.partition.to_string();
    span.record("messaging.destination.partition.id", partition);
    Some(only)
}
