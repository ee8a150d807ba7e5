//! Everything that is measured in this process, as Prometheus reads it. What has nothing to say any more is set to
//! [`UNKNOWN`] and left out: `metrics-exporter-prometheus` keeps a series once it was there.

use std::sync::Arc;

use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SetRecorderError, SharedString,
    Unit, set_global_recorder,
};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusRecorder};

use super::names::{ALL, describe_all};

/// What a gauge is set to that has nothing to say any more: it isn't exported then.
pub(super) const UNKNOWN: f64 = f64::NAN;

/// The series of this process. Whoever has a copy sees the same.
#[derive(Clone)]
pub struct Series(Arc<PrometheusRecorder>);

/// A recorder with the ranges of every histogram.
///
/// # Errors
/// A histogram without ranges, which a test would find.
fn build_recorder() -> Result<PrometheusRecorder, BuildError> {
    let mut histograms = ALL.iter().filter(|metric| !metric.ranges.is_empty());
    let builder = histograms.try_fold(PrometheusBuilder::new(), |builder, metric| {
        builder.set_buckets_for_metric(Matcher::Full(metric.name.into()), metric.ranges)
    });
    Ok(builder?.build_recorder())
}

impl Default for Series {
    fn default() -> Self {
        let without_ranges = |_| PrometheusBuilder::new().build_recorder();
        Self(Arc::new(build_recorder().unwrap_or_else(without_ranges)))
    }
}

/// Has everything recorded that is measured from now on.
///
/// # Errors
/// There is a recorder already.
pub fn install_recorder() -> Result<Series, SetRecorderError<Series>> {
    let series = Series::default();
    set_global_recorder(series.clone())?;
    describe_all();
    Ok(series)
}

impl Series {
    /// All series that have something to say, in Prometheus' text format.
    pub fn render(&self) -> String {
        leave_out_unknown(&self.0.handle().render())
    }

    /// Takes in the values of histograms, each of which is kept by itself until then (16 bytes). To be called each second: an
    /// event has two.
    pub fn take_values_in(&self) {
        self.0.handle().run_upkeep();
    }
}

/// The page without the series that say nothing, and without the heads of metrics that have no others.
fn leave_out_unknown(page: &str) -> String {
    let mut told = String::with_capacity(page.len());
    for family in page.split_inclusive("\n\n") {
        let is_told = |line: &&str| !line.ends_with(" NaN");
        let lines = family.lines().filter(is_told);
        if lines
            .clone()
            .any(|line| !line.is_empty() && !line.starts_with('#'))
        {
            lines.for_each(|line| {
                told.push_str(line);
                told.push('\n');
            });
        }
    }
    told
}

impl Recorder for Series {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.0.describe_counter(name, unit, help);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.0.describe_gauge(name, unit, help);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.0.describe_histogram(name, unit, help);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.0.register_counter(key, metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.0.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.0.register_histogram(key, metadata)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_macros)] // here they are allowed

    use metrics::{counter, gauge, with_local_recorder};

    use super::*;
    use crate::watch::metrics::names::Kind;

    #[test]
    fn every_histogram_has_ranges() {
        assert!(build_recorder().is_ok());
        for metric in ALL.iter().filter(|metric| metric.kind == Kind::Histogram) {
            assert!(!metric.ranges.is_empty(), "{}", metric.name);
        }
    }

    #[test]
    fn what_has_nothing_to_say_any_more_leaves_no_series_until_it_has_again() {
        let series = Series::default();
        with_local_recorder(&series, || {
            assert_eq!(series.render(), "");
            let partition = gauge!("a", "partition" => "1");
            partition.set(1.0);
            assert_eq!(series.render(), "# TYPE a gauge\na{partition=\"1\"} 1\n\n");
            partition.set(UNKNOWN);
            assert_eq!(series.render(), "");
            counter!("b_total").increment(1);
            assert_eq!(series.render(), "# TYPE b_total counter\nb_total 1\n\n");
            gauge!("a", "partition" => "1").set(2.0);
            let page = series.render();
            assert!(
                page.contains("# TYPE a gauge\na{partition=\"1\"} 2\n\n"),
                "{page}"
            );
        });
    }
}
