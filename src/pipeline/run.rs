//! Running the sink: what ends it, and how it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::config::Config;
use crate::kafka::certificate_files::wait_for_renewal;
use crate::kafka::dead_letter_topic::{self, CreationError};
use crate::kafka::group::Group;
use crate::pipeline::caught_up::{CaughtUp, NotCaughtUp};
use crate::pipeline::first_starts::settle_first_starts;
use crate::pipeline::leave_pauses::LeavePauses;
use crate::pipeline::run_error::RunError;
use crate::pipeline::start_worker::StartedWorker;
use crate::pipeline::topic_watch::find_recreated_topic;
use crate::pipeline::worker::Worker;
use crate::postgres::sessions;
use crate::watch::health::{Health, Waiter};
use crate::watch::progress::Progress;

/// How long batches in flight have to end once the process is told to stop. An attempt that is still running
/// then has its statement cancelled. All bounds together are below ten seconds, as `shutdown` wants it.
const STOPPING_GRACE: Duration = Duration::from_secs(5);

/// How long the poll thread has to hand over what it knows and to let the lanes end; it may be within a call
/// that Kafka doesn't answer.
const POLL_GRACE: Duration = Duration::from_secs(1);

/// How long an attempt has to roll back what was cancelled, before it is dropped.
const ROLLBACK_GRACE: Duration = Duration::from_millis(500);

/// How long reading waits for the dead letter topics to be there.
const PREPARATION_PATIENCE: Duration = Duration::from_millis(1500);

/// When brokers that don't answer are asked for it again.
const PREPARATION_INTERVAL: Duration = Duration::from_secs(2);

/// How long the ledger is looked after at the end of a run until everything is caught up.
const RETENTION_GRACE: Duration = Duration::from_secs(20);

/// Why the worker has ended.
enum Ended {
    /// It is to end.
    ForGood(Result<(), RunError>),
    /// These topics were created again, and have these ids now.
    Recreated(Vec<(Arc<str>, Uuid)>),
    /// Clients of Kafka are to be made with certificates that are new.
    Renewed,
}

/// Runs the sink until `stop`, or until everything is caught up: then `patience` is how long what is away is waited for.
///
/// # Errors
/// What ends the process: a property that librdkafka refuses, a file for TLS that can't be used; of a run until
/// everything is caught up, what stands in its way.
pub async fn run(
    config: &Config,
    pool: Pool,
    health: Arc<Health>,
    progress: Arc<Progress>,
    stop: CancellationToken,
    patience: Option<Duration>,
) -> Result<(), RunError> {
    let settled = settle_first_starts(config, &pool, &health, &stop);
    if !wait_with_patience(patience, &health, settled).await?? {
        return Ok(());
    }
    let run = Run {
        config: Arc::new(config.clone()),
        pool,
        health,
        progress,
        stop: &stop,
        patience,
    };
    let mut pauses = LeavePauses::default();
    let mut started = tokio::select! {
        started = run.start_worker() => started?,
        () = stop.cancelled() => return Ok(()),
    };
    loop {
        match run.run_worker(started, pauses.clone()).await {
            Ended::ForGood(outcome) => return outcome,
            Ended::Recreated(_) | Ended::Renewed if stop.is_cancelled() => return Ok(()),
            Ended::Renewed => tracing::info!(
                "the certificates for Kafka were replaced: the consumer group is left, and joined anew with them"
            ),
            Ended::Recreated(topics) => {
                for (topic, id) in topics {
                    tracing::warn!(
                        %topic,
                        "a topic was deleted and created again: the consumer group is left and joined anew; Kafka's client may wait for leaders that the new topic never had"
                    );
                    pauses.note_left(topic, id, Instant::now());
                }
            }
        }
        let Some(next) = run.start_next_worker().await? else {
            return Ok(());
        };
        started = next;
    }
}

/// What each worker is run with.
pub(super) struct Run<'r> {
    pub(super) config: Arc<Config>,
    pub(super) pool: Pool,
    pub(super) health: Arc<Health>,
    pub(super) progress: Arc<Progress>,
    pub(super) stop: &'r CancellationToken,
    pub(super) patience: Option<Duration>,
}

