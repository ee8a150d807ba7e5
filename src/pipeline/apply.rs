//! The transaction that lands a batch: its eight steps, in the order that exactly once rests on.

use std::sync::Arc;

use deadpool_postgres::{Object, Pool, Transaction};

use crate::config::LaterEvents;
use crate::failpoint;
use crate::ledger::Ledger;
use crate::ledger::watermarks::{Fence, LetterPresence};
use crate::pipeline::attempt_outcome::AttemptOutcome;
use crate::pipeline::batch::Batch;
use crate::pipeline::before_commit::BeforeCommit;
use crate::pipeline::breaker::Breaker;
use crate::pipeline::duplicates::insert_event_ids;
use crate::pipeline::owned_partition::OwnedPartitions;
use crate::pipeline::resolve::Resolver;
use crate::pipeline::write_in_order::RowWriter;
use crate::postgres::catalogue::Catalogue;
use crate::postgres::connection::connect;
use crate::record::TopicPartition;
use crate::rows::row_change::RowChange;
use crate::rows::statement::Conflicts;
use crate::verdict::Failure;

/// The Postgres that a lane lands its batches in.
pub struct Destination {
    pool: Pool,
    /// The bookkeeping tables.
    pub ledger: Arc<Ledger>,
    resolver: Resolver,
    later_events: LaterEvents,
}

impl Destination {
    /// `later_events`: what becomes of a key's events after a dead letter of the key.
    pub fn new(
        pool: Pool,
        catalogue: Arc<Catalogue>,
        ledger: Arc<Ledger>,
        later_events: LaterEvents,
    ) -> Self {
        Self {
            pool,
            ledger,
            resolver: Resolver::new(catalogue),
            later_events,
        }
    }

    /// Whoever waits asks over a new session: one keeps what it was told at its start.
    pub fn forget_sessions(&self) {
        self.pool.retain(|_, _| false);
    }

    /// Takes a connection out of the pool, which opens one if need be.
    ///
    /// # Errors
    /// As for [`connect`].
    pub async fn connect(&self) -> Result<Object, Failure> {
        connect(&self.pool).await
    }

