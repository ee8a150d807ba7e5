//! The consumer group's side of the poll thread: what happens when partitions come and go.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;
use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Statistics;
use tokio_util::sync::CancellationToken;

use crate::config::KafkaConfig;
use crate::kafka::assignment::Assignment;
use crate::kafka::broker_watch::{BrokerWatch, list_heard_of};
use crate::kafka::chatter;
use crate::kafka::client::{log_client_error, log_librdkafka_line};
use crate::kafka::error::is_passing;
use crate::kafka::inbox::Inbox;
use crate::kafka::incarnations::Incarnations;
use crate::kafka::partition_list::partition_of;
use crate::kafka::refusals::Refusals;
use crate::kafka::unread_ends::UnreadEnds;
use crate::locked::Locked;
use crate::record::TopicPartition;
use crate::watch::health::Health;
use crate::watch::metrics;
use crate::watch::progress::{Progress, ToldEnd};

/// How long a batch in flight may hold up a rebalance: well below every session timeout.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Our membership of the group: what is to be told when partitions come and go. librdkafka calls it back.
pub struct Group {
    inboxes: Vec<Arc<Inbox>>,
    /// The partitions that are ours.
    pub assignment: Assignment,
    runtime: tokio::runtime::Handle,
    stop: CancellationToken,
    /// Is told that the group was joined.
    pub health: Arc<Health>,
    /// Is told of partitions and of their logs' ends.
    pub progress: Arc<Progress>,
    joined: AtomicBool,
    brokers: BrokerWatch,
    /// What Kafka doesn't let us do.
    pub refusals: Refusals,
    /// Topics of which partitions were ever ours.
    topics: Locked<BTreeSet<Arc<str>>>,
    /// Which topics of their names are read.
    pub incarnations: Incarnations,
    /// Which logs end behind what was brought of them.
    pub unread_ends: UnreadEnds,
}

impl Group {
    /// One inbox for each lane. Polling ends with `stop`. To be made within the runtime whose lanes are
    /// waited for when partitions go.
    pub fn new(
        config: &KafkaConfig,
        inboxes: Vec<Arc<Inbox>>,
        stop: CancellationToken,
        health: Arc<Health>,
        progress: Arc<Progress>,
    ) -> Self {
        let refusals = Refusals::new(config, health.clone());
        Self {
            inboxes,
            assignment: Assignment::default(),
            runtime: tokio::runtime::Handle::current(),
            stop,
            health,
            progress,
            joined: AtomicBool::new(false),
            brokers: BrokerWatch::new(config),
            refusals,
            topics: Locked::default(),
            incarnations: Incarnations::default(),
            unread_ends: UnreadEnds::default(),
        }
    }

    /// How many lanes there are.
    pub fn count_lanes(&self) -> usize {
        self.inboxes.len()
    }

    /// The inbox of the lane with this number.
    pub fn inbox_of(&self, lane: usize) -> &Inbox {
        &self.inboxes[lane]
    }

    /// Whether no lane has anything to do or in hand.
    pub fn is_idle(&self) -> bool {
        self.inboxes.iter().all(|inbox| inbox.is_idle())
    }

    /// Whether polling is to end.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Nothing more will come: the lanes end.
    pub fn close_inboxes(&self) {
        self.inboxes.iter().for_each(|inbox| inbox.close());
    }

    /// Nothing is there to be polled at the moment.
    pub fn note_quiet(&self) {
        self.inboxes.iter().for_each(|inbox| inbox.note_quiet());
    }

    /// Whether an assignment was ever given.
    pub fn has_joined(&self) -> bool {
        self.joined.load(Ordering::Acquire)
    }

    /// Topics of which partitions were ours once, and none is now: somebody else has them, or they are gone, or we may
    /// not read them any more.
    pub fn list_lost_topics(&self) -> Vec<Arc<str>> {
        let ours = self.assignment.list_topics();
        let topics = self.topics.lock();
        topics
            .iter()
            .filter(|topic| !ours.contains(*topic))
            .cloned()
            .collect()
    }

    /// Logs what a poll brought instead of a message.
    pub fn log_poll_error(&self, error: &KafkaError) {
        let is_told = self.refusals.tell(error);
        match error {
            error if is_told || is_passing(error) || !chatter::is_news(&error.to_string()) => {
                tracing::debug!(%error, "kafka");
            }
            error => tracing::warn!(%error, "kafka"),
        }
    }

