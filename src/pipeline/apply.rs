//! The transaction that lands a batch: its eight steps, in the order that exactly once rests on.

use std::sync::Arc;

use deadpool_postgres::{Object, Pool};

use crate::config::LaterEvents;
use crate::failpoint;
use crate::ledger::Ledger;
use crate::ledger::watermarks::Fence;
use crate::pipeline::attempt_outcome::AttemptOutcome;
use crate::pipeline::batch::Batch;
use crate::pipeline::before_commit::BeforeCommit;
use crate::pipeline::breaker::Breaker;
use crate::pipeline::owned_partition::OwnedPartitions;
use crate::pipeline::resolve::Resolver;
use crate::pipeline::transaction::BatchTransaction;
use crate::postgres::catalogue::Catalogue;
use crate::postgres::connection::connect;
use crate::record::TopicPartition;
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

    /// One attempt, from the questions that come before the transaction to COMMIT. The steps of the
    /// transaction stand here in the order that exactly once rests on.
    async fn attempt_once(
        &self,
        batch: &mut Batch<'_>,
        before_commit: &BeforeCommit,
        breaker: &Breaker,
    ) -> Result<AttemptOutcome, Failure> {
        if batch.has_gaps() {
            // asked before anything can make the batch wait: retention that passes it meanwhile has
            // not deleted anything unseen
            let topics = before_commit.ask_about_topics(batch);
            if let Some(outcome) = topics.wait_for_answer().await? {
                return Ok(outcome);
            }
            batch.accept_gaps();
        }
        if !batch.moves_watermarks() {
            let topics = before_commit.ask_about_topics(batch);
            let changed = topics.wait_for_answer().await?;
            return Ok(changed.unwrap_or(AttemptOutcome::Committed));
        }
        let mut client = self.connect().await?;
        let changes = self.resolver.resolve_changes(&client, batch).await?;
        let ids = batch.entries.iter().map(|e| e.id);
        self.ledger.days.ensure_days(&mut client, ids).await?;
        failpoint::reach("before_transaction");

        // Kafka's answer is waited for last: its round trip is as long as all of Postgres' together
        let topics = before_commit.ask_about_topics(batch);
        let tx = BatchTransaction::begin(&mut client, &self.ledger, self.later_events).await?;
        let Fence::Held(letters) = tx.move_watermarks(batch).await? else {
            return Ok(AttemptOutcome::Fenced);
        };
        let letters = tx.insert_owed_letters(batch, letters).await?;
        tx.insert_event_ids(batch, letters).await?;
        let written = tx.write_fresh_rows(batch, changes, letters).await;
        written.inspect_err(|failure| self.resolver.forget_if_stale(batch, failure))?;
        breaker.judge(batch)?;
        before_commit.deliver_rejects(batch).await?;
        tx.insert_letters(batch).await?;
        if let Some(outcome) = topics.wait_for_answer().await? {
            return Ok(outcome);
        }
        tx.commit().await?;
        Ok(AttemptOutcome::Committed)
    }
}
