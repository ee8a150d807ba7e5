//! `landfall dlq list`: the letters, oldest first.

use deadpool_postgres::Object;

use crate::cli::List;
use crate::ledger::letter_filter::LetterFilter;
use crate::ledger::letter_rows::{LetterRow, LetterRows};
use crate::operator::dlq::filter::filter_rows;
use crate::operator::terminal;
use crate::verdict::Failure;

/// As many letters as people read; a program is given all of them.
const PAGE_LETTERS: i64 = 100;

/// Letters that are read at once.
const OBJECTS_AT_ONCE: i64 = 1_000;

/// Counting more would take longer than anybody waits for it.
const MAX_COUNTED: i64 = 10_000;

const HEADER: [&str; 9] = [
    "id", "failed", "table", "key", "reason", "sqlstate", "attempts", "state", "error",
];

/// Of these columns the key and the error, which are as long as somebody made them.
const SHRINKING_COLUMNS: [usize; 2] = [3, 8];

/// Prints the letters that are asked for.
///
/// # Errors
/// Postgres can't be asked.
pub async fn list_letters(client: &Object, schema: &str, list: &List) -> Result<(), Failure> {
    let filter = filter_rows(&list.filters, &list.wanted_states());
    let rows = LetterRows::new(schema);
    if list.json {
        print_objects(client, &rows, &filter, list.limit).await
    } else {
        let limit = list.limit.unwrap_or(PAGE_LETTERS);
        print_table(client, &rows, &filter, limit).await
    }
}

/// A page at a time: there may be millions.
async fn print_objects(
    client: &Object,
    rows: &LetterRows,
    filter: &LetterFilter,
    limit: Option<i64>,
) -> Result<(), Failure> {
    let (mut filter, mut left) = (filter.clone(), limit.unwrap_or(i64::MAX));
    while left > 0 {
        let page = left.min(OBJECTS_AT_ONCE);
        let letters = rows.read_letters(client, &filter, Some(page)).await?;
        if !letters.iter().all(terminal::print_json) || (letters.len() as i64) < page {
            break;
        }
        filter.after = letters.last().map(|letter| letter.id);
        left -= page;
    }
    Ok(())
}

async fn print_table(
    client: &Object,
    rows: &LetterRows,
    filter: &LetterFilter,
    limit: i64,
) -> Result<(), Failure> {
    let letters = rows.read_letters(client, filter, Some(limit)).await?;
    if letters.is_empty() {
        terminal::print("no such dead letters\n");
        return Ok(());
    }
    let shown = letters.len() as i64;
    let last = letters.last().map(|letter| letter.id);
    let cells = letters.into_iter().map(format_cells);
    let mut text = terminal::format_table(HEADER, cells, &SHRINKING_COLUMNS);
    if shown == limit {
        let others = LetterFilter {
            after: last,
            ..filter.clone()
        };
        let more = rows.count_letters(client, &others, MAX_COUNTED).await?;
        let at_least = if more == MAX_COUNTED { "at least " } else { "" };
        if more > 0 {
            text += &format!(
                "\n{at_least}{more} more; --limit shows as many as you like, the filters fewer\n"
            );
        }
    }
    terminal::print(&text);
    Ok(())
}

fn format_cells(letter: LetterRow) -> [String; 9] {
    [
        letter.id.to_string(),
        humantime::format_rfc3339_seconds(letter.last_failed_at).to_string(),
        letter.table_name.unwrap_or_else(|| "?".to_owned()),
        letter.key.unwrap_or_else(|| "?".to_owned()),
        letter.reason,
        letter.sqlstate.unwrap_or_default(),
        letter.attempts.to_string(),
        letter.state.name().to_owned(),
        letter.message,
    ]
}
