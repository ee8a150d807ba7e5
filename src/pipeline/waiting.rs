//! The one way to wait: a failure is told, and what failed is tried again after a pause, until it
//! succeeds or somebody needs the one who waits.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, RetryConfig};
use crate::kafka::inbox::Inbox;
use crate::pipeline::batch::Batch;
use crate::pipeline::denied::RightsAsker;
use crate::retry::Delays;
use crate::table_name::TableName;
use crate::verdict::{Failure, Verdict};
use crate::watch::health::{self, Health};

/// Waits for one lane, or for what must be there before there are lanes.
pub struct Waiting {
    who: LaneOrSetup,
    health: Arc<Health>,
    retry: RetryConfig,
    rights: RightsAsker,
    /// Between two attempts while something is set up wrongly: `dead_letter.breaker.open`.
    repair_probe: Duration,
}

/// Who waits, and who may end it.
enum LaneOrSetup {
    Lane {
        number: usize,
        /// A rebalance, or the end of the process, asks the lane to let go.
        inbox: Arc<Inbox>,
        pool: Pool,
    },
    Schema {
        /// Without its password.
        database: String,
        schema: String,
        stop: CancellationToken,
    },
    /// Where partitions begin that were never read.
    FirstStarts { stop: CancellationToken },
    /// The worker after one that has left the group.
    NextWorker { stop: CancellationToken },
}

impl Waiting {
    /// How a lane waits.
    pub fn of_lane(
        number: usize,
        inbox: Arc<Inbox>,
        pool: Pool,
        health: Arc<Health>,
        config: &Config,
    ) -> Self {
        let who = LaneOrSetup::Lane {
            number,
            inbox,
            pool: pool.clone(),
        };
        Self::new(who, pool, health, config)
    }

    /// How the bookkeeping schema is waited for, before there are lanes.
    pub fn of_schema(
        stop: CancellationToken,
        pool: Pool,
        health: Arc<Health>,
        config: &Config,
    ) -> Self {
        let who = LaneOrSetup::Schema {
            database: config.postgres.display_url(),
            schema: config.postgres.schema.clone(),
            stop,
        };
        Self::new(who, pool, health, config)
    }

    /// How it is waited for, before there are lanes, that it can be settled where partitions begin.
    pub fn of_first_starts(
        stop: CancellationToken,
        pool: Pool,
        health: Arc<Health>,
        config: &Config,
    ) -> Self {
        Self::new(LaneOrSetup::FirstStarts { stop }, pool, health, config)
    }

    /// How it is waited for that the group can be joined anew, after its lanes have ended.
    pub fn of_next_worker(
        stop: CancellationToken,
        pool: Pool,
        health: Arc<Health>,
        config: &Config,
    ) -> Self {
        Self::new(LaneOrSetup::NextWorker { stop }, pool, health, config)
    }

    fn new(who: LaneOrSetup, pool: Pool, health: Arc<Health>, config: &Config) -> Self {
        Self {
            who,
            health,
            retry: config.retry.clone(),
            rights: RightsAsker::new(pool, config),
            repair_probe: config.dead_letter.breaker.open,
        }
    }

    /// Tries until the attempt succeeds. `None`: somebody needs the one who waits.
    pub async fn until<T, F>(&self, mut attempt: impl FnMut() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut delays = self.start_delays();
        loop {
            let failure = match attempt().await {
                Ok(done) => return Some(done),
                Err(failure) => failure,
            };
            if !self.wait_after(&failure, &mut delays).await {
                return None;
            }
        }
    }

    /// The delays between the attempts at one thing.
    pub fn start_delays(&self) -> Delays {
        Delays::new(&self.retry)
    }

    /// Tells a failure, and pauses. Returns whether to try again: not if somebody needs the one who waits.
    pub async fn wait_after(&self, failure: &Failure, delays: &mut Delays) -> bool {
        let failure = self.explain_denial(failure.clone(), None).await;
        self.tell_failure(&failure);
        let pause = self.pause_after(failure.verdict, delays);
        self.sleep_unless_needed(pause).await
    }

    /// What is denied to our role, with what grants it; `batch`: with which it came up.
    pub async fn explain_denial(&self, failure: Failure, batch: Option<&Batch<'_>>) -> Failure {
        if !failure.means_denied() {
            return failure; // as mostly
        }
        let explained = self.rights.explain(failure.clone(), batch);
        self.unless_needed(explained).await.unwrap_or(failure)
    }

