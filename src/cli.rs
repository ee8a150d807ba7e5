//! The command line. What each command does is elsewhere; this is its grammar and help.

mod dlq;
mod letters;
mod printed;
mod since;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

pub use crate::cli::dlq::{Discard, Dlq, DlqCommand, List, Replay, Show, WantedState};
pub use crate::cli::letters::{ChosenLetters, LetterFilters, LetterId};
pub use crate::cli::printed::{Completions, Manual};
use crate::config::DEFAULT_PATH;

const EXAMPLES: &str = "\
Examples:
  landfall check                     Is everything reachable, does every topic have its table?
  landfall run                       Land events until told to stop
  landfall run -c warehouse.toml     The same with another configuration
  LANDFALL_APPLY__LANES=8 landfall run
                                     Each key of the file can be set by a variable
  landfall status                    How far is each partition, what was put aside?
  landfall dlq list                  What was put aside, and why

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
  landfall check --static            Reads only, and leaves Postgres untouched

A few events of each topic are written as `run` would write them, each table's in a transaction of
at most some seconds that is always rolled back. What can't be rolled back: numbers that sequences
have given away, and what triggers do outside of Postgres; tables with triggers that look like it
are left out. A lock that is in the way is waited for a second, and told.

Exits 1 with every problem found, not only the first.";

const MIGRATE_EXAMPLES: &str = "\
Examples:
  landfall migrate                   As a role that may create a schema; then let `run`
                                     use a lesser one, with postgres.migrate = false

A Landfall of before the upgrade can go on with the schema, so that one can go back to it. If an
upgrade is of another kind, this says so and does nothing without --no-way-back.";

const PRUNE_EXAMPLES: &str = "\
Examples:
  landfall prune                     Also done by `run`, at its start and then hourly
  landfall prune --dry-run           Say what would be done, and change nothing
  landfall prune --json | jq         One object a line

A day's ids go when the day is over, and nothing was applied to it, for apply.retention.";

const STATUS_EXAMPLES: &str = "\
Examples:
  landfall status
  landfall status --json | jq        One object a line
  landfall status --watch            Again and again, until Ctrl-C; --interval 10s for less often

committed: the group's offset in Kafka; applied: everything below it is in the destination;
end: the end of the log; lag: what is still to be applied. It joins no group, so it can be asked
while workers run. Exits 1 if Kafka or Postgres can't be asked, with what the other one says.";

const HEALTH_EXAMPLES: &str = "\
Examples:
  landfall health                    Is the worker of this configuration alive?
  landfall health --ready            Does it read and write, or what does it wait for?
  LANDFALL_HTTP__LISTEN=127.0.0.1:9465 landfall health
                                     Another worker on this machine

Asks /healthz, or /readyz, at http.listen, for three seconds at most, and prints a line. Exits 0 if
the answer is yes, 1 if it is no or there is none. Of the configuration it reads [http] alone.";

const FORGET_EXAMPLES: &str = "\
Examples:
  landfall forget --topic shop.public.orders
  landfall forget --topic shop.public.orders --partition 3

Everything that Kafka still has of it is read and applied once more, from the first record on; a
running worker notices within seconds. The rows that the events wrote stay as they are, so empty
the table first if they should not be there. The role needs DELETE on the bookkeeping tables.";

const IMPORT_EXAMPLES: &str = "\
Examples:
  landfall import-connector jdbc-sink.json > landfall.toml
  landfall import-connector jdbc-sink.json debezium-source.json connect-distributed.properties
                                     What else tells of the topics: the source that fills them,
                                     the worker's brokers and converters
  curl -s connect:8083/connectors?expand=info | landfall import-connector -
                                     All of a Connect cluster's sinks

Reads the JDBC sinks of Confluent, Aiven and Debezium and Confluent Cloud's PostgresSink, as JSON or
as .properties. The configuration goes to standard output, without any password. Standard error says
what became of each option: mapped, not needed, differs, no counterpart, to decide. It exits with 0 if
a configuration was written, whatever is to decide, and with 2 if none was.";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  landfall completions bash > /usr/share/bash-completion/completions/landfall
  landfall completions zsh > /usr/local/share/zsh/site-functions/_landfall
  landfall completions fish > ~/.config/fish/completions/landfall.fish

A package brings those of bash, zsh and fish along.";

const MANUAL_EXAMPLES: &str = "\
Examples:
  landfall man | man -l -
  landfall man /usr/local/share/man/man1     landfall.1, landfall-run.1 and so on";

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
    Migrate(Migrate),
    /// Forget the ids of events that were applied longer ago than apply.retention.
    #[command(after_help = PRUNE_EXAMPLES)]
    Prune(Prune),
    /// Show how far each partition has come, and what was put aside.
    #[command(after_help = STATUS_EXAMPLES)]
    Status(Status),
    /// Look at dead letters, or give them up.
    Dlq(Dlq),
    /// Let a topic be processed again, from its first record on.
    #[command(after_help = FORGET_EXAMPLES)]
    Forget(Forget),
    /// Ask the running worker whether it is alive.
    #[command(after_help = HEALTH_EXAMPLES)]
    Health(Health),
    /// Turn Kafka Connect's JDBC sinks into a configuration.
    #[command(after_help = IMPORT_EXAMPLES)]
    ImportConnector(ImportConnector),
    /// Print the completions of a shell.
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(Completions),
    /// Print the page of the manual, or write one for each command.
    #[command(after_help = MANUAL_EXAMPLES)]
    Man(Manual),
}

