//! One attempt to land a batch: the transaction, its statements in the order that exactly once rests on.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use deadpool_postgres::{Object, Pool};

use crate::config::LaterEvents;
use crate::failpoint;
use crate::format::change::Change;
use crate::ledger::event_ids::Ledger;
use crate::ledger::watermarks::Fenced;
use crate::pipeline::attempt_outcome::AttemptOutcome;
use crate::pipeline::batch::Batch;
use crate::pipeline::before_commit::BeforeCommit;
use crate::pipeline::breaker::Breaker;
use crate::pipeline::entry::{Entry, State};
use crate::pipeline::owned_partition::OwnedPartitions;
use crate::postgres::catalogue::Catalogue;
use crate::postgres::connection::connect;
use crate::record::TopicPartition;
use crate::rows::mapping::{Mapping, Mappings};
use crate::rows::row_change::RowChange;
use crate::rows::statement::Conflicts;
use crate::rows::table::Table;
use crate::verdict::{Failure, Verdict};

pub struct Destination {
    pool: Pool,
    catalogue: Arc<Catalogue>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) later_events: LaterEvents,
    mappings: Mutex<Mappings>,
}

impl Destination {
    pub fn new(
        pool: Pool,
        catalogue: Arc<Catalogue>,
        ledger: Arc<Ledger>,
        later_events: LaterEvents,
    ) -> Self {
        Self {
            pool,
            catalogue,
            ledger,
            later_events,
            mappings: Mutex::default(),
        }
    }

