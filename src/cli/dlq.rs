//! The grammar of `landfall dlq`.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use crate::cli::letters::{ChosenLetters, LETTERS_HEADING, LetterFilters, LetterId};
use crate::letter::LetterState;

const EXAMPLES: &str = "\
Examples:
  landfall dlq list                       What can still be replayed, oldest first
  landfall dlq list --summary             How many, by table, reason and state
  landfall dlq show 42                    The record, the error, and what a replay would do
  landfall dlq replay --dry-run           What would become of each
  landfall dlq replay --table public.orders
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

const SHOW_EXAMPLES: &str = "\
Examples:
  landfall dlq show 42
  landfall dlq show 0198f2a0-4c00-7c1d-8f3e-5b6a7c8d9e0f    By the event's id
  landfall dlq show 42 --json | jq .record.value";

const REPLAY_EXAMPLES: &str = "\
Examples:
  landfall dlq replay --dry-run                   What would happen, letter by letter
  landfall dlq replay --id 42
  landfall dlq replay --table public.orders --reason constraint --since 2h
  landfall dlq replay --rate 100                  Gently, beside a busy worker

A key's letters are replayed oldest first, up to the first that fails. A letter that a later event
of its key has superseded is left alone. What was replayed is marked: the command can be stopped,
run again, and run while the worker runs. Exits 1 if a letter failed again.";

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
    /// Show one letter: its record, its error, its key's other letters, what a replay would do.
    #[command(after_help = SHOW_EXAMPLES)]
    Show(Show),
    /// Put letters in, through the same path as the worker.
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(Replay),
    /// Give letters up: they won't be replayed any more.
    #[command(after_help = DISCARD_EXAMPLES)]
    Discard(Discard),
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct List {
    #[command(flatten)]
    pub filters: LetterFilters,

    /// Only in this state; can be repeated [default: parked; with --summary: all].
    #[arg(long, value_enum, help_heading = LETTERS_HEADING)]
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

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Show {
    /// The number that `dlq list` shows, or the event's id.
    #[arg(value_name = "ID")]
    pub id: LetterId,

    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Replay {
    #[command(flatten)]
    pub chosen: ChosenLetters,

    /// At most this many, the oldest.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,

    /// At most this many a second.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,

    /// Change nothing; say for each letter what would happen.
    #[arg(long)]
    pub dry_run: bool,

    /// Also letters that are superseded or discarded, or that the worker is to read again: they may
    /// overwrite newer data, or bring a deleted row back. A key's first that fails still stops it.
    #[arg(long)]
    pub force: bool,

    /// Print one JSON object a line: each letter's outcome, then the counts.
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
    pub fn wanted_states(&self) -> Vec<LetterState> {
        let wanted = match self.state.as_slice() {
            [] if self.summary => &[WantedState::All],
            [] => &[WantedState::Parked][..],
            wanted => wanted,
        };
        let states: Option<Vec<LetterState>> = wanted
            .iter()
            .map(|state| match state {
                WantedState::Parked => Some(LetterState::Parked),
                WantedState::Replayed => Some(LetterState::Replayed),
                WantedState::Superseded => Some(LetterState::Superseded),
                WantedState::Discarded => Some(LetterState::Discarded),
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
    pub chosen: ChosenLetters,

    /// All of them.
    #[arg(long, help_heading = LETTERS_HEADING, conflicts_with_all = ["id", "topic", "table", "reason", "since"])]
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
        assert_eq!(list("").wanted_states(), [LetterState::Parked]);
        assert_eq!(list("--summary").wanted_states(), []);
        assert_eq!(list("--state all").wanted_states(), []);
        assert_eq!(list("--state parked --state all").wanted_states(), []);
        let two = list("--summary --state replayed --state discarded");
        assert_eq!(
            two.wanted_states(),
            [LetterState::Replayed, LetterState::Discarded]
        );
    }
}
