//! The partitions of `processed_events`, one for the events of each day.
//!
//! Why: `docs/decisions/04`.

use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::time::{SystemTime, UNIX_EPOCH};

use deadpool_postgres::{Object, Transaction};
use uuid::Uuid;

use crate::ledger::event_ids::Ledger;
use crate::pipeline::batch::Batch;
use crate::verdict::{Failure, sqlstate};

const DAY_MS: u64 = 86_400_000;

/// What became of the wish for a day's partition. Where there is none, its events share the default
/// partition, which works as well and is dearer to clean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Day {
    /// Its table's name.
    Created(String),
    WasThere,
    /// Events of that day are in the default partition already, and so they stay together.
    InDefault,
    /// Our role isn't the owner of the ledger.
    Forbidden,
}

/// Days since 1970, UTC.
pub fn today() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_millis() as u64)
        / DAY_MS
}

impl Ledger {
    /// Creates the ledger's partitions for the days of these events, outside of any transaction of
    /// theirs. Days far from today share the default partition, whatever a wrong clock may say.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn prepare(&self, client: &mut Object, batch: &Batch<'_>) -> Result<(), Failure> {
        if !self.keeps_ids() {
            return Ok(());
        }
        let today = today();
        let missing: BTreeSet<u64> = {
            let known = self.days.lock().unwrap_or_else(PoisonError::into_inner);
            let days = batch
                .entries
                .iter()
                .map(|e| (e.id.as_u128() >> 80) as u64 / DAY_MS);
            days.filter(|d| *d + 400 > today && *d < today + 2 && !known.contains(d))
                .collect()
        };
        for day in missing {
            self.create_day(client, day).await?;
            self.days
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(day);
        }
        Ok(())
    }

    /// Looks again, at the next batch, which days have a partition: some may have been dropped, by
    /// whichever process. Until then their events go to the default partition.
    pub fn forget_days(&self) {
        self.days
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    async fn create_day(&self, client: &mut Object, day: u64) -> Result<(), Failure> {
        let tx = client.transaction().await?;
        match self.enter_day(&tx, day).await? {
            Day::Created(_) => tx.commit().await.map_err(Failure::from),
            // then its events share the default partition
            Day::WasThere | Day::InDefault | Day::Forbidden => Ok(()),
        }
    }

    /// Creates a day's partition, in a transaction of its own: it has failed unless this says
    /// `Created` or `WasThere`.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn enter_day(&self, tx: &Transaction<'_>, day: u64) -> Result<Day, Failure> {
        // one at a time: CREATE … IF NOT EXISTS can fail when two sessions race for it
        let sql = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0)), \
                   'processed_events_' || to_char(to_timestamp($2::bigint * 86400) AT TIME ZONE 'UTC', 'YYYYMMDD')";
        let name: String = tx
            .query_one(sql, &[&self.schema, &(day as i64)])
            .await?
            .get(1);
        if self.has_table(tx, &name).await? {
            return Ok(Day::WasThere);
        }
        let bound = |day: u64| Uuid::from_u128(u128::from(day * DAY_MS) << 80);
        let sql = format!(
            "CREATE TABLE {schema}.{name} PARTITION OF {schema}.processed_events FOR VALUES FROM ('{}') TO ('{}')",
            bound(day),
            bound(day + 1),
            schema = self.schema,
        );
        match tx.batch_execute(&sql).await {
            Ok(()) => Ok(Day::Created(name)),
            Err(e) => match e.code().map(|code| code.code()) {
                Some(sqlstate::CHECK_VIOLATION) => Ok(Day::InDefault),
                Some(sqlstate::INSUFFICIENT_PRIVILEGE) => Ok(Day::Forbidden),
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
