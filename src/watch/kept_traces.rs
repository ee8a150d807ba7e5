//! Which traces are sent: a part of all, and each of a batch that the log warns of, which isn't known before its end.

use std::collections::HashMap;
use std::time::Duration;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use crate::locked::Locked;

/// Spans of one trace that are kept until its end. A batch has some dozens; one that is tried for hours has ever more.
const MOST_SPANS: usize = 500;

/// Hands on the spans of those traces that are to be sent, once they are complete. Spans have events only where the log
/// has a warning ([`crate::watch::traces`]).
#[derive(Debug)]
pub struct KeptTraces<P> {
    inner: P,
    ratio: f64,
    open: Locked<HashMap<TraceId, Vec<SpanData>>>,
}

impl<P> KeptTraces<P> {
    /// `ratio`: which part of all traces is sent in any case, from 0 to 1.
    pub fn new(inner: P, ratio: f64) -> Self {
        Self {
            inner,
            ratio,
            open: Locked::default(),
        }
    }

    /// The same for all spans of a trace, wherever it is asked: ids are random, as W3C says, in their last seven bytes.
    fn is_sampled(&self, trace: TraceId) -> bool {
        const BITS: u32 = 56;
        let random = u128::from_be_bytes(trace.to_bytes()) & ((1 << BITS) - 1);
        (random as f64) < self.ratio * (1_u64 << BITS) as f64
    }

    /// The spans of the trace that this one ends, if they are to be sent.
    fn complete(&self, span: SpanData) -> Vec<SpanData> {
        let (trace, is_root) = (
            span.span_context.trace_id(),
            span.parent_span_id == SpanId::INVALID,
        );
        let mut open = self.open.lock();
        if !is_root {
            let spans = open.entry(trace).or_default();
            // the newest tell why it goes on no further
            if spans.len() == MOST_SPANS {
                spans.remove(0);
            }
            spans.push(span);
            return Vec::new();
        }
        let mut spans = open.remove(&trace).unwrap_or_default();
        drop(open);
        spans.push(span);
        let is_warned_of = spans.iter().any(|span| !span.events.is_empty());
        match is_warned_of || self.is_sampled(trace) {
            true => spans,
            false => Vec::new(),
        }
    }
}

impl<P: SpanProcessor> SpanProcessor for KeptTraces<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        let complete = self.complete(span);
        complete.into_iter().for_each(|span| self.inner.on_end(span));
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
