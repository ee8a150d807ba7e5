//! The answer for people.

use std::time::Duration;

use crate::operator::terminal::format_table;
use crate::status::{LetterCount, PartitionLine, Status};

/// Two tables, and how long the lag takes at least at `apply.rate`, if there is one. Problems are told elsewhere.
pub fn format_status(status: &Status, rate: Option<u32>) -> String {
    let partitions = match status.partitions.as_slice() {
        [] => "no partitions\n".to_owned(),
        lines => {
            let header = [
                "topic",
                "partition",
                "committed",
                "applied",
                "end",
                "lag",
                "state",
            ];
            format_table(header, lines.iter().map(partition_cells), &[])
        }
    };
    let letters = match status.dead_letters.as_deref() {
        None => String::new(),
        Some([]) => "\nno dead letters\n".to_owned(),
        Some(letters) => {
            let header = ["table", "reason", "parked", "done with"];
            let table = format_table(header, letters.iter().map(letter_cells), &[]);
            format!("\ndead letters\n{table}")
        }
    };
    partitions + &describe_rate(status, rate).unwrap_or_default() + &letters
}

/// Nothing, if there is no lag.
fn describe_rate(status: &Status, rate: Option<u32>) -> Option<String> {
    let (rate, lags) = (rate?, status.partitions.iter());
    let lag: i64 = lags.filter_map(|line| line.lag).sum();
    let seconds = lag.unsigned_abs().div_ceil(u64::from(rate));
    let time = humantime::format_duration(Duration::from_secs(seconds));
    let text = format!(
        "\napply.rate lets a worker write {rate} rows a second: of all that isn't applied, one has {time} to do\n"
    );
    (lag > 0).then_some(text)
}

fn partition_cells(line: &PartitionLine) -> [String; 7] {
    let number = |n: Option<i64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
    [
        line.topic.clone(),
        number(line.partition.map(i64::from)),
        number(line.committed),
        number(line.applied),
        number(line.end),
        number(line.lag),
        line.describe_state(),
    ]
}

fn letter_cells(count: &LetterCount) -> [String; 4] {
    [
        count.table_name.clone().unwrap_or_else(|| "?".to_owned()),
        count.reason.clone(),
        count.parked.to_string(),
        count.done_with.to_string(),
    ]
}
