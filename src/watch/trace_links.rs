//! The spans that records' headers name: `traceparent` and `tracestate`, as W3C's Trace Context has them.

use std::collections::HashSet;

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;

use crate::record::{Header, Record};

/// How many links a span has at most, as OpenTelemetry's specification suggests.
const MOST_LINKS: usize = 128;

/// How long a header may be, in bytes: what W3C has a `tracestate` hold at least. What is longer is passed over.
const LONGEST_VALUE: usize = 512;

/// The spans that the records come from, each once, the first of them if they are many. Headers that name none are passed
/// over: a record is landed all the same.
pub fn linked_contexts(records: &[Record]) -> impl Iterator<Item = SpanContext> {
    let propagator = TraceContextPropagator::new();
    let mut seen = HashSet::new();
    let named = records.iter().filter(|record| !record.headers.is_empty());
    let found = named.filter_map(move |record| {
        let context = propagator.extract_with_context(&Context::new(), &Headers(&record.headers));
        let context = context.span().span_context().clone();
        let is_new = context.is_valid() && seen.insert((context.trace_id(), context.span_id()));
        is_new.then_some(context)
    });
    found.take(MOST_LINKS)
}

struct Headers<'r>(&'r [Header]);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let mut headers = self.0.iter();
        let header = headers.find(|header| header.key.eq_ignore_ascii_case(key))?;
        let value = header.value.as_deref()?;
        std::str::from_utf8(value)
            .ok()
            .filter(|value| value.len() <= LONGEST_VALUE)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|header| header.key.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TopicPartition;

    fn record(headers: &[(&str, &[u8])]) -> Record {
        let header = |(key, value): &(&str, &[u8])| Header {
            key: (*key).to_owned(),
            value: Some(value.to_vec()),
        };
        Record {
            source: TopicPartition {
                topic: "t".into(),
                partition: 0,
            },
            offset: 0,
            timestamp: None,
            key: None,
            value: None,
            headers: headers.iter().map(header).collect(),
            epoch: 0,
            leader_epoch: None,
        }
    }

    fn parent(trace: u32) -> String {
        format!("00-{trace:032x}-00f067aa0ba902b7-01")
    }

    #[test]
    fn each_span_that_headers_name_is_linked_once_and_nothing_else_is() {
        let (first, second) = (parent(1), parent(2));
        let records = [
            record(&[("traceparent", first.as_bytes())]),
            record(&[]),
            record(&[("traceparent", first.as_bytes())]),
            record(&[("Traceparent", second.as_bytes()), ("tracestate", b"a=b")]),
            record(&[(
                "traceparent",
                b"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            )]),
            record(&[("traceparent", b"\xff\xfe")]),
            record(&[("traceparent", b"")]),
            record(&[("other", first.as_bytes())]),
        ];
        let linked: Vec<_> = linked_contexts(&records).collect();
        let traces: Vec<String> = linked.iter().map(|c| c.trace_id().to_string()).collect();
        assert_eq!(traces, [format!("{:032x}", 1), format!("{:032x}", 2)]);
        assert_eq!(linked[1].trace_state().get("a"), Some("b"));
    }

    #[test]
    fn no_more_spans_are_linked_than_the_specification_suggests() {
        let records: Vec<Record> = (1..1000)
            .map(|trace| record(&[("traceparent", parent(trace).as_bytes())]))
            .collect();
        assert_eq!(linked_contexts(&records).count(), MOST_LINKS);
    }
}
