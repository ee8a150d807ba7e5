//! `landfall dlq list --summary`: how many letters, by table, reason and state.

use deadpool_postgres::Object;

use crate::cli::List;
use crate::ledger::letter_rows::{LetterGroup, LetterRows};
use crate::operator::dlq::filter::filter_rows;
use crate::operator::terminal;
use crate::verdict::Failure;

/// Prints how many letters there are of those that are asked for.
///
/// # Errors
/// Postgres can't be asked.
pub async fn summarize_letters(client: &Object, schema: &str, list: &List) -> Result<(), Failure> {
    let filter = filter_rows(&list.filters, &list.wanted_states());
    let rows = LetterRows::new(schema);
    let groups = rows.group_letters(client, &filter).await?;
    if list.json {
        groups.iter().all(terminal::print_json);
    } else if groups.is_empty() {
        terminal::print("no such dead letters\n");
    } else {
        let header = [
            "table",
            "reason",
            "state",
            "count",
            "first failed",
            "last failed",
        ];
        let cells = groups.into_iter().map(format_cells);
        terminal::print(&terminal::format_table(header, cells, &[]));
    }
    Ok(())
}

fn format_cells(group: LetterGroup) -> [String; 6] {
    let shown = |time| humantime::format_rfc3339_seconds(time).to_string();
    [
        group.table_name.unwrap_or_else(|| "?".to_owned()),
        group.reason,
        group.state,
        group.count.to_string(),
        shown(group.first_failed_at),
        shown(group.last_failed_at),
    ]
}
