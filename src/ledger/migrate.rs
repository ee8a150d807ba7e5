//! Creates and upgrades the bookkeeping schema. Additive, numbered, each in its own transaction (a new schema's all in
//! one), safe to run from several processes at once, and beside workers of an older build: locks are given up at once.
//! Whatever is missing is applied, be its number higher than the last one or not.

use std::time::Duration;

use deadpool_postgres::{Object, Pool, Transaction};
use tokio_postgres::types::{ToSql, Type};

use crate::ledger::letter_indexes;
use crate::ledger::migrations::{MIGRATIONS, Migration};
use crate::ledger::schema_version::{
    SchemaState, read_applied, read_state, refuse_too_new, require_way_back,
};
use crate::postgres::connection::connect;
use crate::postgres::fingerprint::FACTS;
use crate::postgres::settings::begin_pinned;
use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::rows::sql::{quote, quote_text};
use crate::verdict::{Failure, sqlstate};

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

/// Whether the Landfall that was here before must be able to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WayBack {
    /// It must.
    Kept,
    /// Somebody has said that it needn't.
    GivenUp,
}

/// Returns the names of the migrations that were applied now.
///
/// # Errors
/// As Postgres says; systemic if the schema is of a later Landfall that this one can't go on with, or if the way back
/// must be kept and can't.
pub async fn migrate(
    pool: &Pool,
    schema: &str,
    way_back: WayBack,
) -> Result<Vec<&'static str>, Failure> {
    let mut client = connect(pool).await?;
    let (mut applied, mut tries) = (Vec::new(), 1);
    loop {
        match apply_missing(&mut client, schema, way_back, tries * LOCK_TIMEOUT_MS).await {
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
    way_back: WayBack,
    lock_timeout_ms: u32,
) -> Result<Vec<&'static str>, Failure> {
    if let SchemaState::Usable(_) = read_state(client, schema).await? {
        return Ok(Vec::new()); // so that a role without the right to create can run once it is done
    }
    let tx = begin_pinned(client).await?;
    let lock = "SELECT pg_advisory_xact_lock($1)";
    tx.query_typed(lock, &[(&MIGRATION_LOCK_ID, Type::INT8)])
        .await?;
    let (quoted, before) = (quote(schema), read_applied(&tx, schema).await?);
    let state = SchemaState::of_applied(&before);
    refuse_too_new(&state, schema)?;
    if way_back == WayBack::Kept {
        require_way_back(&state, schema)?;
    }
    let missing = MIGRATIONS.iter();
    let missing = missing.filter(|m| !before.contains_key(&m.version));
    if before.is_empty() {
        create_schema(&tx, schema).await?;
    }
    let at_once = if before.is_empty() {
        MIGRATIONS.len()
    } else {
        1
    };
    tx.batch_execute(&format!("SET LOCAL lock_timeout = {lock_timeout_ms}"))
        .await?;
    let mut applied = Vec::new();
    for migration in missing.take(at_once) {
        tx.batch_execute(&with_names(migration.sql, &quoted))
            .await?;
        note_applied(&tx, &quoted, migration).await?;
        applied.push(migration.name);
    }
    if before.is_empty() {
        letter_indexes::create_on_empty(&tx, &quoted).await?;
    }
    tx.commit().await?;
    Ok(applied)
}

/// Notes a migration, and which builds can go on.
async fn note_applied(
    tx: &Transaction<'_>,
    quoted_schema: &str,
    migration: &Migration,
) -> Result<(), Failure> {
    let Migration {
        version,
        name,
        oldest_build,
        ..
    } = migration;
    // what was made by a build that didn't note it hasn't the columns
    let sql = format!(
        "ALTER TABLE {quoted_schema}.migrations ADD COLUMN IF NOT EXISTS oldest_build integer, ADD COLUMN IF NOT EXISTS applied_by text"
    );
    tx.batch_execute(&sql).await?;
    let sql = format!(
        "INSERT INTO {quoted_schema}.migrations (version, name, oldest_build, applied_by) VALUES ($1, $2, $3, $4)"
    );
    let noted: [(&(dyn ToSql + Sync), Type); 4] = [
        (version, Type::INT4),
        (name, Type::TEXT),
        (oldest_build, Type::INT4),
        (&env!("CARGO_PKG_VERSION"), Type::TEXT),
    ];
    tx.execute_typed(&sql, &noted).await?;
    Ok(())
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
    fn a_schema_s_name_may_hold_what_ends_a_text() {
        let sql = with_names("{schema}.t, '{schema}.t'::regclass", "\"it's\"");
        assert_eq!(sql, "\"it's\".t, '\"it''s\".t'::regclass");
    }

    #[test]
    fn each_migration_has_a_higher_number_than_the_one_before() {
        assert!(MIGRATIONS.is_sorted_by(|a, b| a.version < b.version));
        assert!(MIGRATIONS.iter().all(|m| m.oldest_build <= m.version));
    }
}
