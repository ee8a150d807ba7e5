//! A line of the log, with the trace that it belongs to.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use crate::config::LogFormat;
use crate::watch::traces::current_trace;

/// Writes a line as `inner` does, and `trace_id` into it, if there is one.
pub struct WithTrace<F> {
    /// Writes the line.
    pub inner: F,
    /// As what it writes it.
    pub format: LogFormat,
}

impl<S, N, F> FormatEvent<S, N> for WithTrace<F>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(trace) = current_trace() else {
            return self.inner.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.inner
            .format_event(context, Writer::new(&mut line), event)?;
        match (self.format, line.strip_prefix('{')) {
            (LogFormat::Json, Some(rest)) => write!(writer, "{{\"trace_id\":\"{trace}\",{rest}"),
            _ => writeln!(writer, "{} trace_id={trace}", line.trim_end_matches('\n')),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::Layer as _;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::locked::Locked;
    use crate::watch::spans;
    use crate::watch::telemetry::{log_lines, no_spans};
    use crate::watch::traces::spans_and_warnings;

    #[derive(Clone, Default)]
    struct Lines(Arc<Locked<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// A line outside of a batch and one within, and the batch's trace.
    fn write_lines(format: LogFormat) -> (Vec<String>, String) {
        let written = Lines::default();
        let writer = written.clone();
        let provider = SdkTracerProvider::builder().build();
        let subscriber = tracing_subscriber::registry()
            .with(log_lines(format, false, move || writer.clone()).with_filter(no_spans()))
            .with(spans_and_warnings(provider.tracer("test")));
        let mut trace = String::new();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("outside");
            let _batch = spans::process_records(0, &[]).entered();
            trace = current_trace().unwrap().to_string();
            tracing::info!(rows = 3, "within");
        });
        let text = String::from_utf8(written.0.lock().clone()).unwrap();
        (text.lines().map(str::to_owned).collect(), trace)
    }

    #[test]
    fn a_line_for_people_ends_with_its_trace() {
        let (lines, trace) = write_lines(LogFormat::Text);
        assert!(lines[0].ends_with("outside"), "{lines:?}");
        assert!(
            lines[1].ends_with(&format!("within rows=3 trace_id={trace}")),
            "{lines:?}"
        );
    }

    #[test]
    fn a_line_for_machines_has_its_trace_beside_its_other_fields() {
        let (lines, trace) = write_lines(LogFormat::Json);
        let line = |at: usize| serde_json::from_str::<serde_json::Value>(&lines[at]).unwrap();
        assert_eq!(line(0).get("trace_id"), None);
        assert_eq!(
            (&line(1)["trace_id"], &line(1)["rows"]),
            (&trace.as_str().into(), &3.into())
        );
    }
}
