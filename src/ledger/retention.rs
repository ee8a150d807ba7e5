//! Retention of `processed_events`: how long the ids of applied events are kept, `apply.retention`.
//! Days are created ahead and dropped whole, by `run` and by `landfall prune`.

mod days;
mod report;
mod sweep;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;

use crate::config::Config;
use crate::ledger::event_ids::Ledger;
use crate::ledger::migrate;
use crate::ledger::retention::report::Swept;
use crate::ledger::retention::sweep::Sweep;
use crate::postgres::connection;
use crate::verdict::Failure;
use crate::watch::metrics;

/// Between two looks of `run`.
const EVERY: Duration = Duration::from_secs(3600);

/// `landfall prune`: applies retention now, and prints what was done.
///
/// # Errors
/// Postgres refuses, or our role may not. What was done until then has been printed.
pub async fn prune(config: &Config, dry_run: bool, json: bool) -> Result<(), String> {
    let apply = &config.apply;
    let (schema, group) = (&config.postgres.schema, &config.kafka.group);
    let ledger = Ledger::new(schema, group, apply.idempotency);
    let mut swept = Swept::default();
    let result = match ledger.keeps_ids() {
        true => prune_now(config, &ledger, dry_run, &mut swept).await,
        false => Ok(()),
    };
    let text = match json {
        true => swept.json(),
        false if !ledger.keeps_ids() => {
            "apply.idempotency is \"offset\": no event ids are kept\n".to_owned()
        }
        false => swept.text(dry_run),
    };
    // whoever reads only the first lines closes the pipe
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    result.map_err(|failure| failure.to_string())?;
    match swept.forbidden.is_empty() {
        true => Ok(()),
        false => Err(swept.lacks(schema)),
    }
}

async fn prune_now(
    config: &Config,
    ledger: &Ledger,
    dry_run: bool,
    swept: &mut Swept,
) -> Result<(), Failure> {
    let pool = connection::pool(config)?;
    let mut client = connection::connect(&pool).await?;
    migrate::require(&client, &config.postgres.schema).await?;
    let sweep = Sweep {
        ledger,
        retention: config.apply.retention,
        dry_run,
    };
    sweep.all(&mut client, swept).await
}

/// Looks after the ledger beside the lanes: now and, unless this is `once`, hourly. Never fails: what
/// can't be done is told, and tried again.
pub async fn keep(config: Config, pool: Pool, ledger: Arc<Ledger>, once: bool) {
    if !ledger.keeps_ids() {
        return;
    }
    let mut lacked_rights = false;
    loop {
        let mut swept = Swept::default();
        let result = sweep_once(&config, &pool, &ledger, &mut swept).await;
        // dropped by us or by another process: lanes look again which days there are
        ledger.forget_days();
        swept.log();
        match &result {
            Err(failure) => {
                tracing::warn!(error = %failure, "the ids of old events can't be forgotten now; trying again in an hour");
            }
            Ok(()) if swept.forbidden.is_empty() => metrics::pruned(),
            Ok(()) if !lacked_rights => {
                lacked_rights = true;
                tracing::warn!(
                    "retention is incomplete: {}",
                    swept.lacks(&config.postgres.schema)
                );
            }
            Ok(()) => {}
        }
        if once {
            return;
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn sweep_once(
    config: &Config,
    pool: &Pool,
    ledger: &Ledger,
    swept: &mut Swept,
) -> Result<(), Failure> {
    let sweep = Sweep {
        ledger,
        retention: config.apply.retention,
        dry_run: false,
    };
    sweep
        .all(&mut connection::connect(pool).await?, swept)
        .await
}
