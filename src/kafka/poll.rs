//! The poll thread: it alone polls Kafka, whatever Postgres is doing, and feeds the lanes' inboxes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};

use crate::config::KafkaConfig;
use crate::failpoint;
use crate::kafka::assignment::AssignedByTopic;
use crate::kafka::client::{consumer_properties, has_broker_assign};
use crate::kafka::copy::{RecordArena, TopicCache, copy_record};
use crate::kafka::error::{ClientError, Error};
use crate::kafka::group::Group;
use crate::kafka::group_consumer::GroupConsumer;
use crate::kafka::login::LiveClient;
use crate::kafka::partition_list::list_partitions;
use crate::kafka::positions::UntoldPositions;
use crate::kafka::seek::{PendingSeeks, SeekQueue};

/// How long a full lane may hold up the others before its partitions are paused: pausing makes
/// librdkafka throw away what it has fetched, so a lane that is merely busy is waited for.
const FULL_LANE_PATIENCE: Duration = Duration::from_secs(1);

/// How long a poll waits, and how long a full lane is waited for before others are looked after.
const POLL_TIMEOUT: Duration = Duration::from_millis(50);

/// What the poll thread works with.
pub struct Poller {
    consumer: GroupConsumer,
    seeks: PendingSeeks,
    /// A copy of the assignment, as of `generation`.
    assignment: AssignedByTopic,
    generation: u64,
    /// By topic.
    caches: HashMap<Arc<str>, TopicCache, RandomState>,
    /// By lane.
    arenas: Vec<RecordArena>,
    /// Since when each lane's inbox has been full.
    full_since: Vec<Option<Instant>>,
    /// Whether each lane's partitions are paused because its inbox is full.
    paused: Vec<bool>,
    positions: UntoldPositions,
}

/// Subscribes to the configured topics. Whoever polls is the group; lanes ask for positions by the queue.
///
/// # Errors
/// A property that librdkafka refuses, or topics that can't be subscribed to.
pub fn subscribe(config: &KafkaConfig, group: Group) -> Result<(Poller, SeekQueue), Error> {
    let lanes = group.count_lanes();
    let consumer: LiveClient<BaseConsumer<Group>> = consumer_properties(config)
        .create(group)
        .map_err(|e| Error::of_creation(ClientError(e)))?;
    let topics: Vec<String> = config
        .topics
        .iter()
        .map(|topic| match has_broker_assign(config) {
            true => topic.to_whole_name(),
            false => topic.to_posix().to_owned(),
        })
        .collect();
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics).map_err(Error::Subscription)?;
    let (queue, seeks) = SeekQueue::new();
    let poller = Poller {
        consumer: GroupConsumer::new(consumer),
        seeks,
        assignment: AssignedByTopic::default(),
        caches: HashMap::default(),
        arenas: (0..lanes).map(|_| RecordArena::default()).collect(),
        generation: 0,
        full_since: vec![None; lanes],
        paused: vec![false; lanes],
        positions: UntoldPositions::default(),
    };
    Ok((poller, queue))
}

/// However the poll thread ends: lanes that nobody feeds must not wait for ever.
struct ClosesInboxes<'g>(&'g Group);

impl Drop for ClosesInboxes<'_> {
    fn drop(&mut self) {
        self.0.close_inboxes();
    }
}

impl Poller {
    /// The consumer that polls, for others.
    pub fn group_consumer(&self) -> GroupConsumer {
        self.consumer.clone()
    }

    /// Starts the poll thread. It polls until told to stop, then closes the lanes' inboxes.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start_thread(self) -> Result<std::thread::JoinHandle<()>, Error> {
        let thread = std::thread::Builder::new().name("kafka-poll".into());
        let started = thread.spawn(move || self.poll_until_stopped());
        started.map_err(Error::PollThread)
    }

    fn poll_until_stopped(mut self) {
        let consumer = self.consumer.clone();
        let consumer = consumer.base_consumer();
        let group = consumer.context();
        let _closes = ClosesInboxes(group);
        while !group.is_stopping() {
            self.seeks.serve_requests(consumer, &self.paused);
            self.resume_lanes(consumer);
            let polled = consumer.poll(Duration::ZERO).or_else(|| {
                // before the lanes hear of the quiet, and land what they have
                self.positions.tell_when_due(consumer);
                group.note_quiet();
                consumer.poll(POLL_TIMEOUT)
            });
            match polled {
                None => {}
                Some(Ok(message)) => {
                    failpoint::hold_poll();
                    self.positions.note_stirred();
                    self.hand_over(consumer, &message);
                }
                Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => {
                    group.refusals.tell(&error);
                    tracing::error!(%error, "kafka: this consumer can't go on");
                    break;
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    self.positions.note_stirred();
                    self.positions.tell_when_due(consumer);
                }
                Some(Err(error)) => group.log_poll_error(&error),
            }
        }
        self.positions.tell_changed(consumer); // for the lanes' last transaction
    }

    fn hand_over(&mut self, consumer: &BaseConsumer<Group>, message: &BorrowedMessage<'_>) {
        let group = consumer.context();
        if self.generation != group.assignment.generation() {
            self.generation = group.assignment.generation();
            self.assignment = group.assignment.copy_by_topic();
        }
        let assigned = self
            .assignment
            .get(message.topic())
            .and_then(|topic| topic.get(&message.partition()));
        let Some(assigned) = assigned else { return };
        let lane = assigned.lane;
        let inbox = group.inbox_of(lane);
        let source = assigned.source.clone();
        let cache = self.caches.entry(source.topic.clone()).or_default();
        let arena = &mut self.arenas[lane];
        inbox.push_record(copy_record(message, source, assigned.epoch, cache, arena));
        if !inbox.is_full() {
            self.full_since[lane] = None;
            return;
        }
        let since = *self.full_since[lane].get_or_insert_with(Instant::now);
        inbox.wait_for_space(POLL_TIMEOUT);
        if inbox.is_full() && since.elapsed() > FULL_LANE_PATIENCE && !self.paused[lane] {
            tracing::debug!(lane, "lane is full, its partitions are paused");
            self.paused[lane] = consumer
                .pause(&list_partitions(&group.assignment.partitions_of(lane)))
                .is_ok();
        }
    }

    fn resume_lanes(&mut self, consumer: &BaseConsumer<Group>) {
        let group = consumer.context();
        for lane in 0..self.paused.len() {
            if self.paused[lane] && group.inbox_of(lane).has_space() {
                self.full_since[lane] = None;
                let partitions = group.assignment.started_partitions_of(lane);
                self.paused[lane] = consumer.resume(&list_partitions(&partitions)).is_err();
            }
        }
    }
}
