//! The worker's parts, built and set going: the poll thread, the lanes, and what runs beside them.

use std::sync::Arc;

use deadpool_postgres::Pool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::format::decode::Decoder;
use crate::format::registry::Registry;
use crate::kafka::commit::Committer;
use crate::kafka::dead_letters::DeadLetters;
use crate::kafka::group::Group;
use crate::kafka::group_consumer::GroupConsumer;
use crate::kafka::inbox::Inbox;
use crate::kafka::poll::subscribe;
use crate::kafka::topics::Topics;
use crate::ledger::days::make_days::make_wanted_days;
use crate::ledger::measure::measure_regularly;
use crate::ledger::table_facts::facts_query;
use crate::ledger::worker_sessions::WorkerSessions;
use crate::ledger::{Ledger, retention};
use crate::pipeline::before_commit::BeforeCommit;
use crate::pipeline::breaker::{Breaker, LandedTopics};
use crate::pipeline::caught_up::CaughtUp;
use crate::pipeline::destination::Destination;
use crate::pipeline::dropped_fetches::DroppedFetches;
use crate::pipeline::evolve::Evolution;
use crate::pipeline::first_starts::LateTopics;
use crate::pipeline::idle_routes::warn_of_idle_routes;
use crate::pipeline::lane::Lane;
use crate::pipeline::lane_decoder::LaneDecoder;
use crate::pipeline::lane_partitions::LanePartitions;
use crate::pipeline::learn_feeds::FeedLearner;
use crate::pipeline::lock_patience::LockPatience;
use crate::pipeline::note_flows::NotedFlows;
use crate::pipeline::positioning::Positions;
use crate::pipeline::run_error::RunError;
use crate::pipeline::run_lane;
use crate::pipeline::session_watch::SessionWatch;
use crate::pipeline::set_aside::AsidePartitions;
use crate::pipeline::topic_watch::watch_topics;
use crate::pipeline::untold_ends::watch_untold_ends;
use crate::pipeline::waiting::Waiting;
use crate::postgres::catalogue::Catalogue;
use crate::postgres::connection;
use crate::rate_limit::{Allowance, RateLimit};
use crate::rows::value::Reading;
use crate::watch::health::Health;
use crate::watch::progress::Progress;

/// What runs. Dropping `lanes`, `retention` and `watches` ends the tasks in them.
pub(super) struct Worker {
    /// A task for each lane, which ends with the poll thread.
    pub(super) lanes: JoinSet<()>,
    /// The task that looks after the ledger.
    pub(super) retention: JoinSet<()>,
    /// The tasks that watch the sessions with Postgres, and topics that may not be read.
    pub(super) watches: JoinSet<()>,
    /// The member of the group. Whoever has a copy keeps it from leaving.
    pub(super) consumer: GroupConsumer,
    /// The poll thread.
    pub(super) polling: std::thread::JoinHandle<()>,
    /// Watches whether everything is landed.
    pub(super) caught_up: CaughtUp,
}