    fn note_log_ends(&self, statistics: &Statistics) {
        let reads_all = self.reads_all();
        let heard_of = list_heard_of(statistics);
        for (name, topic) in &statistics.topics {
            let topic_name: Arc<str> = name.as_str().into();
            for (partition, p) in &topic.partitions {
                let source = TopicPartition {
                    topic: topic_name.clone(),
                    partition: *partition,
                };
                let known = |offset: i64| (offset >= 0).then_some(offset);
                let (high, stable) = (known(p.hi_offset), known(p.ls_offset));
                let readable = high.map(|high| stable.map_or(high, |stable| stable.min(high)));
                let is_started = self.assignment.find_started(&source).is_some();
                let told = ToldEnd {
                    high,
                    readable,
                    leader: p.leader,
                    is_fetched: reads_all && is_started && heard_of.contains(&p.broker),
                };
                self.progress.note_log_end(&source, told);
            }
        }
    }

    /// Whether no lane has more than it can take in: then no partition is paused for that, and librdkafka fetches of all.
    pub fn reads_all(&self) -> bool {
        self.inboxes.iter().all(|inbox| inbox.has_space())
    }

    fn take_partitions(&self, consumer: &BaseConsumer<Group>, partitions: &TopicPartitionList) {
        self.health.note_joined();
        self.refusals.note_joined();
        // Paused until its lane has read the watermark and said where to start.
        if let Err(error) = consumer.pause(partitions) {
            tracing::warn!(%error, "can't pause partitions");
        }
        let sources: Vec<TopicPartition> = partitions.elements().iter().map(partition_of).collect();
        sources.iter().for_each(|s| self.progress.note_assigned(s));
        let names = sources.iter().map(|source| source.topic.clone());
        self.topics.lock().extend(names);
        let lanes = self.assignment.add_partitions(&sources, self.count_lanes());
        for (lane, source) in lanes.into_iter().zip(sources) {
            self.progress.note_lane(&source, lane);
            self.inboxes[lane].take_up([source]);
        }
        self.joined.store(true, Ordering::Release);
        let all = self.assignment.count_partitions();
        metrics::set_assigned_partitions(all);
        metrics::count_rebalance("assigned");
        tracing::info!(
            assigned = partitions.count(),
            partitions = all,
            "partitions assigned"
        );
    }

    /// Lets the batches in flight end, within bounds, before the partitions are somebody else's.
    fn give_up_partitions(&self, partitions: &TopicPartitionList) {
        let sources: HashSet<TopicPartition> =
            partitions.elements().iter().map(partition_of).collect();
        let lanes = self.assignment.remove_partitions(&sources);
        metrics::set_assigned_partitions(self.assignment.count_partitions());
        let drains = lanes.iter().map(|lane| {
            self.inboxes[*lane].give_up(&sources);
            self.inboxes[*lane].drain(DRAIN_TIMEOUT)
        });
        // all at once: together they have as long as one
        let drained = self.runtime.block_on(join_all(drains));
        for lane in lanes
            .iter()
            .zip(drained)
            .filter_map(|(lane, idle)| (!idle).then_some(lane))
        {
            tracing::warn!(
                lane,
                "a batch was still in flight when its partitions were given up; the watermark fences it"
            );
        }
        sources.iter().for_each(|source| {
            self.progress.note_given_up(source);
            self.health.note_moving(source);
        });
        if !sources.is_empty() {
            metrics::count_rebalance("revoked");
            tracing::info!(revoked = sources.len(), "partitions given up");
        }
    }
}

/// What librdkafka has fetched and not handed over.
fn publish_queues(statistics: &Statistics) {
    let partitions = statistics
        .topics
        .values()
        .flat_map(|t| t.partitions.values());
    // each tells of the queue that all share
    let queued = partitions.map(|p| (p.fetchq_cnt, p.fetchq_size)).max();
    let (events, bytes) = queued.unwrap_or_default();
    let received = u64::try_from(statistics.rx_bytes).unwrap_or_default();
    metrics::set_fetch_queue(u64::try_from(events).unwrap_or_default(), bytes, received);
}

impl ConsumerContext for Group {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance {
            if consumer.assignment_lost() && !self.is_stopping() {
                self.health.note_expelled();
                metrics::count_rebalance("lost");
                tracing::warn!(
                    "the consumer group doesn't take this process for a member any more: it didn't hear of it for a session's time, or its coordinator is away; joins again"
                );
            }
            self.give_up_partitions(partitions);
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => self.take_partitions(consumer, partitions),
            Rebalance::Revoke(_) => {}
            Rebalance::Error(error) => {
                metrics::count_rebalance("failed");
                tracing::warn!(%error, "rebalance failed");
            }
        }
    }

    fn commit_callback(&self, _: KafkaResult<()>, _: &TopicPartitionList) {}
}

impl ClientContext for Group {
    fn stats(&self, statistics: Statistics) {
        self.brokers.note_statistics(&statistics, &self.health);
        self.unread_ends.note_statistics(&statistics);
        self.note_log_ends(&statistics);
        publish_queues(&statistics);
        for (lane, inbox) in self.inboxes.iter().enumerate() {
            let (events, bytes) = inbox.size();
            metrics::set_inbox(lane, events, bytes);
        }
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_librdkafka_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_client_error(&error, reason);
    }
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
