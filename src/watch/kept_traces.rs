//! Which traces are sent: a part of all, and each of a batch that the log warns of, which isn't known before its end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use crate::locked::Locked;
use crate::watch::span_queue::SpanQueue;

/// Spans of one trace that are kept until its end. A batch has some dozens; one that is tried for hours has ever more.
const MOST_SPANS: usize = 500;

/// Hands on the spans of those traces that are to be sent, once they are complete. Spans have events only where the log
/// has a warning ([`crate::watch::traces`]).
#[derive(Debug)]
pub struct KeptTraces<P> {
    inner: P,
    ratio: f64,
    queue: Arc<SpanQueue>,
    open: Locked<HashMap<TraceId, Vec<SpanData>>>,
}

impl<P> KeptTraces<P> {
    /// `ratio`: which part of all traces is sent in any case, from 0 to 1. `queue`: where they wait, which whoever sends them
    /// tells that they have left.
    pub fn new(inner: P, ratio: f64, queue: Arc<SpanQueue>) -> Self {
        Self {
            inner,
            ratio,
            queue,
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
        match (is_warned_of || self.is_sampled(trace)) && self.queue.admit(spans.len()) {
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
        complete
            .into_iter()
            .for_each(|span| self.inner.on_end(span));
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

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
    use tracing::{Level, event};
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::watch::spans::{self, Scene};
    use crate::watch::traces::spans_and_warnings;

    /// The names of the spans that were handed on, in their order.
    #[derive(Debug, Clone, Default)]
    struct HandedOn(Arc<Locked<Vec<String>>>);

    impl SpanProcessor for HandedOn {
        fn on_start(&self, _: &mut Span, _: &Context) {}
        fn on_end(&self, span: SpanData) {
            self.0.lock().push(span.name.to_string());
        }
        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }
        fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
            Ok(())
        }
    }

    fn hand_on(ratio: f64, work: impl FnOnce()) -> Vec<String> {
        spans::set_scene(Scene::default());
        let (handed_on, queue) = (HandedOn::default(), Arc::new(SpanQueue::new(usize::MAX)));
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::AlwaysOn)
            .with_span_processor(KeptTraces::new(handed_on.clone(), ratio, queue))
            .build();
        let layer = spans_and_warnings(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
        std::mem::take(&mut *handed_on.0.lock())
    }

    fn land(within: impl FnOnce()) {
        let _batch = spans::process_records(0, &[]).entered();
        drop(spans::step("decode").entered());
        let _commit = spans::step("commit").entered();
        within();
    }

    #[test]
    fn what_the_log_warns_of_is_sent_whatever_part_is_else() {
        let names = hand_on(0.0, || {
            land(|| event!(target: "landfall::test", Level::INFO, "as always"));
            land(|| event!(target: "landfall::test", Level::WARN, "put aside"));
            land(|| event!(target: "librdkafka", Level::WARN, "somebody else's"));
        });
        assert_eq!(names, ["decode", "commit", "process"]);
    }

    #[test]
    fn a_part_of_the_rest_is_sent_and_all_or_nothing_of_each() {
        let names = hand_on(0.25, || (0..400).for_each(|_| land(|| {})));
        let batches = names.iter().filter(|name| *name == "process").count();
        assert_eq!(names.len(), 3 * batches);
        assert!((40..160).contains(&batches), "{batches} of 400");
        assert_eq!(hand_on(1.0, || (0..9).for_each(|_| land(|| {}))).len(), 27);
    }

    #[test]
    fn a_batch_that_is_tried_for_ever_keeps_its_newest_spans() {
        let names = hand_on(1.0, || {
            let _batch = spans::process_records(0, &[]).entered();
            (0..2 * MOST_SPANS).for_each(|_| drop(spans::step("connect").entered()));
            drop(spans::step("last").entered());
        });
        assert_eq!(names.len(), MOST_SPANS + 1);
        assert_eq!(names[MOST_SPANS - 1..], ["last", "process"]);
    }

    #[test]
    fn outside_of_a_batch_there_are_no_spans() {
        let names = hand_on(1.0, || drop(spans::step("connect").entered()));
        assert!(names.is_empty(), "{names:?}");
    }
}
