//! Creates the days' partitions of `processed_events`, so that no lane waits for it: a table is made and then attached,
//! for which Postgres locks the default partition alone, and a lock that isn't free is given up at once.

use std::time::Duration;

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::types::Type;

use crate::format::event_id::day_bounds;
use crate::ledger::days::day_writes::number_of;
use crate::postgres::failure::KEEPS_OUT;
use crate::postgres::settings::begin_pinned;
use crate::rows::sql::quote_text;
use crate::verdict::{Failure, sqlstate};

/// Whoever writes meanwhile to what we want to lock queues behind us, at most this long. Shorter than
/// Postgres' `deadlock_timeout` (1 s): where a lane waits for us too, it is we who give up.
pub const LOCK_TIMEOUT: &str = "50ms";

/// Postgres looks through the default partition under lock when a day is attached, unless a constraint says that it has
/// nothing of that day. Up to so many bytes that takes less than 50 ms.
const MAX_SCANNED_BYTES: i64 = 16 << 20;

/// What became of the wish for a day's partition. Where there is none, its events share the default
/// partition, which works as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DayTable {
    /// Its table's name.
    Created(String),
    /// Somebody created it before.
    WasThere,
    /// Events of that day are in the default partition already, and so they stay together.
    InDefault,
    /// The default partition would have to be looked through under lock, which takes too long.
    DefaultTooLarge,
    /// Our role isn't the owner of the ledger.
    Forbidden,
}

/// The default partition.
struct Others {
    /// Its table, quoted.
    table: String,
    bytes: i64,
    /// Whether it has events of the day.
    has_day: bool,
    /// Whether a constraint keeps them out.
    keeps_out: bool,
}

/// The tables of days.
pub struct DayTables {
    /// Quoted.
    schema: String,
}

impl DayTables {
    pub(super) fn new(schema: String) -> Self {
        Self { schema }
    }

    /// Creates a day's partition; in a dry run as far as it can be rolled back, and it is.
    ///
    /// # Errors
    /// As Postgres says; see [`is_in_the_way`].
    pub async fn create_day(
        &self,
        client: &mut Object,
        day: u64,
        dry_run: bool,
    ) -> Result<DayTable, Failure> {
        understand_refusal(self.try_create(client, day, dry_run).await)
    }

    /// Creates a day's partition however large the default partition is, which takes long then. For a day to come, of which
    /// nobody has events. Where it fails or is ended, [`DayTables::let_in`] has yet to be called.
    ///
    /// # Errors
    /// As Postgres says; see [`is_in_the_way`].
    pub async fn create_beside_large(
        &self,
        client: &mut Object,
        day: u64,
    ) -> Result<DayTable, Failure> {
        match self.keep_out(client, day).await {
            Ok(()) => self.create_day(client, day, false).await,
            Err(failure) => understand_refusal(Err(failure)),
        }
    }

    async fn try_create(
        &self,
        client: &mut Object,
        day: u64,
        dry_run: bool,
    ) -> Result<DayTable, Failure> {
        let tx = begin_pinned(client).await?;
        tx.batch_execute(&brief_sql()).await?;
        let Some(name) = self.find_missing(&tx, day).await? else {
            return Ok(DayTable::WasThere);
        };
        let others = self.look_at_default(&tx, day).await?;
        let attached = match others {
            Some(Others { has_day: true, .. }) => return Ok(DayTable::InDefault),
            Some(d) if d.bytes > MAX_SCANNED_BYTES && !d.keeps_out => {
                return Ok(DayTable::DefaultTooLarge);
            }
            Some(d) if d.keeps_out => {
                format!("; ALTER TABLE {} DROP CONSTRAINT {KEEPS_OUT}{day}", d.table)
            }
            _ => String::new(),
        };
        let (bounds, schema) = (day_bounds(day), &self.schema);
        let sql = format!(
            "INSERT INTO {schema}.day_writes (day) VALUES ({}); \
             CREATE TABLE {schema}.{name} (LIKE {schema}.processed_events INCLUDING ALL); \
             ALTER TABLE {schema}.processed_events ATTACH PARTITION {schema}.{name} FOR VALUES FROM ({}) TO ({}){attached}",
            number_of(day),
            quote_text(&bounds.start.to_string()),
            quote_text(&bounds.end.to_string())
        );
        tx.batch_execute(&sql).await?;
        if !dry_run {
            tx.commit().await?;
        }
        Ok(DayTable::Created(name))
    }

