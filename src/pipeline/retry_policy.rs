//! What a lane does after a failed attempt: how often a batch is tried, and how long it is waited for.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use crate::config::{RetryConfig, WhenUnavailable};
use crate::pipeline::batch::Batch;
use crate::pipeline::divert::MOST_OWED;
use crate::pipeline::lane::Lane;
use crate::record::{Coordinates, TopicPartition};
use crate::retry::Delays;
use crate::verdict::{Failure, Verdict};
use crate::watch::metrics;

/// A parent may come at any moment, so it is looked for at least this often.
const PARENT_PROBE: Duration = Duration::from_secs(1);

/// How long a batch has been tried, and how long to wait before the next attempt.
pub struct Patience {
    delays: Delays,
    parent_delays: Delays,
    since: Instant,
    /// Attempts that ended with a verdict of `retry`.
    retries: u32,
    /// Attempts that found Postgres away.
    away: u32,
    /// When a foreign key objected at COMMIT first, which doesn't tell whose it is.
    objected_at_commit: Option<Instant>,
    /// Since when records are known to have no parent.
    orphans: HashMap<Coordinates, Instant>,
}

/// How to go on after a failed attempt.
#[derive(Debug)]
pub enum Next {
    Again,
    /// With what the batch's partitions have brought meanwhile.
    Grow,
    /// First what lies before these offsets, the first of each partition that wait for a parent.
    Divide(HashMap<TopicPartition, i64>),
    /// Postgres is away for too long: the events go to the dead letter topic.
    Divert(Failure),
    /// Somebody waits for the lane.
    LetGo,
}

impl Patience {
    pub fn new(config: &RetryConfig) -> Self {
        let often = RetryConfig {
            max_delay: config.max_delay.min(PARENT_PROBE),
            initial_delay: config.initial_delay.min(PARENT_PROBE),
            ..config.clone()
        };
        Self {
            delays: Delays::new(config),
            parent_delays: Delays::new(&often),
            since: Instant::now(),
            retries: 0,
            away: 0,
            objected_at_commit: None,
            orphans: HashMap::new(),
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }
}

impl Lane {
    /// Decides how to go on after a failed attempt, and waits before it; `whole` unless there are
    /// records behind those of the batch.
    pub async fn after_failure(
        &self,
        batch: &mut Batch<'_>,
        failure: Failure,
        patience: &mut Patience,
        whole: bool,
    ) -> Next {
        batch.attempts += 1;
        batch.first_failed_at.get_or_insert_with(SystemTime::now);
        metrics::failed_attempt(failure.verdict);
        match failure.verdict {
            Verdict::Reject(_) if !batch.constraints_immediate => {
                // a second refusal came at COMMIT: look at constraints right away to see whose it is
                batch.constraints_immediate = batch.isolate;
                batch.isolate = true;
                return Next::Again;
            }
            // refused, and yet no event of it was: nothing that dead letters could mend
            Verdict::Reject(_) => self.tell_waiting(&failure),
            Verdict::Early => {
                return self
                    .wait_for_parents(batch, &failure, patience, whole)
                    .await;
            }
            Verdict::Retry => self.count_retry(batch, &failure, patience),
            Verdict::Systemic => {
                self.tell_waiting(&failure);
                // what was refused may be mended with the rest
                batch.revive();
            }
            Verdict::Unavailable => {
                self.tell_waiting(&failure);
                patience.away += u32::from(!failure.of_kafka);
                if !failure.of_kafka && self.is_to_divert(patience) {
                    return Next::Divert(failure);
                }
            }
        }
        let pause = self.pause(failure.verdict, &mut patience.delays);
        self.wait(pause, Next::Again).await
    }

    async fn wait(&self, pause: Duration, then: Next) -> Next {
        match self.sleep(pause).await {
            true => then,
            false => Next::LetGo,
        }
    }

    fn count_retry(&self, batch: &mut Batch<'_>, failure: &Failure, patience: &mut Patience) {
        patience.retries += 1;
        tracing::info!(lane = self.number, attempt = batch.attempts, error = %failure, "batch will be tried again");
        if patience.retries == self.retry.max_attempts {
            batch.isolate = true;
            batch.out_of_attempts = true;
            tracing::warn!(
                lane = self.number,
                attempts = patience.retries,
                "retries exhausted: looking for the events that are in the way"
            );
        }
    }

    /// Once it is known that Postgres is away, each further batch is tried once.
    fn is_to_divert(&self, patience: &Patience) -> bool {
        let enough = match self.diverting {
            true => 1,
            false => self.retry.max_attempts,
        };
        let room = self.owed_letters() < MOST_OWED;
        self.retry.when_unavailable == WhenUnavailable::DeadLetter
            && room
            && patience.away >= enough
    }

    /// The row that a foreign key names may lie behind in this lane, or come through another one,
    /// which may wait for rows of this batch in turn: what doesn't wait is landed first.
    async fn wait_for_parents(
        &self,
        batch: &mut Batch<'_>,
        failure: &Failure,
        patience: &mut Patience,
        whole: bool,
    ) -> Next {
        if !batch.isolate {
            // it may only be the order within the batch, which the search sets right
            batch.isolate = true;
            return Next::Again;
        }
        if patience.orphans.is_empty() && patience.objected_at_commit.is_none() {
            tracing::info!(lane = self.number, error = %failure, wait = ?self.retry.parent_wait, "waiting for the row that a foreign key names");
        }
        if batch.waiting.is_empty() {
            return self.wait_at_commit(batch, failure, patience).await;
        }
        let since = patience.objected_at_commit.unwrap_or_else(Instant::now);
        let mut left = self.retry.parent_wait;
        for orphan in batch.waiting_records() {
            let since = *patience.orphans.entry(orphan.clone()).or_insert(since);
            let its_left = self.retry.parent_wait.saturating_sub(since.elapsed());
            // not as long as its parent may be among what lies behind
            if its_left.is_zero() && whole {
                batch.given_up.insert(orphan);
            }
            left = left.min(its_left);
        }
        if whole && left.is_zero() {
            return Next::Again;
        }
        match batch.first_waiting() {
            Some(first) => Next::Divide(first),
            None => {
                let pause = patience.parent_delays.next_delay().min(left);
                self.wait(pause, Next::Grow).await
            }
        }
    }

    async fn wait_at_commit(
        &self,
        batch: &mut Batch<'_>,
        failure: &Failure,
        patience: &mut Patience,
    ) -> Next {
        let since = *patience.objected_at_commit.get_or_insert_with(Instant::now);
        let left = self.retry.parent_wait.saturating_sub(since.elapsed());
        if !left.is_zero() {
            let pause = patience.parent_delays.next_delay().min(left);
            return self.wait(pause, Next::Grow).await;
        }
        if !batch.constraints_immediate {
            // look at constraints right away to see whose it is
            batch.constraints_immediate = true;
            return Next::Again;
        }
        self.tell_waiting(failure);
        let pause = patience.delays.next_delay();
        self.wait(pause, Next::Again).await
    }
}
