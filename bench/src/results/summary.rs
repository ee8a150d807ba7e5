//! The rounds of an experiment, summed up.

use std::collections::BTreeSet;

use crate::figures::{Figure, Latency};
use crate::measure::Measured;

#[derive(Default)]
pub struct Summary {
    pub variants: Vec<Variant>,
    pub commits: BTreeSet<String>,
    times: Vec<u64>,
}

pub struct Variant {
    pub name: String,
    /// Records a second of each round, ascending.
    pub rates: Vec<f64>,
    /// CPU seconds a million records, median; none where it isn't measured.
    pub cpu: Option<f64>,
    /// The same of Postgres and of Kafka meanwhile.
    pub servers_cpu: Option<(f64, f64)>,
    /// Records a second if the sink cost nothing, median.
    pub free_sink_rate: Option<f64>,
    /// Bytes, of the worst round.
    pub peak_rss: Option<u64>,
    /// Median of each.
    pub latency: Option<Latency>,
    pub errors: Vec<String>,
}

impl Summary {
    pub fn of(figures: &[Figure]) -> Self {
        let mut summary = Self::default();
        let mut names: Vec<&str> = Vec::new();
        for figure in figures {
            if !names.contains(&figure.variant.as_str()) {
                names.push(&figure.variant);
            }
            summary.commits.insert(figure.commit.clone());
            summary.times.push(figure.at);
        }
        let of =
            |name: &str| -> Vec<&Figure> { figures.iter().filter(|f| f.variant == name).collect() };
        summary.variants = names
            .into_iter()
            .map(|name| Variant::of(name, &of(name)))
            .collect();
        summary
    }

    pub fn variant(&self, name: &str) -> Option<&Variant> {
        self.variants.iter().find(|v| v.name == name)
    }

    /// Median records a second.
    pub fn rate(&self, name: &str) -> Option<f64> {
        median(&self.variant(name)?.rates)
    }

    /// As 2026-11-21, or two of them.
    pub fn days(&self) -> String {
        let days: BTreeSet<String> = self.times.iter().map(|at| day(*at)).collect();
        days.into_iter().collect::<Vec<_>>().join(", ")
    }
}

impl Variant {
    fn of(name: &str, figures: &[&Figure]) -> Self {
        let mut rates: Vec<f64> = figures.iter().filter_map(|f| f.rate()).collect();
        rates.sort_by(f64::total_cmp);
        let measured = figures.iter().filter_map(|f| f.measured);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let with_servers = measured.clone().filter(|m| m.postgres_seconds > 0.0);
        let per_million = |of: fn(&Measured) -> f64| {
            median_of(
                with_servers
                    .clone()
                    .map(|m| of(&m) / m.records as f64 * 1e6),
            )
        };
        let latencies: Vec<Latency> = figures.iter().filter_map(|f| f.latency).collect();
        let latency = |of: fn(&Latency) -> f64| median_of(latencies.iter().map(of));
        Self {
            name: name.to_owned(),
            rates,
            cpu: median_of(figures.iter().filter_map(|f| f.cpu())).filter(|cpu| *cpu > 0.0),
            servers_cpu: per_million(|m| m.postgres_seconds).zip(per_million(|m| m.kafka_seconds)),
            free_sink_rate: median_of(measured.clone().filter_map(|m| m.free_sink_rate(cores))),
            peak_rss: measured.map(|m| m.peak_rss).max().filter(|rss| *rss > 0),
            latency: latency(|l| l.p50)
                .zip(latency(|l| l.p99))
                .zip(latency(|l| l.own_p50).zip(latency(|l| l.own_p99)))
                .map(|((p50, p99), (own_p50, own_p99))| Latency {
                    p50,
                    p99,
                    own_p50,
                    own_p99,
                }),
            errors: figures.iter().filter_map(|f| f.error.clone()).collect(),
        }
    }
}

/// Of an ascending list.
pub fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

fn median_of(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    median(&values)
}

/// The civil date of a Unix time (Howard Hinnant's days_from_civil, the other way round).
fn day(at: u64) -> String {
    let days = at / 86_400 + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year}-{month:02}-{:02}",
        of_year - (153 * shifted + 2) / 5 + 1
    )
}

#[cfg(test)]
mod tests {
    use super::{day, median};

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(median(&[1.0, 2.0, 4.0]), Some(2.0));
        assert_eq!(median(&[1.0, 2.0, 4.0, 8.0]), Some(3.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(1_709_164_800), "2024-02-29");
        assert_eq!(day(1_795_219_200), "2026-11-21");
    }
}
