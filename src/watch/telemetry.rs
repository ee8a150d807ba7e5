//! Logging to standard error, as text for people or as JSON for machines.

use std::io::{IsTerminal, stderr};

use tracing::Subscriber;
use tracing_subscriber::filter::{FilterExt as _, FilterFn, LevelFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Format;
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::config::{LogConfig, LogFormat};
use crate::watch::log_line::WithTrace;
use crate::watch::spans;
use crate::watch::traces::Traces;

/// The variable that outdoes `log.level`.
const LEVEL_VARIABLE: &str = "RUST_LOG";

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("environment variable RUST_LOG: found {found:?}: {error}")]
    Filter {
        found: String,
        error: tracing_subscriber::filter::ParseError,
    },
    #[error("logging cannot be started: {0}")]
    Start(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Sends this process's log to standard error from now on, and its spans to where `traces` sends them. Messages of
/// libraries that use the `log` crate, such as librdkafka's, come along. Times are RFC 3339, in UTC.
///
/// An error if `RUST_LOG` is no filter, or if logging was started before.
pub fn start_logging(log: &LogConfig, traces: Option<&Traces>) -> Result<(), TelemetryError> {
    let filter = log_filter(log, std::env::var(LEVEL_VARIABLE).ok())?;
    let written = filter.and(no_spans()).and(no_foreign_details());
    let lines = log_lines(log.format, stderr().is_terminal(), stderr).with_filter(written);
    tracing_subscriber::registry()
        .with(lines)
        .with(traces.map(Traces::layer))
        .try_init()
        .map_err(|error| TelemetryError::Start(Box::new(error)))
}

/// Spans are sent, and not written.
pub(super) fn no_spans() -> FilterFn {
    filter_fn(|metadata| metadata.target() != spans::TARGET)
}

/// What libraries tell in passing is what they are given: tokio-postgres tells each statement's parameters, which are rows,
/// and what triggers say of them. Only librdkafka, which tells of itself and of brokers, is asked for more.
fn no_foreign_details() -> FilterFn {
    filter_fn(|metadata| {
        let target = metadata.target();
        *metadata.level() <= LevelFilter::WARN
            || TELLING.iter().any(|name| target.starts_with(name))
    })
}

/// Whose lines may be written whatever their level is.
const TELLING: [&str; 3] = ["landfall", "librdkafka", "rdkafka"];

/// Writes the log's lines. `ansi`: in colours, where they are for people.
pub(super) fn log_lines<S, W>(
    format: LogFormat,
    ansi: bool,
    to: W,
) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(to);
    match format {
        LogFormat::Text => {
            let lines = lines.compact().with_timer(SystemTime).with_ansi(ansi);
            let traced = |inner: Format<_, _>| WithTrace {
                inner: inner.with_ansi(ansi),
                format,
            };
            Box::new(lines.map_event_format(traced))
        }
        LogFormat::Json => {
            let lines = lines.json().with_timer(SystemTime).flatten_event(true);
            let lines = lines.with_current_span(true).with_span_list(false);
            let traced = |inner| WithTrace { inner, format };
            Box::new(lines.map_event_format(traced))
        }
    }
}

fn log_filter(log: &LogConfig, overriding: Option<String>) -> Result<EnvFilter, TelemetryError> {
    let found = overriding
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| log.level.clone());
    EnvFilter::try_new(&found).map_err(|error| TelemetryError::Filter { found, error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_outdoes_the_configured_level_unless_it_is_empty() {
        let log = LogConfig::default();
        let shown = |variable: &str| {
            log_filter(&log, Some(variable.to_owned())).map(|filter| filter.to_string())
        };
        assert_eq!(shown("landfall=debug").unwrap(), "landfall=debug");
        assert_eq!(shown("").unwrap(), "info");
        assert!(
            shown("landfall=loud")
                .unwrap_err()
                .to_string()
                .contains("RUST_LOG")
        );
    }
}