impl Run<'_> {
    /// Runs one worker to its end, and lets it end well.
    async fn run_worker(&self, started: StartedWorker, pauses: LeavePauses) -> Ended {
        let (config, stop, health) = (&*self.config, self.stop, &self.health);
        let until_caught_up = self.patience.is_some();
        let StartedWorker {
            worker,
            end,
            certificates,
        } = started;
        let Worker {
            mut lanes,
            mut retention,
            watches,
            consumer,
            polling,
            caught_up,
        } = worker;
        let topics = caught_up.topics.clone();
        let mut recreation = JoinSet::new();
        recreation.spawn(find_recreated_topic(topics, consumer.clone(), pauses));
        let ended = tokio::select! {
            outcome = watch_lanes(&mut lanes, &end) => Ended::ForGood(outcome),
            outcome = wait_for_end(caught_up, config, self.patience) => Ended::ForGood(outcome),
            Some(Ok(topics)) = recreation.join_next() => Ended::Recreated(topics),
            () = wait_for_renewal(certificates) => Ended::Renewed,
        };
        if let Ended::ForGood(outcome) = &ended {
            if until_caught_up && outcome.is_ok() && !stop.is_cancelled() {
                // a nightly job that has little to land has its ledger looked after all the same
                let looked_after = tokio::time::timeout(RETENTION_GRACE, retention.join_next());
                tokio::select! {
                    _ = looked_after => {}
                    () = stop.cancelled() => {}
                }
            }
            health.note_stopping();
            stop.cancel();
        }
        end.cancel();
        drop((watches, recreation)); // they hold the consumer
        end_lanes(&mut lanes, consumer.group()).await;
        if let Ended::Recreated(_) | Ended::Renewed = &ended {
            forget_worker(consumer.group());
        }
        consumer.leave_group(polling).await;
        ended
    }
}

/// What was told of the worker's partitions and lanes doesn't hold for the next one's: others may have them then.
fn forget_worker(group: &Group) {
    for source in group.assignment.list_partitions() {
        group.progress.note_given_up(&source);
        group.health.note_moving(&source);
    }
    for lane in 0..group.count_lanes() {
        group.health.note_going_on(Waiter::Lane(lane));
    }
}

/// Until told to stop, or until a lane ends, which it does only if nothing is read any more.
async fn watch_lanes(lanes: &mut JoinSet<()>, stop: &CancellationToken) -> Result<(), RunError> {
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        ended = lanes.join_next() => match ended {
            Some(Err(panic)) => Err(RunError::LaneFailed(panic)),
            Some(Ok(())) | None if stop.is_cancelled() => Ok(()),
            Some(Ok(())) | None => Err(RunError::ReadingEnded),
        },
    }
}

/// Until everything is caught up, if that is the end; else for ever.
async fn wait_for_end(
    caught_up: CaughtUp,
    config: &Config,
    patience: Option<Duration>,
) -> Result<(), RunError> {
    if let Some(patience) = patience {
        return Ok(caught_up
            .wait_until_caught_up(&config.kafka, patience)
            .await?);
    }
    drop(caught_up); // it holds the consumer
    std::future::pending().await
}

/// What the future comes to, which waits for something; for so long at most, if there is a limit.
///
/// # Errors
/// What it waits for is away for longer.
pub async fn wait_with_patience<T>(
    patience: Option<Duration>,
    health: &Health,
    future: impl Future<Output = T>,
) -> Result<T, RunError> {
    let Some(patience) = patience else {
        return Ok(future.await);
    };
    let ended = tokio::time::timeout(patience, future).await;
    Ok(ended.map_err(|_| {
        let waits = health.waits().into_iter();
        NotCaughtUp::of_away(patience, waits.map(|(who, wait)| wait.describe(who)))
    })?)
}

/// Waits for batches in flight, within bounds.
async fn end_lanes(lanes: &mut JoinSet<()>, group: &Group) {
    if all_end(lanes, POLL_GRACE).await {
        return;
    }
    group.close_inboxes();
    if all_end(lanes, STOPPING_GRACE - POLL_GRACE).await {
        return;
    }
    tracing::warn!(
        "a batch was still in flight after {STOPPING_GRACE:?} and is dropped; it is read again at the next start"
    );
    sessions::cancel_statements().await;
    if !all_end(lanes, ROLLBACK_GRACE).await {
        lanes.abort_all();
    }
}

async fn all_end(lanes: &mut JoinSet<()>, grace: Duration) -> bool {
    let ended = async { while lanes.join_next().await.is_some() {} };
    tokio::time::timeout(grace, ended).await.is_ok()
}

/// Creates the dead letter topics if need be. None is needed until something is put aside, so that
/// one can't be created now is told and no more; brokers that don't answer are waited for beside everything else.
pub async fn prepare_dead_letters(config: &Config, stop: &CancellationToken) {
    let (config, stop) = (config.clone(), stop.clone());
    let prepared = tokio::spawn(async move {
        tokio::select! {
            () = ensure_dead_letter_topics(&config) => {}
            () = stop.cancelled() => {}
        }
    });
    // before the first reject, whose letter might have a broker create the topic in its own way
    let _ = tokio::time::timeout(PREPARATION_PATIENCE, prepared).await;
}

async fn ensure_dead_letter_topics(config: &Config) {
    loop {
        let hindrances = dead_letter_topic::ensure_topics(config).await;
        if !hindrances.iter().any(CreationError::is_passing) {
            for error in hindrances {
                tracing::warn!(
                    error = error.to_string(),
                    "the dead letter topic can't be looked after"
                );
            }
            return;
        }
        tokio::time::sleep(PREPARATION_INTERVAL).await;
    }
}
