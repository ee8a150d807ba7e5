//! `landfall status`: how far each partition has come, and what was put aside. It looks only, and
//! joins no group.

mod bookkeeping;
pub mod gather;
mod kafka;
mod line;
mod text;
mod watch;

use serde::Serialize;

use crate::cli;
use crate::config::Config;
use crate::operator::command_error::CommandError;
use crate::operator::status::gather::{Gatherer, PATIENCE};
use crate::operator::status::text::format_status;
use crate::operator::terminal;
use crate::status::{LetterCount, PartitionLine, Problem, Status, Versions};

/// One object a line.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum StatusLine<'a> {
    Partition(&'a PartitionLine),
    DeadLetters(&'a LetterCount),
    Versions(&'a Versions),
    Problem(&'a Problem),
}

/// # Errors
/// Kafka or Postgres can't be asked, or not for everything. What the others say has been printed. Watching goes on then.
pub async fn show_status(config: &Config, asked: &cli::Status) -> Result<(), CommandError> {
    if asked.watch {
        return watch::watch_status(config, asked.interval).await;
    }
    let mut gatherer = Gatherer::new(config, PATIENCE);
    let status = gatherer.gather().await;
    if asked.json {
        print_json(&status);
    } else {
        terminal::print(&format_status(&status, config.apply.rate));
    }
    gatherer.rest().await;
    match status.problems.is_empty() {
        true => Ok(()),
        false => {
            let problems = status.problems.into_iter();
            let messages = problems.map(|problem| problem.message);
            Err(CommandError::Incomplete(messages.collect()))
        }
    }
}

fn print_json(status: &Status) {
    let partitions = status.partitions.iter().map(StatusLine::Partition);
    let letters = status.dead_letters.iter().flatten();
    let letters = letters.map(StatusLine::DeadLetters);
    let versions = std::iter::once(StatusLine::Versions(&status.versions));
    let problems = status.problems.iter().map(StatusLine::Problem);
    partitions
        .chain(letters)
        .chain(versions)
        .chain(problems)
        .all(|line| terminal::print_json(&line));
}
