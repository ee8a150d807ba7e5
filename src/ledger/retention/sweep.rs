//! One pass over the ledger: days ahead, days that are over, old rows of the default partition.

use std::ops::RangeInclusive;
use std::time::Duration;

use deadpool_postgres::{GenericClient, Object, Transaction};
use tokio_postgres::types::Type;

use crate::clock::time_since_1970;
use crate::ledger::Ledger;
use crate::ledger::days::{DayPartition, current_day};
use crate::ledger::retention::days::IdPartition;
use crate::ledger::retention::swept::Swept;
use crate::postgres::settings::begin_pinned;
use crate::rows::sql::quote;
use crate::verdict::{Failure, sqlstate};

/// Lanes that write meanwhile queue behind a lock that is waited for, at most this long. Shorter than
/// Postgres' `deadlock_timeout` (1 s): where a lane waits for us too, it is we who give up.
const LOCK_TIMEOUT: &str = "500ms";

/// A lane with events of the very day waits while it is looked through under lock, and not so long
/// that it runs out of attempts.
const LOOK_TIMEOUT: &str = "30s";

/// How often a step is tried that somebody is in the way of.
const MAX_TRIES: u32 = 5;

/// Between two tries, times the number of the try.
const TRY_PAUSE: Duration = Duration::from_secs(1);

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
    /// deletes old rows of the default partition. What is done is noted in `swept`, also if the pass ends with an
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
        if !self.ledger.keeps_ids() {
            return Ok(());
        }
        self.create_ahead(client, swept).await?;
        let now_ms = time_since_1970().as_millis() as u64;
        for partition in self.find_partitions(client).await? {
            if partition.is_default() {
                self.delete_old_rows(client, &partition, swept).await?;
            } else if partition.is_over(now_ms, self.retention) {
                self.drop_if_old(client, partition, swept).await?;
            }
        }
        Ok(())
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

    async fn read_role(&self, client: &impl GenericClient) -> Result<String, Failure> {
        let row = client.query_one("SELECT current_user::text", &[]).await;
        Ok(row?.get(0))
    }

    /// So that no batch needs to: creating one waits for those that write to the default partition.
    async fn create_ahead(&self, client: &mut Object, swept: &mut Swept) -> Result<(), Failure> {
        for day in [current_day(), current_day() + 1] {
            let mut tries = 1..=MAX_TRIES;
            let created = loop {
                match self.create_day(client, day).await {
                    Err(failure) if is_in_the_way(&failure) && wait_for_next(&mut tries).await => {}
                    result => break result?,
                }
            };
            match created {
                DayPartition::Created(name) => swept.created.push(name),
                DayPartition::Forbidden => swept.note_forbidden("create days of processed_events"),
                DayPartition::WasThere | DayPartition::InDefault => {}
            }
        }
        Ok(())
    }

    async fn create_day(&self, client: &mut Object, day: u64) -> Result<DayPartition, Failure> {
        let tx = begin_pinned(client).await?;
        let sql = format!("SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'");
        tx.batch_execute(&sql).await?;
        let created = self.ledger.days.create_day(&tx, day).await?;
        if matches!(created, DayPartition::Created(_)) && !self.dry_run {
            tx.commit().await?;
        }
        Ok(created)
    }

    async fn find_partitions(
        &self,
        client: &impl GenericClient,
    ) -> Result<Vec<IdPartition>, Failure> {
        let sql = "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), \
                       pg_has_role(c.relowner, 'USAGE') \
                   FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid \
                   JOIN pg_catalog.pg_class parent ON parent.oid = i.inhparent \
                   WHERE parent.oid = $1::text::regclass AND c.relnamespace = parent.relnamespace ORDER BY 1";
        let ledger = format!("{}.processed_events", self.ledger.quoted_schema());
        let rows = client.query(sql, &[&ledger]).await?;
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
        swept: &mut Swept,
    ) -> Result<(), Failure> {
        let table = self.table_of(&partition);
        if !partition.owned {
            swept.note_forbidden("drop days of processed_events");
            return Ok(());
        }
        // first without a lock: most that stay are told by this, and of the others it has read the
        // pages that will be looked at under lock
        let young = match self.is_young(client, &table).await {
            Ok(young) => young,
            Err(failure) if is_gone(&failure) => return Ok(()),
            Err(failure) => return Err(failure),
        };
        if young {
            swept.kept.push(partition.name);
            return Ok(());
        }
        if self.dry_run {
            swept.dropped.push(partition.name);
            return Ok(());
        }
        let mut tries = 1..=MAX_TRIES;
        loop {
            match self.drop_under_lock(client, &table).await {
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

    /// Returns whether it was dropped; not, if something has been applied to it lately.
    async fn drop_under_lock(&self, client: &mut Object, table: &str) -> Result<bool, Failure> {
        let tx = begin_pinned(client).await?;
        // SHARE: of the lanes only one that writes events of this day has to wait
        let sql = format!(
            "SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; SET LOCAL statement_timeout = '{LOOK_TIMEOUT}'; LOCK TABLE {table} IN SHARE MODE"
        );
        tx.batch_execute(&sql).await?;
        if self.is_young(&tx, table).await? {
            return Ok(false);
        }
        // all lanes: DROP locks the ledger as a whole, until COMMIT
        drop_table(tx, table).await?;
        Ok(true)
    }

    /// Whether something has been applied to the partition within retention.
    async fn is_young(&self, client: &impl GenericClient, table: &str) -> Result<bool, Failure> {
        let sql = format!(
            "SELECT EXISTS (SELECT FROM {table} WHERE applied_at >= now() - make_interval(secs => $1))"
        );
        let row = client
            .query_one(&sql, &[&self.retention.as_secs_f64()])
            .await?;
        Ok(row.get(0))
    }

    /// Deletes the default partition's old rows: it holds events of any day, and is never dropped.
    async fn delete_old_rows(
        &self,
        client: &mut Object,
        partition: &IdPartition,
        swept: &mut Swept,
    ) -> Result<(), Failure> {
        let (table, retention) = (self.table_of(partition), self.retention.as_secs_f64());
        let old = format!("FROM {table} WHERE applied_at < now() - make_interval(secs => $1)");
        let result = if self.dry_run {
            let sql = format!("SELECT count(*) {old}");
            client.query_one(&sql, &[&retention]).await.map(|row| {
                swept.deleted = u64::try_from(row.get::<_, i64>(0)).unwrap_or_default();
            })
        } else {
            let sql = format!(
                "DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid {old} LIMIT {MAX_DELETED_ROWS}))"
            );
            loop {
                match client.execute(&sql, &[&retention]).await {
                    Ok(0) => break Ok(()),
                    Ok(rows) => swept.deleted += rows,
                    Err(error) => break Err(error),
                }
            }
        };
        match result.map_err(Failure::from) {
            Err(failure) if is_forbidden(&failure) => {
                swept.note_forbidden("delete from its default partition");
                Ok(())
            }
            result => result,
        }
    }

    fn table_of(&self, partition: &IdPartition) -> String {
        format!("{}.{}", self.ledger.quoted_schema(), quote(&partition.name))
    }
}

async fn drop_table(tx: Transaction<'_>, table: &str) -> Result<(), Failure> {
    tx.batch_execute(&format!("DROP TABLE {table}")).await?;
    tx.commit().await.map_err(Failure::from)
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

/// Lock not available, deadlock, cancelled by a timeout.
fn is_in_the_way(failure: &Failure) -> bool {
    failure.has_sqlstate(&[
        sqlstate::LOCK_NOT_AVAILABLE,
        sqlstate::DEADLOCK_DETECTED,
        sqlstate::QUERY_CANCELED,
    ])
}
