//! Retention: how long the ids of applied events are kept (`apply.retention`), and what is remembered of rows that were
//! deleted (`row_positions`) or got another key (`moved_rows`).
//! Days are created ahead and dropped whole, by `run` and by `landfall prune`. `run` looks after the letters' indexes as well.
//!
//! Why: `docs/decisions/04`.

mod days;
mod sweep;
mod swept;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;

use crate::config::Config;
use crate::ledger::Ledger;
use crate::ledger::letter_indexes::look_after_indexes;
pub use crate::ledger::retention::sweep::Sweep;
pub use crate::ledger::retention::swept::Swept;
use crate::postgres::connection;
use crate::verdict::Failure;
use crate::watch::metrics;

/// How often `run` applies retention.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3600);

/// Applies retention beside the lanes: now and, unless this is `once`, hourly. Never fails: what can't
/// be done is logged, and tried again.
pub async fn apply_hourly(config: Config, pool: Pool, ledger: Arc<Ledger>, once: bool) {
    let mut lacked_rights = false;
    loop {
        let mut swept = Swept::default();
        let result = sweep_once(&config, &pool, &ledger, &mut swept).await;
        // dropped by us or by another process: lanes look again which days there are
        ledger.days.forget_days();
        swept.log_deeds();
        match &result {
            Err(failure) => {
                tracing::warn!(error = %failure, "the ids of old events can't be forgotten now; trying again in an hour");
            }
            Ok(()) if !ledger.keeps_ids() => {}
            Ok(()) if swept.forbidden.is_empty() => metrics::note_pruned(),
            Ok(()) if !lacked_rights => {
                lacked_rights = true;
                tracing::warn!(
                    "retention is incomplete: {}",
                    swept.explain_forbidden(&config.postgres.schema)
                );
            }
            Ok(()) => {}
        }
        // last: where there are millions of letters it takes minutes
        if let Ok(mut client) = connection::connect(&pool).await {
            look_after_indexes(&mut client, &config.postgres.schema).await;
        }
        if once {
            return;
        }
        tokio::time::sleep(SWEEP_INTERVAL).await;
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
    let mut client = connection::connect(pool).await?;
    sweep.apply_retention(&mut client, swept).await
}
