//! Logging to standard error, as text for people or as JSON for machines.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

use crate::config::{LogConfig, LogFormat};

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

/// Sends this process's log to standard error from now on. Messages of libraries that use
/// the `log` crate, such as librdkafka's, come along. Times are RFC 3339, in UTC.
///
/// An error if `RUST_LOG` is no filter, or if logging was started before.
pub fn start_logging(log: &LogConfig) -> Result<(), TelemetryError> {
    let filter = log_filter(log, std::env::var(LEVEL_VARIABLE).ok())?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_timer(SystemTime)
        .with_writer(stderr);
    match log.format {
        LogFormat::Text => builder
            .compact()
            .with_ansi(stderr().is_terminal())
            .try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init(),
    }
    .map_err(TelemetryError::Start)
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
