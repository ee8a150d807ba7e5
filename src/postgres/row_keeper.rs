//! Where what rows had is kept until the events of their new keys come, and that those have come.

use std::collections::{HashMap, HashSet};

use deadpool_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::verdict::Failure;

/// A row's values: the columns' names, and a text for each.
pub type NamedTexts = (Vec<String>, Vec<Option<String>>);

/// Rows that are to be kept, as a query yields them.
pub struct RowsToKeep<'q> {
    /// Yields `number`, that of the move, and `texts`: null if there is no such row.
    pub query: &'q str,
    /// The query's parameters.
    pub parameters: Vec<(&'q (dyn ToSql + Sync), Type)>,
    /// The rows' table, as `schema.table`.
    pub table: String,
    /// The names of the columns that the texts are of.
    pub columns: Vec<String>,
}

/// Keeps what rows have until somebody asks for it.
pub trait RowKeeper {
    /// Keeps these rows.
    ///
    /// # Errors
    /// As Postgres says.
    fn keep_rows(
        &self,
        tx: &Transaction<'_>,
        rows: RowsToKeep<'_>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// The moves among these whose event of the new key was written before.
    ///
    /// # Errors
    /// As Postgres says.
    fn find_finished(
        &self,
        tx: &Transaction<'_>,
        moves: &[Uuid],
    ) -> impl Future<Output = Result<HashSet<Uuid>, Failure>> + Send;

    /// What was kept for the moves that are needed: no values, if there was no row. Forgets the spare ones.
    ///
    /// # Errors
    /// As Postgres says.
    fn take_rows(
        &self,
        tx: &Transaction<'_>,
        needed: &[Uuid],
        spare: &[Uuid],
    ) -> impl Future<Output = Result<HashMap<Uuid, Option<NamedTexts>>, Failure>> + Send;

    /// Notes that the events of the new keys were written, and forgets the values. `tables` has the name of each
    /// move's table, as `schema.table`.
    ///
    /// # Errors
    /// As Postgres says.
    fn finish_moves(
        &self,
        tx: &Transaction<'_>,
        moves: &[Uuid],
        tables: &[String],
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}
