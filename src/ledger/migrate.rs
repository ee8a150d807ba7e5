//! Creates and upgrades the bookkeeping schema. Additive, numbered, each in its own transaction (a new schema's all in
//! one), safe to run from several processes at once, and beside workers of an older build: locks are given up at once.
//! Whatever is missing is applied, be its number higher than the last one or not.

use std::collections::BTreeSet;
use std::time::Duration;

use deadpool_postgres::{Object, Pool, Transaction};
use tokio_postgres::types::{ToSql, Type};

use crate::ledger::letter_indexes;
use crate::postgres::connection::connect;
use crate::postgres::fingerprint::FACTS;
use crate::postgres::settings::begin_pinned;
use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::rows::sql::{quote, quote_text};
use crate::verdict::{Failure, Verdict, sqlstate};

/// In order; a migration that has been released is never changed.
const MIGRATIONS: &[(i32, &str, &str)] = &[
    (
        1,
        "ledger",
        include_str!("../../migrations/0001_ledger.sql"),
    ),
    (
        2,
        "dead_letters",
        include_str!("../../migrations/0002_dead_letters.sql"),
    ),
    (
        3,
        "old_keys",
        include_str!("../../migrations/0003_old_keys.sql"),
    ),
    (
        5,
        "event_table",
        include_str!("../../migrations/0005_event_table.sql"),
    ),
    (
        6,
        "moved_rows",
        include_str!("../../migrations/0006_moved_rows.sql"),
    ),
    (
        7,
        "row_positions",
        include_str!("../../migrations/0007_row_positions.sql"),
    ),
    (
        9,
        "partitions_added",
        include_str!("../../migrations/0009_partitions_added.sql"),
    ),
    (
        10,
        "event_identity",
        include_str!("../../migrations/0010_event_identity.sql"),
    ),
    (
        11,
        "stream_ends",
        include_str!("../../migrations/0011_stream_ends.sql"),
    ),
    (
        12,
        "row_identities",
        include_str!("../../migrations/0012_row_identities.sql"),
    ),
    (
        14,
        "finished_moves",
        include_str!("../../migrations/0014_finished_moves.sql"),
    ),
    (
        15,
        "left_out_columns",
        include_str!("../../migrations/0015_left_out_columns.sql"),
    ),
    (
        16,
        "overtaken_partitions",
        include_str!("../../migrations/0016_overtaken_partitions.sql"),
    ),
    (
        17,
        "standing",
        include_str!("../../migrations/0017_standing.sql"),
    ),
    (
        18,
        "worker_sessions",
        include_str!("../../migrations/0018_worker_sessions.sql"),
    ),
    (
        21,
        "day_writes",
        include_str!("../../migrations/0021_day_writes.sql"),
    ),
    (
        23,
        "leader_epochs",
        include_str!("../../migrations/0023_leader_epochs.sql"),
    ),
    (
        24,
        "table_facts",
        include_str!("../../migrations/0024_table_facts.sql"),
    ),
    (
        27,
        "forgotten_letters",
        include_str!("../../migrations/0027_forgotten_letters.sql"),
    ),
    (
        30,
        "first_starts",
        include_str!("../../migrations/0030_first_starts.sql"),
    ),
    (
        31,
        "destination_tables",
        include_str!("../../migrations/0031_destination_tables.sql"),
    ),
    (
        32,
        "key_belief",
        include_str!("../../migrations/0032_key_belief.sql"),
    ),
    (
        33,
        "made_columns",
        include_str!("../../migrations/0033_made_columns.sql"),
    ),
];

/// Whoever lands with an older build queues behind a lock that is waited for, at most this long at the first try. Their
/// transactions overlap, and all have to be at their ends at once: so with each try it is waited for longer by as much.
const LOCK_TIMEOUT_MS: u32 = 100;

/// So often a migration is tried that somebody is in the way of: for half a minute, and 2 s at the last try. A lane waits
/// for 10 s.
const MAX_TRIES: u32 = 20;

/// Between two tries.
const TRY_PAUSE: Duration = Duration::from_millis(500);

/// Any number will do, as long as it stays the same: one migration at a time in a database.
const MIGRATION_LOCK_ID: i64 = 0x6c61_6e64_6661_6c6c;

/// The version of the schema that this build works with.
pub fn current_version() -> i32 {
    MIGRATIONS.last().map_or(0, |m| m.0)
}

/// The version that is there: the one up to which no migration is missing, be there later ones or not; 0 if the schema
/// isn't, and a higher one than this build knows if it is of a later Landfall.
///
/// # Errors
/// As Postgres says.
pub async fn installed_version(
    client: &impl UnnamedStatements,
    schema: &str,
) -> Result<i32, Failure> {
    Ok(version_of(&read_applied(client, schema).await?))
}

fn version_of(applied: &BTreeSet<i32>) -> i32 {
    match applied.last() {
        Some(last) if *last > current_version() => *last,
        _ => MIGRATIONS
            .iter()
            .map(|m| m.0)
            .take_while(|version| applied.contains(version))
            .last()
            .unwrap_or(0),
    }
}

