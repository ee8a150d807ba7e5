//! Writes rows some of which get another key, where the event of the new key leaves out what the row had. Both events
//! of such a move may come in one batch or in two, through one partition or through two.
//!
//! Why: `docs/decisions/06`.

use std::collections::HashMap;
use std::sync::Arc;

use deadpool_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::postgres::catalogue::{Catalogue, TablesAre};
use crate::postgres::write::{bind_columns, incomplete_failure, write_and_verify, write_rows};
use crate::rows::binary::Form;
use crate::rows::kept_sql::group_rows;
use crate::rows::row_change::RowChange;
use crate::rows::row_move::{KeptValues, MovePlan, RowMove, split_at_moves};
use crate::rows::statement::Conflicts;
use crate::rows::table::Table;
use crate::verdict::{Failure, Reason, Verdict};

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

    /// Forgets what was kept for these moves, and returns what is needed of it, by the moves: no values, if
    /// there was no row or if they aren't needed.
    ///
    /// # Errors
    /// As Postgres says.
    fn take_rows(
        &self,
        tx: &Transaction<'_>,
        moves: &[Uuid],
        needed: &[Uuid],
    ) -> impl Future<Output = Result<HashMap<Uuid, Option<NamedTexts>>, Failure>> + Send;
}

/// Writes rows within a transaction.
pub struct MovingWriter<'t, K> {
    /// The transaction, which the caller ends.
    pub tx: &'t Transaction<'t>,
    /// Has what rows had under another key.
    pub keeper: &'t K,
}

/// Changes of a part that were filled with what their rows had before.
#[derive(Default)]
struct FilledPart<'r> {
    /// By their places.
    changes: HashMap<usize, RowChange<'r>>,
    /// For some the event that takes the row away hasn't been met.
    may_come: bool,
}

impl<K: RowKeeper> MovingWriter<'_, K> {
    /// Writes the net effect of the changes, given in arrival order. A row that gets another key keeps the values
    /// that the event of the new key leaves out.
    ///
    /// # Errors
    /// As for [`write_rows`]; early, if a row's old key is still to be met.
    pub async fn write_rows(
        &self,
        changes: &[&RowChange<'_>],
        conflicts: Conflicts,
    ) -> Result<(), Failure> {
        if changes.iter().all(|change| change.moves.is_none()) {
            return write_rows(self.tx, changes, conflicts).await;
        }
        for part in split_at_moves(changes) {
            let filled = self.fill_part(part).await?;
            let stays = |change: &RowChange<'_>| matches!(change.moves.as_deref(), Some(RowMove::Away { stays, .. }) if *stays);
            let rows = part.iter().enumerate().filter(|(_, change)| !stays(change));
            let rows: Vec<&RowChange<'_>> = rows
                .map(|(at, change)| filled.changes.get(&at).unwrap_or(change))
                .collect();
            if rows.iter().any(|change| lacks_new_row(change)) {
                return Err(filled.explain_lack());
            }
            let written = write_rows(self.tx, &rows, conflicts).await;
            written.map_err(|failure| match failure.verdict {
                Verdict::Reject(Reason::Incomplete) => filled.explain_lack(),
                _ => failure,
            })?;
        }
        Ok(())
    }

    /// The same, and whether the tables are what they are taken to be: without moves, it takes no round trip.
    ///
    /// # Errors
    /// As for [`MovingWriter::write_rows`].
    pub async fn write_and_verify(
        &self,
        changes: &[&RowChange<'_>],
        conflicts: Conflicts,
        catalogue: &Catalogue,
        tables: &[Arc<Table>],
    ) -> Result<TablesAre, Failure> {
        if changes.iter().all(|change| change.moves.is_none()) {
            return write_and_verify(self.tx, changes, conflicts, catalogue, tables).await;
        }
        self.write_rows(changes, conflicts).await?;
        catalogue.verify_tables(&**self.tx, tables).await
    }

    /// Keeps what the row has that the change takes away, though the row itself can't go yet.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn keep_row(&self, change: &RowChange<'_>) -> Result<(), Failure> {
        if !matches!(change.moves.as_deref(), Some(RowMove::Away { .. })) {
            return Ok(());
        }
        self.keep_rows(&[change], &[0]).await
    }

    async fn fill_part<'r>(&self, part: &[&RowChange<'r>]) -> Result<FilledPart<'r>, Failure> {
        let plan = MovePlan::of_part(part);
        let mut filled = FilledPart::default();
        for (at, kept) in read_rows(self.tx, part, &plan.reads).await? {
            let whole = part.get(at).and_then(|change| change.fill_left_out(&kept));
            filled.changes.extend(whole.map(|whole| (at, whole)));
        }
        self.keep_rows(part, &plan.keeps).await?;
        self.take_rows(part, &plan.takes, &mut filled).await?;
        Ok(filled)
    }

    /// Keeps the rows of these places of the part until the events come that ask for them.
    async fn keep_rows(&self, part: &[&RowChange<'_>], places: &[usize]) -> Result<(), Failure> {
        let moving = places
            .iter()
            .filter_map(|at| match part.get(*at)?.moves.as_deref()? {
                RowMove::Away { id, .. } => Some((*at, id.to_string())),
                RowMove::Here { .. } | RowMove::Within(_) => None,
            });
        for group in group_rows(part, moving, |_| None) {
            let query = group.to_query(Form::Uuid);
            let rows = RowsToKeep {
                query: &query.sql,
                parameters: bind_columns(&query.parameters),
                table: group.table.name.to_string(),
                columns: group.column_names(),
            };
            self.keeper.keep_rows(self.tx, rows).await?;
        }
        Ok(())
    }

    /// Takes what was kept for these places of the part, and fills those that need it.
    async fn take_rows<'r>(
        &self,
        part: &[&RowChange<'r>],
        places: &[usize],
        filled: &mut FilledPart<'r>,
    ) -> Result<(), Failure> {
        let moves = places
            .iter()
            .filter_map(|at| match part.get(*at)?.moves.as_deref()? {
                RowMove::Here { ids, left_out, .. } => Some((*at, ids, !left_out.is_empty())),
                RowMove::Away { .. } | RowMove::Within(_) => None,
            });
        let moves: Vec<(usize, &[Uuid; 2], bool)> = moves.collect();
        if moves.is_empty() {
            return Ok(());
        }
        let ids_of = |needed: bool| -> Vec<Uuid> {
            let moves = moves.iter().filter(|(_, _, needs)| *needs || !needed);
            moves.flat_map(|(_, ids, _)| ids.iter().copied()).collect()
        };
        let (all, needed) = (ids_of(false), ids_of(true));
        let taken = self.keeper.take_rows(self.tx, &all, &needed).await?;
        for (at, ids, _) in moves.into_iter().filter(|(_, _, needs)| *needs) {
            let values = ids.iter().find_map(|id| taken.get(id)?.clone());
            let kept = values.map(|(names, texts)| KeptValues::new(names, texts));
            let whole = kept.and_then(|kept| part.get(at)?.fill_left_out(&kept));
            filled.changes.extend(whole.map(|whole| (at, whole)));
            filled.may_come |= !ids.iter().any(|id| taken.contains_key(id));
        }
        Ok(())
    }
}

