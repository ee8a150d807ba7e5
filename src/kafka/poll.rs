//! The poll thread: it alone polls Kafka, whatever Postgres is doing, and feeds the lanes' inboxes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message as _};

use crate::config::KafkaConfig;
use crate::kafka::client;
use crate::kafka::copy::{Block, Common, record};
use crate::kafka::group::{Assigned, Group};
use crate::kafka::seek::{Start, Starts};
use crate::record::TopicPartition;

/// How long a full lane may hold up the others before its partitions are paused: pausing makes
/// librdkafka throw away what it has fetched, so a lane that is merely busy is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

const POLL: Duration = Duration::from_millis(50);

pub struct Poller {
    consumer: Arc<BaseConsumer<Group>>,
    starts: Starts,
    /// The assignment as of `generation`.
    assignment: HashMap<String, HashMap<i32, Assigned>>,
    /// By topic.
    common: HashMap<Arc<str>, Common>,
    /// By lane.
    blocks: Vec<Block>,
    generation: u64,
    full_since: Vec<Option<Instant>>,
    paused: Vec<bool>,
}

/// # Errors
/// A property that librdkafka refuses, or topics that can't be subscribed to.
pub fn subscribe(config: &KafkaConfig, group: Group) -> Result<(Poller, Sender<Start>), String> {
    let lanes = group.lanes();
    let consumer: BaseConsumer<Group> = client::consumer(config)
        .create_with_context(group)
        .map_err(|e| client::refused(&e))?;
    let topics: Vec<String> = config
        .topics
        .iter()
        .map(|t| t.as_str().to_owned())
        .collect();
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    consumer
        .subscribe(&topics)
        .map_err(|e| format!("kafka.topics: {e}"))?;
    let (sender, requests) = channel();
    let poller = Poller {
        consumer: Arc::new(consumer),
        starts: Starts::new(requests),
        assignment: HashMap::new(),
        common: HashMap::new(),
        blocks: (0..lanes).map(|_| Block::default()).collect(),
        generation: 0,
        full_since: vec![None; lanes],
        paused: vec![false; lanes],
    };
    Ok((poller, sender))
}

/// However the poll thread ends: lanes that nobody feeds must not wait for ever.
struct ClosesInboxes<'g>(&'g Group);

impl Drop for ClosesInboxes<'_> {
    fn drop(&mut self) {
        self.0.close_inboxes();
    }
}

impl Poller {
    pub fn consumer(&self) -> Arc<BaseConsumer<Group>> {
        self.consumer.clone()
    }

    /// Polls until told to stop, then closes the lanes' inboxes.
    pub fn run(mut self) {
        let consumer = self.consumer.clone();
        let group = consumer.context();
        let _closes = ClosesInboxes(group);
        while !group.stops() {
            self.starts.serve(&consumer, &self.paused);
            self.resume_lanes(&consumer);
            let polled = consumer.poll(Duration::ZERO).or_else(|| {
                group.nothing_more();
                consumer.poll(POLL)
            });
            match polled {
                None => group.nothing_to_read(),
                Some(Ok(message)) => self.hand_over(&consumer, &message),
                Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => {
                    tracing::error!(%error, "kafka: this consumer can't go on");
                    break;
                }
                Some(Err(error)) => group.on_error(&error),
            }
        }
    }

    fn hand_over(&mut self, consumer: &BaseConsumer<Group>, message: &BorrowedMessage<'_>) {
        let group = consumer.context();
        if self.generation != group.generation() {
            self.generation = group.generation();
            self.assignment = group.snapshot();
        }
        let assigned = self
            .assignment
            .get(message.topic())
            .and_then(|topic| topic.get(&message.partition()));
        let Some(assigned) = assigned else { return };
        let lane = assigned.lane;
        let inbox = group.inbox(lane);
        let source = assigned.source.clone();
        let common = self.common.entry(source.topic.clone()).or_default();
        let block = &mut self.blocks[lane];
        inbox.push(record(message, source, assigned.epoch, common, block));
        if !inbox.is_full() {
            self.full_since[lane] = None;
            return;
        }
        let since = *self.full_since[lane].get_or_insert_with(Instant::now);
        inbox.wait_for_space(POLL);
        if inbox.is_full() && since.elapsed() > PATIENCE && !self.paused[lane] {
            tracing::debug!(lane, "lane is full, its partitions are paused");
            self.paused[lane] = consumer.pause(&list(&group.partitions_of(lane))).is_ok();
        }
    }

    fn resume_lanes(&mut self, consumer: &BaseConsumer<Group>) {
        let group = consumer.context();
        for lane in 0..self.paused.len() {
            if self.paused[lane] && group.inbox(lane).has_space() {
                self.full_since[lane] = None;
                let partitions = group.started_partitions_of(lane);
                for source in &partitions {
                    group.progress.resumed(source);
                }
                self.paused[lane] = consumer.resume(&list(&partitions)).is_err();
            }
        }
    }
}

pub fn list(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for p in partitions {
        list.add_partition(&p.topic, p.partition);
    }
    list
}

/// Errors that pass by themselves and of which librdkafka tells again and again.
pub fn is_passing(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::OperationTimedOut
        )
    )
}