/// The numbers of the migrations that were applied.
async fn read_applied(
    client: &impl UnnamedStatements,
    schema: &str,
) -> Result<BTreeSet<i32>, Failure> {
    // not to_regclass: it answers from the session's cache, which misses what another process has
    // created while this one waited for the lock
    let find = "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                WHERE n.nspname = $1 AND c.relname = 'migrations')";
    let exists = client
        .query_typed_one(find, &[(&schema, Type::TEXT)])
        .await?;
    if !exists.get::<_, bool>(0) {
        return Ok(BTreeSet::new());
    }
    let sql = format!("SELECT version FROM {}.migrations", quote(schema));
    let rows = client.query_typed(&sql, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// # Errors
/// Systemic if the schema isn't of this build's version; else as Postgres says.
pub async fn require_current(client: &impl UnnamedStatements, schema: &str) -> Result<(), Failure> {
    match installed_version(client, schema).await? {
        version if version == current_version() => Ok(()),
        version => Err(Failure::new(
            Verdict::Systemic,
            format!(
                "the schema {schema} is at version {version}, and version {} is needed: run `landfall migrate` with a role that may",
                current_version()
            ),
        )),
    }
}

/// Returns the names of the migrations that were applied now.
///
/// # Errors
/// As Postgres says; systemic if the schema is of a later Landfall.
pub async fn migrate(pool: &Pool, schema: &str) -> Result<Vec<&'static str>, Failure> {
    let mut client = connect(pool).await?;
    let (mut applied, mut tries) = (Vec::new(), 1);
    loop {
        match apply_missing(&mut client, schema, tries * LOCK_TIMEOUT_MS).await {
            Ok(names) if names.is_empty() => break,
            Ok(names) => applied.extend(names),
            // others wait for what we wait for
            Err(failure)
                if failure.has_sqlstate(&[sqlstate::LOCK_NOT_AVAILABLE]) && tries < MAX_TRIES =>
            {
                tries += 1;
                tokio::time::sleep(TRY_PAUSE).await;
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(applied)
}

/// Applies the first migration that is missing, or all to a schema that has none yet, in one transaction.
async fn apply_missing(
    client: &mut Object,
    schema: &str,
    lock_timeout_ms: u32,
) -> Result<Vec<&'static str>, Failure> {
    if installed_version(client, schema).await? == current_version() {
        return Ok(Vec::new()); // so that a role without the right to create can run once it is done
    }
    let tx = begin_pinned(client).await?;
    let lock = "SELECT pg_advisory_xact_lock($1)";
    tx.query_typed(lock, &[(&MIGRATION_LOCK_ID, Type::INT8)])
        .await?;
    let (quoted, before) = (quote(schema), read_applied(&tx, schema).await?);
    if version_of(&before) > current_version() {
        return Err(Failure::new(
            Verdict::Systemic,
            format!(
                "the schema {schema} is at version {}, of a later Landfall; this one knows up to {}",
                version_of(&before),
                current_version()
            ),
        ));
    }
    if before.is_empty() {
        create_schema(&tx, schema).await?;
    }
    let missing = MIGRATIONS.iter().filter(|m| !before.contains(&m.0));
    let at_once = if before.is_empty() {
        MIGRATIONS.len()
    } else {
        1
    };
    tx.batch_execute(&format!("SET LOCAL lock_timeout = {lock_timeout_ms}"))
        .await?;
    let mut applied = Vec::new();
    for (version, name, sql) in missing.take(at_once) {
        tx.batch_execute(&with_names(sql, &quoted)).await?;
        let note = format!("INSERT INTO {quoted}.migrations (version, name) VALUES ($1, $2)");
        let noted: [(&(dyn ToSql + Sync), Type); 2] = [(version, Type::INT4), (name, Type::TEXT)];
        tx.execute_typed(&note, &noted).await?;
        applied.push(*name);
    }
    if before.is_empty() {
        letter_indexes::create_on_empty(&tx, &quoted).await?;
    }
    tx.commit().await?;
    Ok(applied)
}

/// The statements of a migration for this schema.
fn with_names(sql: &str, quoted_schema: &str) -> String {
    let in_text = quote_text(&format!("{quoted_schema}."));
    sql.replace("'{schema}.", in_text.trim_end_matches('\''))
        .replace("{schema}", quoted_schema)
        .replace("{facts}", FACTS)
}

async fn create_schema(tx: &Transaction<'_>, schema: &str) -> Result<(), Failure> {
    let quoted = quote(schema);
    // IF NOT EXISTS would ask for the right to create schemas even where the schema is there
    let find = "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = $1";
    let row = tx.query_typed_one(find, &[(&schema, Type::TEXT)]).await?;
    let create = match row.get::<_, i64>(0) {
        0 => format!("CREATE SCHEMA {quoted}; "),
        _ => String::new(),
    };
    let create = format!(
        "{create}CREATE TABLE IF NOT EXISTS {quoted}.migrations (version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    );
    Ok(tx.batch_execute(&create).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_that_is_missing_between_others_is_missing() {
        let all: BTreeSet<i32> = MIGRATIONS.iter().map(|m| m.0).collect();
        assert_eq!(version_of(&all), current_version());
        let but = |version: i32| -> BTreeSet<i32> {
            all.iter().copied().filter(|v| *v != version).collect()
        };
        assert_eq!((version_of(&but(1)), version_of(&but(7))), (0, 6));
        let mut later = all.clone();
        later.insert(9999);
        assert_eq!(version_of(&later), 9999);
    }

    #[test]
    fn a_schema_s_name_may_hold_what_ends_a_text() {
        let sql = with_names("{schema}.t, '{schema}.t'::regclass", "\"it's\"");
        assert_eq!(sql, "\"it's\".t, '\"it''s\".t'::regclass");
    }

    #[test]
    fn each_migration_has_a_higher_number_than_the_one_before() {
        assert!(MIGRATIONS.is_sorted_by(|a, b| a.0 < b.0));
    }
}