/// Reads what rows have, and returns it with the places of the changes that it fills. A row that isn't there has
/// nothing.
async fn read_rows(
    tx: &Transaction<'_>,
    part: &[&RowChange<'_>],
    reads: &[(usize, usize)],
) -> Result<Vec<(usize, KeptValues)>, Failure> {
    let mut values = Vec::with_capacity(reads.len());
    let numbered = reads.iter().map(|(from, to)| (*from, to.to_string()));
    let fills: HashMap<usize, usize> = reads.iter().copied().collect();
    let wanted_by = |from: usize| {
        let change = part.get(*fills.get(&from)?)?;
        change.moves.as_deref().map(RowMove::left_out)
    };
    for group in group_rows(part, numbered, wanted_by) {
        let query = group.to_query(Form::Int8);
        let rows = tx
            .query_typed(&query.sql, &bind_columns(&query.parameters))
            .await?;
        let names = group.column_names();
        for row in rows {
            if let (Ok(at), Some(texts)) = (usize::try_from(row.get::<_, i64>(0)), row.get(1)) {
                values.push((at, KeptValues::new(names.clone(), texts)));
            }
        }
    }
    Ok(values)
}

/// Whether the change leaves values out that no row of its key has.
fn lacks_new_row(change: &RowChange<'_>) -> bool {
    let is_new = matches!(change.moves.as_deref(), Some(RowMove::Here { is_new, .. }) if *is_new);
    is_new && !change.is_whole()
}

impl FilledPart<'_> {
    /// Why a change of the part can't be written for what it leaves out.
    fn explain_lack(&self) -> Failure {
        if self.may_come {
            let why = "the event leaves out an unchanged large value of its row, which had another key before, and the event that takes the row away from there has not come";
            Failure::new(Verdict::Early, why)
        } else {
            incomplete_failure()
        }
    }
}
