//! The steps of a batch's transaction, each by its name. [`crate::pipeline::attempt_once`] has their order.

use deadpool_postgres::{Object, Transaction};
use futures::future::join;

use crate::config::LaterEvents;
use crate::failpoint;
use crate::ledger::Ledger;
use crate::ledger::watermarks::{Fence, LetterPresence};
use crate::letter::Letter;
use crate::pipeline::batch::Batch;
use crate::pipeline::duplicates::{self, LedgerKnows};
use crate::pipeline::entry::Entry;
use crate::pipeline::write_in_order::RowWriter;
use crate::postgres::catalogue::{Catalogue, TablesAre};
use crate::postgres::deferred::check_deferred;
use crate::postgres::settings::{begin_unpinned, pin_patience};
use crate::postgres::versions::compare_versions;
use crate::rows::rearrange::Rearranged;
use crate::rows::row_change::RowChange;
use crate::rows::row_move::settle_moves;
use crate::rows::source_order::{EntryChange, SourceOrder, explain_other_source};
use crate::rows::value::Reading;
use crate::verdict::Failure;
use crate::watch::metrics::Stage;
use crate::watch::spans::{Statement, run_statement};

/// The transaction of one attempt at a batch. Dropped without [`BatchTransaction::commit`], it is rolled back.
pub struct BatchTransaction<'t> {
    tx: Transaction<'t>,
    ledger: &'t Ledger,
    later_events: LaterEvents,
    catalogue: &'t Catalogue,
    reading: &'t Reading,
}

