//! The spans that records' headers name: `traceparent` and `tracestate`, as W3C's Trace Context has them.

use std::collections::HashSet;

use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use opentelemetry::Context;
use opentelemetry_sdk::propagation::TraceContextPropagator;

use crate::record::{Header, Record};

/// How many links a span has at most, as OpenTelemetry's specification suggests.
const MOST_LINKS: usize = 128;

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
        std::str::from_utf8(header.value.as_deref()?).ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|header| header.key.as_str()).collect()
    }
}
