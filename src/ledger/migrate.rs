//! Creates and upgrades the bookkeeping schema. Additive, numbered, each in its own transaction, and
//! safe to run from several processes at once.

use deadpool_postgres::Pool;
use tokio_postgres::types::Type;

use crate::postgres::connection::connect;
use crate::postgres::fingerprint::FACTS;
use crate::postgres::settings::begin_pinned;
use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::rows::sql::quote;
use crate::verdict::{Failure, Verdict};

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
];

/// Any number will do, as long as it stays the same: one migration at a time in a database.
const MIGRATION_LOCK_ID: i64 = 0x6c61_6e64_6661_6c6c;

/// The version of the schema that this build works with.
pub fn current_version() -> i32 {
    MIGRATIONS.last().map_or(0, |m| m.0)
}

/// The version that is there; 0 if the schema isn't.
///
/// # Errors
/// As Postgres says.
pub async fn installed_version(
    client: &impl UnnamedStatements,
    schema: &str,
) -> Result<i32, Failure> {
    let table = format!("{}.migrations", quote(schema));
    // not to_regclass: it answers from the session's cache, which misses what another process has
    // created while this one waited for the lock
    let find = "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                WHERE n.nspname = $1 AND c.relname = 'migrations')";
    let exists = client
        .query_typed_one(find, &[(&schema, Type::TEXT)])
        .await?;
    if !exists.get::<_, bool>(0) {
        return Ok(0);
    }
    let row = client
        .query_typed_one(
            &format!("SELECT coalesce(max(version), 0) FROM {table}"),
            &[],
        )
        .await;
    Ok(row?.get(0))
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
    if installed_version(&client, schema).await? == current_version() {
        return Ok(Vec::new()); // so that a role without the right to create can run once it is done
    }
    let tx = begin_pinned(&mut client).await?;
    tx.query_typed(
        "SELECT pg_advisory_xact_lock($1)",
        &[(&MIGRATION_LOCK_ID, Type::INT8)],
    )
    .await?;
    let (quoted, before) = (quote(schema), installed_version(&tx, schema).await?);
    if before > current_version() {
        return Err(Failure::new(
            Verdict::Systemic,
            format!(
                "the schema {schema} is at version {before}, of a later Landfall; this one knows up to {}",
                current_version()
            ),
        ));
    }
    if before == 0 {
        // IF NOT EXISTS would ask for the right to create schemas even where the schema is there
        let find = "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = $1";
        let exists = tx
            .query_typed_one(find, &[(&schema, Type::TEXT)])
            .await?
            .get::<_, i64>(0)
            > 0;
        let create = if exists {
            String::new()
        } else {
            format!("CREATE SCHEMA {quoted}; ")
        };
        let create = format!(
            "{create}CREATE TABLE {quoted}.migrations (version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        );
        tx.batch_execute(&create).await?;
    }
    let mut applied = Vec::new();
    for (version, name, sql) in MIGRATIONS.iter().filter(|m| m.0 > before) {
        tx.batch_execute(&with_names(sql, &quoted)).await?;
        let note = format!("INSERT INTO {quoted}.migrations (version, name) VALUES ($1, $2)");
        let noted = [(version as _, Type::INT4), (name as _, Type::TEXT)];
        tx.execute_typed(&note, &noted).await?;
        applied.push(*name);
    }
    tx.commit().await?;
    Ok(applied)
}

/// The statements of a migration for this schema.
fn with_names(sql: &str, quoted_schema: &str) -> String {
    sql.replace("{schema}", quoted_schema)
        .replace("{facts}", FACTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_migration_has_a_higher_number_than_the_one_before() {
        assert!(MIGRATIONS.is_sorted_by(|a, b| a.0 < b.0));
    }
}
