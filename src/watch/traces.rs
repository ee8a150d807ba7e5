//! Sending spans to whatever takes OpenTelemetry's protocol over HTTP. `OTEL_…` variables mean what OpenTelemetry says of them,
//! and go before the configuration.

use std::env::VarError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use opentelemetry::trace::{TraceContextExt as _, TraceId, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter as OtlpExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, SpanData,
    SpanExporter,
};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::registry::LookupSpan;

use crate::config::TracingConfig;
use crate::watch::kept_traces::KeptTraces;
use crate::watch::metrics::{DroppedTelemetry, count_dropped_telemetry};
use crate::watch::span_queue::SpanQueue;
use crate::watch::spans::TARGET;

/// How long a process that ends waits for its last spans to be taken.
const LAST_EXPORT: Duration = Duration::from_secs(2);

/// Why there are no spans.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    #[error("environment variable {variable}: found {found:?}; allowed: {allowed}")]
    Variable {
        variable: &'static str,
        found: String,
        allowed: &'static str,
    },
    #[error("spans can't be sent: {0}")]
    Exporter(#[from] ExporterBuildError),
}

/// What sends spans, until the process ends.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// `None`, if nothing says where spans are to be sent, or something says that they aren't.
    ///
    /// # Errors
    /// A variable of OpenTelemetry's says what can't be done.
    pub fn from_config(config: &TracingConfig) -> Result<Option<Self>, TracesError> {
        let Some(variables) = Variables::read(&|name| std::env::var(name))? else {
            return Ok(None);
        };
        let mut exporter = OtlpExporter::builder().with_http();
        match (&config.endpoint, variables.have_endpoint) {
            (_, true) => {}
            (Some(endpoint), false) => {
                let endpoint = endpoint.as_str().trim_end_matches('/');
                exporter = exporter.with_endpoint(format!("{endpoint}/v1/traces"));
            }
            (None, false) => return Ok(None),
        }
        let queue = Arc::new(SpanQueue::new(variables.queued_spans));
        let exporter = TellingExporter {
            inner: exporter.build()?,
            queue: queue.clone(),
            fails: AtomicBool::new(false),
        };
        let ratio = variables.ratio.unwrap_or(config.sample_ratio);
        // by itself, it reads OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES
        let resource = Resource::builder()
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        let resource = match variables.names_service {
            true => resource,
            false => resource.with_service_name("landfall"),
        };
        // the rest of it the SDK reads by itself
        let bounds = BatchConfigBuilder::default().with_max_queue_size(variables.queued_spans);
        let sent = BatchSpanProcessor::builder(exporter).with_batch_config(bounds.build());
        let provider = SdkTracerProvider::builder()
            .with_resource(resource.build())
            .with_sampler(Sampler::AlwaysOn) // what is sent is decided at a trace's end
            .with_span_processor(KeptTraces::new(sent.build(), ratio, queue))
            .build();
        Ok(Some(Self(provider)))
    }

    /// Takes spans, and the log's warnings within them.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
    {
        spans_and_warnings(self.0.tracer("landfall"))
    }

    /// Sends what hasn't been sent, for two seconds at most.
    pub fn end(self) {
        _ = self.0.shutdown_with_timeout(LAST_EXPORT);
    }
}

/// Takes our spans, and the log's warnings within them, which [`KeptTraces`] goes by.
pub(super) fn spans_and_warnings<S>(tracer: SdkTracer) -> impl Layer<S>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    let ours = filter_fn(|metadata| match metadata.is_span() {
        true => metadata.target() == TARGET,
        false => {
            metadata.target().starts_with("landfall") && *metadata.level() <= LevelFilter::WARN
        }
    })
    .with_max_level_hint(LevelFilter::INFO);
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_error_events_to_status(false) // most of what the log tells is tried again
        .with_filter(ours)
}

/// The trace of what this thread does now.
pub fn current_trace() -> Option<TraceId> {
    // the layer keeps it there; tracing itself doesn't tell who writes a line which span it is in
    Context::map_current(|context| {
        let span = context.span();
        let context = span.span_context();
        context.is_valid().then(|| context.trace_id())
    })
}

/// What variables say that the SDK doesn't read by itself.
struct Variables {
    have_endpoint: bool,
    names_service: bool,
    ratio: Option<f64>,
    queued_spans: usize,
}

/// How many spans wait to be sent at most, as OpenTelemetry has it, where the variable says nothing else.
const QUEUED_SPANS: usize = 2_048;

type Read<'r> = &'r dyn Fn(&str) -> Result<String, VarError>;

impl Variables {
    /// `None`: no spans are wanted.
    fn read(read: Read<'_>) -> Result<Option<Self>, TracesError> {
        let set = |name| read(name).ok().filter(|value| !value.is_empty());
        let is = |name, word: &str| set(name).is_some_and(|value| value.eq_ignore_ascii_case(word));
        if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            return Ok(None);
        }
        let protocols = [
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
            "OTEL_EXPORTER_OTLP_PROTOCOL",
        ];
        let protocol = protocols
            .into_iter()
            .find_map(|name| Some((name, set(name)?)));
        if let Some((variable, found)) = protocol.filter(|(_, found)| found != "http/protobuf") {
            let allowed = "http/protobuf, which collectors take at port 4318";
            return Err(TracesError::Variable {
                variable,
                found,
                allowed,
            });
        }
        let endpoints = [
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
        ];
        let named =
            set("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|all| all.contains("service.name="));
        Ok(Some(Self {
            have_endpoint: endpoints.into_iter().any(|name| set(name).is_some()),
            names_service: named || set("OTEL_SERVICE_NAME").is_some(),
            ratio: read_ratio(&set)?,
            queued_spans: read_queue(&set)?,
        }))
    }
}

