//! Everything that is measured in this process. Beside `metrics-exporter-prometheus`, which keeps each value of a histogram by
//! itself until somebody asks, this counts them as they come; and what has nothing to say any more leaves no series behind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SetRecorderError, SharedString,
    Unit, set_global_recorder,
};
use metrics_util::registry::{Registry, Storage};

use super::exposition::{Family, Sample, render_family};
use super::names::{ALL, Kind, Metric};
use super::ranges::{RangeCounts, WORK_SECONDS};

/// What a gauge is set to that has nothing to say any more: it isn't exported then.
pub(super) const UNKNOWN: f64 = f64::NAN;

/// The series of this process. Whoever has a copy sees the same.
#[derive(Clone)]
pub struct Series(Arc<Registry<Key, Values>>);

/// How the value of a series is kept.
struct Values;

impl Storage<Key> for Values {
    type Counter = Arc<AtomicU64>;
    type Gauge = Arc<AtomicU64>;
    type Histogram = Arc<RangeCounts>;

    fn counter(&self, _: &Key) -> Self::Counter {
        Arc::default()
    }

    fn gauge(&self, _: &Key) -> Self::Gauge {
        Arc::new(AtomicU64::new(UNKNOWN.to_bits()))
    }

    fn histogram(&self, key: &Key) -> Self::Histogram {
        let ranges = find_metric(key.name()).map_or(WORK_SECONDS, |metric| metric.ranges);
        Arc::new(RangeCounts::new(ranges))
    }
}

fn find_metric(name: &str) -> Option<&'static Metric> {
    ALL.iter().find(|metric| metric.name == name)
}

impl Default for Series {
    fn default() -> Self {
        Self(Arc::new(Registry::new(Values)))
    }
}

/// Has everything recorded that is measured from now on.
///
/// # Errors
/// There is a recorder already.
pub fn install_recorder() -> Result<Series, SetRecorderError<Series>> {
    let series = Series::default();
    set_global_recorder(series.clone())?;
    Ok(series)
}

impl Series {
    /// All series that have something to say, in Prometheus' text format.
    pub fn render(&self) -> String {
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        let mut add = |kind, key: &Key, sample| {
            let family = families.entry(key.name().to_owned());
            let family = family.or_insert_with(|| Family::new(kind));
            family.samples.push((key.clone(), sample));
        };
        self.0.visit_counters(|key, value| {
            add(Kind::Counter, key, Sample::Count(value.load(Relaxed)));
        });
        self.0.visit_gauges(|key, value| {
            let value = f64::from_bits(value.load(Relaxed));
            if !value.is_nan() {
                add(Kind::Gauge, key, Sample::Value(value));
            }
        });
        self.0.visit_histograms(|key, counts| {
            add(Kind::Histogram, key, Sample::Ranges(counts.read()));
        });
        let mut text = String::new();
        for (name, family) in families {
            let help = find_metric(&name).map_or("", |metric| metric.help);
            render_family(&mut text, &name, help, family);
        }
        text
    }
}

impl Recorder for Series {
    // what each means is in `names`
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let existing = |counter: &Arc<AtomicU64>| counter.clone().into();
        self.0.get_or_create_counter(&key.to_retained(), existing)
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let existing = |gauge: &Arc<AtomicU64>| gauge.clone().into();
        self.0.get_or_create_gauge(&key.to_retained(), existing)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let existing = |counts: &Arc<RangeCounts>| counts.clone().into();
        self.0.get_or_create_histogram(&key.to_retained(), existing)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_macros)] // here they are allowed

    use metrics::{counter, gauge, histogram, with_local_recorder};

    use super::*;

    #[test]
    fn a_scrape_is_sorted_and_escaped_and_has_each_kind_in_prometheus_words() {
        let series = Series::default();
        with_local_recorder(&series, || {
            counter!("b_total", "table" => "z").increment(2);
            counter!("b_total", "table" => "a \"quoted\\\n").increment(1);
            gauge!("c").set(0.5);
            histogram!("landfall_batch_events").record_many(7.0, 3);
        });
        let text = series.render();
        let (counters, rest) = text.split_at(text.find("# TYPE c").unwrap());
        assert_eq!(
            counters,
            "# TYPE b_total counter\nb_total{table=\"a \\\"quoted\\\\\\n\"} 1\nb_total{table=\"z\"} 2\n\n"
        );
        let histogram = rest.strip_prefix("# TYPE c gauge\nc 0.5\n\n").unwrap();
        assert!(histogram.starts_with(
            "# HELP landfall_batch_events Records in a batch\n# TYPE landfall_batch_events histogram\n\
             landfall_batch_events_bucket{le=\"1\"} 0\nlandfall_batch_events_bucket{le=\"10\"} 3\n"
        ));
        assert!(histogram.ends_with(
            "landfall_batch_events_bucket{le=\"+Inf\"} 3\nlandfall_batch_events_sum 21\nlandfall_batch_events_count 3\n\n"
        ));
    }

    #[test]
    fn what_has_nothing_to_say_any_more_leaves_no_series_until_it_has_again() {
        let series = Series::default();
        with_local_recorder(&series, || {
            let partition = gauge!("a", "partition" => "1");
            assert_eq!(series.render(), "");
            partition.set(1.0);
            assert_eq!(series.render(), "# TYPE a gauge\na{partition=\"1\"} 1\n\n");
            partition.set(UNKNOWN);
            assert_eq!(series.render(), "");
            gauge!("a", "partition" => "1").set(2.0);
            assert_eq!(series.render(), "# TYPE a gauge\na{partition=\"1\"} 2\n\n");
        });
    }
}
