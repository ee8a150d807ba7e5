//! What `/metrics` really exports, and whether an expression asks for nothing else.

use std::collections::{BTreeMap, BTreeSet};

use landfall::record::TopicPartition;
use landfall::verdict::{Reason, Verdict};
use landfall::watch::metrics::{self, BatchOutcome, EventOutcome};
use landfall::watch::standing::Standing;
use metrics_exporter_prometheus::PrometheusBuilder;

use super::promql::{Selector, refers};

pub struct Exported {
    metrics: BTreeMap<String, Metric>,
}

#[derive(Default)]
struct Metric {
    histogram: bool,
    labels: BTreeSet<String>,
}

/// Added to each series by Prometheus.
const BY_PROMETHEUS: [&str; 2] = ["job", "instance"];

impl Exported {
    /// Records each metric once, and reads what is rendered.
    pub fn now() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        ::metrics::with_local_recorder(&recorder, record_each);
        let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
        for line in handle.render().lines() {
            if let Some((name, kind)) = line
                .strip_prefix("# TYPE ")
                .and_then(|rest| rest.split_once(' '))
            {
                // with buckets set it would be "histogram"
                metrics.entry(name.to_owned()).or_default().histogram = kind == "summary";
            } else if !line.is_empty() && !line.starts_with('#') {
                let Selector { metric, labels } = refers(line).selectors.remove(0);
                if let Some(metric) = metrics.get_mut(&metric) {
                    let labels = labels.into_iter().map(|(label, _)| label);
                    metric.labels.extend(labels.filter(|l| l != "quantile"));
                }
            }
        }
        // recorded where the process's one recorder is installed
        let build = metrics.entry(metrics::BUILD.to_owned()).or_default();
        build.labels.insert("version".to_owned());
        Self { metrics }
    }

    /// The metric that a series belongs to.
    pub fn metric_of<'s>(&self, series: &'s str) -> Option<&'s str> {
        match self.metrics.get(series) {
            Some(metric) => (!metric.histogram).then_some(series),
            None => ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| series.strip_suffix(end))
                .filter(|name| self.metrics.get(*name).is_some_and(|m| m.histogram)),
        }
    }

    fn labels_of(&self, series: &str) -> BTreeSet<&str> {
        let mut labels = BTreeSet::from(BY_PROMETHEUS);
        if let Some(metric) = self.metric_of(series) {
            labels.extend(self.metrics[metric].labels.iter().map(String::as_str));
        }
        if series.ends_with("_bucket") {
            labels.insert("le");
        }
        labels
    }

    /// Everything in an expression that no Landfall and no Prometheus exports.
    pub fn unknown_in(&self, expression: &str) -> Vec<String> {
        let found = refers(expression);
        let mut unknown = Vec::new();
        let mut labels = BTreeSet::new();
        for Selector {
            metric,
            labels: asked,
        } in &found.selectors
        {
            if metric != "up" && self.metric_of(metric).is_none() {
                unknown.push(format!("metric {metric}"));
                continue;
            }
            let has = self.labels_of(metric);
            for (label, value) in asked {
                if !has.contains(label.as_str()) {
                    unknown.push(format!("label {label} of {metric}"));
                } else if let Some(values) = values_of(metric, label) {
                    let asked = value.split('|').filter(|v| !values.contains(*v));
                    unknown.extend(asked.map(|v| format!("{label}={v} of {metric}")));
                }
            }
            labels.extend(has);
        }
        let grouping = found.grouping.iter();
        unknown.extend(
            grouping
                .filter(|label| !labels.contains(label.as_str()))
                .map(|label| format!("label {label}")),
        );
        unknown
    }

    /// The labels by which what an alert's expression yields can be told apart.
    pub fn labels_yielded_by(&self, expression: &str) -> BTreeSet<String> {
        let found = refers(expression);
        if !found.grouping.is_empty() {
            return found.grouping;
        }
        let labels = found
            .selectors
            .iter()
            .flat_map(|s| self.labels_of(&s.metric));
        labels.map(str::to_owned).collect()
    }
}

/// The values that there are, where they are few.
fn values_of(metric: &str, label: &str) -> Option<BTreeSet<String>> {
    let names: Vec<&str> = match (metric, label) {
        (metrics::EVENTS, "outcome") => EventOutcome::ALL.map(EventOutcome::name).into(),
        (metrics::BATCHES, "outcome") => BatchOutcome::ALL.map(BatchOutcome::name).into(),
        (metrics::STANDING, "why") => Standing::REASONS.into(),
        (_, "verdict") => Verdict::ALL.map(Verdict::name).into(),
        (_, "reason") => Reason::ALL.map(Reason::name).into(),
        _ => return None,
    };
    Some(names.into_iter().map(str::to_owned).collect())
}

fn record_each() {
    let source = TopicPartition {
        topic: "t".into(),
        partition: 0,
    };
    metrics::count_events("t", "public.t", "create", EventOutcome::Applied, 1);
    metrics::count_batch(BatchOutcome::Committed);
    metrics::record_landed_batch(1, 1.0);
    metrics::count_dead_letter("public.t", Reason::Value);
    metrics::count_left_rows("public.t", 1);
    metrics::count_ddl("create_table");
    metrics::count_failed_attempt(Verdict::Retry);
    metrics::set_position(&source, 1, Some(1));
    metrics::set_assigned_partitions(1);
    metrics::note_pruned();
    metrics::set_waiting_lanes(Verdict::Systemic, 1);
    metrics::set_standing_partitions("lost", 1);
}

#[test]
fn these_are_all_metrics_there_are() {
    let exported = Exported::now();
    let names: BTreeSet<&str> = exported.metrics.keys().map(String::as_str).collect();
    assert_eq!(names, metrics::ALL.iter().copied().collect());
}

#[test]
fn what_is_misspelt_is_found() {
    let exported = Exported::now();
    for (expression, says) in [
        (
            "rate(landfall_event_total[5m])",
            "metric landfall_event_total",
        ),
        ("landfall_apply_seconds", "metric landfall_apply_seconds"),
        ("landfall_lag_events_sum", "metric landfall_lag_events_sum"),
        (
            r#"landfall_lag_events{table="x"}"#,
            "label table of landfall_lag_events",
        ),
        ("sum by (topics) (landfall_lag_events)", "label topics"),
        (
            r#"landfall_events_total{outcome="aplied"}"#,
            "outcome=aplied of landfall_events_total",
        ),
        (
            r#"landfall_waiting_lanes{verdict=~"retry|away"}"#,
            "verdict=away of landfall_waiting_lanes",
        ),
    ] {
        assert_eq!(exported.unknown_in(expression), [says], "{expression}");
    }
    let right = r#"sum by (le) (rate(landfall_apply_seconds_bucket{job="a"}[5m])) > on (job) up"#;
    assert_eq!(exported.unknown_in(right), Vec::<String>::new());
}
