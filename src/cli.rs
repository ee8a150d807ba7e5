//! The command line. What each command does is elsewhere; this is its grammar and help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::DEFAULT_PATH;

const EXAMPLES: &str = "\
Examples:
  landfall check                     Is everything reachable, does every topic have its table?
  landfall run                       Land events until told to stop
  landfall run -c warehouse.toml     The same with another configuration
  LANDFALL_APPLY__LANES=8 landfall run
                                     Each key of the file can be set by a variable

Exit codes: 0 done, 1 the work failed, 2 the command line or the configuration is wrong.";

const RUN_EXAMPLES: &str = "\
Examples:
  landfall run
  landfall run --until-caught-up     In a nightly job: land what is there, then exit

SIGTERM and SIGINT finish the batch in flight, commit it, leave the group and exit 0.";

const CHECK_EXAMPLES: &str = "\
Examples:
  landfall check
  landfall check --json | jq         One object a line

Exits 1 with every problem found, not only the first.";

const MIGRATE_EXAMPLES: &str = "\
Examples:
  landfall migrate                   As a role that may create a schema; then let `run`
                                     use a lesser one, with postgres.migrate = false";

const PRUNE_EXAMPLES: &str = "\
Examples:
  landfall prune                     Also done by `run`, at its start and then hourly
  landfall prune --dry-run           Say what would be done, and change nothing
  landfall prune --json | jq         One object a line

A day's ids go when the day is over, and nothing was applied to it, for apply.retention.";

/// Lands Kafka change events in Postgres, each exactly once.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(name = "landfall", version, after_help = EXAMPLES)]
pub struct Cli {
    /// The configuration, in TOML.
    #[arg(
        short,
        long,
        global = true,
        value_name = "FILE",
        env = "LANDFALL_CONFIG",
        default_value = DEFAULT_PATH
    )]
    pub config: PathBuf,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Run the sink: read events, land them, commit.
    #[command(after_help = RUN_EXAMPLES)]
    Run(Run),
    /// Check the configuration, Kafka, Postgres, and each topic's table.
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Check),
    /// Create or upgrade the bookkeeping tables.
    #[command(after_help = MIGRATE_EXAMPLES)]
    Migrate,
    /// Forget the ids of events that were applied longer ago than apply.retention.
    #[command(after_help = PRUNE_EXAMPLES)]
    Prune(Prune),
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Run {
    /// Exit once every partition has reached the end that it had at start.
    #[arg(long)]
    pub until_caught_up: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Check {
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Prune {
    /// Change nothing.
    #[arg(long)]
    pub dry_run: bool,

    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_configuration_is_named_before_or_after_the_command() {
        let before = Cli::try_parse_from(["landfall", "-c", "a.toml", "run", "--until-caught-up"]);
        let after = Cli::try_parse_from(["landfall", "run", "--until-caught-up", "-c", "a.toml"]);
        let before = before.unwrap();
        assert_eq!(before, after.unwrap());
        assert_eq!(before.config, PathBuf::from("a.toml"));
        assert_eq!(
            before.command,
            Command::Run(Run {
                until_caught_up: true
            })
        );
    }

    #[test]
    fn a_wrong_command_line_exits_2_and_help_0() {
        let parse = |words: &[&str]| Cli::try_parse_from(words).unwrap_err();
        assert_eq!(parse(&["landfall", "fly"]).exit_code(), 2);
        assert_eq!(parse(&["landfall"]).exit_code(), 2);
        assert_eq!(parse(&["landfall", "run", "--json"]).exit_code(), 2);
        let help = parse(&["landfall", "check", "--help"]);
        assert_eq!((help.kind(), help.exit_code()), (ErrorKind::DisplayHelp, 0));
        assert!(help.to_string().contains("Examples:"));
        assert_eq!(parse(&["landfall", "--version"]).exit_code(), 0);
    }
}