    /// Tells what is waited for: one line in the log when it changes, however often it is tried.
    pub fn tell_failure(&self, failure: &Failure) {
        self.renew_sessions();
        let told = (failure.verdict, failure.log_line.as_str());
        if self.health.note_waiting(self.who.name(), told.0, told.1) {
            self.log_failure(failure);
        }
    }

    /// The next attempt asks over a new session: one keeps what it was told at its start.
    pub fn renew_sessions(&self) {
        if let LaneOrSetup::Lane { pool, .. } = &self.who {
            pool.retain(|_, _| false);
        }
    }

    fn log_failure(&self, failure: &Failure) {
        match &self.who {
            LaneOrSetup::Schema {
                database, schema, ..
            } => {
                tracing::warn!(database, schema, error = %failure, "can't prepare the bookkeeping schema yet; waiting");
            }
            LaneOrSetup::FirstStarts { .. } => {
                tracing::warn!(error = %failure, "it can't be settled yet where partitions begin that were never read, as kafka.start has it; waiting, and nothing is read meanwhile");
            }
            LaneOrSetup::NextWorker { .. } => {
                tracing::warn!(error = %failure, "the consumer group can't be joined anew yet; waiting, and nothing is read meanwhile");
            }
            LaneOrSetup::Lane { number, .. } if failure.verdict == Verdict::Systemic => {
                tracing::error!(lane = number, error = %failure, "breaker open: stopped taking in until this is mended; nothing is dead-lettered; `landfall check` says more; probing every {:?}", self.repair_probe);
            }
            LaneOrSetup::Lane { number, .. } => {
                tracing::warn!(lane = number, error = %failure, "waiting; nothing is lost or dead-lettered meanwhile");
            }
        }
    }

    /// Tells that events of these topics wait for changes of one of these tables.
    pub fn tell_awaited(&self, tables: &BTreeSet<TableName>, topics: &HashSet<Arc<str>>) {
        self.health.note_awaited(tables, topics);
    }

    /// The wait is over, if there was one.
    pub fn tell_going_on(&self) {
        let waited = self.health.note_going_on(self.who.name());
        if let LaneOrSetup::Lane { number, .. } = &self.who
            && waited
        {
            tracing::info!(lane = number, "going on");
        }
    }

    /// How long to pause before the next attempt.
    pub fn pause_after(&self, verdict: Verdict, delays: &mut Delays) -> Duration {
        match (&self.who, verdict) {
            (LaneOrSetup::Lane { .. }, Verdict::Systemic) => self.repair_probe,
            _ => delays.next_delay(),
        }
    }

    /// Returns whether the time has passed without anybody needing the one who waits.
    pub async fn sleep_unless_needed(&self, pause: Duration) -> bool {
        let sleep = tokio::time::sleep(pause);
        self.unless_needed(sleep).await.is_some()
    }

    /// What the future comes to. `None`: somebody needs the one who waits for it, and it is dropped.
    pub async fn unless_needed<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            output = future => Some(output),
            () = self.who.is_needed() => None,
        }
    }

    /// How often and how long things are tried.
    pub fn retry(&self) -> &RetryConfig {
        &self.retry
    }
}

impl LaneOrSetup {
    fn name(&self) -> health::Waiter {
        match self {
            LaneOrSetup::Lane { number, .. } => health::Waiter::Lane(*number),
            LaneOrSetup::Schema { .. } => health::Waiter::BookkeepingSchema,
            LaneOrSetup::FirstStarts { .. } => health::Waiter::FirstStarts,
            LaneOrSetup::NextWorker { .. } => health::Waiter::NextWorker,
        }
    }

    /// Returns once the wait is to end.
    async fn is_needed(&self) {
        match self {
            LaneOrSetup::Lane { inbox, .. } => inbox.wait_for_drain_request().await,
            LaneOrSetup::Schema { stop, .. }
            | LaneOrSetup::FirstStarts { stop }
            | LaneOrSetup::NextWorker { stop } => {
                stop.cancelled().await;
            }
        }
    }
}

#[cfg(test)]
#[path = "waiting_tests.rs"]
mod tests;
