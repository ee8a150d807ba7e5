//! A table for each experiment.

use crate::experiment::{Experiment, FLINKS, JDBC_SINKS};
use crate::results::Summary;
use crate::results::summary::{Variant, median};

pub fn tables(all: &[&(&Experiment, Summary)]) -> String {
    let known = all
        .iter()
        .filter(|(_, summary)| !summary.variants.is_empty());
    known
        .map(|(experiment, summary)| table(experiment, summary))
        .collect::<Vec<_>>()
        .join("\n")
}

fn table(experiment: &Experiment, summary: &Summary) -> String {
    let mut text = format!("## {}\n\n{}\n\n", experiment.name, experiment.about);
    let is_latency = summary.variants.iter().any(|v| v.latency.is_some());
    text += match is_latency {
        true => "| | p50 | p99 | from Kafka on: p50 | p99 |\n|---|---|---|---|---|\n",
        false => {
            "| | records/s, median | min – max | × the best peer | CPU s per million | of Postgres, Kafka | share of a free sink | peak memory |\n|---|---|---|---|---|---|---|---|\n"
        }
    };
    let peer = best_rate(summary, [JDBC_SINKS, FLINKS].as_flattened());
    for variant in &summary.variants {
        text += &match is_latency {
            true => latency(variant),
            false => throughput(variant, peer),
        };
    }
    for variant in summary.variants.iter().filter(|v| !v.errors.is_empty()) {
        text += &format!(
            "\n{} failed {} times: {}\n",
            variant.name,
            variant.errors.len(),
            variant.errors[0]
        );
    }
    text
}

/// Median records a second of the best of these variants.
pub fn best_rate(summary: &Summary, names: &[&str]) -> Option<f64> {
    names
        .iter()
        .filter_map(|name| summary.rate(name))
        .max_by(f64::total_cmp)
}

fn throughput(variant: &Variant, peer: Option<f64>) -> String {
    let rates = &variant.rates;
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    let middle = median(rates);
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} |\n",
        variant.name,
        or_none(middle.map(thousands)),
        or_none(rates.first().zip(rates.last()).map(|(min, max)| format!(
            "{} – {}",
            thousands(*min),
            thousands(*max)
        ))),
        or_none(
            middle
                .zip(peer)
                .map(|(rate, peer)| format!("{:.1}", rate / peer))
        ),
        or_none(variant.cpu.map(|cpu| format!("{cpu:.1}"))),
        or_none(
            variant
                .servers_cpu
                .map(|(postgres, kafka)| format!("{postgres:.1}, {kafka:.1}"))
        ),
        or_none(
            middle
                .zip(variant.free_sink_rate)
                .map(|(rate, free)| format!("{:.0} % of {}", 100.0 * rate / free, thousands(free)))
        ),
        or_none(variant.peak_rss.map(mebibytes)),
    )
}

fn latency(variant: &Variant) -> String {
    variant.latency.map_or_else(
        || format!("| {} | – | – | – | – |\n", variant.name),
        |l| {
            format!(
                "| {} | {:.0} ms | {:.0} ms | {:.0} ms | {:.0} ms |\n",
                variant.name, l.p50, l.p99, l.own_p50, l.own_p99
            )
        },
    )
}

pub fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// As 76,500.
pub fn thousands(rate: f64) -> String {
    let digits = format!("{rate:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!(thousands(999.4), "999");
        assert_eq!(thousands(76_500.0), "76,500");
        assert_eq!(thousands(1_234_567.0), "1,234,567");
    }
}
