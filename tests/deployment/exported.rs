//! What `/metrics` really exports, and whether an expression asks for nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use landfall::ledger::resume::ResumeReason;
use landfall::record::TopicPartition;
use landfall::verdict::{Failure, Reason, Verdict};
use landfall::watch::metrics::{self, BatchOutcome, EventOutcome, PartitionGauges, Series, Stage};
use landfall::watch::standing::Standing;

use super::alerts::rules_in;
use super::promql::{Selector, refers};
use super::text;

/// What exporters that people run beside Landfall tell, with the names and labels that they have.
pub const EXPORTERS: &str = "tests/deployment/exporters.prom";

pub struct Exported {
    metrics: BTreeMap<String, Metric>,
}

#[derive(Default)]
struct Metric {
    kind: String,
    labels: BTreeSet<String>,
    /// By a rule, which says all labels that it has.
    is_recorded: bool,
}

/// Added to each series by Prometheus.
const BY_PROMETHEUS: [&str; 2] = ["job", "instance"];

impl Exported {
    /// Records each metric once, and reads what is rendered.
    pub fn now() -> Self {
        let series = Series::default();
        ::metrics::with_local_recorder(&series, record_each);
        Self::read(&series.render())
    }

    /// The same with what rules record, and what exporters beside Landfall tell.
    pub fn with_rules_and_exporters() -> Self {
        let mut all = Self::now();
        all.metrics.extend(Self::read(&text(EXPORTERS)).metrics);
        for rule in rules_in("rules") {
            let name = rule["record"].as_str().unwrap().to_owned();
            // as Prometheus has it: level:metric:operations, and the level is the labels
            let (level, _) = name.split_once(':').unwrap();
            let labels = level.split('_').filter(|label| *label != "landfall");
            let metric = Metric {
                kind: "gauge".to_owned(),
                labels: labels.map(str::to_owned).collect(),
                is_recorded: true,
            };
            all.metrics.insert(name, metric);
        }
        all
    }

    /// What a page of metrics has.
    fn read(page: &str) -> Self {
        let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
        let mut last = String::new();
        for line in page.lines() {
            if let Some((name, kind)) = line
                .strip_prefix("# TYPE ")
                .and_then(|rest| rest.split_once(' '))
            {
                metrics.entry(name.to_owned()).or_default().kind = kind.to_owned();
                last = name.to_owned();
            } else if !line.is_empty() && !line.starts_with('#') {
                let Selector { metric, labels } = refers(line).selectors.remove(0);
                assert!(metric.starts_with(&last), "{line}");
                let labels = labels.into_iter().map(|(label, _)| label);
                let known = &mut metrics.get_mut(&last).unwrap().labels;
                known.extend(labels.filter(|label| label != "le"));
            }
        }
        Self { metrics }
    }