impl Worker {
    /// Subscribes, and sets everything going. Polling ends with `stop`.
    pub(super) fn start(
        config: &Config,
        pool: Pool,
        (health, progress): (Arc<Health>, Arc<Progress>),
        stop: CancellationToken,
        until_caught_up: bool,
    ) -> Result<Self, RunError> {
        let group_health = health.clone();
        let new_inbox = |_| Arc::new(Inbox::new(&config.apply));
        let inboxes: Vec<Arc<Inbox>> = (0..config.apply.lanes).map(new_inbox).collect();
        let group = Group::new(
            &config.kafka,
            inboxes.clone(),
            stop,
            health.clone(),
            progress.clone(),
        );
        let topics = Topics::new(config)?;
        let letters = Arc::new(DeadLetters::new(config)?);
        // all that can fail comes before the group is joined: what fails is tried again, and each time the others would hand over
        // partitions
        let registry = Registry::from_config(config)?.map(Arc::new);
        let single = || connection::build_single(config);
        let (of_sessions, of_sizes) = (single()?, single()?);
        let (poller, seeks) = subscribe(&config.kafka, group)?;
        let consumer = poller.group_consumer();
        let ledger = Arc::new(Ledger::new(
            &config.postgres.schema,
            &config.kafka.group,
            config.apply.idempotency,
        ));
        let feeds = Arc::new(FeedLearner::new(
            config,
            topics.clone(),
            pool.clone(),
            ledger.clone(),
        ));
        let merged = feeds.merged_tables().clone();
        let reading = Arc::new(Reading::new(&config.format));
        let parts = LaneParts {
            config,
            pool: pool.clone(),
            catalogue: Arc::new(Catalogue::verified_by(facts_query(&config.postgres.schema))),
            evolution: Arc::new(Evolution::new(
                config,
                ledger.clone(),
                reading.clone(),
                merged.clone(),
            )),
            landed: LandedTopics::default(),
            rate_limit: config
                .apply
                .rate
                .map(RateLimit::beginning_now)
                .map(Arc::new),
            reading,
            ledger: ledger.clone(),
            letters,
            registry,
            positions: Positions::new(consumer.clone(), seeks, topics.clone(), merged)
                .looking_at_ends(until_caught_up)
                .settling_late(LateTopics::new(config, &topics, &pool)),
            feeds,
            topics: topics.clone(),
            progress,
            health,
        };
        let mut lanes = JoinSet::new();
        for (number, inbox) in inboxes.into_iter().enumerate() {
            lanes.spawn(run_lane(parts.new_lane(number, inbox)));
        }
        let caught_up = CaughtUp {
            consumer: consumer.clone(),
            topics: topics.clone(),
            destination: parts.new_destination(),
        };
        let mut watches = JoinSet::new();
        let session_watch = SessionWatch {
            pool: pool.clone(),
            questions: of_sessions,
            health: group_health,
            consumer: consumer.clone(),
            worker_sessions: WorkerSessions::new(&config.postgres.schema, &config.kafka.group),
        };
        watches.spawn(session_watch.watch_sessions());
        watches.spawn(warn_of_idle_routes(topics.clone(), config.clone()));
        watches.spawn(watch_topics(topics, consumer.clone()));
        watches.spawn(watch_untold_ends(consumer.clone()));
        watches.spawn(make_wanted_days(pool, ledger.clone()));
        let schema = config.postgres.schema.clone();
        watches.spawn(measure_regularly(of_sizes, schema, ledger.clone()));
        let mut retention = JoinSet::new();
        let looking_after = retention::apply_hourly(config.clone(), ledger, until_caught_up);
        retention.spawn(looking_after);
        Ok(Self {
            lanes,
            retention,
            watches,
            consumer,
            polling: poller.start_thread()?,
            caught_up,
        })
    }
}

/// What lanes are made of.
struct LaneParts<'c> {
    config: &'c Config,
    pool: Pool,
    catalogue: Arc<Catalogue>,
    evolution: Arc<Evolution>,
    landed: LandedTopics,
    rate_limit: Option<Arc<RateLimit>>,
    reading: Arc<Reading>,
    ledger: Arc<Ledger>,
    letters: Arc<DeadLetters>,
    registry: Option<Arc<Registry>>,
    positions: Positions,
    feeds: Arc<FeedLearner>,
    topics: Topics,
    progress: Arc<Progress>,
    health: Arc<Health>,
}

impl LaneParts<'_> {
    fn new_destination(&self) -> Destination {
        Destination::new(
            self.pool.clone(),
            self.catalogue.clone(),
            self.evolution.clone(),
            self.ledger.clone(),
            self.config.dead_letter.later_events,
            self.reading.clone(),
        )
    }

    fn new_lane(&self, number: usize, inbox: Arc<Inbox>) -> Lane {
        let (config, health) = (self.config, self.health.clone());
        Lane {
            number,
            inbox: inbox.clone(),
            partitions: LanePartitions {
                owned: Default::default(),
                undecided: Default::default(),
                jumped: Default::default(),
                untold: Default::default(),
                inbox: inbox.clone(),
                progress: self.progress.clone(),
                committer: Committer::new(self.positions.consumer().clone()),
            },
            aside: AsidePartitions::default(),
            dropped_fetches: DroppedFetches::default(),
            decoder: LaneDecoder {
                decoder: Decoder::from_config(config)
                    .with_merged_tables(self.feeds.merged_tables().clone()),
                registry: self.registry.clone(),
            },
            destination: self.new_destination(),
            before_commit: BeforeCommit {
                letters: self.letters.clone(),
                topics: self.topics.clone(),
                config: Arc::new(config.clone()),
            },
            positions: self.positions.clone(),
            waiting: Waiting::of_lane(number, inbox, self.pool.clone(), health, config),
            feeds: self.feeds.clone(),
            noted_flows: NotedFlows::default(),
            breaker: Breaker::new(&config.dead_letter.breaker).beside(self.landed.clone()),
            conflicts_expected_for: 0,
            lock_patience: LockPatience::default(),
            most_events: None,
            rate_limit: self.rate_limit.clone(),
            allowance: Allowance::default(),
            diverting: false,
        }
    }
}
