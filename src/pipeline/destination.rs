//! The Postgres that batches are landed in, as a lane sees it.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use deadpool_postgres::{Object, Pool};

use crate::config::LaterEvents;
use crate::ledger::Ledger;
use crate::pipeline::batch::Batch;
use crate::pipeline::evolve::Evolution;
use crate::pipeline::owned_partition::OwnedPartitions;
use crate::pipeline::resolve::Resolver;
use crate::pipeline::transaction::BatchTransaction;
use crate::postgres::catalogue::{Catalogue, TablesAre};
use crate::postgres::connection::connect;
use crate::postgres::lock_holders::{LockHolder, find_lock_holders};
use crate::record::TopicPartition;
use crate::rows::row_change::RowChange;
use crate::rows::value::Reading;
use crate::table_name::TableName;
use crate::verdict::{Failure, Verdict};
use crate::watch::metrics::Stage;

/// The Postgres that a lane lands its batches in.
pub struct Destination {
    pool: Pool,
    /// The bookkeeping tables.
    pub ledger: Arc<Ledger>,
    resolver: Resolver,
    later_events: LaterEvents,
    reading: Arc<Reading>,
}

impl Destination {
    /// `later_events`: what becomes of a key's events after a dead letter of the key. `reading`: what the
    /// configuration says of values.
    pub fn new(
        pool: Pool,
        catalogue: Arc<Catalogue>,
        evolution: Arc<Evolution>,
        ledger: Arc<Ledger>,
        later_events: LaterEvents,
        reading: Arc<Reading>,
    ) -> Self {
        Self {
            pool,
            ledger,
            resolver: Resolver::new(catalogue, evolution, reading.clone()),
            later_events,
            reading,
        }
    }

    /// Takes a connection out of the pool, which opens one if need be.
    ///
    /// # Errors
    /// As for [`connect`].
    pub async fn connect(&self) -> Result<Object, Failure> {
        Stage::Connect.time(connect(&self.pool)).await
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

    /// Says what the batch's pending events are as rows of their tables, each with the index of its entry. An
    /// event that can't be a row of its table becomes a reject.
    ///
    /// # Errors
    /// As for [`Resolver::resolve_changes`].
    pub async fn resolve_changes<'r>(
        &self,
        client: &mut Object,
        batch: &mut Batch<'r>,
    ) -> Result<Vec<(usize, RowChange<'r>)>, Failure> {
        let resolved = self.resolver.resolve_changes(client, batch).await;
        // a type may have been renamed, or moved to another schema, of which its table's fingerprint says nothing
        resolved.inspect_err(|failure| self.forget_if_stale(batch, failure))
    }

    /// Whether the batch's tables still are what its last attempt took them to be: asked before an error of
    /// that attempt is blamed on anybody, as it may come of what was known wrongly.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn verify_tables(&self, batch: &Batch<'_>) -> Result<TablesAre, Failure> {
        if batch.tables.is_empty() {
            return Ok(TablesAre::AsKnown);
        }
        let client = self.connect().await?;
        let catalogue = &self.resolver.catalogue;
        let client: &tokio_postgres::Client = &client;
        catalogue.verify_tables(client, &batch.tables).await
    }

    /// Who has locked the table that `failure` is about, and other tables of the batch, a failure for each.
    pub async fn explain_locks(&self, batch: &Batch<'_>, failure: &Failure) -> Vec<Failure> {
        let mut all = vec![failure.clone()];
        let Some(failed) = failure.table() else {
            return all;
        };
        let mut tables: BTreeSet<&TableName> = batch.tables.iter().map(|t| &t.name).collect();
        // rows that foreign keys name may be locked as well
        let of_failed = batch.tables.iter().filter(|table| table.name == *failed);
        tables.extend(of_failed.flat_map(|table| &table.relatives));
        let tables: Vec<TableName> = tables.into_iter().cloned().collect();
        let holders = match self.connect().await {
            Ok(client) => find_lock_holders(&client, &tables).await,
            Err(error) => Err(error),
        };
        let holders = holders.unwrap_or_else(|error| {
            tracing::debug!(%error, "can't ask who holds the lock");
            Vec::new()
        });
        let of_failed = holders.iter().find(|holder| holder.table == *failed);
        let is_own = |holder: &&LockHolder| {
            let mut own = batch.tables.iter();
            own.any(|table| table.name == holder.table)
        };
        let of_failed = of_failed.or_else(|| holders.iter().find(|holder| !is_own(holder)));
        if let (Some(holder), Some(first)) = (of_failed, all.first_mut()) {
            first.log_line = format!("{}; {}", first.log_line, describe_holder(holder));
        }
        for holder in holders.iter().filter(|h| h.whole_table && is_own(h)) {
            if all.iter().all(|known| known.table() != Some(&holder.table)) {
                let locked = Failure::new(Verdict::Locked, describe_holder(holder));
                all.push(locked.about_table(&holder.table));
            }
        }
        all
    }

    /// Those of the tables that somebody has locked for all writers, or is about to.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn find_locked_tables(
        &self,
        tables: &[TableName],
    ) -> Result<HashSet<TableName>, Failure> {
        let holders = find_lock_holders(&*self.connect().await?, tables).await?;
        let whole = holders.into_iter().filter(|holder| holder.whole_table);
        Ok(whole.map(|holder| holder.table).collect())
    }

    /// As for [`Resolver::forget_if_stale`].
    pub fn forget_if_stale(&self, batch: &Batch<'_>, failure: &Failure) {
        self.resolver.forget_if_stale(batch, failure);
    }

    /// Prepares the ledger for the day of each event of the batch.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn prepare_days(&self, client: &Object, batch: &Batch<'_>) -> Result<(), Failure> {
        let ids = batch.entries.iter().map(|e| e.id);
        let prepared = self.ledger.days.prepare_days(client, ids);
        Stage::Days.time(prepared).await
    }

    /// Begins the transaction of an attempt.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn begin_transaction<'t>(
        &'t self,
        client: &'t mut Object,
    ) -> Result<BatchTransaction<'t>, Failure> {
        let (catalogue, reading) = (&self.resolver.catalogue, &self.reading);
        let (ledger, later_events) = (&self.ledger, self.later_events);
        let begun = BatchTransaction::begin(client, ledger, later_events, catalogue, reading);
        Stage::Begin.time(begun).await
    }
}

fn describe_holder(holder: &LockHolder) -> String {
    let LockHolder { table, session, .. } = holder;
    match &holder.leaf {
        Some(leaf) => format!("{leaf}, a partition of {table}, is locked by {session}"),
        None if holder.whole_table => format!("table {table} is locked by {session}"),
        None => format!("a row of {table} is locked, maybe by {session}"),
    }
}
