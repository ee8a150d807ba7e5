//! The recorder of this process: which ranges histograms have.

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use super::names::{
    APPLY_SECONDS, BATCH_EVENTS, KAFKA_LATENCY, Metric, SOURCE_LATENCY, STAGE_SECONDS, describe_all,
};
use super::{DroppedTelemetry, count_dropped_telemetry};

/// Of a batch, and of a part of its way.
const WORK_SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Of an event, with the limits that people promise each other.
pub const LATENCY_SECONDS: &[f64] = &[
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0,
];

const EVENTS: &[f64] = &[
    1.0, 10.0, 50.0, 100.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0, 50_000.0, 100_000.0,
];

const RANGES: [(Metric, &[f64]); 5] = [
    (APPLY_SECONDS, WORK_SECONDS),
    (STAGE_SECONDS, WORK_SECONDS),
    (SOURCE_LATENCY, LATENCY_SECONDS),
    (KAFKA_LATENCY, LATENCY_SECONDS),
    (BATCH_EVENTS, EVENTS),
];

/// A recorder with the ranges of every histogram.
///
/// # Errors
/// A histogram without ranges.
pub fn recorder_builder() -> Result<PrometheusBuilder, BuildError> {
    let with_ranges = |builder: PrometheusBuilder, (metric, ranges): &(Metric, &[f64])| {
        let matcher = Matcher::Full(metric.name.into());
        builder.set_buckets_for_metric(matcher, ranges)
    };
    RANGES
        .iter()
        .try_fold(PrometheusBuilder::new(), with_ranges)
}

/// Installs the recorder of this process.
///
/// # Errors
/// There is one already.
pub fn install_recorder() -> Result<PrometheusHandle, BuildError> {
    let handle = recorder_builder()?.install_recorder()?;
    describe_all();
    // that none is dropped is worth seeing
    for what in [DroppedTelemetry::Spans, DroppedTelemetry::LineageEvents] {
        count_dropped_telemetry(what, 0);
    }
    Ok(handle)
}
