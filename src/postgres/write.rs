//! Writes rows, within a transaction that the caller ends.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use bytes::BytesMut;
use deadpool_postgres::Transaction;
use futures::{TryFutureExt as _, poll};
use tokio_postgres::types::{self, IsNull, ToSql, Type, to_sql_checked};

use crate::clock::time_since_1970;
use crate::postgres::catalogue::{Catalogue, TablesAre};
use crate::postgres::sent_ahead::SentAhead;
use crate::rows::binary::{Column, Form};
use crate::rows::fold::fold;
use crate::rows::key_rounds::split_by_key;
use crate::rows::row_change::RowChange;
use crate::rows::statement::{self, Conflicts, Statement, StatementKind};
use crate::rows::statement_sql::empty_sql;
use crate::rows::table::Table;
use crate::verdict::{Failure, Reason, Verdict};
use crate::watch::{metrics, spans};

/// How long it isn't said again that deletes leave rows of a table, in seconds; each of them is counted.
const TELL_INTERVAL: u64 = 600;

/// Writes the net effect of the changes, given in arrival order.
///
/// # Errors
/// Whatever Postgres refuses, with its verdict; a reject if a change carries only part of a row that isn't there.
pub async fn write_rows(
    tx: &Transaction<'_>,
    changes: &[&RowChange<'_>],
    conflicts: Conflicts,
) -> Result<(), Failure> {
    write_rounds(tx, changes, conflicts, async { Ok(()) }).await?;
    Ok(())
}

/// The same, and whether the tables are what they are taken to be; asked together with the last statement,
/// so that it takes no round trip.
///
/// # Errors
/// As for [`write_rows`].
pub async fn write_and_verify(
    tx: &Transaction<'_>,
    changes: &[&RowChange<'_>],
    conflicts: Conflicts,
    catalogue: &Catalogue,
    tables: &[Arc<Table>],
) -> Result<TablesAre, Failure> {
    let verified = catalogue.verify_tables(&**tx, tables);
    let verified = write_rounds(tx, changes, conflicts, verified).await?;
    Ok(verified.unwrap_or(TablesAre::AsKnown)) // where nothing was written
}

/// What is asked beside the last statement is sent right behind it. Returns its answer, if there was a
/// statement.
async fn write_rounds<T>(
    tx: &Transaction<'_>,
    changes: &[&RowChange<'_>],
    conflicts: Conflicts,
    beside: impl Future<Output = Result<T, Failure>>,
) -> Result<Option<T>, Failure> {
    if changes.iter().any(|change| change.empties_table()) {
        empty_tables(tx, changes).await?;
        return beside.await.map(Some);
    }
    let mut beside = Some(beside);
    let rounds = split_by_key(changes);
    let mut rounds = rounds.iter().peekable();
    while let Some(round) = rounds.next() {
        let nets = fold(round.iter().copied()).map_err(|_| incomplete_failure())?;
        let statements = statement::build_statements(&nets, conflicts);
        let mut sent = SentAhead::default();
        for statement in &statements {
            let table = &statement.table.name;
            let told =
                spans::Statement::on(statement.kind.operation(), table, statement.row_count());
            let written = execute_statement(tx, statement).map_err(|f| f.about_table(table));
            let written = spans::run_statement(told, written);
            sent.send(written, statement.text_bytes()).await?;
            if statement.may_ask() {
                // what it asks is about the table as it left it, and is answered though one behind it were refused
                sent.await_all().await?;
            }
        }
        let is_last = rounds.peek().is_none() && !statements.is_empty();
        let Some(beside) = beside.take_if(|_| is_last) else {
            sent.await_all().await?;
            continue;
        };
        let mut beside = std::pin::pin!(beside);
        let asked = poll!(&mut beside);
        // an error of a statement lets what is behind it fail as well
        sent.await_all().await?;
        let answer = match asked {
            Poll::Ready(answer) => answer,
            Poll::Pending => beside.await,
        };
        return answer.map(Some);
    }
    Ok(None)
}

async fn execute_statement(tx: &Transaction<'_>, statement: &Statement<'_>) -> Result<(), Failure> {
    let written = tx
        .execute_typed(&statement.sql, &bind_parameters(statement))
        .await?;
    if written < statement.row_count() as u64 {
        tell_of_respelled_rows(tx, statement).await?;
    }
    if statement.kind == StatementKind::Update && written < statement.row_count() as u64 {
        let sql = statement.count_sql.as_deref().unwrap_or_default();
        let found = tx.query_typed_one(sql, &bind_parameters(statement)).await?;
        if found.get::<_, i64>(0) < statement.row_count() as i64 {
            return Err(incomplete_failure());
        }
    }
    Ok(())
}

/// Empties tables, those that refer to others first. What was there before is written by now, and what comes
/// after is not here: truncates are in batches of their own.
async fn empty_tables(tx: &Transaction<'_>, changes: &[&RowChange<'_>]) -> Result<(), Failure> {
    if !changes.iter().all(|change| change.empties_table()) {
        let why =
            "a truncate and other changes met in one batch, in which their order would be lost";
        return Err(Failure::new(Verdict::Systemic, why));
    }
    let mut tables: Vec<_> = changes.iter().map(|change| change.table()).collect();
    tables.sort_by_key(|table| (table.write_turn(true), &table.name));
    tables.dedup_by_key(|table| &table.name);
    for table in tables {
        let emptied = tx.execute_typed(&empty_sql(table), &[]).await;
        emptied.map_err(|error| Failure::from(error).about_table(&table.name))?;
    }
    Ok(())
}

/// Counts the rows that a delete left because they are spelled otherwise, and says it now and then: that is right
/// where the source has changed the spelling since, and else nobody would know.
async fn tell_of_respelled_rows(
    tx: &Transaction<'_>,
    statement: &Statement<'_>,
) -> Result<(), Failure> {
    let Some(sql) = &statement.respelled_sql else {
        return Ok(());
    };
    let parameters = bind_parameters(statement);
    let left: i64 = tx.query_typed_one(sql, &parameters).await?.get(0);
    if left == 0 {
        return Ok(());
    }
    let table = statement.table.name.to_string();
    metrics::count_left_rows(&table, left.unsigned_abs());
    let (told_at, now) = (
        &statement.table.told_of_spelling_at,
        time_since_1970().as_secs(),
    );
    let last = told_at.load(Ordering::Relaxed);
    let is_due = now >= last.saturating_add(TELL_INTERVAL);
    // one lane says it for all
    let order = (Ordering::Relaxed, Ordering::Relaxed);
    if is_due
        && told_at
            .compare_exchange(last, now, order.0, order.1)
            .is_ok()
    {
        tracing::warn!(
            table,
            rows = left,
            "a delete has left a row that Postgres holds equal to it, since its key is spelled otherwise"
        );
    }
    Ok(())
}

fn bind_parameters<'s>(statement: &'s Statement<'_>) -> Vec<(&'s (dyn ToSql + Sync), Type)> {
    bind_columns(&statement.columns)
}

/// What an event comes to that carries only part of a row that isn't there.
pub fn incomplete_failure() -> Failure {
    let why = "the event leaves out an unchanged large value of its row, and the row is not in the destination";
    Failure::new(Verdict::Reject(Reason::Incomplete), why)
}

/// A statement's arrays as its parameters.
pub fn bind_columns<'s>(columns: &'s [Column<'_>]) -> Vec<(&'s (dyn ToSql + Sync), Type)> {
    columns
        .iter()
        .map(|column| (column as &(dyn ToSql + Sync), array_of(column.form)))
        .collect()
}

fn array_of(form: Form) -> Type {
    Type::from_oid(form.array_oid()).unwrap_or(Type::TEXT_ARRAY)
}

impl ToSql for Column<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        self.write_array(out);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(ty.kind(), types::Kind::Array(_))
    }

    to_sql_checked!();
}