    /// The name of the day's table, unless there is one; one at a time, until the transaction ends. The name is looked for,
    /// not to_regclass: that one answers from the session's cache, which misses what another process has created meanwhile.
    async fn find_missing(
        &self,
        tx: &Transaction<'_>,
        day: u64,
    ) -> Result<Option<String>, Failure> {
        let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
        tx.query_typed(lock, &[(&self.schema, Type::TEXT)]).await?;
        let sql = format!(
            "SELECT d.name FROM (SELECT 'processed_events_' || to_char(to_timestamp($1::bigint * 86400) AT TIME ZONE 'UTC', 'YYYYMMDD')) d(name) \
             WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_class ledger USING (relnamespace) \
             WHERE ledger.oid = {}::regclass AND c.relname = d.name)",
            quote_text(&format!("{}.processed_events", self.schema))
        );
        let day = i64::try_from(day).unwrap_or(i64::MAX);
        let rows = tx.query_typed(&sql, &[(&day, Type::INT8)]).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    /// By index: the default partition may be large.
    async fn look_at_default(
        &self,
        tx: &Transaction<'_>,
        day: u64,
    ) -> Result<Option<Others>, Failure> {
        let sql = format!(
            "SELECT i.inhrelid::regclass::text, pg_relation_size(i.inhrelid), \
             EXISTS (SELECT FROM {}.processed_events WHERE id >= $1 AND id < $2), \
             EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = i.inhrelid AND k.convalidated AND k.conname = $3) \
             FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid \
             WHERE i.inhparent = {}::regclass AND pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT'",
            self.schema,
            quote_text(&format!("{}.processed_events", self.schema))
        );
        let (bounds, constraint) = (day_bounds(day), format!("{KEEPS_OUT}{day}"));
        let rows = tx
            .query_typed(
                &sql,
                &[
                    (&bounds.start, Type::UUID),
                    (&bounds.end, Type::UUID),
                    (&constraint, Type::TEXT),
                ],
            )
            .await?;
        Ok(rows.first().map(|row| Others {
            table: row.get(0),
            bytes: row.get(1),
            has_day: row.get(2),
            keeps_out: row.get(3),
        }))
    }

    /// Has Postgres find out, while others go on writing, that the default partition has nothing of the day. An event of that
    /// day that comes meanwhile, days before its time, waits.
    async fn keep_out(&self, client: &mut Object, day: u64) -> Result<(), Failure> {
        let tx = begin_pinned(client).await?;
        tx.batch_execute(&brief_sql()).await?;
        let Some(others) = self.look_at_default(&tx, day).await? else {
            return Ok(());
        };
        let (table, bounds) = (others.table, day_bounds(day));
        let sql = format!(
            "ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {KEEPS_OUT}{day}; ALTER TABLE {table} ADD CONSTRAINT {KEEPS_OUT}{day} \
             CHECK (NOT (id IS NOT NULL AND id >= {} AND id < {})) NOT VALID",
            quote_text(&bounds.start.to_string()),
            quote_text(&bounds.end.to_string())
        );
        tx.batch_execute(&sql).await?;
        tx.commit().await?;
        let tx = begin_pinned(client).await?;
        let sql = format!(
            "{}; SET LOCAL statement_timeout = 0; ALTER TABLE {table} VALIDATE CONSTRAINT {KEEPS_OUT}{day}",
            brief_sql()
        );
        tx.batch_execute(&sql).await?;
        tx.commit().await.map_err(Failure::from)
    }

    /// Lets events of days in again that somebody has kept out, and didn't come to an end with: as the table's owner, or by
    /// the function that its owner has made for all. Waits for a lock at most so long, and so do lanes for us.
    ///
    /// # Errors
    /// As Postgres says; see [`is_in_the_way`].
    pub async fn let_in(&self, client: &mut Object, lock_timeout: Duration) -> Result<(), Failure> {
        let sql = format!(
            "SELECT c.oid::regclass::text, k.conname, pg_has_role(c.relowner, 'USAGE') FROM pg_catalog.pg_constraint k \
             JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid \
             WHERE i.inhparent = {}::regclass AND k.conname LIKE '{KEEPS_OUT}%'",
            quote_text(&format!("{}.processed_events", self.schema))
        );
        let tx = begin_pinned(client).await?;
        let left_behind = tx.query_typed(&sql, &[]).await?;
        if left_behind.is_empty() {
            return Ok(());
        }
        let timeout = lock_timeout.as_millis();
        let mut sql = format!("{}; SET LOCAL lock_timeout = {timeout}", brief_sql());
        for row in left_behind {
            let (table, name): (String, String) = (row.get(0), row.get(1));
            if row.get(2) {
                sql += &format!("; ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}");
            } else {
                sql += &format!("; SELECT {}.let_days_in()", self.schema);
            }
        }
        tx.batch_execute(&sql).await?;
        tx.commit().await.map_err(Failure::from)
    }
}

fn understand_refusal(created: Result<DayTable, Failure>) -> Result<DayTable, Failure> {
    created.or_else(|failure| match failure.sqlstate.as_deref() {
        Some(sqlstate::CHECK_VIOLATION) => Ok(DayTable::InDefault),
        Some(sqlstate::INSUFFICIENT_PRIVILEGE) => Ok(DayTable::Forbidden),
        _ => Err(failure),
    })
}

/// The settings of a transaction that has lanes wait for it at most as long as they don't notice.
pub fn brief_sql() -> String {
    format!("SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; SET LOCAL statement_timeout = '1s'")
}

/// Lock not available, deadlock, cancelled by a timeout, or another process has let a day in that we keep out: it may be
/// tried again.
pub fn is_in_the_way(failure: &Failure) -> bool {
    failure.has_sqlstate(&[
        sqlstate::LOCK_NOT_AVAILABLE,
        sqlstate::DEADLOCK_DETECTED,
        sqlstate::QUERY_CANCELED,
        sqlstate::UNDEFINED_OBJECT,
    ])
}
