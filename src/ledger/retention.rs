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

use deadpool_postgres::Object;

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

/// Applies retention beside the lanes, and looks after the letters' indexes beside it: now and, unless this is `once`, hourly.
/// Never fails: what can't be done is logged, and tried again.
pub async fn apply_hourly(config: Config, ledger: Arc<Ledger>, once: bool) {
    tokio::join!(
        sweep_hourly(&config, &ledger, once),
        index_hourly(&config, once)
    );
}

async fn sweep_hourly(config: &Config, ledger: &Ledger, once: bool) {
    let mut lacked_rights = false;
    loop {
        let mut swept = Swept::default();
        let result = sweep_once(config, ledger, &mut swept).await;
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
        if once {
            return;
        }
        tokio::time::sleep(SWEEP_INTERVAL).await;
    }
}

/// Where there are millions of letters an index takes minutes, and it waits for whoever reads.
async fn index_hourly(config: &Config, once: bool) {
    loop {
        match connect_patiently(config).await {
            Ok(mut client) => look_after_indexes(&mut client, &config.postgres.schema).await,
            Err(error) => tracing::debug!(%error, "indexes of dead_letters can't be looked at now"),
        }
        if once {
            return;
        }
        tokio::time::sleep(SWEEP_INTERVAL).await;
    }
}

/// A session of its own, for as long as it is needed: those of the lanes are given up when a statement takes long.
async fn connect_patiently(config: &Config) -> Result<Object, Failure> {
    connection::connect(&connection::build_patient(config)?).await
}

async fn sweep_once(config: &Config, ledger: &Ledger, swept: &mut Swept) -> Result<(), Failure> {
    let sweep = Sweep {
        ledger,
        retention: config.apply.retention,
        dry_run: false,
    };
    let mut client = connect_patiently(config).await?;
    sweep.apply_retention(&mut client, swept).await
}
