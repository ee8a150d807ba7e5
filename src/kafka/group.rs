//! The consumer group's side of the poll thread: which partitions are ours, in which lane, and what
//! happens when they come and go.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Statistics;
use tokio_util::sync::CancellationToken;

use crate::kafka::client::{log_client_error, log_librdkafka_line};
use crate::kafka::error::is_passing;
use crate::kafka::inbox::Inbox;
use crate::kafka::partition_list::partition_of;
use crate::record::TopicPartition;
use crate::watch::health::Health;
use crate::watch::metrics;
use crate::watch::progress::Progress;

/// How long a batch in flight may hold up a rebalance: well below every session timeout.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// A partition that is ours.
#[derive(Clone)]
pub struct Assigned {
    pub source: TopicPartition,
    /// The number of the lane that has it.
    pub lane: usize,
    /// Rises each time that the partition is positioned; its records carry it.
    pub epoch: u64,
    /// Positioned at its watermark; until then it is paused.
    started: bool,
}

/// Which partitions are ours, and what is to be told when they come and go. librdkafka calls it back.
pub struct Group {
    inboxes: Vec<Arc<Inbox>>,
    assignment: Mutex<BTreeMap<TopicPartition, Assigned>>,
    epochs: AtomicU64,
    runtime: tokio::runtime::Handle,
    stop: CancellationToken,
    /// Is told that the group was joined.
    pub health: Arc<Health>,
    /// Is told of partitions and of their logs' ends.
    pub progress: Arc<Progress>,
    /// Rises with every change of the assignment.
    generation: AtomicU64,
    joined: AtomicBool,
}

impl Group {
    /// One inbox for each lane. Polling ends with `stop`. To be made within the runtime whose lanes are
    /// waited for when partitions go.
    pub fn new(
        inboxes: Vec<Arc<Inbox>>,
        stop: CancellationToken,
        health: Arc<Health>,
        progress: Arc<Progress>,
    ) -> Self {
        Self {
            inboxes,
            assignment: Mutex::default(),
            epochs: AtomicU64::new(1),
            runtime: tokio::runtime::Handle::current(),
            stop,
            health,
            progress,
            generation: AtomicU64::new(1),
            joined: AtomicBool::new(false),
        }
    }

