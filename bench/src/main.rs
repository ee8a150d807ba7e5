//! `make bench`: Landfall and the Debezium JDBC sink, side by side on the same topics. Start reading at
//! [`measure`].

mod bench;
mod cli;
mod connector;
mod database;
mod equality;
mod kafka;
mod make;
mod measure;
mod process;
mod show;
mod sink;
mod stack;
mod table;
mod wait;
mod workload;

use anyhow::Result;
use clap::Parser as _;

use crate::bench::Bench;
use crate::cli::Cli;
use crate::measure::Setting;
use crate::sink::Sink;

fn main() -> Result<()> {
    let cli = Cli::parse();
    let bench = Bench::start(cli.options)?;
    for name in bench.options.workload.split(',') {
        let topic = workload::topic(name).ok_or_else(|| anyhow::anyhow!("no workload {name}"))?;
        for round in 0..bench.options.rounds {
            for sink in [
                Sink::landfall(),
                Sink::Jdbc { tuned: false },
                Sink::Jdbc { tuned: true },
            ] {
                if !bench.options.sink.is_empty()
                    && !format!("{sink:?}")
                        .to_lowercase()
                        .contains(&bench.options.sink)
                {
                    continue;
                }
                let m = bench.measure(topic, &sink, &Setting::usual(topic))?;
                bench.show.line(&format!("{name} {round} {sink:?} {:.0}/s cpu {:.1} s/M rss {} MB ({} records in {:.2} s)", m.records as f64 / m.seconds, m.cpu_seconds / m.records as f64 * 1e6, m.peak_rss >> 20, m.records, m.seconds));
            }
        }
    }
    Ok(())
}
