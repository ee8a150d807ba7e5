//! `landfall dlq list`: the letters, oldest first.

use deadpool_postgres::Object;
use futures::TryStreamExt as _;

use crate::cli::List;
use crate::operator::dlq::filter::Selection;
use crate::operator::dlq::row::{COLUMNS, Letter};
use crate::operator::terminal;
use crate::rows::sql::quote;
use crate::verdict::Failure;

/// As many as people read; a program is given all of them.
const PAGE: i64 = 100;

const HEADER: [&str; 9] = [
    "id", "failed", "table", "key", "reason", "sqlstate", "attempts", "state", "error",
];

/// Of those the key and the error, which are as long as somebody made them.
const MAY_SHRINK: [usize; 2] = [3, 8];

/// # Errors
/// As Postgres says.
pub async fn list(client: &Object, schema: &str, list: &List) -> Result<(), Failure> {
    let selection = Selection::new(&list.filters, &list.states());
    match list.json {
        true => print_json(client, schema, &selection, list.limit).await,
        false => print_table(client, schema, &selection, list.limit.unwrap_or(PAGE)).await,
    }
}

/// A letter at a time: there may be millions.
async fn print_json(
    client: &Object,
    schema: &str,
    selection: &Selection,
    limit: Option<i64>,
) -> Result<(), Failure> {
    let rows = client
        .query_raw(&sql(schema, selection, limit), selection.parameters())
        .await?;
    let mut rows = std::pin::pin!(rows);
    while let Some(row) = rows.try_next().await? {
        if !terminal::print_json(&Letter::of(&row)?) {
            break;
        }
    }
    Ok(())
}

async fn print_table(
    client: &Object,
    schema: &str,
    selection: &Selection,
    limit: i64,
) -> Result<(), Failure> {
    let parameters = selection.parameters();
    let rows = client
        .query(&sql(schema, selection, Some(limit)), &parameters)
        .await?;
    let letters: Vec<Letter> = rows.iter().map(Letter::of).collect::<Result<_, _>>()?;
    if letters.is_empty() {
        terminal::print("no such dead letters\n");
        return Ok(());
    }
    let shown = letters.len() as i64;
    let mut text = terminal::table(HEADER, letters.into_iter().map(cells), &MAY_SHRINK);
    if shown == limit {
        let more = count(client, schema, selection).await? - shown;
        if more > 0 {
            text +=
                &format!("\n{more} more; --limit shows as many as you like, the filters fewer\n");
        }
    }
    terminal::print(&text);
    Ok(())
}

fn sql(schema: &str, selection: &Selection, limit: Option<i64>) -> String {
    let limit = limit.map(|limit| format!(" LIMIT {limit}"));
    format!(
        "SELECT {COLUMNS} FROM {}.dead_letters WHERE {} ORDER BY id{}",
        quote(schema),
        selection.condition(),
        limit.unwrap_or_default()
    )
}

/// How many letters there are of the selection.
///
/// # Errors
/// As Postgres says.
async fn count(client: &Object, schema: &str, selection: &Selection) -> Result<i64, Failure> {
    let sql = format!(
        "SELECT count(*) FROM {}.dead_letters WHERE {}",
        quote(schema),
        selection.condition()
    );
    let row = client.query_one(&sql, &selection.parameters()).await;
    Ok(row?.get(0))
}

fn cells(letter: Letter) -> [String; 9] {
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
