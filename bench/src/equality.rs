//! That a destination equals its source: so many rows, and the same sums of two hashes over each row.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::database::Database;
use crate::workload::TABLE;

/// Compares the source's table with all of the destination's tables together.
///
/// # Errors
/// If they differ.
pub fn check(source: &Database, destination: &Database, tables: &[String]) -> Result<()> {
    let expected = fingerprint(source, &[TABLE.to_owned()])?;
    let found = fingerprint(destination, tables)?;
    ensure!(
        expected == found,
        "the destination differs from the source: {} rows instead of {}, hashes {} instead of {}",
        found.0,
        expected.0,
        found.1,
        expected.1
    );
    Ok(())
}

/// Waits until they are equal, but no longer than `patience`: whether they are is asked by [`check`].
pub fn await_equal(
    source: &Database,
    destination: &Database,
    tables: &[String],
    patience: Duration,
) {
    let since = Instant::now();
    while check(source, destination, tables).is_err() && since.elapsed() < patience {
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn fingerprint(database: &Database, tables: &[String]) -> Result<(i64, String)> {
    let all: Vec<String> = tables
        .iter()
        .map(|t| format!("SELECT {t}::text AS whole FROM {t}"))
        .collect();
    let sql = format!(
        "SELECT count(*), coalesce(sum(hashtextextended(whole, 1)::numeric), 0) || ' ' || coalesce(sum(hashtextextended(whole, 2)::numeric), 0) FROM ({}) rows",
        all.join(" UNION ALL ")
    );
    let row = database.connect()?.query_one(&sql, &[])?;
    Ok((row.get(0), row.get(1)))
}