    fn lock_assignment(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, Assigned>> {
        self.assignment
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How many lanes there are.
    pub fn count_lanes(&self) -> usize {
        self.inboxes.len()
    }

    /// The inbox of the lane with this number.
    pub fn inbox_of(&self, lane: usize) -> &Inbox {
        &self.inboxes[lane]
    }

    /// Whether polling is to end.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Nothing more will come: the lanes end.
    pub fn close_inboxes(&self) {
        self.inboxes.iter().for_each(|inbox| inbox.close());
    }

    /// Whether the partition is ours.
    pub fn is_assigned(&self, source: &TopicPartition) -> bool {
        self.lock_assignment().contains_key(source)
    }

    /// Whether the partition is that lane's. It may have been given up and be another one's since.
    pub fn is_held_by(&self, source: &TopicPartition, lane: usize) -> bool {
        self.lane_of(source) == Some(lane)
    }

    /// The number of the lane that has the partition, if it is ours.
    pub fn lane_of(&self, source: &TopicPartition) -> Option<usize> {
        self.lock_assignment().get(source).map(|a| a.lane)
    }

    /// Another number after each change of the assignment.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The assignment by topic and partition, to look records up in without copying names.
    pub fn copy_assignment(&self) -> HashMap<String, HashMap<i32, Assigned>> {
        let mut topics: HashMap<String, HashMap<i32, Assigned>> = HashMap::new();
        for assigned in self.lock_assignment().values() {
            topics
                .entry(assigned.source.topic.to_string())
                .or_default()
                .insert(assigned.source.partition, assigned.clone());
        }
        topics
    }

    fn mark_changed(&self) {
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// The partitions of a lane.
    pub fn partitions_of(&self, lane: usize) -> Vec<TopicPartition> {
        self.lock_assignment()
            .values()
            .filter(|a| a.lane == lane)
            .map(|a| a.source.clone())
            .collect()
    }

    /// The partitions of a lane that are positioned.
    pub fn started_partitions_of(&self, lane: usize) -> Vec<TopicPartition> {
        self.lock_assignment()
            .values()
            .filter(|a| a.lane == lane && a.started)
            .map(|a| a.source.clone())
            .collect()
    }

    /// The partition is positioned: its records from here on carry the epoch returned. `None` if it
    /// isn't the lane's any more.
    pub fn mark_started(&self, source: &TopicPartition, lane: usize) -> Option<u64> {
        let epoch = self.epochs.fetch_add(1, Ordering::Relaxed);
        let mut assignment = self.lock_assignment();
        let assigned = assignment.get_mut(source).filter(|a| a.lane == lane)?;
        assigned.epoch = epoch;
        assigned.started = true;
        self.mark_changed();
        Some(epoch)
    }

    /// Nothing is there to be polled at the moment.
    pub fn nothing_more(&self) {
        self.inboxes.iter().for_each(|inbox| inbox.nothing_more());
    }

    /// A poll found nothing: whatever was fetched before is with the lanes.
    pub fn nothing_to_read(&self) {
        if self.is_idle() {
            self.progress.nothing_left();
        }
    }

    /// Whether an assignment was ever given.
    pub fn has_joined(&self) -> bool {
        self.joined.load(Ordering::Acquire)
    }

    /// Whether every assigned partition has been positioned.
    pub fn nothing_to_take_up(&self) -> bool {
        self.lock_assignment().values().all(|a| a.started)
    }

    /// Whether the lanes have dealt with everything that they were given.
    pub fn is_idle(&self) -> bool {
        self.inboxes.iter().all(|inbox| inbox.is_idle())
    }

    /// Logs what a poll brought instead of a message.
    pub fn log_poll_error(&self, error: &KafkaError) {
        match error {
            KafkaError::PartitionEOF(_) => {}
            error if is_passing(error) => tracing::debug!(%error, "kafka"),
            error => tracing::warn!(%error, "kafka"),
        }
    }

    fn take_partitions(&self, consumer: &BaseConsumer<Group>, partitions: &TopicPartitionList) {
        self.health.note_joined();
        // Paused until its lane has read the watermark and said where to start.
        if let Err(error) = consumer.pause(partitions) {
            tracing::warn!(%error, "can't pause partitions");
        }
        let mut assignment = self.lock_assignment();
        let mut load: Vec<usize> = (0..self.count_lanes())
            .map(|lane| assignment.values().filter(|a| a.lane == lane).count())
            .collect();
        for element in partitions.elements() {
            let source = partition_of(&element);
            let lane = load
                .iter()
                .enumerate()
                .min_by_key(|(_, n)| **n)
                .map_or(0, |(lane, _)| lane);
            load[lane] += 1;
            self.progress.assigned(&source);
            assignment.insert(
                source.clone(),
                Assigned {
                    source: source.clone(),
                    lane,
                    epoch: 0,
                    started: false,
                },
            );
            self.inboxes[lane].take_up([source]);
        }
        self.mark_changed();
        self.joined.store(true, Ordering::Release);
        metrics::assigned(assignment.len());
        tracing::info!(
            assigned = partitions.count(),
            partitions = assignment.len(),
            "partitions assigned"
        );
    }

    /// Lets the batches in flight end, within bounds, before the partitions are somebody else's.
    fn give_up_partitions(&self, partitions: &TopicPartitionList) {
        let mut lanes = HashSet::new();
        let mut sources = HashSet::new();
        {
            let mut assignment = self.lock_assignment();
            for element in partitions.elements() {
                let source = partition_of(&element);
                lanes.extend(assignment.remove(&source).map(|a| a.lane));
                sources.insert(source);
            }
            self.mark_changed();
            metrics::assigned(assignment.len());
        }
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
        sources
            .iter()
            .for_each(|source| self.progress.given_up(source));
        if !sources.is_empty() {
            tracing::info!(revoked = sources.len(), "partitions given up");
        }
    }
}

impl ConsumerContext for Group {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance {
            self.give_up_partitions(partitions);
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => self.take_partitions(consumer, partitions),
            Rebalance::Revoke(_) => {}
            Rebalance::Error(error) => tracing::warn!(%error, "rebalance failed"),
        }
    }

    fn commit_callback(&self, _: KafkaResult<()>, _: &TopicPartitionList) {}
}

impl ClientContext for Group {
    fn stats(&self, statistics: Statistics) {
        for (name, topic) in &statistics.topics {
            for (partition, p) in &topic.partitions {
                let offset = |o: i64| (o >= 0).then_some(o);
                self.progress
                    .log_end(name, *partition, offset(p.hi_offset), offset(p.eof_offset));
            }
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