impl<'t> BatchTransaction<'t> {
    /// Begins a transaction. `later_events`: what becomes of a key's events after a dead letter of the key;
    /// `catalogue`: what tables are taken to be; `reading`: what the configuration says of values.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn begin(
        client: &'t mut Object,
        ledger: &'t Ledger,
        later_events: LaterEvents,
        catalogue: &'t Catalogue,
        reading: &'t Reading,
    ) -> Result<Self, Failure> {
        let begin = Statement::of_transaction("BEGIN");
        Ok(Self {
            tx: run_statement(begin, begin_unpinned(client)).await?,
            ledger,
            later_events,
            catalogue,
            reading,
        })
    }

    /// Moves the watermarks of the batch's partitions. It is the first statement, after the settings that
    /// the others rely on, and fences: of two writers of a partition only one goes on.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn move_watermarks(&self, batch: &Batch<'_>) -> Result<Fence, Failure> {
        let moves = batch.watermark_moves();
        let watermarks = &self.ledger.watermarks;
        // sent together, in this order
        let pinned = pin_patience(&self.tx, batch.trial.patience);
        let moved = watermarks.move_watermarks(&self.tx, batch.id, &moves);
        let update = Statement::on("UPDATE", &"partitions", moves.len());
        run_statement(update, async {
            let (pinned, moved) = join(pinned, moved).await;
            pinned?;
            moved
        })
        .await
    }

    /// Inserts the letters that were published while Postgres was away. Returns which letters there are,
    /// those that were there before included.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn insert_owed_letters(
        &self,
        batch: &Batch<'_>,
        there: LetterPresence,
    ) -> Result<LetterPresence, Failure> {
        let owed: Vec<_> = batch.owed_letters().cloned().collect();
        Stage::OwedLetters.time(self.insert_rows(&owed)).await?;
        Ok(LetterPresence {
            any: there.any || !owed.is_empty(),
            parked: there.parked || !owed.is_empty(),
        })
    }

    /// Inserts the ids of the batch's events, and marks the events that were dealt with before. Says whether the
    /// ledger can be believed.
    ///
    /// # Errors
    /// As Postgres says: also that an id is there already, where the batch doesn't expect it.
    pub async fn insert_event_ids(
        &self,
        batch: &mut Batch<'_>,
        letters: LetterPresence,
    ) -> Result<LedgerKnows, Failure> {
        let insert = Statement::on("INSERT", &"processed_events", batch.entries.len());
        let inserted = duplicates::insert_event_ids(&self.tx, self.ledger, batch, letters.any);
        run_statement(insert, inserted).await
    }

    /// Writes the rows of those events that are no duplicates, and notes which are put aside; not, if a table
    /// isn't what the attempt took it to be.
    ///
    /// # Errors
    /// As for [`RowWriter::write_in_order`].
    pub async fn write_fresh_rows<'r>(
        &self,
        batch: &mut Batch<'r>,
        mut changes: Vec<(usize, RowChange<'r>)>,
        letters: LetterPresence,
    ) -> Result<TablesAre, Failure> {
        changes.retain(|(at, _)| !batch.entries[*at].duplicate);
        settle_moves(&mut changes);
        let mut order = None;
        let writer = RowWriter {
            tx: &self.tx,
            ledger: self.ledger,
            later_events: self.later_events,
            catalogue: self.catalogue,
        };
        if batch.is_ordered_by_source {
            if letters.parked {
                writer.lock_letters(batch, &changes).await?;
            }
            let mut by_source =
                SourceOrder::of_changes(&changes, self.reading, |at| batch.event_of(at))?;
            let rearranged = self.order_by_source(&mut by_source, changes).await?;
            batch.mark_stale(&rearranged.stale_entries);
            (changes, order) = (rearranged.changes, Some(by_source));
        }
        let mut tables = writer
            .write_in_order(batch, &changes, letters.parked)
            .await?;
        if letters.parked {
            self.supersede_truncated(batch).await?;
        }
        if batch.trial.checks_tables && tables == TablesAre::AsKnown {
            check_deferred(&self.tx, &batch.tables).await?;
        }
        let Some(order) = order else {
            return Ok(tables);
        };
        if changes.is_empty() {
            // what was left out was left out by what the tables are
            let client = &*self.tx;
            tables = self.catalogue.verify_tables(client, &batch.tables).await?;
        }
        if tables == TablesAre::Altered {
            return Ok(tables);
        }
        let is_written = |at: usize| batch.entries.get(at).is_some_and(Entry::is_fresh);
        let written = order.list_written(is_written);
        let positions = &self.ledger.row_positions;
        positions.record_changes(&self.tx, written.moved).await?;
        let untouched = &written.untouched;
        positions.release_rows(&self.tx, untouched).await?;
        Ok(TablesAre::AsKnown)
    }

    /// Claims the changes' rows, compares with what is recorded of them, and puts the changes in order.
    async fn order_by_source<'r>(
        &self,
        order: &mut SourceOrder<'r>,
        changes: Vec<EntryChange<'r>>,
    ) -> Result<Rearranged<'r>, Failure> {
        let positions = &self.ledger.row_positions;
        let arranged = match order.claim_rows() {
            Ok(mut claims) => {
                let tables = order.list_identities();
                let identities = &self.ledger.row_identities;
                let agreed = identities.agree_on_identities(&self.tx, &tables);
                // sent together
                let claimed = positions.claim_rows(&self.tx, &mut claims);
                let (agreed, recorded) = join(agreed, claimed).await;
                agreed?;
                let recorded = recorded?;
                compare_versions(&self.tx, order, &recorded).await?;
                order.arrange_changes(changes, recorded)
            }
            Err(other) => Err(other),
        };
        match arranged {
            Ok(arranged) => Ok(arranged),
            Err(other) => {
                let sources = [other.1.earlier, other.1.later];
                let names = positions.name_sources(&self.tx, &sources).await?;
                Err(explain_other_source(&other, &names))
            }
        }
    }

    /// Letters of a table that was emptied since would bring its rows back.
    async fn supersede_truncated(&self, batch: &Batch<'_>) -> Result<(), Failure> {
        for truncate in batch.truncates().filter(|entry| entry.is_fresh()) {
            if let Some(table) = truncate.table() {
                let letters = &self.ledger.letters;
                let by = truncate.id;
                letters.supersede_table(&self.tx, table, by).await?;
            }
        }
        Ok(())
    }

    /// Inserts the letters of the batch's rejects, which are safe in their topic by now.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn insert_letters(&self, batch: &Batch<'_>) -> Result<(), Failure> {
        let letters: Vec<_> = batch.published_letters().collect();
        self.insert_rows(&letters).await
    }

    async fn insert_rows(&self, letters: &[Letter]) -> Result<(), Failure> {
        if letters.is_empty() {
            return Ok(()); // as mostly
        }
        let insert = Statement::on("INSERT", &"dead_letters", letters.len());
        run_statement(
            insert,
            self.ledger.letters.insert_letters(&self.tx, letters),
        )
        .await
    }

    /// Commits. Whether an error means that nothing is in has to be asked.
    ///
    /// # Errors
    /// As Postgres says; or its answer got lost.
    pub async fn commit(self) -> Result<(), Failure> {
        failpoint::reach("before_commit");
        let committed = async { Ok(self.tx.commit().await?) };
        run_statement(Statement::of_transaction("COMMIT"), committed).await?;
        failpoint::reach("after_commit");
        Ok(())
    }
}
