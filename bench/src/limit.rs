//! The limit: what Postgres takes of the same writes if nothing but statements is left to do. Every
//! version of every row, as the source remembers them, folded in batches before the clock starts, then
//! landed by plain `unnest` upserts with a row for each record's id.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use postgres::types::{ToSql, Type};
use postgres::{Client, Statement};
use uuid::Uuid;

use crate::bench::Bench;
use crate::database::Database;
use crate::equality;
use crate::measure::Measured;
use crate::table::Table;
use crate::workload::{Source, TABLE};

/// Records a transaction, Landfall's default.
const BATCH: usize = 5000;
/// As Landfall's ledger was before it had partitions.
const LEDGER: &str = "CREATE TABLE ledger (id uuid PRIMARY KEY, partition_id integer NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())";

/// A version of a row; of a deleted one, the last.
struct Version {
    id: i64,
    deleted: bool,
    values: Vec<Option<String>>,
}

/// What a transaction writes.
struct Batch<'v> {
    ids: Vec<Uuid>,
    /// Column by column.
    upserts: Vec<Vec<Option<&'v str>>>,
    deletes: Vec<i64>,
}

/// # Errors
/// As Postgres says, or that the destination isn't equal.
pub fn measure(bench: &Bench, sessions: usize) -> Result<Measured> {
    let records = bench.made(Source::Mixed)?.records;
    bench.stack.stop_connect()?;
    let source = Database::source(&bench.stack, &Source::Mixed.database())?;
    let table = Source::Mixed.table();
    let history = history(&source, &table)?;
    let destination = Database::destination(&bench.stack, "bench")?;
    let mut client = destination.recreate()?;
    client.batch_execute(&table.create(TABLE))?;
    client.batch_execute(LEDGER)?;
    let mut shares: Vec<Vec<&Version>> = vec![Vec::new(); sessions];
    for version in &history {
        // a key stays in its session, as in its partition
        shares[(version.id as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) as usize % sessions]
            .push(version);
    }
    let barrier = Barrier::new(sessions);
    let times = std::thread::scope(|scope| {
        let landing = shares.iter().map(|share| {
            let (barrier, table, destination) = (&barrier, &table, &destination);
            scope.spawn(move || land(destination, table, share, barrier))
        });
        let landing: Vec<_> = landing.collect();
        let ended = landing.into_iter().map(|l| {
            l.join()
                .map_err(|_| anyhow::anyhow!("a session panicked"))?
        });
        ended.collect::<Result<Vec<_>>>()
    })?;
    equality::check(&source, &destination, &[TABLE.to_owned()])?;
    let longest = times.into_iter().max().unwrap_or_default();
    Ok(Measured {
        records,
        seconds: longest.as_secs_f64(),
        cpu_seconds: 0.0,
        peak_rss: 0,
        postgres_seconds: 0.0,
        kafka_seconds: 0.0,
    })
}

fn history(source: &Database, table: &Table) -> Result<Vec<Version>> {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|c| format!("(version).{}::text", c.name))
        .collect();
    let sql = format!(
        "SELECT deleted, (version).id, {} FROM history ORDER BY seq",
        columns.join(", ")
    );
    let rows = source
        .connect()?
        .query(&sql, &[])
        .context("the source's history")?;
    let version = |row: &postgres::Row| Version {
        id: row.get(1),
        deleted: row.get(0),
        values: (2..row.len()).map(|i| row.get(i)).collect(),
    };
    Ok(rows.iter().map(version).collect())
}

/// Lands a session's share; returns how long that took.
fn land(
    destination: &Database,
    table: &Table,
    share: &[&Version],
    barrier: &Barrier,
) -> Result<Duration> {
    let batches = batches(table, share);
    // whoever fails before the barrier would keep the others waiting there
    let prepared = destination
        .connect()
        .and_then(|mut c| Ok((Statements::prepare(&mut c, table)?, c)));
    barrier.wait();
    let (statements, mut client) = prepared?;
    let clock = Instant::now();
    for batch in &batches {
        statements.land(&mut client, batch)?;
    }
    Ok(clock.elapsed())
}

fn batches<'v>(table: &Table, share: &[&'v Version]) -> Vec<Batch<'v>> {
    let mut batches = Vec::new();
    for (n, versions) in share.chunks(BATCH).enumerate() {
        let mut last: BTreeMap<i64, &Version> = BTreeMap::new();
        let mut ids = Vec::new();
        for (i, version) in versions.iter().enumerate() {
            // a delete and its tombstone are two records
            for twin in 0..=u8::from(version.deleted) {
                ids.push(id(n * BATCH + i, version.id, twin));
            }
            last.insert(version.id, version);
        }
        ids.sort_unstable();
        let mut batch = Batch {
            ids,
            upserts: vec![Vec::new(); table.columns.len()],
            deletes: Vec::new(),
        };
        for (key, version) in last {
            if version.deleted {
                batch.deletes.push(key);
                continue;
            }
            for (column, value) in batch.upserts.iter_mut().zip(&version.values) {
                column.push(value.as_deref());
            }
        }
        batches.push(batch);
    }
    batches
}

/// A time that grows, then what looks like a hash, as in Landfall's ids.
fn id(n: usize, key: i64, twin: u8) -> Uuid {
    let hash = ((key as u128) << 32 | (n as u128) << 1 | u128::from(twin))
        .wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    Uuid::from_u128(((1_760_000_000_000 + n as u128 / 100) << 80) | (hash >> 48))
}

struct Statements {
    ids: Statement,
    upsert: Statement,
    delete: Statement,
}

impl Statements {
    fn prepare(client: &mut Client, table: &Table) -> Result<Self> {
        let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
        // unnested where values are selected: in FROM, Postgres would store each array once more
        let values = table
            .columns
            .iter()
            .enumerate()
            .map(|(i, c)| format!("unnest(${}::text[])::{}", i + 1, c.sql_type()));
        let values: Vec<String> = values.collect();
        let sets: Vec<String> = names[1..]
            .iter()
            .map(|n| format!("{n} = excluded.{n}"))
            .collect();
        let upsert = format!(
            "INSERT INTO {TABLE} ({}) SELECT {} ON CONFLICT (id) DO UPDATE SET {}",
            names.join(", "),
            values.join(", "),
            sets.join(", ")
        );
        let ids =
            "INSERT INTO ledger (id, partition_id) SELECT unnest($1), 1 ON CONFLICT DO NOTHING";
        let delete = format!("DELETE FROM {TABLE} WHERE id = ANY ($1)");
        Ok(Self {
            ids: client.prepare_typed(ids, &[Type::UUID_ARRAY])?,
            upsert: client.prepare(&upsert)?,
            delete: client.prepare_typed(&delete, &[Type::INT8_ARRAY])?,
        })
    }

    fn land(&self, client: &mut Client, batch: &Batch<'_>) -> Result<()> {
        let mut transaction = client.transaction()?;
        transaction.execute(&self.ids, &[&batch.ids])?;
        let columns: Vec<&(dyn ToSql + Sync)> = batch.upserts.iter().map(|c| c as _).collect();
        transaction.execute(&self.upsert, &columns)?;
        if !batch.deletes.is_empty() {
            transaction.execute(&self.delete, &[&batch.deletes])?;
        }
        Ok(transaction.commit()?)
    }
}