impl Cli {
    /// Reads the command line; ends the process with 2 if it is wrong, with 0 after `--help`.
    pub fn parse_or_exit() -> Self {
        let cli = Self::parse();
        match cli.require_an_answer(std::io::stdin().is_terminal()) {
            Ok(()) => cli,
            Err(error) => error.exit(),
        }
    }

    /// What asks before it does something needs somebody to ask.
    fn require_an_answer(&self, is_terminal: bool) -> Result<(), clap::Error> {
        match &self.command {
            Command::Dlq(Dlq {
                command: DlqCommand::Discard(discard),
            }) if !discard.yes && !is_terminal => Err(Self::command().error(
                ErrorKind::MissingRequiredArgument,
                "standard input is no terminal, so nobody can be asked: say --yes to discard without",
            )),
            _ => Ok(()),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Run {
    /// Exit once every partition has reached the end that it had at start.
    #[arg(long)]
    pub until_caught_up: bool,

    /// How long --until-caught-up waits for what is away, such as Postgres or Kafka, before it exits with 1.
    #[arg(long, value_name = "TIME", default_value = "60s", requires = "until_caught_up", value_parser = humantime::parse_duration)]
    pub wait_for: Duration,

    /// Have --until-caught-up exit with 1 if it put anything aside.
    #[arg(long, requires = "until_caught_up")]
    pub fail_on_dead_letters: bool,
}

impl Run {
    /// How long to wait for what is away, if the end is to be waited for.
    pub fn patience(&self) -> Option<Duration> {
        self.until_caught_up.then_some(self.wait_for)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Check {
    /// Whether to have Postgres try the sampled events, in transactions that are always rolled back.
    #[arg(long, value_enum, value_name = "WHEN", default_value = "careful")]
    trial: Trial,

    /// Leave Postgres untouched: the same as --trial never.
    #[arg(long = "static", conflicts_with = "trial")]
    is_static: bool,

    /// Print the statements that schema_evolution = "create" would run, for psql; what is found goes to standard error.
    #[arg(long, conflicts_with = "json")]
    pub ddl: bool,

    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
}

impl Check {
    /// Whether sampled events are tried.
    pub fn trial(&self) -> Trial {
        match self.is_static {
            true => Trial::Never,
            false => self.trial,
        }
    }
}

/// When `check` has sampled events tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Trial {
    /// Not where a trigger may reach beyond Postgres (dblink, http, an untrusted language).
    Careful,
    /// Whatever triggers do.
    Always,
    /// Not at all.
    Never,
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Migrate {
    /// Upgrade also if no Landfall of before the upgrade can go on with the schema then.
    #[arg(long)]
    pub no_way_back: bool,
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

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Status {
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,

    /// Show it again and again, in place on a terminal, until Ctrl-C.
    #[arg(long, conflicts_with = "json")]
    pub watch: bool,

    /// How long --watch pauses between two looks.
    #[arg(long, value_name = "TIME", default_value = "2s", requires = "watch", value_parser = humantime::parse_duration)]
    pub interval: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Forget {
    /// The topic to process again.
    #[arg(long)]
    pub topic: String,

    /// Only this partition of it.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i32).range(0..))]
    pub partition: Option<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Health {
    /// Ask whether it is ready, not only alive.
    #[arg(long)]
    pub ready: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ImportConnector {
    /// Connectors' configurations, in JSON or as .properties; - is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,

    /// Where Kafka is, which a connector's file doesn't say.
    #[arg(long, value_name = "HOST:PORT,…")]
    pub brokers: Option<String>,
}

#[cfg(test)]
mod tests {
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
                until_caught_up: true,
                wait_for: Duration::from_secs(60),
                fail_on_dead_letters: false,
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

    #[test]
    fn a_static_check_tries_nothing() {
        let trial = |words: &[&str]| {
            let cli = Cli::try_parse_from([&["landfall", "check"], words].concat());
            match cli.map(|cli| cli.command) {
                Ok(Command::Check(check)) => Some(check.trial()),
                _ => None,
            }
        };
        assert_eq!(trial(&["--static"]), Some(Trial::Never));
        assert_eq!(trial(&[]), Some(Trial::Careful));
        assert_eq!(trial(&["--static", "--trial", "always"]), None);
    }

    #[test]
    fn every_command_shows_examples_in_its_help() {
        let mut commands = vec![Cli::command()];
        while let Some(mut command) = commands.pop() {
            let help = command.render_help().to_string();
            assert!(help.contains("Examples:"), "{help}");
            let below = command.get_subcommands().filter(|c| c.get_name() != "help");
            commands.extend(below.cloned());
        }
    }

    #[test]
    fn discarding_says_what_and_asks_unless_told_not_to() {
        let parse =
            |words: &[&str]| Cli::try_parse_from([&["landfall", "dlq", "discard"], words].concat());
        assert_eq!(parse(&[]).unwrap_err().exit_code(), 2);
        assert_eq!(parse(&["--yes"]).unwrap_err().exit_code(), 2);
        assert!(parse(&["--all", "--topic", "t"]).is_err());
        let unattended = |words: &[&str]| parse(words).unwrap().require_an_answer(false);
        assert!(parse(&["--all"]).unwrap().require_an_answer(true).is_ok());
        assert!(unattended(&["--all", "--yes"]).is_ok());
        let refused = unattended(&["--id", "7"]).unwrap_err();
        assert_eq!(refused.exit_code(), 2);
        assert!(refused.to_string().contains("--yes"), "{refused}");
    }
}
