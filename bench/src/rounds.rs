//! Runs experiments: round by round, each variant in turn, so that what slows the machine for a while
//! slows them all.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};

use crate::bench::Bench;
use crate::experiment::{Experiment, FAR, Run, Special, Variant};
use crate::figures::{self, Figure};
use crate::machine;
use crate::measure::{Measured, Setting};
use crate::{ledger, limit, outage, split};

impl Bench {
    /// Returns how many measurements failed.
    ///
    /// # Errors
    /// What has nothing to do with a single measurement.
    pub fn run(&self, experiments: &[&Experiment]) -> Result<usize> {
        let mut failed = 0;
        for experiment in experiments {
            self.show
                .line(&format!("{}: {}", experiment.name, experiment.about));
            let chosen: Vec<&Variant> = experiment
                .variants
                .iter()
                .filter(|v| self.is_chosen(v))
                .collect();
            let mut taken = Vec::new();
            for round in 1..=self.options.rounds {
                for variant in &chosen {
                    let figure = self.figure(experiment.name, variant, round)?;
                    failed += usize::from(figure.error.is_some());
                    taken.push(figure);
                    // what there is survives an interruption
                    figures::replace(&self.options.state, experiment.name, &taken)?;
                }
            }
        }
        Ok(failed)
    }

    fn is_chosen(&self, variant: &Variant) -> bool {
        let name = variant.name.to_lowercase();
        self.options
            .sink
            .split(',')
            .any(|word| name.contains(&word.trim().to_lowercase()))
    }

    fn figure(&self, experiment: &str, variant: &Variant, round: usize) -> Result<Figure> {
        let label = format!(
            "{experiment}, round {round} of {}: {}",
            self.options.rounds, variant.name
        );
        self.show.now(&label);
        let mut figure = Figure {
            variant: variant.name.clone(),
            round,
            measured: None,
            latency: None,
            error: None,
            commit: machine::commit(),
            at: SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
        };
        match self.take(variant, &mut figure) {
            Ok(()) => self.show.line(&format!("  {label}: {}", summary(&figure))),
            Err(error) => {
                self.show.line(&format!("  {label}: FAILED: {error:#}"));
                figure.error = Some(
                    format!("{error:#}")
                        .lines()
                        .next()
                        .unwrap_or_default()
                        .to_owned(),
                );
            }
        }
        Ok(figure)
    }

    fn take(&self, variant: &Variant, figure: &mut Figure) -> Result<()> {
        match &variant.run {
            Run::Lands(topic, sink, special) => {
                let mut setting = Setting::usual(*topic);
                let ledger = |bench: &Bench, destination: &_| match special {
                    Special::Ledger(millions) => {
                        ledger::fill(bench, destination, *topic, *millions)
                    }
                    _ => Ok(()),
                };
                setting.prepare = &ledger;
                if let Special::Outage = special {
                    setting.meanwhile = &outage::stop_and_start;
                }
                if let Special::FarTables(_) = special {
                    setting.round_trip = Some(FAR);
                }
                if let Special::Tables(tables) | Special::FarTables(tables) = special {
                    split::make(self, *topic, *tables)?;
                    setting.topics = split::pattern(*topic);
                    setting.tables = split::tables(*tables);
                }
                figure.measured = Some(self.measure(*topic, sink, &setting)?);
            }
            Run::Limit(sessions) => figure.measured = Some(limit::measure(self, *sessions)?),
            Run::Latency(sink, poll_interval) => {
                figure.latency = Some(crate::latency::measure(self, sink, *poll_interval)?);
            }
        }
        Ok(())
    }
}

fn summary(figure: &Figure) -> String {
    if let (
        Some(rate),
        Some(cpu),
        Some(Measured {
            records,
            seconds,
            peak_rss,
            ..
        }),
    ) = (figure.rate(), figure.cpu(), figure.measured)
    {
        let memory = peak_rss >> 20;
        return format!(
            "{rate:.0} records/s ({records} in {seconds:.2} s), {cpu:.1} CPU s a million, {memory} MiB at most"
        );
    }
    figure.latency.map_or_else(String::new, |l| {
        format!(
            "p50 {:.1} ms, p99 {:.1} ms; from Kafka on {:.1} and {:.1} ms",
            l.p50, l.p99, l.own_p50, l.own_p99
        )
    })
}

/// The experiments of these names, with commas between; all of them for `all`.
///
/// # Errors
/// If there is none of a name.
pub fn chosen<'e>(all: &'e [Experiment], names: &str) -> Result<Vec<&'e Experiment>> {
    if names == "all" {
        return Ok(all.iter().collect());
    }
    let mut chosen = Vec::new();
    for name in names.split(',').map(str::trim) {
        match all.iter().find(|e| e.name == name) {
            Some(experiment) => chosen.push(experiment),
            None => {
                let known: Vec<&str> = all.iter().map(|e| e.name).collect();
                bail!(
                    "there is no workload {name}; WORKLOAD is all, or some of {}",
                    known.join(",")
                );
            }
        }
    }
    Ok(chosen)
}
