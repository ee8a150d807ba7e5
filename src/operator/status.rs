//! `landfall status`: how far each partition has come, and what was put aside. It looks only, and
//! joins no group.

mod kafka;
mod ledger;
mod line;

use serde::Serialize;

use crate::config::Config;
use crate::operator::command_error::CommandError;
use crate::operator::status::kafka::Kafka;
use crate::operator::status::ledger::{Ledger, Letters};
use crate::operator::status::line::PartitionLine;
use crate::operator::terminal;

/// One object a line.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line<'a> {
    Partition(&'a PartitionLine),
    DeadLetters(&'a Letters),
    Problem { message: &'a str },
}

/// # Errors
/// Kafka or Postgres can't be asked, or not for everything. What the others say has been printed.
pub async fn status(config: &Config, json: bool) -> Result<(), CommandError> {
    let mut problems = Vec::new();
    let ledger = match ledger::look(config).await {
        Ok(ledger) => Some(ledger),
        Err(problem) => {
            problems.push(problem.to_string());
            None
        }
    };
    let kafka = look_at_kafka(config, ledger.as_ref()).await;
    problems.extend(kafka.problems.iter().cloned());
    let lines = line::put_together(config, ledger.as_ref(), &kafka);
    let letters = ledger.map(|ledger| ledger.letters);
    match json {
        true => print_json(&lines, letters.as_deref(), &problems),
        false => print_text(&lines, letters.as_deref()),
    }
    match problems.is_empty() {
        true => Ok(()),
        false => Err(CommandError::Incomplete(problems)),
    }
}

async fn look_at_kafka(config: &Config, ledger: Option<&Ledger>) -> Kafka {
    let applied: Vec<String> = ledger.map(Ledger::topics).unwrap_or_default();
    let owned = config.clone();
    let looked = tokio::task::spawn_blocking(move || kafka::look(&owned, &applied)).await;
    looked.unwrap_or_else(|error| Kafka {
        problems: vec![format!("Kafka can't be looked at: {error}")],
        ..Kafka::default()
    })
}

fn print_json(lines: &[PartitionLine], letters: Option<&[Letters]>, problems: &[String]) {
    let partitions = lines.iter().map(Line::Partition);
    let letters = letters.unwrap_or_default().iter().map(Line::DeadLetters);
    let problems = problems.iter().map(|message| Line::Problem { message });
    partitions
        .chain(letters)
        .chain(problems)
        .all(|line| terminal::print_json(&line));
}

/// Problems go to standard error, at the end.
fn print_text(lines: &[PartitionLine], letters: Option<&[Letters]>) {
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
        let rows = lines.iter().map(PartitionLine::cells);
        terminal::print(&terminal::table(header, rows, &[]));
    }
    match letters {
        None => {}
        Some([]) => {
            terminal::print("\nno dead letters\n");
        }
        Some(letters) => {
            let header = ["table", "reason", "parked", "done with"];
            let rows = letters.iter().map(Letters::cells);
            let table = terminal::table(header, rows, &[]);
            terminal::print(&format!("\ndead letters\n{table}"));
        }
    }
}
