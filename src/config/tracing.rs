//! `[tracing]`: where spans are sent, and how many.

use url::Url;

use super::reader::Reader;
use super::service_url::ServiceUrl;
use super::summary::Summary;
use super::value::{parse_part, parse_string};

const ENDPOINT: ServiceUrl = ServiceUrl {
    allowed: "the URL of what takes OTLP over HTTP, such as \"http://127.0.0.1:4318\"",
    login: "the variable OTEL_EXPORTER_OTLP_HEADERS",
};

/// `[tracing]`: spans, by OpenTelemetry's protocol over HTTP.
#[derive(Debug, Clone, PartialEq)]
pub struct TracingConfig {
    /// Below it, `/v1/traces` takes spans. `None`: what `OTEL_EXPORTER_OTLP_ENDPOINT` says, or nothing is sent.
    pub endpoint: Option<Url>,
    /// Which part of all batches is sent, from 0 to 1. Those that the log warns of are sent always.
    pub sample_ratio: f64,
}

impl Default for TracingConfig {
    fn default() -> Self {
        Self {
            endpoint: None,
            sample_ratio: 0.01,
        }
    }
}

impl TracingConfig {
    pub(super) fn summarize(&self, summary: &mut Summary) {
        if let Some(endpoint) = &self.endpoint {
            summary.add("tracing.endpoint", endpoint);
            summary.add("tracing.sample_ratio", self.sample_ratio);
        }
    }

    pub(super) fn from_reader(reader: &mut Reader) -> Self {
        // a password may stand in it, which is refused without being shown
        let endpoint = reader.read_hidden("tracing.endpoint", |found| {
            ENDPOINT.parse(&parse_string(found)?)
        });
        let ratio = Self::default().sample_ratio;
        Self {
            endpoint,
            sample_ratio: reader.read_or("tracing.sample_ratio", ratio, parse_part),
        }
    }
}
