//! Writes rows some of which get another key, where the event of the new key leaves out what the row had. Both events
//! of such a move may come in one batch or in two, through one partition or through two.
//!
//! Why: `docs/decisions/06`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use deadpool_postgres::Transaction;
use uuid::Uuid;

use crate::postgres::catalogue::{Catalogue, TablesAre};
use crate::postgres::row_keeper::{RowKeeper, RowsToKeep};
use crate::postgres::write::{bind_columns, incomplete_failure, write_and_verify, write_rows};
use crate::rows::binary::Form;
use crate::rows::kept_sql::group_rows;
use crate::rows::row_change::RowChange;
use crate::rows::row_move::{KeptValues, MovePlan, RowMove, split_at_moves};
use crate::rows::statement::Conflicts;
use crate::rows::table::Table;
use crate::verdict::{Failure, Verdict};

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
    /// Places of changes whose event that takes the row away hasn't been met.
    may_come: HashSet<usize>,
    /// Moves that are finished once the part is written, with the place of the event of the new key.
    finishes: Vec<(Uuid, usize)>,
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
        let ids = changes.iter().filter_map(|change| change.moves_in_part());
        let ids: Vec<Uuid> = ids.flatten().copied().collect();
        let mut finished = match ids.as_slice() {
            [] => HashSet::new(),
            ids => self.keeper.find_finished(self.tx, ids).await?,
        };
        for part in split_at_moves(changes, &finished) {
            let filled = self.fill_part(part, &finished).await?;
            filled.explain_lack(part)?;
            let stays = |change: &RowChange<'_>| matches!(change.moves.as_deref(), Some(RowMove::Away { stays, .. }) if *stays);
            let rows = part.iter().enumerate().filter(|(_, change)| !stays(change));
            let rows: Vec<&RowChange<'_>> = rows
                .map(|(at, change)| filled.changes.get(&at).unwrap_or(change))
                .collect();
            write_rows(self.tx, &rows, conflicts).await?;
            self.finish_moves(part, &filled.finishes).await?;
            finished.extend(filled.finishes.iter().map(|(id, _)| *id));
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

    async fn fill_part<'r>(
        &self,
        part: &[&RowChange<'r>],
        finished: &HashSet<Uuid>,
    ) -> Result<FilledPart<'r>, Failure> {
        let plan = MovePlan::of_part(part, finished);
        let mut filled = FilledPart {
            finishes: plan.finishes,
            ..FilledPart::default()
        };
        for (at, kept) in read_rows(self.tx, part, &plan.reads).await? {
            filled.fill_change(part, at, &kept);
        }
        self.keep_rows(part, &plan.keeps).await?;
        self.take_rows(part, &plan.takes, &mut filled).await?;
        let own: Vec<(usize, usize)> = plan.again.iter().map(|at| (*at, *at)).collect();
        for (at, kept) in read_rows(self.tx, part, &own).await? {
            filled.fill_change(part, at, &kept);
            if let Some(change) = filled.changes.get_mut(&at) {
                change.created = false; // it is there
            }
        }
        Ok(filled)
    }

    /// Notes that these moves are finished, each with the place of the event of its new key.
    async fn finish_moves(
        &self,
        part: &[&RowChange<'_>],
        finishes: &[(Uuid, usize)],
    ) -> Result<(), Failure> {
        let named = finishes.iter().filter_map(|(id, at)| {
            let table = part.get(*at)?.table();
            Some((*id, table.name.to_string()))
        });
        let (moves, tables): (Vec<Uuid>, Vec<String>) = named.unzip();
        if moves.is_empty() {
            return Ok(());
        }
        self.keeper.finish_moves(self.tx, &moves, &tables).await
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
            let table = &group.table.name;
            let rows = RowsToKeep {
                query: &query.sql,
                parameters: bind_columns(&query.parameters),
                table: table.to_string(),
                columns: group.column_names(),
            };
            let kept = self.keeper.keep_rows(self.tx, rows).await;
            kept.map_err(|failure| failure.about_table(table))?;
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
        let (mut needed, mut spare) = (Vec::new(), Vec::new());
        for at in places {
            let change = part.get(*at);
            match change.and_then(|change| change.moves.as_deref()) {
                Some(RowMove::Here { ids, left_out, .. }) if left_out.is_empty() => {
                    spare.extend(ids);
                }
                Some(RowMove::Here { ids, .. }) => needed.push((*at, ids)),
                Some(RowMove::Away { .. } | RowMove::Within(_)) | None => {}
            }
        }
        if needed.is_empty() && spare.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = needed
            .iter()
            .flat_map(|(_, ids)| ids.iter().copied())
            .collect();
        let taken = self.keeper.take_rows(self.tx, &ids, &spare).await?;
        for (at, ids) in needed {
            let Some((id, values)) = ids.iter().find_map(|id| taken.get_key_value(id)) else {
                filled.may_come.insert(at);
                continue;
            };
            filled.finishes.push((*id, at));
            if let Some((names, texts)) = values.clone() {
                filled.fill_change(part, at, &KeptValues::new(names, texts));
            }
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
            .await
            .map_err(|error| Failure::from(error).about_table(&group.table.name))?;
        let names = group.column_names();
        for row in rows {
            if let (Ok(at), Some(texts)) = (usize::try_from(row.get::<_, i64>(0)), row.get(1)) {
                values.push((at, KeptValues::new(names.clone(), texts)));
            }
        }
    }
    Ok(values)
}

impl<'r> FilledPart<'r> {
    fn fill_change(&mut self, part: &[&RowChange<'r>], at: usize, kept: &KeptValues) {
        let whole = part.get(at).and_then(|change| change.fill_left_out(kept));
        self.changes.extend(whole.map(|whole| (at, whole)));
    }

    /// Why a change of the part can't be written for what it leaves out. A row that has its key may be one that the
    /// event knows nothing of. Only where the event that takes the row away has found none to take, the row of the
    /// new key is believed, if deletes are applied.
    fn explain_lack(&self, part: &[&RowChange<'r>]) -> Result<(), Failure> {
        let lacks = part.iter().enumerate().filter(|(at, change)| {
            change.moves_in_part().is_some() && !self.changes.contains_key(at)
        });
        let (mut may_come, mut is_new) = (false, false);
        for (at, change) in lacks {
            may_come |= self.may_come.contains(&at);
            is_new |= matches!(
                change.moves.as_deref(),
                Some(RowMove::Here { is_new: true, .. })
            );
        }
        if may_come {
            let why = "the event leaves out an unchanged large value of its row, which had another key before, and the event that takes the row away from there has not come";
            return Err(Failure::new(Verdict::Early, why));
        }
        if is_new {
            return Err(incomplete_failure());
        }
        Ok(())
    }
}