    /// Whether the batch is in: asked after a COMMIT whose answer got lost.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn is_in(&self, batch: &Batch<'_>) -> Result<bool, Failure> {
        let client = self.connect().await?;
        self.ledger.watermarks.has_batch(&client, batch.id).await
    }

    /// Finds the partitions that somebody else has written, or taken out, since the lane last did.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn find_moved_partitions(
        &self,
        owned: &OwnedPartitions,
    ) -> Result<Vec<TopicPartition>, Failure> {
        if owned.is_empty() {
            return Ok(Vec::new());
        }
        let client = self.connect().await?;
        let seen: Vec<_> = owned.values().map(|o| (o.partition_id, o.batch)).collect();
        let watermarks = &self.ledger.watermarks;
        let moved = watermarks.find_moved_partitions(&client, &seen).await?;
        let moved = owned
            .iter()
            .filter(|(_, o)| moved.contains(&o.partition_id));
        Ok(moved.map(|(source, _)| source.clone()).collect())
    }

    /// Attempts to land the batch; once more, if it met ids or rows that it didn't expect to be there.
    /// After an error that may be a refused row, [`Approach::Isolate`] makes the next attempt look for the
    /// culprits.
    ///
    /// [`Approach::Isolate`]: crate::pipeline::trial::Approach::Isolate
    ///
    /// # Errors
    /// With its verdict; systemic, if more of the batch was refused than `breaker` allows. Nothing of the
    /// batch is in then, unless it was COMMIT that failed: [`Destination::is_in`] tells.
    pub async fn attempt_batch(
        &self,
        batch: &mut Batch<'_>,
        before_commit: &BeforeCommit,
        breaker: &Breaker,
    ) -> Result<AttemptOutcome, Failure> {
        let outcome = self.attempt_once(batch, before_commit, breaker).await;
        match outcome {
            Err(f) if batch.trial.conflicts == Conflicts::Unexpected && f.means_conflict() => {
                batch.trial.conflicts = Conflicts::Possible;
                self.attempt_once(batch, before_commit, breaker).await
            }
            outcome => outcome,
        }
    }

    async fn attempt_once(
        &self,
        batch: &mut Batch<'_>,
        before_commit: &BeforeCommit,
        breaker: &Breaker,
    ) -> Result<AttemptOutcome, Failure> {
        if batch.has_gaps() {
            // asked before anything can make the batch wait: retention that passes it meanwhile has
            // not deleted anything unseen
            if let Some(outcome) = before_commit
                .ask_about_topics(batch)
                .wait_for_answer()
                .await?
            {
                return Ok(outcome);
            }
            batch.accept_gaps();
        }
        if !batch.moves_watermarks() {
            let answer = before_commit
                .ask_about_topics(batch)
                .wait_for_answer()
                .await?;
            return Ok(answer.unwrap_or(AttemptOutcome::Committed));
        }
        let mut client = self.connect().await?;
        let changes = self.resolver.resolve_changes(&client, batch).await?;
        let ids = batch.entries.iter().map(|e| e.id);
        self.ledger.days.ensure_days(&mut client, ids).await?;
        failpoint::reach("before_transaction");

        // Kafka's answer is waited for last: its round trip is as long as all of Postgres' together
        let topics = before_commit.ask_about_topics(batch);
        let tx = client.transaction().await?;
        let Fence::Held(letters) = self.move_watermarks(&tx, batch).await? else {
            return Ok(AttemptOutcome::Fenced);
        };
        let letters = self.insert_owed_letters(&tx, batch, letters).await?;
        insert_event_ids(&tx, &self.ledger, batch, letters.any).await?;
        self.write_rows(&tx, batch, changes, letters).await?;
        breaker.judge(batch)?;
        before_commit.deliver_rejects(batch).await?;
        self.insert_letters(&tx, batch).await?;
        if let Some(outcome) = topics.wait_for_answer().await? {
            return Ok(outcome);
        }
        failpoint::reach("before_commit");
        tx.commit().await?;
        failpoint::reach("after_commit");
        Ok(AttemptOutcome::Committed)
    }

    /// Moves the watermarks of the batch's partitions. It is the first statement, and fences: of two
    /// writers of a partition only one goes on.
    async fn move_watermarks(
        &self,
        tx: &Transaction<'_>,
        batch: &Batch<'_>,
    ) -> Result<Fence, Failure> {
        let moves = batch.watermark_moves();
        let watermarks = &self.ledger.watermarks;
        watermarks.move_watermarks(tx, batch.id, &moves).await
    }

    /// Inserts the letters that were published while Postgres was away, and says which letters there are
    /// with them.
    async fn insert_owed_letters(
        &self,
        tx: &Transaction<'_>,
        batch: &Batch<'_>,
        there: LetterPresence,
    ) -> Result<LetterPresence, Failure> {
        let owed: Vec<_> = batch.owed_letters().cloned().collect();
        self.ledger.letters.insert_letters(tx, &owed).await?;
        Ok(LetterPresence {
            any: there.any || !owed.is_empty(),
            parked: there.parked || !owed.is_empty(),
        })
    }

    /// Writes the changes of those events that are no duplicates.
    async fn write_rows(
        &self,
        tx: &Transaction<'_>,
        batch: &mut Batch<'_>,
        mut changes: Vec<(usize, RowChange<'_>)>,
        letters: LetterPresence,
    ) -> Result<(), Failure> {
        changes.retain(|(at, _)| !batch.entries[*at].duplicate);
        let writer = RowWriter {
            tx,
            ledger: &self.ledger,
            later_events: self.later_events,
        };
        let written = writer.write_in_order(batch, &changes, letters.parked).await;
        written.inspect_err(|failure| self.resolver.forget_if_stale(batch, failure))
    }

    /// Inserts the letters of the batch's rejects, which are safe in their topic by now.
    async fn insert_letters(&self, tx: &Transaction<'_>, batch: &Batch<'_>) -> Result<(), Failure> {
        let letters: Vec<_> = batch.published_letters().collect();
        self.ledger.letters.insert_letters(tx, &letters).await
    }
}
