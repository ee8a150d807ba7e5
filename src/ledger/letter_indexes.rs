//! The indexes of `dead_letters` by which letters are found however many there are. Not a migration: on a table of millions
//! they are built while others write, which no transaction can.

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::types::Type;

use crate::ledger::days::day_tables::brief_sql;
use crate::postgres::sessions;
use crate::postgres::settings::{begin_pinned, pin_session_sql};
use crate::rows::sql::quote;
use crate::verdict::{Failure, sqlstate};

/// Name, and what stands behind the table's name. By keys, letters that are parked and those that are settled have
/// indexes of their own (the migrations create the former): a batch asks of the former alone.
const INDEXES: [(&str, &str); 7] = [
    ("dead_letters_parked_id", "(id) WHERE state = 'parked'"),
    (
        "dead_letters_parked_table",
        "(table_name, id) WHERE state = 'parked'",
    ),
    (
        "dead_letters_parked_topic",
        "(topic, id) WHERE state = 'parked'",
    ),
    (
        "dead_letters_parked_reason",
        "(reason, id) WHERE state = 'parked'",
    ),
    ("dead_letters_source", "(topic, partition)"),
    (
        "dead_letters_settled_key",
        "(key_hash) WHERE state <> 'parked'",
    ),
    (
        "dead_letters_settled_old_key",
        "(old_key_hash) WHERE state <> 'parked' AND old_key_hash IS NOT NULL",
    ),
];

/// On so many bytes of letters an index is built in less than 50 ms, for which writers may wait.
const FEW_BYTES: i64 = 8 << 20;

/// Creates all of them in the transaction that creates the table.
///
/// # Errors
/// As Postgres says.
pub(super) async fn create_on_empty(tx: &Transaction<'_>, schema: &str) -> Result<(), Failure> {
    let create = |(name, columns): &(&str, &str)| {
        format!("CREATE INDEX {name} ON {schema}.dead_letters {columns}; ")
    };
    let sql: String = INDEXES.iter().map(create).collect();
    Ok(tx.batch_execute(&sql).await?)
}

/// Creates those that are missing, so that nobody who writes letters waits for it, and returns their names. `schema` as it
/// is configured.
///
/// # Errors
/// As Postgres says: also that our role isn't the table's owner, and that somebody else has locked the table.
pub async fn create_missing_indexes(
    client: &mut Object,
    schema: &str,
) -> Result<Vec<&'static str>, Failure> {
    let mut created = Vec::new();
    for (name, columns) in INDEXES {
        let state = read_state(client, schema, name).await?;
        if state == State::Usable {
            continue;
        }
        create_index(client, &quote(schema), (name, columns), state).await?;
        created.push(name);
    }
    Ok(created)
}

#[derive(PartialEq, Eq)]
enum State {
    Usable,
    /// On a table of few rows.
    MissingOnFew,
    Missing,
    /// Somebody has begun to build it, and was killed.
    Unfinished,
}

async fn read_state(client: &Object, schema: &str, name: &str) -> Result<State, Failure> {
    // one that is being built counts as usable: it will be
    let sql = "SELECT pg_relation_size(t.oid), (SELECT i.indisvalid OR EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p \
                   WHERE p.index_relid = i.indexrelid) FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
                   WHERE i.indrelid = t.oid AND c.relname = $2) \
               FROM pg_catalog.pg_class t JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace \
               WHERE n.nspname = $1 AND t.relname = 'dead_letters'";
    let row = client
        .query_typed_opt(sql, &[(&schema, Type::TEXT), (&name, Type::TEXT)])
        .await?;
    let Some(row) = row else {
        return Ok(State::Usable); // there is no such table
    };
    Ok(
        match (row.get::<_, Option<bool>>(1), row.get::<_, Option<i64>>(0)) {
            (Some(true), _) => State::Usable,
            (Some(false), _) => State::Unfinished,
            (None, Some(bytes)) if bytes > FEW_BYTES => State::Missing,
            (None, _) => State::MissingOnFew,
        },
    )
}

async fn create_index(
    client: &mut Object,
    schema: &str,
    (name, columns): (&str, &str),
    state: State,
) -> Result<(), Failure> {
    if state == State::MissingOnFew {
        let tx = begin_pinned(client).await?;
        let create = format!(
            "{}; CREATE INDEX IF NOT EXISTS {name} ON {schema}.dead_letters {columns}",
            brief_sql()
        );
        tx.batch_execute(&create).await?;
        return tx.commit().await.map_err(Failure::from);
    }
    // it waits for whoever reads; a session that isn't ours has no timeouts of ours
    let is_ours = !sessions::is_pooled(client).await?;
    if is_ours {
        let patient = "SET lock_timeout = 0; SET statement_timeout = 0";
        client.batch_execute(patient).await?;
    }
    let built = build_concurrently(client, schema, (name, columns), state).await;
    if is_ours {
        client.batch_execute(&pin_session_sql()).await?;
    }
    built
}

async fn build_concurrently(
    client: &Object,
    schema: &str,
    (name, columns): (&str, &str),
    state: State,
) -> Result<(), Failure> {
    if state == State::Unfinished {
        let drop = format!("DROP INDEX CONCURRENTLY IF EXISTS {schema}.{name}");
        client.batch_execute(&drop).await?;
    }
    let create = format!(
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {schema}.dead_letters {columns}"
    );
    Ok(client.batch_execute(&create).await?)
}

/// Creates those that are missing beside the lanes; what can't be done is left to the next hour, or to the table's owner.
pub(super) async fn look_after_indexes(client: &mut Object, schema: &str) {
    match create_missing_indexes(client, schema).await {
        Ok(created) if created.is_empty() => {}
        Ok(created) => tracing::info!(
            indexes = created.join(", "),
            "created indexes of dead_letters"
        ),
        Err(failure) if failure.has_sqlstate(&[sqlstate::INSUFFICIENT_PRIVILEGE]) => {
            tracing::debug!(error = %failure, "indexes of dead_letters are missing");
        }
        Err(failure) => {
            tracing::debug!(error = %failure, "indexes of dead_letters can't be created now");
        }
    }
}
