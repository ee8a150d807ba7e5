//! The command line; each option is a variable too, as in `make bench WORKLOAD=avro ROUNDS=3`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Landfall, the Debezium JDBC sink and Flink, side by side on the same topics.
#[derive(Parser)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub options: Options,
}

#[derive(Subcommand)]
pub enum Command {
    /// Measures, then renders the results (what is done without a command).
    Run,
    /// Only makes the topics of the workloads.
    Make,
    /// Compares the tables that Landfall and the JDBC sink make by themselves; writes docs/tables-made.md.
    Tables,
    /// Brings the stack up and leaves it so; otherwise each run starts it and ends it.
    Up,
    /// Only writes RESULTS.md and throughput.svg from the figures there are.
    Render,
    /// Ends the bench's stack; its topics are kept.
    Down,
}

#[derive(clap::Args, Clone)]
pub struct Options {
    /// What to run, with commas between: all, or names as in RESULTS.md.
    #[arg(long, env = "WORKLOAD", default_value = "all", global = true)]
    pub workload: String,
    /// Of each workload only what has one of these words in its name, with commas between.
    #[arg(long, env = "SINK", default_value = "", global = true)]
    pub sink: String,
    /// How often each sink is run on each workload.
    #[arg(long, env = "ROUNDS", default_value_t = 3, global = true)]
    pub rounds: usize,
    /// Records of the `json` topic, about; those with large rows have fewer, in proportion.
    #[arg(long, env = "EVENTS", default_value_t = 300_000, global = true)]
    pub events: u64,
    /// For how many seconds a sink in a JVM lands the topic elsewhere before it is measured: it gets quicker by it.
    #[arg(long, env = "WARM", default_value_t = 75, global = true)]
    pub warm: u64,
    /// Ids that the ledger holds beforehand, in millions, with commas between.
    #[arg(long, env = "LEDGER", default_value = "0,10,50", global = true)]
    pub ledger: String,
    /// The Landfall to measure.
    #[arg(
        long,
        env = "LANDFALL_BIN",
        default_value = "target/release/landfall",
        global = true
    )]
    pub landfall: PathBuf,
    /// Where the figures, topics and logs are kept.
    #[arg(
        long,
        env = "LANDFALL_BENCH_STATE",
        default_value = "bench/.state",
        global = true
    )]
    pub state: PathBuf,
    /// The stack's folder, if not one of the bench's own.
    #[arg(long, env = "LANDFALL_STACK_DIR", global = true)]
    pub stack: Option<PathBuf>,
    /// Where RESULTS.md and throughput.svg go.
    #[arg(
        long,
        env = "LANDFALL_BENCH_RESULTS",
        default_value = "bench",
        global = true
    )]
    pub results: PathBuf,
}
