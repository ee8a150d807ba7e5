//! Which column's value Postgres refused: its errors about values don't tell.

use deadpool_postgres::Transaction;
use tokio_postgres::types::Type;

use crate::rows::row_change::RowChange;
use crate::rows::table::Column;
use crate::verdict::{Failure, Reason, Verdict, sqlstate};

/// The first column whose text Postgres refuses for the same reason; nothing, if none does by itself.
///
/// # Errors
/// Postgres can't be asked; the transaction is of no more use then.
pub async fn find_column(
    tx: &Transaction<'_>,
    change: &RowChange<'_>,
    failure: &Failure,
) -> Result<Option<String>, Failure> {
    if failure.verdict != Verdict::Reject(Reason::Value) || failure.sqlstate.is_none() {
        return Ok(None);
    }
    let layout = &change.layout;
    let row = layout.columns.iter().zip(&change.texts);
    let cells = layout.key.iter().zip(&change.key).chain(row);
    for (at, text) in cells {
        let (Some(column), Some(text)) = (layout.table.columns.get(*at), text) else {
            continue;
        };
        let refused = if failure.has_sqlstate(&[sqlstate::STRING_TOO_LONG]) {
            is_too_long(column, text)
        } else {
            is_refused(tx, column, text, failure).await?
        };
        if refused {
            return Ok(Some(column.name.clone()));
        }
    }
    Ok(None)
}

/// A cast would cut what an assignment refuses.
fn is_too_long(column: &Column, text: &str) -> bool {
    let limit = match column.pg_type.name.as_str() {
        "varchar" | "bpchar" => column.pg_type.modifier.checked_sub(4),
        "varbit" => Some(column.pg_type.modifier),
        _ => None,
    };
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    limit.is_some_and(|limit| text.chars().count() > limit)
}

async fn is_refused(
    tx: &Transaction<'_>,
    column: &Column,
    text: &str,
    failure: &Failure,
) -> Result<bool, Failure> {
    let sql = format!(
        "SELECT ($1::pg_catalog.text::{}) IS NULL",
        column.assigned_cast()
    );
    tx.batch_execute("SAVEPOINT value").await?;
    let read = tx.query_typed(&sql, &[(&text, Type::TEXT)]).await;
    let undo = "ROLLBACK TO SAVEPOINT value; RELEASE SAVEPOINT value";
    tx.batch_execute(undo).await?;
    let refused = read.err().map(Failure::from);
    Ok(refused.is_some_and(|refused| refused.sqlstate == failure.sqlstate))
}
