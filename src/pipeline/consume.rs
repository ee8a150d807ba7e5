//! The poll thread: it alone polls Kafka, whatever Postgres is doing, and feeds the lanes' inboxes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::oneshot;

use crate::body::Heads;
use crate::config::KafkaConfig;
use crate::message::{Header, Record, TopicPartition};
use crate::pipeline::client;
use crate::pipeline::group::{Assigned, Group};

/// How long a full lane may hold up the others before its partitions are paused: pausing makes
/// librdkafka throw away what it has fetched, so a lane that is merely busy is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

const POLL: Duration = Duration::from_millis(50);

/// Seeks that librdkafka isn't ready for yet are tried again for this long.
const SEEK_PATIENCE: Duration = Duration::from_secs(30);

/// How often it is tried again; each try is an errand for librdkafka's main thread.
const SEEK_PAUSE: Duration = Duration::from_millis(10);

/// After how long a partition that can't be sought in is assigned anew. Seen on a machine under heavy
/// load: librdkafka had never begun to fetch one of four, and would have refused to seek for ever.
const ASSIGN_ANEW: Duration = Duration::from_secs(3);

/// A request to read a partition from an offset on; answers with the epoch that its records will
/// carry, or `None` if the partition isn't ours any more.
pub struct Start {
    pub source: TopicPartition,
    /// The lane that asks.
    pub lane: usize,
    pub offset: i64,
    pub started: oneshot::Sender<Option<u64>>,
}

/// A request that librdkafka isn't ready for.
struct Waiting {
    start: Start,
    since: Instant,
    tried: Option<Instant>,
    assigned: Instant,
}

pub struct Poller {
    consumer: Arc<BaseConsumer<Group>>,
    requests: Receiver<Start>,
    waiting: Vec<Waiting>,
    /// The assignment as of `generation`.
    assignment: HashMap<String, HashMap<i32, Assigned>>,
    /// By topic.
    heads: HashMap<Arc<str>, Heads>,
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
        requests,
        waiting: Vec::new(),
        assignment: HashMap::new(),
        heads: HashMap::new(),
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
            self.serve_starts(&consumer);
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
        let heads = self.heads.entry(source.topic.clone()).or_default();
        inbox.push(record(message, source, assigned.epoch, heads));
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

    fn serve_starts(&mut self, consumer: &BaseConsumer<Group>) {
        while let Ok(start) = self.requests.try_recv() {
            let now = Instant::now();
            self.waiting.push(Waiting {
                start,
                since: now,
                tried: None,
                assigned: now,
            });
        }
        for mut waiting in std::mem::take(&mut self.waiting) {
            if waiting.tried.is_some_and(|at| at.elapsed() < SEEK_PAUSE) {
                self.waiting.push(waiting);
                continue;
            }
            waiting.tried = Some(Instant::now());
            let (group, since, start) = (consumer.context(), waiting.since, &waiting.start);
            if !group.is_held_by(&start.source, start.lane) {
                let _ = waiting.start.started.send(None);
                continue;
            }
            match consumer.seek(
                &start.source.topic,
                start.source.partition,
                Offset::Offset(start.offset),
                Duration::from_secs(5),
            ) {
                Ok(()) => {
                    // what was polled before this moment carries an older epoch
                    let epoch = group.start(&start.source, start.lane);
                    // a full lane's partitions are resumed together, once it has space
                    let paused = self.paused[start.lane];
                    let source = list(std::slice::from_ref(&start.source));
                    if !paused && let Err(error) = consumer.resume(&source) {
                        tracing::warn!(partition = %start.source, %error, "can't resume a partition");
                    }
                    let _ = waiting.start.started.send(epoch);
                }
                // a partition that was assigned a moment ago can't be sought in yet
                Err(_) if since.elapsed() < SEEK_PATIENCE => {
                    if waiting.assigned.elapsed() > ASSIGN_ANEW {
                        waiting.assigned = Instant::now();
                        assign_anew(consumer, start);
                    }
                    self.waiting.push(waiting);
                }
                Err(error) => {
                    tracing::error!(partition = %start.source, offset = start.offset, %error, "can't seek");
                    let _ = waiting.start.started.send(None);
                }
            }
        }
    }
}

/// Within the assignment that the group gave: no rebalance follows. At an offset that is known
/// librdkafka needn't ask for the committed one before it begins.
fn assign_anew(consumer: &BaseConsumer<Group>, start: &Start) {
    let source = &start.source;
    tracing::info!(partition = %source, "kafka's client does not begin to read a partition: assigned anew");
    let mut at = TopicPartitionList::new();
    let added = at.add_partition_offset(
        &source.topic,
        source.partition,
        Offset::Offset(start.offset),
    );
    let assigned = added
        .and_then(|()| consumer.incremental_unassign(&list(std::slice::from_ref(source))))
        .and_then(|()| consumer.incremental_assign(&at))
        // it is resumed once it is positioned
        .and_then(|()| consumer.pause(&at));
    if let Err(error) = assigned {
        tracing::warn!(partition = %source, %error, "can't assign a partition anew");
    }
}

pub fn list(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for p in partitions {
        list.add_partition(&p.topic, p.partition);
    }
    list
}

/// `heads` are those of the topic's values.
pub fn record(
    message: &BorrowedMessage<'_>,
    source: TopicPartition,
    epoch: u64,
    heads: &mut Heads,
) -> Record {
    let header = |h: rdkafka::message::Header<'_, &[u8]>| Header {
        key: h.key.to_owned(),
        value: h.value.map(<[u8]>::to_vec),
    };
    Record {
        source,
        offset: message.offset(),
        timestamp: message.timestamp().to_millis(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(|value| heads.body(value)),
        headers: message
            .headers()
            .map(|headers| headers.iter().map(header).collect())
            .unwrap_or_default(),
        epoch,
    }
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
