//! One pass over the ledger: days ahead, days that are over, a default partition that is old. Nothing is looked through:
//! when days were last written is noted by who writes them.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Duration;

use deadpool_postgres::Object;
use tokio_postgres::types::Type;

use crate::clock::time_since_1970;
use crate::ledger::Ledger;
use crate::ledger::days::day_tables::{DayTable, brief_sql, is_in_the_way};
use crate::ledger::days::{DAYS_AHEAD, current_day};
use crate::ledger::forgotten_letters::{DeletedLetters, delete_forgotten_letters};
use crate::ledger::retention::days::IdPartition;
use crate::ledger::retention::swept::Swept;
use crate::postgres::settings::begin_pinned;
use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::rows::sql::quote;
use crate::verdict::{Failure, sqlstate};
use crate::watch::metrics;

/// How often a step is tried that somebody is in the way of.
const MAX_TRIES: u32 = 5;

/// Between two tries, times the number of the try.
const TRY_PAUSE: Duration = Duration::from_secs(1);

/// How long the lock is waited for that lets days in which were kept out, at the first try; twice as long at each next. Events
/// wait for as long as it doesn't succeed.
const FIRST_LET_IN: Duration = Duration::from_millis(50);

const SECONDS_OF_DAY: u64 = 86_400;

/// Rows that are deleted in one transaction.
const MAX_DELETED_ROWS: i64 = 10_000;

/// One pass over the ledger.
pub struct Sweep<'l> {
    /// Whose days are created and dropped.
    pub ledger: &'l Ledger,
    /// How long the ids of applied events are kept: `apply.retention`.
    pub retention: Duration,
    /// Finds out what would be done, and changes nothing.
    pub dry_run: bool,
}

