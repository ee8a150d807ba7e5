//! The bookkeeping schema, which must be there before a lane can start.

use std::sync::Arc;

use deadpool_postgres::Pool;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::ledger::migrate::{WayBack, migrate};
use crate::ledger::schema_version::require_usable;
use crate::pipeline::waiting::Waiting;
use crate::postgres::connection::connect;
use crate::verdict::{Failure, Verdict};
use crate::watch::health::Health;

/// What became of the schema.
enum PreparedSchema {
    Ready,
    /// It isn't one that this version can use: nothing that waiting mends.
    Unusable(Failure),
}

/// Creates or upgrades the bookkeeping schema, or with `postgres.migrate = false` looks that it is
/// there, waiting for a Postgres that isn't. Returns whether to go on.
///
/// # Errors
/// The schema isn't one that this version can use.
pub async fn wait_for_schema(
    config: &Config,
    pool: &Pool,
    health: &Arc<Health>,
    stop: &CancellationToken,
) -> Result<bool, Failure> {
    let waiting = Waiting::of_schema(stop.clone(), pool.clone(), health.clone(), config);
    let prepared = waiting.until(|| async {
        // whatever keeps us out, somebody may let us in
        drop(connect(pool).await?);
        match prepare_schema(config, pool).await {
            Ok(()) => Ok(PreparedSchema::Ready),
            Err(failure) if failure.verdict == Verdict::Systemic && failure.sqlstate.is_none() => {
                Ok(PreparedSchema::Unusable(failure))
            }
            Err(failure) => Err(failure),
        }
    });
    match waiting.unless_needed(prepared).await.flatten() {
        Some(PreparedSchema::Ready) => {
            waiting.tell_going_on();
            Ok(true)
        }
        Some(PreparedSchema::Unusable(failure)) => Err(failure),
        None => Ok(false),
    }
}

async fn prepare_schema(config: &Config, pool: &Pool) -> Result<(), Failure> {
    let schema = &config.postgres.schema;
    if config.postgres.migrate {
        for name in migrate(pool, schema, WayBack::Kept).await? {
            tracing::info!(schema, migration = name, "bookkeeping schema upgraded");
        }
        return Ok(());
    }
    let version = require_usable(&connect(pool).await?, schema).await?;
    tracing::debug!(schema, version, "bookkeeping schema is usable");
    Ok(())
}
