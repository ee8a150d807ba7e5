//! Starting and stopping: the poll thread, the lanes, and what watches over them.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::format::decode::Decoder;
use crate::format::registry::Registry;
use crate::kafka::commit::Committer;
use crate::kafka::dead_letter_topic;
use crate::kafka::dead_letters::DeadLetters;
use crate::kafka::group::Group;
use crate::kafka::inbox::Inbox;
use crate::kafka::poll::subscribe;
use crate::kafka::topics::Topics;
use crate::ledger::{Ledger, retention};
use crate::pipeline::apply::Destination;
use crate::pipeline::before_commit::BeforeCommit;
use crate::pipeline::breaker::Breaker;
use crate::pipeline::caught_up::CaughtUp;
use crate::pipeline::lane::{Lane, OperatorNeeded};
use crate::pipeline::lane_decoder::LaneDecoder;
use crate::pipeline::lane_partitions::LanePartitions;
use crate::pipeline::positioning::Positions;
use crate::pipeline::run_lane;
use crate::pipeline::waiting::Waiting;
use crate::postgres::catalogue::Catalogue;
use crate::watch::health::Health;
use crate::watch::progress::Progress;

/// How long batches in flight have to end once the process is told to stop; an attempt that is
/// still running then is dropped, and its transaction with it.
const GRACE: Duration = Duration::from_secs(20);

/// Runs the sink until `stop`, or until everything is caught up.
///
/// # Errors
/// What ends the process: a property that librdkafka refuses, a file for TLS that can't be used, a gap that an
/// operator must decide on.
pub async fn run(
    config: &Config,
    pool: Pool,
    health: Arc<Health>,
    stop: CancellationToken,
    until_caught_up: bool,
) -> Result<(), String> {
    let progress = Arc::new(Progress::default());
    let inboxes: Vec<Arc<Inbox>> = (0..config.apply.lanes)
        .map(|_| Arc::new(Inbox::new(&config.apply)))
        .collect();
    let group = Group::new(
        inboxes.clone(),
        stop.clone(),
        health.clone(),
        progress.clone(),
    );
    let topics = Topics::new(config)?;
    let letters = Arc::new(DeadLetters::new(config)?);
    let (poller, seeks) = subscribe(&config.kafka, group)?;
    let consumer = poller.group_consumer();

    let mut lanes = JoinSet::new();
    let shared = Shared {
        config,
        pool,
        catalogue: Arc::default(),
        ledger: Arc::new(Ledger::new(
            &config.postgres.schema,
            &config.kafka.group,
            config.apply.idempotency,
        )),
        letters,
        registry: Registry::from_config(config)?.map(Arc::new),
        positions: Positions::new(consumer.clone(), seeks, topics.clone()),
        topics,
        progress: progress.clone(),
        health: health.clone(),
    };
    for (number, inbox) in inboxes.into_iter().enumerate() {
        lanes.spawn(run_lane(shared.lane(number, inbox)));
    }
    let caught_up = CaughtUp {
        consumer: consumer.clone(),
        topics: shared.topics.clone(),
        destination: shared.destination(),
    };
    // ended with this set
    let mut beside = JoinSet::new();
    beside.spawn(retention::apply_hourly(
        config.clone(),
        shared.pool.clone(),
        shared.ledger.clone(),
        until_caught_up,
    ));
    drop(shared);
    let polling = poller.start_thread()?;
    let caught_up = async move {
        if until_caught_up {
            return caught_up.wait_until_caught_up(&config.kafka).await;
        }
        drop(caught_up); // it holds the consumer
        std::future::pending().await
    };
    let outcome = tokio::select! {
        outcome = watch(&mut lanes, &stop) => outcome,
        outcome = caught_up => outcome,
    };
    if until_caught_up && outcome.is_ok() && !stop.is_cancelled() {
        // a nightly job that has little to land has its ledger looked after all the same
        let _ = tokio::time::timeout(GRACE, beside.join_next()).await;
    }
    health.note_stopping();
    stop.cancel();
    let ended =
        tokio::time::timeout(GRACE, async { while lanes.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!(
            "a batch was still in flight after {GRACE:?} and is dropped; it is read again at the next start"
        );
        lanes.abort_all();
    }
    consumer.leave_group(polling).await;
    outcome
}

struct Shared<'c> {
    config: &'c Config,
    pool: Pool,
    catalogue: Arc<Catalogue>,
    ledger: Arc<Ledger>,
    letters: Arc<DeadLetters>,
    registry: Option<Arc<Registry>>,
    positions: Positions,
    topics: Topics,
    progress: Arc<Progress>,
    health: Arc<Health>,
}

impl Shared<'_> {
    fn destination(&self) -> Destination {
        Destination::new(
            self.pool.clone(),
            self.catalogue.clone(),
            self.ledger.clone(),
            self.config.dead_letter.later_events,
        )
    }

    fn lane(&self, number: usize, inbox: Arc<Inbox>) -> Lane {
        let (config, health) = (self.config, self.health.clone());
        Lane {
            number,
            inbox: inbox.clone(),
            partitions: LanePartitions {
                owned: Default::default(),
                inbox: inbox.clone(),
                progress: self.progress.clone(),
                committer: Committer::new(self.positions.consumer().clone()),
            },
            decoder: LaneDecoder {
                decoder: Decoder::from_config(config),
                registry: self.registry.clone(),
            },
            destination: self.destination(),
            before_commit: BeforeCommit {
                letters: self.letters.clone(),
                topics: self.topics.clone(),
                schema: self.ledger.quoted_schema().to_owned(),
            },
            positions: self.positions.clone(),
            waiting: Waiting::of_lane(number, inbox, self.pool.clone(), health, config),
            breaker: Breaker::new(&config.dead_letter.breaker),
            conflicts_expected_for: 0,
            diverting: false,
        }
    }
}

/// Until told to stop, or until a lane ends, which it does by itself only for a reason.
async fn watch(
    lanes: &mut JoinSet<Result<(), OperatorNeeded>>,
    stop: &CancellationToken,
) -> Result<(), String> {
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        ended = lanes.join_next() => match ended {
            Some(Ok(Err(stopped))) => Err(stopped.to_string()),
            Some(Err(panic)) => Err(format!("a lane failed: {panic}")),
            Some(Ok(Ok(()))) | None if stop.is_cancelled() => Ok(()),
            Some(Ok(Ok(()))) | None => Err("reading from Kafka has ended".into()),
        },
    }
}

/// Creates the dead letter topic if need be. It isn't needed until something is put aside, so that
/// it can't be created now is told and no more.
pub async fn prepare_dead_letters(config: &Config) {
    if let Err(error) = dead_letter_topic::ensure_topic(config).await {
        tracing::warn!(
            topic = config.dead_letter_topic(),
            error = error.to_string(),
            "the dead letter topic can't be looked after"
        );
    }
}