    /// The metric that a series belongs to.
    pub fn metric_of<'s>(&self, series: &'s str) -> Option<&'s str> {
        match self.metrics.get(series) {
            Some(metric) => (metric.kind != "histogram").then_some(series),
            None => ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| series.strip_suffix(end))
                .filter(|name| {
                    self.metrics
                        .get(*name)
                        .is_some_and(|m| m.kind == "histogram")
                }),
        }
    }

    fn labels_of(&self, series: &str) -> BTreeSet<&str> {
        let mut labels = BTreeSet::from(BY_PROMETHEUS);
        if let Some(metric) = self.metric_of(series) {
            let metric = &self.metrics[metric];
            if metric.is_recorded {
                labels.clear();
            }
            labels.extend(metric.labels.iter().map(String::as_str));
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

    /// Whether a rule records it.
    pub fn is_recorded(&self, series: &str) -> bool {
        self.metrics.get(series).is_some_and(|m| m.is_recorded)
    }

    /// Whether it only rises.
    pub fn is_counter(&self, series: &str) -> bool {
        self.metric_of(series)
            .is_some_and(|metric| ["counter", "histogram"].contains(&&*self.metrics[metric].kind))
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
        ("landfall_events_total", "outcome") => EventOutcome::ALL.map(EventOutcome::name).into(),
        ("landfall_batches_total", "outcome") => BatchOutcome::ALL.map(BatchOutcome::name).into(),
        (_, "cause") => ResumeReason::ALL.map(ResumeReason::name).into(),
        (_, "stage") => Stage::ALL.map(Stage::name).into(),
        (_, "why") => Standing::REASONS.into(),
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
    metrics::set_build("2.0".to_owned());
    metrics::count_events("t", "public.t", "create", EventOutcome::Applied, 1);
    metrics::count_batch(BatchOutcome::Committed);
    metrics::record_landed_batch(1, Duration::from_secs(1));
    Stage::Rows.time_now(|| ());
    let latencies = metrics::latencies_of("public.t");
    latencies.source.record(1.0);
    latencies.kafka.record(1.0);
    metrics::count_dead_letter("public.t", Reason::Value);
    metrics::count_left_rows("public.t", 1);
    metrics::count_ddl("create_table");
    metrics::count_dropped_telemetry(metrics::DroppedTelemetry::Spans, 1);
    metrics::count_failed_attempt(&Failure::new(Verdict::Retry, "why".to_owned()));
    let mut partition = PartitionGauges::default();
    partition.set_watermark(&source, 1);
    partition.set_lag(&source, Some(1));
    partition.set_lag_seconds(&source, Some(1.0));
    partition.set_applied_time(&source, 1);
    metrics::set_assigned_partitions(1);
    metrics::count_rebalance("assigned");
    metrics::count_resumption("new");
    metrics::note_pruned();
    metrics::set_waiting_lanes(Verdict::Systemic, 1);
    metrics::set_standing_partitions("lost", 1, None);
    metrics::set_inbox(0, 1, 1);
    metrics::set_fetch_queue(1, 1, 1);
    metrics::set_pool(1, 1, 1, 1);
    metrics::set_open_letters([("public.t", "value", 1)].into_iter());
    metrics::set_letters_read(0.0, 1);
    metrics::set_oldest_day(1);
    metrics::set_ledger_size("dead_letters", 1);
    metrics::read_process();
}

#[test]
fn these_are_all_metrics_there_are_with_their_kinds_and_labels() {
    let exported = Exported::now();
    let exported: BTreeMap<&str, (&str, BTreeSet<&str>)> = exported
        .metrics
        .iter()
        .map(|(name, metric)| {
            let labels = metric.labels.iter().map(String::as_str);
            (name.as_str(), (metric.kind.as_str(), labels.collect()))
        })
        .collect();
    let described = metrics::ALL.iter().map(|metric| {
        let labels = metric.labels.iter().copied().collect();
        (metric.name, (metric.kind.name(), labels))
    });
    assert_eq!(exported, described.collect());
}

#[test]
fn every_rule_records_from_what_is_exported() {
    let exported = Exported::with_rules_and_exporters();
    for rule in rules_in("rules") {
        let expression = rule["expr"].as_str().unwrap();
        assert_eq!(exported.unknown_in(expression), [""; 0], "{expression}");
    }
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

/// One partition and one table each, of which each kind of change has come, and none was refused.
fn record_topics(topics: usize) {
    for number in 0..topics {
        let topic = format!("shop.public.table_{number}");
        let table = format!("public.table_{number}");
        let source = TopicPartition {
            topic: topic.as_str().into(),
            partition: 0,
        };
        for operation in ["create", "update", "delete"] {
            metrics::count_events(&topic, &table, operation, EventOutcome::Applied, 1);
        }
        let latencies = metrics::latencies_of(&table);
        latencies.source.record(1.0);
        latencies.kafka.record(1.0);
        let mut partition = PartitionGauges::default();
        partition.set_watermark(&source, 1);
        partition.set_lag(&source, Some(1));
        partition.set_lag_seconds(&source, Some(1.0));
        partition.set_applied_time(&source, 1);
    }
}

#[test]
fn a_scrape_of_a_thousand_topics_is_bounded() {
    let series = Series::default();
    metrics::limit_tables(200);
    ::metrics::with_local_recorder(&series, || record_topics(1_000));
    let since = Instant::now();
    let scraped = series.render();
    let lines = scraped.lines().count();
    println!(
        "{lines} lines, {} bytes, {:?}",
        scraped.len(),
        since.elapsed()
    );
    // four for the partition, three for its events; 16 lines of each histogram for tables that are told apart and for the others
    let told_apart = 201 * 2 * 16;
    assert!(lines <= 1_000 * 7 + told_apart + 20, "{lines} lines");
    assert!(scraped.len() < 2 << 20, "{} bytes", scraped.len());
    assert!(scraped.contains(&format!("table=\"{}\"", metrics::OTHER_TABLES)));
}