    /// Whoever waits asks over a new session: one keeps what it was told at its start.
    pub fn forget_sessions(&self) {
        self.pool.retain(|_, _| false);
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// # Errors
    /// With its verdict; nothing of the batch is in then, unless it was COMMIT that failed:
    /// [`Destination::is_in`] tells.
    pub async fn connect(&self) -> Result<Object, Failure> {
        connect(&self.pool).await
    }

    /// # Errors
    /// As for [`Destination::connect`].
    pub async fn is_in(&self, batch: &Batch<'_>) -> Result<bool, Failure> {
        self.ledger.holds(&self.connect().await?, batch).await
    }

    /// Which of the partitions somebody else has written, or taken out, since the lane last did.
    ///
    /// # Errors
    /// As for [`Destination::connect`].
    pub async fn moved(
        &self,
        owned_partitions: &OwnedPartitions,
    ) -> Result<Vec<TopicPartition>, Failure> {
        if owned_partitions.is_empty() {
            return Ok(Vec::new());
        }
        self.ledger
            .moved(&self.connect().await?, owned_partitions)
            .await
    }

    /// One attempt. After an error that may be a refused row, [`Approach::Isolate`](crate::pipeline::trial::Approach) makes the next
    /// attempt look for the culprits.
    ///
    /// # Errors
    /// With its verdict; systemic, if more of the batch was refused than `breaker` allows.
    pub async fn land(
        &self,
        batch: &mut Batch<'_>,
        before_commit: &BeforeCommit,
        breaker: &Breaker,
    ) -> Result<AttemptOutcome, Failure> {
        let outcome = self.attempt(batch, before_commit, breaker).await;
        match outcome {
            Err(f) if batch.trial.conflicts == Conflicts::Unexpected && f.means_conflict() => {
                batch.trial.conflicts = Conflicts::Possible;
                self.attempt(batch, before_commit, breaker).await
            }
            outcome => outcome,
        }
    }

    async fn attempt(
        &self,
        batch: &mut Batch<'_>,
        before_commit: &BeforeCommit,
        breaker: &Breaker,
    ) -> Result<AttemptOutcome, Failure> {
        if batch.has_gaps() {
            // asked before anything can make the batch wait: retention that passes it meanwhile has
            // not deleted anything unseen
            if let Some(outcome) = before_commit.ask_about_topics(batch).answer().await? {
                return Ok(outcome);
            }
            batch.accept_gaps();
        }
        if !batch.moves() {
            let answer = before_commit.ask_about_topics(batch).answer().await?;
            return Ok(answer.unwrap_or(AttemptOutcome::Committed));
        }
        let mut client = self.connect().await?;
        let mut changes = self.resolve(&client, batch).await?;
        self.ledger.prepare(&mut client, batch).await?;
        failpoint::reach("before_transaction");

        // the answer is waited for last: Kafka's round trip is as long as all of Postgres' together
        let topics = before_commit.ask_about_topics(batch);
        let tx = client.transaction().await?;
        let letters = match self.ledger.advance(&tx, batch).await? {
            Ok(letters) => letters,
            Err(Fenced) => return Ok(AttemptOutcome::Fenced),
        };
        let owed: Vec<_> = batch.owed().cloned().collect();
        self.ledger.enter_letters(&tx, &owed).await?;
        let any = letters.any || !owed.is_empty();
        self.ledger.record(&tx, batch, any).await?;
        changes.retain(|(at, _)| !batch.entries[*at].duplicate);
        let parked = letters.parked || !owed.is_empty();
        let written = self.write_in_order(&tx, batch, &changes, parked).await;
        self.forget_if_stale(batch, written)?;
        breaker.judge(batch)?;
        before_commit.deliver_rejects(batch).await?;
        let letters: Vec<_> = batch.letters().collect();
        self.ledger.enter_letters(&tx, &letters).await?;
        if let Some(outcome) = topics.answer().await? {
            return Ok(outcome);
        }
        failpoint::reach("before_commit");
        tx.commit().await?;
        failpoint::reach("after_commit");
        Ok(AttemptOutcome::Committed)
    }

    /// The pending changes with the index of their entry, as their tables see them. A change that
    /// can't be a row of its table is rejected here.
    async fn resolve<'r>(
        &self,
        client: &Object,
        batch: &mut Batch<'r>,
    ) -> Result<Vec<(usize, RowChange<'r>)>, Failure> {
        let (attempts, since) = (batch.trial.attempts + 1, batch.trial.first_failed_at);
        // one look at each table for all of the attempt: columns go by their index in it
        let mut tables: HashMap<usize, Arc<Table>, foldhash::fast::RandomState> =
            HashMap::default(); // by their names' addresses
        let mut reread = HashSet::new();
        'anew: loop {
            let mut changes = Vec::with_capacity(batch.entries.len());
            for (at, entry) in batch.entries.iter_mut().enumerate() {
                let (State::Pending, Some(change)) = (&entry.state, &entry.change) else {
                    continue;
                };
                let name = Arc::as_ptr(&change.table).addr();
                let table = match tables.get(&name) {
                    Some(table) => table.clone(),
                    None => {
                        let same = tables.values().find(|t| t.name == *change.table).cloned();
                        let table = match same {
                            Some(table) => table,
                            None => self.catalogue.table(client, &change.table).await?,
                        };
                        tables.insert(name, table.clone());
                        table
                    }
                };
                match self
                    .mapping(change, &table)
                    .and_then(|m| m.map_change(change))
                {
                    Ok(change) => changes.push((at, change)),
                    // it may have been altered since it was read: look once more, and begin anew
                    Err(_) if reread.insert(change.table.clone()) => {
                        self.catalogue.forget(&change.table);
                        tables.clear();
                        continue 'anew;
                    }
                    Err(f) if matches!(f.verdict, Verdict::Reject(_)) => {
                        entry.reject(&f, attempts, since)
                    }
                    Err(f) => return Err(f),
                }
            }
            return Ok(changes);
        }
    }

    fn mapping(&self, change: &Change<'_>, table: &Arc<Table>) -> Result<Arc<Mapping>, Failure> {
        let mut mappings = self.mappings.lock().unwrap_or_else(PoisonError::into_inner);
        mappings.mapping_for(change, table)
    }

    /// A statement that no longer fits its table: the catalogue is read again before anybody is blamed.
    fn forget_if_stale(
        &self,
        batch: &Batch<'_>,
        result: Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Err(f) = &result else { return Ok(()) };
        if !f.means_catalogue_is_stale() {
            return result;
        }
        for table in batch.entries.iter().filter_map(Entry::table) {
            self.catalogue.forget(table);
        }
        result
    }
}
