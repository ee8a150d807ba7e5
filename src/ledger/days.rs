//! The partitions of `processed_events`, one for the events of each day.
//!
//! Why: `docs/decisions/04`.

use std::collections::{BTreeSet, HashSet};

use deadpool_postgres::{Object, Transaction};
use uuid::Uuid;

use crate::clock::time_since_1970;
use crate::format::event_id::{day_at, day_bounds, day_of};
use crate::locked::Locked;
use crate::postgres::settings::begin_pinned;
use crate::verdict::{Failure, sqlstate};

/// Events of days up to so many before today get a partition of their own day.
const PAST_DAYS: u64 = 400;

/// The days' partitions of `processed_events`. A day is a number of days since 1970, UTC.
pub struct Days {
    /// Quoted.
    schema: String,
    ids_are_kept: bool,
    /// Days whose partition is there, or can't be.
    known: Locked<HashSet<u64>>,
}

/// What became of the wish for a day's partition. Where there is none, its events share the default
/// partition, which works as well and is dearer to clean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DayPartition {
    /// Its table's name.
    Created(String),
    /// Somebody created it before.
    WasThere,
    /// Events of that day are in the default partition already, and so they stay together.
    InDefault,
    /// Our role isn't the owner of the ledger.
    Forbidden,
}

/// Today's day, UTC, by this machine's clock.
pub fn current_day() -> u64 {
    day_at(time_since_1970().as_millis() as u64)
}

impl Days {
    pub(super) fn new(schema: String, ids_are_kept: bool) -> Self {
        Self {
            schema,
            ids_are_kept,
            known: Locked::default(),
        }
    }

    /// Creates the partitions that the days of these events lack, outside of any transaction of
    /// theirs. Days far from today share the default partition, whatever a wrong clock may say. Where ids
    /// aren't kept, there is nothing to create.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn ensure_days(
        &self,
        client: &mut Object,
        ids: impl Iterator<Item = Uuid>,
    ) -> Result<(), Failure> {
        if !self.ids_are_kept {
            return Ok(());
        }
        for day in self.find_unknown_days(ids) {
            self.ensure_day(client, day).await?;
            self.known.lock().insert(day);
        }
        Ok(())
    }

    fn find_unknown_days(&self, ids: impl Iterator<Item = Uuid>) -> BTreeSet<u64> {
        let (today, known) = (current_day(), self.known.lock());
        ids.map(day_of)
            .filter(|d| *d + PAST_DAYS > today && *d < today + 2 && !known.contains(d))
            .collect()
    }

    /// Looks again, at the next batch, which days have a partition: some may have been dropped, by
    /// whichever process. Until then their events go to the default partition.
    pub fn forget_days(&self) {
        self.known.lock().clear();
    }

    async fn ensure_day(&self, client: &mut Object, day: u64) -> Result<(), Failure> {
        let tx = begin_pinned(client).await?;
        match self.create_day(&tx, day).await? {
            DayPartition::Created(_) => tx.commit().await.map_err(Failure::from),
            // then its events share the default partition
            DayPartition::WasThere | DayPartition::InDefault | DayPartition::Forbidden => Ok(()),
        }
    }

    /// Creates a day's partition, in a transaction of its own: the transaction has failed unless this says
    /// `Created` or `WasThere`.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn create_day(
        &self,
        tx: &Transaction<'_>,
        day: u64,
    ) -> Result<DayPartition, Failure> {
        // one at a time: CREATE … IF NOT EXISTS can fail when two sessions race for it
        let sql = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0)), \
                   'processed_events_' || to_char(to_timestamp($2::bigint * 86400) AT TIME ZONE 'UTC', 'YYYYMMDD')";
        let name: String = tx
            .query_one(sql, &[&self.schema, &(day as i64)])
            .await?
            .get(1);
        if self.has_table(tx, &name).await? {
            return Ok(DayPartition::WasThere);
        }
        let bounds = day_bounds(day);
        let sql = format!(
            "CREATE TABLE {schema}.{name} PARTITION OF {schema}.processed_events FOR VALUES FROM ('{}') TO ('{}')",
            bounds.start,
            bounds.end,
            schema = self.schema,
        );
        match tx.batch_execute(&sql).await {
            Ok(()) => Ok(DayPartition::Created(name)),
            Err(e) => match e.code().map(|code| code.code()) {
                Some(sqlstate::CHECK_VIOLATION) => Ok(DayPartition::InDefault),
                Some(sqlstate::INSUFFICIENT_PRIVILEGE) => Ok(DayPartition::Forbidden),
                _ => Err(e.into()),
            },
        }
    }

    /// Not by to_regclass: it answers from the session's cache, which misses what another process
    /// has created while this one waited for the lock.
    async fn has_table(&self, tx: &Transaction<'_>, name: &str) -> Result<bool, Failure> {
        let sql = format!(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_class ledger USING (relnamespace) \
             WHERE ledger.oid = '{}.processed_events'::regclass AND c.relname = $1)",
            self.schema.replace('\'', "''")
        );
        let row = tx.query_one(&sql, &[&name]).await?;
        Ok(row.get(0))
    }
}
