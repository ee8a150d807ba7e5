//! `make bench`: Landfall, the Debezium JDBC sink and Flink, side by side on the same topics. What is compared
//! is in [`experiment`], how it is measured in [`measure`].

mod bench;
mod cli;
mod connector;
mod database;
mod distance;
mod equality;
mod experiment;
mod figures;
mod kafka;
mod latency;
mod ledger;
mod limit;
mod machine;
mod make;
mod measure;
mod outage;
mod process;
mod records;
mod results;
mod rounds;
mod servers;
mod show;
mod sink;
mod split;
mod stack;
mod table;
mod tables;
mod wait;
mod warm_up;
mod workload;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Parser as _;

use crate::bench::Bench;
use crate::cli::{Cli, Command};
use crate::experiment::{Experiment, Run};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let cli = Cli::parse();
    let all = experiment::all(&cli.options)?;
    let chosen = rounds::chosen(&all, &cli.options.workload)?;
    let needed = chosen.iter().flat_map(|e| e.topics()).collect();
    let bench = Bench::start(cli.options.clone(), needed)?;
    let command = cli.command.unwrap_or(Command::Run);
    let keep = matches!(command, Command::Up);
    let done = work(&bench, &command, &all, &chosen);
    if !keep {
        bench.stack.leave()?;
    }
    done
}

fn work(
    bench: &Bench,
    command: &Command,
    all: &[Experiment],
    chosen: &[&Experiment],
) -> Result<()> {
    match command {
        Command::Run => {
            let failed = bench.run(chosen)?;
            results::render(bench, all, chosen)?;
            ensure!(failed == 0, "{failed} measurements failed, see above");
        }
        Command::Make => {
            for variant in chosen.iter().flat_map(|e| &e.variants) {
                if let Run::Lands(topic, ..) = &variant.run {
                    bench.made(topic.source)?;
                }
            }
        }
        Command::Tables => tables::compare(bench)?,
        Command::Up => {}
        Command::Render => results::render(bench, all, chosen)?,
        Command::Down => bench.stack.down()?,
    }
    Ok(())
}
