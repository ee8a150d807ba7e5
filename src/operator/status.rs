//! `landfall status`: how far each partition has come, and what was put aside. It looks only, and
//! joins no group.

mod bookkeeping;
mod kafka;
mod line;

use serde::Serialize;

use crate::config::Config;
use crate::ledger::overview::LetterCount;
use crate::operator::command_error::CommandError;
use crate::operator::status::bookkeeping::{Bookkeeping, read_bookkeeping};
use crate::operator::status::kafka::KafkaAnswers;
use crate::operator::status::line::PartitionLine;
use crate::operator::terminal;

/// One object a line.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum StatusLine<'a> {
    Partition(&'a PartitionLine),
    DeadLetters(&'a LetterCount),
    Problem { message: &'a str },
}

/// # Errors
/// Kafka or Postgres can't be asked, or not for everything. What the others say has been printed.
pub async fn show_status(config: &Config, json: bool) -> Result<(), CommandError> {
    let mut problems = Vec::new();
    let bookkeeping = match read_bookkeeping(config).await {
        Ok(bookkeeping) => Some(bookkeeping),
        Err(problem) => {
            problems.push(problem.to_string());
            None
        }
    };
    let kafka = look_at_kafka(config, bookkeeping.as_ref()).await;
    problems.extend(kafka.problems.iter().cloned());
    let lines = line::put_together(config, bookkeeping.as_ref(), &kafka);
    let letters = bookkeeping.map(|bookkeeping| bookkeeping.letters);
    if json {
        print_json(&lines, letters.as_deref(), &problems);
    } else {
        print_text(&lines, letters.as_deref());
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(CommandError::Incomplete(problems))
    }
}

async fn look_at_kafka(config: &Config, bookkeeping: Option<&Bookkeeping>) -> KafkaAnswers {
    let applied: Vec<String> = bookkeeping
        .map(Bookkeeping::list_topics)
        .unwrap_or_default();
    let owned = config.clone();
    let looked = tokio::task::spawn_blocking(move || kafka::ask_kafka(&owned, &applied)).await;
    looked.unwrap_or_else(|error| KafkaAnswers {
        problems: vec![format!("Kafka can't be looked at: {error}")],
        ..KafkaAnswers::default()
    })
}

fn print_json(lines: &[PartitionLine], letters: Option<&[LetterCount]>, problems: &[String]) {
    let partitions = lines.iter().map(StatusLine::Partition);
    let letters = letters
        .unwrap_or_default()
        .iter()
        .map(StatusLine::DeadLetters);
    let problems = problems
        .iter()
        .map(|message| StatusLine::Problem { message });
    partitions
        .chain(letters)
        .chain(problems)
        .all(|line| terminal::print_json(&line));
}

/// Problems go to standard error, at the end.
fn print_text(lines: &[PartitionLine], letters: Option<&[LetterCount]>) {
    if lines.is_empty() {
        terminal::print("no partitions\n");
    } else {
        let header = [
            "topic",
            "partition",
            "committed",
            "applied",
            "end",
            "lag",
            "state",
        ];
        let rows = lines.iter().map(PartitionLine::table_cells);
        terminal::print(&terminal::format_table(header, rows, &[]));
    }
    match letters {
        None => {}
        Some([]) => {
            terminal::print("\nno dead letters\n");
        }
        Some(letters) => {
            let header = ["table", "reason", "parked", "done with"];
            let rows = letters.iter().map(letter_cells);
            let table = terminal::format_table(header, rows, &[]);
            terminal::print(&format!("\ndead letters\n{table}"));
        }
    }
}

fn letter_cells(count: &LetterCount) -> [String; 4] {
    [
        count.table_name.clone().unwrap_or_else(|| "?".to_owned()),
        count.reason.clone(),
        count.parked.to_string(),
        count.done_with.to_string(),
    ]
}