fn read_queue(set: &dyn Fn(&'static str) -> Option<String>) -> Result<usize, TracesError> {
    const VARIABLE: &str = "OTEL_BSP_MAX_QUEUE_SIZE";
    let Some(found) = set(VARIABLE) else {
        return Ok(QUEUED_SPANS);
    };
    found.parse().map_err(|_| TracesError::Variable {
        variable: VARIABLE,
        found,
        allowed: "how many spans may wait, 2048 by itself",
    })
}

/// The part of all traces that is sent. Whether a parent is sampled is nothing to a batch, which has none.
fn read_ratio(set: &dyn Fn(&'static str) -> Option<String>) -> Result<Option<f64>, TracesError> {
    const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
    const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
    let Some(found) = set(SAMPLER) else {
        return Ok(None);
    };
    let sampler = found.strip_prefix("parentbased_").unwrap_or(&found);
    match sampler {
        "always_on" => Ok(Some(1.0)),
        "always_off" => Ok(Some(0.0)),
        "traceidratio" => {
            let found = set(ARGUMENT).unwrap_or_else(|| "1.0".to_owned());
            let ratio = found
                .parse()
                .ok()
                .filter(|ratio| (0.0..=1.0).contains(ratio));
            ratio.map(Some).ok_or(TracesError::Variable {
                variable: ARGUMENT,
                found,
                allowed: "a number from 0 to 1",
            })
        }
        _ => Err(TracesError::Variable {
            variable: SAMPLER,
            found,
            allowed: "always_on, always_off and traceidratio, each also with parentbased_ before it",
        }),
    }
}

/// Says once that spans aren't taken, and once that they are again. Those that weren't are counted.
#[derive(Debug)]
struct TellingExporter<E> {
    inner: E,
    queue: Arc<SpanQueue>,
    fails: AtomicBool,
}

impl<E: SpanExporter> SpanExporter for TellingExporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let outcome = self.inner.export(batch).await;
        self.queue.leave(spans);
        if outcome.is_err() {
            count_dropped_telemetry(DroppedTelemetry::Spans, spans);
        }
        match (&outcome, self.fails.swap(outcome.is_err(), Relaxed)) {
            (Err(error), false) => {
                tracing::warn!(%error, "spans can't be sent: they are dropped until they are taken again");
            }
            (Ok(()), true) => tracing::info!("spans are taken again"),
            _ => {}
        }
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Option<Variables>, String> {
        let read = |name: &str| {
            let found = set.iter().find(|(key, _)| *key == name);
            found
                .map(|(_, value)| (*value).to_owned())
                .ok_or(VarError::NotPresent)
        };
        Variables::read(&read).map_err(|error| error.to_string())
    }

    #[test]
    fn the_variables_of_opentelemetry_say_where_how_many_and_whether() {
        let none = read(&[]).unwrap().unwrap();
        assert_eq!(
            (none.have_endpoint, none.names_service, none.ratio),
            (false, false, None)
        );
        let all = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=b,service.name=sink"),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.5"),
        ];
        let all = read(&all).unwrap().unwrap();
        assert_eq!(
            (all.have_endpoint, all.names_service, all.ratio),
            (true, true, Some(0.5))
        );
        let ratio = |sampler| {
            read(&[("OTEL_TRACES_SAMPLER", sampler)])
                .unwrap()
                .unwrap()
                .ratio
        };
        assert_eq!(
            (ratio("always_off"), ratio("traceidratio")),
            (Some(0.0), Some(1.0))
        );
        for off in [
            ("OTEL_SDK_DISABLED", "true"),
            ("OTEL_TRACES_EXPORTER", "none"),
        ] {
            assert!(read(&[off]).unwrap().is_none(), "{off:?}");
        }
    }

    #[test]
    fn what_a_variable_asks_for_in_vain_is_named_with_what_is_allowed() {
        let wrong = [
            [("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("", "")],
            [("OTEL_TRACES_SAMPLER", "jaeger_remote"), ("", "")],
            [
                ("OTEL_TRACES_SAMPLER", "traceidratio"),
                ("OTEL_TRACES_SAMPLER_ARG", "7"),
            ],
            [("OTEL_BSP_MAX_QUEUE_SIZE", "many"), ("", "")],
        ];
        let said = wrong.map(|set| read(&set).err().unwrap());
        assert!(
            said[0].contains("OTEL_EXPORTER_OTLP_PROTOCOL") && said[0].contains("http/protobuf")
        );
        assert!(said[1].contains("always_off"));
        assert!(said[2].contains("OTEL_TRACES_SAMPLER_ARG") && said[2].contains("0 to 1"));
        assert!(said[3].contains("OTEL_BSP_MAX_QUEUE_SIZE"));
    }
}
