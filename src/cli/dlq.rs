//! The grammar of `landfall dlq`.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use crate::dlq::row::State;
use crate::dlq::select::{Chosen, Filters, HEADING};

const EXAMPLES: &str = "\
Examples:
  landfall dlq list                       What can still be replayed, oldest first
  landfall dlq list --summary             How many, by table, reason and state
  landfall dlq discard --id 42            Give one up";

const LIST_EXAMPLES: &str = "\
Examples:
  landfall dlq list
  landfall dlq list --table public.orders --reason value --since 2h
  landfall dlq list --state all --json | jq -r .event_id
  landfall dlq list --summary";

const DISCARD_EXAMPLES: &str = "\
Examples:
  landfall dlq discard --id 42 --id 43
  landfall dlq discard --topic shop.public.tmp --yes

Only parked letters are discarded. They stay in the table, marked, and in the dead letter topic.";

#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct Dlq {
    #[command(subcommand)]
    pub command: DlqCommand,
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum DlqCommand {
    /// List dead letters, oldest first.
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// Give letters up: they won't be replayed any more.
    #[command(after_help = DISCARD_EXAMPLES)]
    Discard(Discard),
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct List {
    #[command(flatten)]
    pub filters: Filters,

    /// Only in this state; can be repeated [default: parked; with --summary: all].
    #[arg(long, value_enum, help_heading = HEADING)]
    pub state: Vec<WantedState>,

    /// At most this many, the oldest [default: 100; with --json: all].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    pub limit: Option<i64>,

    /// Only count them: by table, reason and state.
    #[arg(long, conflicts_with = "limit")]
    pub summary: bool,

    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// A letter's state, or any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WantedState {
    Parked,
    Replayed,
    Superseded,
    Discarded,
    All,
}

impl List {
    /// The states that are asked for; empty: whatever state.
    pub fn states(&self) -> Vec<State> {
        let wanted = match self.state.as_slice() {
            [] if self.summary => &[WantedState::All],
            [] => &[WantedState::Parked][..],
            wanted => wanted,
        };
        let states: Option<Vec<State>> = wanted
            .iter()
            .map(|state| match state {
                WantedState::Parked => Some(State::Parked),
                WantedState::Replayed => Some(State::Replayed),
                WantedState::Superseded => Some(State::Superseded),
                WantedState::Discarded => Some(State::Discarded),
                WantedState::All => None,
            })
            .collect();
        states.unwrap_or_default()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(group = ArgGroup::new("which").required(true).multiple(true).args(["id", "topic", "table", "reason", "since", "all"]))]
pub struct Discard {
    #[command(flatten)]
    pub chosen: Chosen,

    /// All of them.
    #[arg(long, help_heading = HEADING, conflicts_with_all = ["id", "topic", "table", "reason", "since"])]
    pub all: bool,

    /// Don't ask.
    #[arg(short, long)]
    pub yes: bool,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn list(words: &str) -> List {
        let words = ["landfall", "dlq", "list"]
            .into_iter()
            .chain(words.split_whitespace());
        match Cli::try_parse_from(words).unwrap().command {
            Command::Dlq(Dlq {
                command: DlqCommand::List(list),
            }) => list,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn parked_letters_are_listed_and_all_are_counted_unless_a_state_is_named() {
        assert_eq!(list("").states(), [State::Parked]);
        assert_eq!(list("--summary").states(), []);
        assert_eq!(list("--state all").states(), []);
        assert_eq!(list("--state parked --state all").states(), []);
        let two = list("--summary --state replayed --state discarded");
        assert_eq!(two.states(), [State::Replayed, State::Discarded]);
    }
}