impl Sweep<'_> {
    /// Forgets where deleted rows stood and what moved rows had, creates days ahead, drops days that are over,
    /// empties the default partition once all of it is old. What is done is noted in `swept`, also if the pass ends with an
    /// error.
    ///
    /// # Errors
    /// As Postgres says. What our role may not do is no error: it is noted.
    pub async fn apply_retention(
        &self,
        client: &mut Object,
        swept: &mut Swept,
    ) -> Result<(), Failure> {
        swept.role = self.read_role(client).await?;
        // an older event that comes now is one of those which the ledger doesn't recognise either
        self.forget_rows(client, "row_positions", "gone_at", &mut swept.positions)
            .await?;
        self.forget_rows(client, "moved_rows", "kept_at", &mut swept.moved)
            .await?;
        if self.ledger.keeps_ids() {
            self.sweep_days(client, swept).await?;
        }
        // last, as there may be millions, and lanes wait for none of them
        self.finish_forgetting(client).await
    }

    async fn sweep_days(&self, client: &mut Object, swept: &mut Swept) -> Result<(), Failure> {
        self.create_ahead(client, swept).await?;
        let now_ms = time_since_1970().as_millis() as u64;
        let asked: &tokio_postgres::Client = client;
        for partition in self.find_partitions(asked).await? {
            match partition.days() {
                None if partition.is_default() => {
                    self.empty_if_old(client, &partition, swept).await?;
                }
                Some(days) if partition.is_over(now_ms, self.retention) => {
                    self.drop_if_old(client, partition, &days, swept).await?;
                }
                _ => {}
            }
        }
        if self.dry_run {
            return Ok(());
        }
        let client: &tokio_postgres::Client = client;
        let (writes, days) = (&self.ledger.days.writes, self.find_days(client).await?);
        let oldest = days.iter().map(|days| *days.start()).min();
        metrics::set_oldest_day(oldest.unwrap_or_default() * SECONDS_OF_DAY);
        writes.forget_old(client, &days, self.retention).await
    }

    /// Forgets the rows of a table of ours whose time in the column is longer ago than retention, and adds how many
    /// they are to `forgotten`. A row that a lane has at hand is left for the next pass.
    async fn forget_rows(
        &self,
        client: &Object,
        table: &str,
        column: &str,
        forgotten: &mut u64,
    ) -> Result<(), Failure> {
        let (schema, retention) = (self.ledger.quoted_schema(), self.retention.as_secs_f64());
        let old =
            format!("FROM {schema}.{table} WHERE {column} < now() - make_interval(secs => $1)");
        if self.dry_run {
            let sql = format!("SELECT count(*) {old}");
            let row = client
                .query_typed_one(&sql, &[(&retention, Type::FLOAT8)])
                .await?;
            *forgotten = u64::try_from(row.get::<_, i64>(0)).unwrap_or_default();
            return Ok(());
        }
        let sql = format!(
            "DELETE FROM {schema}.{table} WHERE ctid = ANY (ARRAY(SELECT ctid {old} LIMIT {MAX_DELETED_ROWS} FOR UPDATE SKIP LOCKED))"
        );
        loop {
            match client
                .execute_typed(&sql, &[(&retention, Type::FLOAT8)])
                .await?
            {
                0 => return Ok(()),
                rows => *forgotten += rows,
            }
        }
    }

    /// Deletes the letters that whoever forgot their partitions has left.
    async fn finish_forgetting(&self, client: &mut Object) -> Result<(), Failure> {
        if self.dry_run {
            return Ok(());
        }
        let (schema, mut deleted) = (self.ledger.quoted_schema(), DeletedLetters::new());
        match delete_forgotten_letters(client, schema, &mut deleted).await {
            // they don't count, be they there or not, and another process may be at them
            Err(failure) if is_forbidden(&failure) || is_in_the_way(&failure) => Ok(()),
            result => result,
        }
    }

    async fn read_role(&self, client: &Object) -> Result<String, Failure> {
        let sql = "SELECT current_user::text";
        Ok(client.query_typed_one(sql, &[]).await?.get(0))
    }

    /// So that no lane has to ask for it, and be it that somebody is in the way for days.
    async fn create_ahead(&self, client: &mut Object, swept: &mut Swept) -> Result<(), Failure> {
        if self.dry_run {
            return self.create_missing(client, swept).await;
        }
        self.let_in_again(client, swept).await?;
        let created = self.create_missing(client, swept).await;
        // what of it failed keeps events waiting
        let let_in = self.let_in_again(client, swept).await;
        created.and(let_in)
    }

    async fn create_missing(&self, client: &mut Object, swept: &mut Swept) -> Result<(), Failure> {
        let today = current_day();
        let mut missing: VecDeque<u64> = (today..=today + DAYS_AHEAD).collect();
        let mut tries = 1..=MAX_TRIES;
        while let Some(day) = missing.front() {
            match self.create_day(client, *day, today).await {
                Err(failure) if is_in_the_way(&failure) && wait_for_next(&mut tries).await => {
                    continue;
                }
                Err(failure) => return Err(failure),
                Ok(DayTable::Created(name)) => swept.created.push(name),
                Ok(DayTable::Forbidden) => {
                    swept.note_forbidden("create days of processed_events");
                }
                Ok(DayTable::WasThere | DayTable::InDefault | DayTable::DefaultTooLarge) => {}
            }
            missing.pop_front();
        }
        Ok(())
    }

    /// What somebody has begun, and not brought to its end, keeps events waiting.
    async fn let_in_again(&self, client: &mut Object, swept: &mut Swept) -> Result<(), Failure> {
        let (mut tries, mut lock_timeout) = (1..=MAX_TRIES, FIRST_LET_IN);
        loop {
            match self.ledger.days.tables.let_in(client, lock_timeout).await {
                Err(failure) if is_in_the_way(&failure) => {
                    if !wait_for_next(&mut tries).await {
                        // another process is at it for long, and lets it in itself
                        return Ok(());
                    }
                    lock_timeout *= 2;
                }
                Err(failure) if is_forbidden(&failure) => {
                    swept.note_forbidden("let a day's events in");
                    return Ok(());
                }
                result => return result,
            }
        }
    }

    async fn create_day(
        &self,
        client: &mut Object,
        day: u64,
        today: u64,
    ) -> Result<DayTable, Failure> {
        let tables = &self.ledger.days.tables;
        match tables.create_day(client, day, self.dry_run).await? {
            // of later days nobody has events
            DayTable::DefaultTooLarge if day > today + 1 && !self.dry_run => {
                tables.create_beside_large(client, day).await
            }
            created => Ok(created),
        }
    }

    /// The days that have a partition of their own.
    async fn find_days(
        &self,
        client: &impl UnnamedStatements,
    ) -> Result<Vec<RangeInclusive<u64>>, Failure> {
        let partitions = self.find_partitions(client).await?;
        Ok(partitions.iter().filter_map(IdPartition::days).collect())
    }

    async fn find_partitions(
        &self,
        client: &impl UnnamedStatements,
    ) -> Result<Vec<IdPartition>, Failure> {
        let sql = "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), \
                       pg_has_role(c.relowner, 'USAGE') \
                   FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid \
                   JOIN pg_catalog.pg_class parent ON parent.oid = i.inhparent \
                   WHERE parent.oid = $1::text::regclass AND c.relnamespace = parent.relnamespace ORDER BY 1";
        let ledger = format!("{}.processed_events", self.ledger.quoted_schema());
        let rows = client.query_typed(sql, &[(&ledger, Type::TEXT)]).await?;
        // of one that is dropped at this moment the bound is null, whatever the snapshot says
        let partition = |row: tokio_postgres::Row| {
            Some(IdPartition {
                name: row.get(0),
                bound: row.get::<_, Option<String>>(1)?,
                owned: row.get::<_, Option<bool>>(2)?,
            })
        };
        Ok(rows.into_iter().filter_map(partition).collect())
    }

    async fn drop_if_old(
        &self,
        client: &mut Object,
        partition: IdPartition,
        days: &RangeInclusive<u64>,
        swept: &mut Swept,
    ) -> Result<(), Failure> {
        let (table, writes) = (self.table_of(&partition), &self.ledger.days.writes);
        if !partition.owned {
            swept.note_forbidden("drop days of processed_events");
            return Ok(());
        }
        let asked: &tokio_postgres::Client = client;
        match writes.any_young(asked, days, self.retention).await? {
            Some(false) => {}
            Some(true) => {
                swept.kept.push(partition.name);
                return Ok(());
            }
            // a worker of a former build has made it, and may have written it a moment ago
            None => {
                if !self.dry_run {
                    writes.note_writes(asked, &[*days.end()]).await?;
                }
                swept.kept.push(partition.name);
                return Ok(());
            }
        }
        if self.dry_run {
            swept.dropped.push(partition.name);
            return Ok(());
        }
        let mut tries = 1..=MAX_TRIES;
        loop {
            match self.drop_under_lock(client, &table, days).await {
                Ok(true) => swept.dropped.push(partition.name),
                Ok(false) => swept.kept.push(partition.name),
                // by another process that does the same
                Err(failure) if is_gone(&failure) => {}
                Err(failure) if is_in_the_way(&failure) && wait_for_next(&mut tries).await => {
                    continue;
                }
                Err(failure) => return Err(failure),
            }
            return Ok(());
        }
    }

    /// Returns whether it was dropped; not, if somebody has just noted that one of its days is written.
    async fn drop_under_lock(
        &self,
        client: &mut Object,
        table: &str,
        days: &RangeInclusive<u64>,
    ) -> Result<bool, Failure> {
        let tx = begin_pinned(client).await?;
        // of the lanes only one that writes events of this day waits
        let sql = format!(
            "{}; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE",
            brief_sql()
        );
        tx.batch_execute(&sql).await?;
        let writes = &self.ledger.days.writes;
        if writes.any_young(&*tx, days, self.retention).await? != Some(false) {
            return Ok(false);
        }
        // all lanes: DROP locks the ledger as a whole, until COMMIT
        tx.batch_execute(&format!("DROP TABLE {table}")).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Empties the default partition once nothing was written to it within retention: it holds events of any day, and is
    /// never dropped.
    async fn empty_if_old(
        &self,
        client: &mut Object,
        partition: &IdPartition,
        swept: &mut Swept,
    ) -> Result<(), Failure> {
        let table = self.table_of(partition);
        let mut tries = 1..=MAX_TRIES;
        loop {
            match self.empty_under_lock(client, &table).await {
                Ok(true) => swept.emptied.push(partition.name.clone()),
                Ok(false) => {}
                Err(failure) if is_forbidden(&failure) => {
                    swept.note_forbidden("empty its default partition");
                }
                Err(failure) if is_in_the_way(&failure) && wait_for_next(&mut tries).await => {
                    continue;
                }
                Err(failure) => return Err(failure),
            }
            return Ok(());
        }
    }

    /// Returns whether it was emptied; not, if nothing is in it, or it was written within retention.
    async fn empty_under_lock(&self, client: &mut Object, table: &str) -> Result<bool, Failure> {
        let tx = begin_pinned(client).await?;
        let writes = &self.ledger.days.writes;
        let days = self.find_days(&*tx).await?;
        // first without a lock, which tells nearly always
        let sql = format!("SELECT EXISTS (SELECT FROM {table})");
        let has_rows: bool = tx.query_typed_one(&sql, &[]).await?.get(0);
        if !has_rows || writes.any_other_young(&*tx, &days, self.retention).await? {
            return Ok(false);
        }
        // of the lanes only one that writes such events waits
        let sql = format!(
            "{}; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE",
            brief_sql()
        );
        tx.batch_execute(&sql).await?;
        // asked anew: one may have been dropped since, and its events come here; while we hold the lock, none is
        let days = self.find_days(&*tx).await?;
        if writes.any_other_young(&*tx, &days, self.retention).await? {
            return Ok(false);
        }
        tx.batch_execute(&format!("TRUNCATE {table}")).await?;
        if !self.dry_run {
            tx.commit().await?;
        }
        Ok(true)
    }

    fn table_of(&self, partition: &IdPartition) -> String {
        format!("{}.{}", self.ledger.quoted_schema(), quote(&partition.name))
    }
}

/// Waits before the next try; `false` if there is none left.
async fn wait_for_next(tries: &mut RangeInclusive<u32>) -> bool {
    match tries.next() {
        Some(attempt) if attempt < MAX_TRIES => {
            tokio::time::sleep(TRY_PAUSE * attempt).await;
            true
        }
        _ => false,
    }
}

fn is_gone(failure: &Failure) -> bool {
    failure.has_sqlstate(&[sqlstate::UNDEFINED_TABLE])
}

fn is_forbidden(failure: &Failure) -> bool {
    failure.has_sqlstate(&[sqlstate::INSUFFICIENT_PRIVILEGE])
}
