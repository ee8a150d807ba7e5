//! Prometheus' text format, version 0.0.4, as
//! <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format> has it.

use std::fmt::{Display, Write as _};

use metrics::Key;

use super::names::Kind;
use super::ranges::Counted;

/// The series of a metric.
pub(super) struct Family {
    kind: Kind,
    pub samples: Vec<(Key, Sample)>,
}

/// What a series says.
pub(super) enum Sample {
    Count(u64),
    Value(f64),
    Ranges(Counted),
}

impl Family {
    pub fn new(kind: Kind) -> Self {
        let samples = Vec::new();
        Self { kind, samples }
    }
}

/// Adds a metric with its series, sorted by their labels: what is the same each time is compressed well.
pub(super) fn render_family(text: &mut String, name: &str, help: &str, family: Family) {
    if !help.is_empty() {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        line(text, format_args!("# HELP {name} {help}"));
    }
    line(text, format_args!("# TYPE {name} {}", family.kind.name()));
    let samples = family.samples.into_iter();
    let mut samples: Vec<(String, Sample)> = samples
        .map(|(key, sample)| (labels(&key), sample))
        .collect();
    samples.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (labels, sample) in samples {
        match sample {
            Sample::Count(count) => series(text, name, &labels, count),
            Sample::Value(value) => series(text, name, &labels, value),
            Sample::Ranges(counted) => ranges(text, name, &labels, &counted),
        }
    }
    text.push('\n');
}

// writing to a text can't fail
fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{words}");
}

fn series(text: &mut String, name: impl Display, labels: &str, value: impl Display) {
    match labels {
        "" => line(text, format_args!("{name} {value}")),
        labels => line(text, format_args!("{name}{{{labels}}} {value}")),
    }
}

fn ranges(text: &mut String, name: &str, labels: &str, counted: &Counted) {
    let Counted { up_to, all, sum } = counted;
    let comma = if labels.is_empty() { "" } else { "," };
    for (end, count) in up_to {
        let range = format_args!("{name}_bucket{{{labels}{comma}le=\"{end}\"}} {count}");
        line(text, range);
    }
    let range = format_args!("{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {all}");
    line(text, range);
    series(text, format_args!("{name}_sum"), labels, sum);
    series(text, format_args!("{name}_count"), labels, all);
}

fn labels(key: &Key) -> String {
    let mut text = String::new();
    for label in key.labels() {
        let value = label.value().replace('\\', "\\\\");
        let value = value.replace('"', "\\\"").replace('\n', "\\n");
        let comma = if text.is_empty() { "" } else { "," };
        let _ = write!(text, "{comma}{}=\"{value}\"", label.key());
    }
    text
}
