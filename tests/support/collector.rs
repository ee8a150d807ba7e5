//! Who takes spans by OpenTelemetry's protocol over HTTP, as a collector does, and keeps them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;

use super::serve::serve;
use super::spans::{SeenSpan, SeenTrace};

pub struct Collector {
    pub url: String,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    spans: Vec<SeenSpan>,
    services: Vec<String>,
    /// All of it, whatever it is.
    whole: Vec<String>,
}

impl Collector {
    pub async fn start() -> Self {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let app = Router::new()
            .route("/v1/traces", post(keep_spans))
            .with_state(kept.clone());
        let url = serve(app).await;
        Self { url, kept }
    }

    /// What has come so far, by trace.
    pub fn traces(&self) -> BTreeMap<String, SeenTrace> {
        SeenTrace::all_of(self.kept.lock().expect("no panic").spans.clone())
    }

    /// All that was sent, as text.
    pub fn whole(&self) -> String {
        self.kept.lock().expect("no panic").whole.join("\n")
    }

    /// Whose spans they are.
    pub fn services(&self) -> Vec<String> {
        self.kept.lock().expect("no panic").services.clone()
    }
}

async fn keep_spans(State(kept): State<Arc<Mutex<Kept>>>, body: Bytes) -> Vec<u8> {
    let request = ExportTraceServiceRequest::decode(body).expect("OTLP");
    let mut kept = kept.lock().expect("no panic");
    kept.whole.push(format!("{request:?}"));
    for of_resource in request.resource_spans {
        let attributes = of_resource.resource.map(|r| texts(&r.attributes));
        let service = attributes.and_then(|all| all.get("service.name").cloned());
        kept.services.extend(service);
        let scopes = of_resource.scope_spans.into_iter();
        kept.spans
            .extend(scopes.flat_map(|scope| scope.spans.into_iter().map(seen)));
    }
    Vec::new()
}

fn seen(span: Span) -> SeenSpan {
    let kind = SpanKind::try_from(span.kind).expect("a kind");
    let kind = kind.as_str_name().trim_start_matches("SPAN_KIND_");
    let events = span.events.iter().map(|event| event.name.clone());
    let is_error = span
        .status
        .is_some_and(|status| status.code() == StatusCode::Error);
    SeenSpan {
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: Some(hex(&span.parent_span_id)).filter(|id| !id.is_empty()),
        name: span.name,
        kind: kind.to_lowercase(),
        attributes: texts(&span.attributes),
        links: span.links.iter().map(|l| hex(&l.trace_id)).collect(),
        said: events.collect(),
        is_error,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|v| v.value.clone()) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::BoolValue(is)) => is.to_string(),
        other => panic!("{other:?}"),
    };
    let attributes = attributes.iter();
    attributes
        .map(|a| (a.key.clone(), text(&a.value)))
        .collect()
}
