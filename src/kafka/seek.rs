//! Positioning: a lane asks for a partition from an offset on, and the poll thread seeks there, as soon as
//! librdkafka lets it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use tokio::sync::oneshot;

use crate::kafka::error::Error;
use crate::kafka::group::Group;
use crate::kafka::leader_epochs::list_position;
use crate::kafka::partition_list::{list_offsets, list_partitions};
use crate::record::TopicPartition;

/// Seeks that librdkafka isn't ready for yet are tried again for this long.
const SEEK_RETRY_TIMEOUT: Duration = Duration::from_secs(30);

/// How often it is tried again; each try is an errand for librdkafka's main thread.
const SEEK_RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// How long a single try may take.
const SEEK_TIMEOUT: Duration = Duration::from_secs(5);

/// After how long a partition that can't be sought in is assigned anew. Seen on a machine under heavy
/// load: librdkafka had never begun to fetch one of four, and would have refused to seek for ever.
const REASSIGN_INTERVAL: Duration = Duration::from_secs(3);

/// Where lanes ask for positions.
#[derive(Clone)]
pub struct SeekQueue(Sender<SeekRequest>);

/// A request to read a partition from an offset on.
struct SeekRequest {
    source: TopicPartition,
    /// The lane that asks.
    lane: usize,
    offset: i64,
    leader_epoch: Option<i32>,
    answer: oneshot::Sender<Option<u64>>,
}

impl SeekQueue {
    /// The queue, and what the poll thread serves it with.
    pub(super) fn new() -> (Self, PendingSeeks) {
        let (sender, requests) = channel();
        let pending = PendingSeeks {
            requests,
            waiting: Vec::new(),
        };
        (Self(sender), pending)
    }

    /// Has the partition read from an offset on; from where the log was cut, if `leader_epoch`, that of the record
    /// before, ends sooner. Answers with the epoch that its records will carry, or
    /// `None` if that can't be: the partition isn't the lane's any more, or Kafka doesn't let us.
    ///
    /// # Errors
    /// The poll thread has ended.
    pub async fn seek_to(
        &self,
        source: &TopicPartition,
        lane: usize,
        offset: i64,
        leader_epoch: Option<i32>,
    ) -> Result<Option<u64>, Error> {
        let (answer, answered) = oneshot::channel();
        let request = SeekRequest {
            source: source.clone(),
            lane,
            offset,
            leader_epoch,
            answer,
        };
        self.0.send(request).map_err(|_| Error::Closing)?;
        Ok(answered.await.unwrap_or_default())
    }
}

/// The requests that the poll thread has yet to serve.
pub(super) struct PendingSeeks {
    requests: Receiver<SeekRequest>,
    waiting: Vec<PendingSeek>,
}

/// A request that librdkafka isn't ready for.
struct PendingSeek {
    request: SeekRequest,
    since: Instant,
    tried: Option<Instant>,
    assigned: Instant,
}

impl PendingSeeks {
    /// Tries to seek wherever it was asked for. `paused` are the lanes that are full.
    pub(super) fn serve_requests(&mut self, consumer: &BaseConsumer<Group>, paused: &[bool]) {
        while let Ok(request) = self.requests.try_recv() {
            let now = Instant::now();
            self.waiting.push(PendingSeek {
                request,
                since: now,
                tried: None,
                assigned: now,
            });
        }
        for pending in std::mem::take(&mut self.waiting) {
            self.waiting.extend(pending.try_seek(consumer, paused));
        }
    }
}

impl PendingSeek {
    /// Gives itself back if it is to be tried again.
    fn try_seek(mut self, consumer: &BaseConsumer<Group>, paused: &[bool]) -> Option<Self> {
        let pause = SEEK_RETRY_INTERVAL;
        if self.tried.is_some_and(|at| at.elapsed() < pause) {
            return Some(self);
        }
        self.tried = Some(Instant::now());
        let (source, lane) = (&self.request.source, self.request.lane);
        if !consumer.context().assignment.is_held_by(source, lane) {
            let _ = self.request.answer.send(None);
            return None;
        }
        let offset = self.request.offset;
        match self.request.seek_in(consumer) {
            Ok(()) => {
                // a full lane's partitions are resumed together, once it has space
                let is_paused = paused.get(lane).copied().unwrap_or_default();
                self.request.start_reading(consumer, is_paused);
                None
            }
            // a partition that was assigned a moment ago can't be sought in yet
            Err(_) if self.since.elapsed() < SEEK_RETRY_TIMEOUT => {
                if self.assigned.elapsed() > REASSIGN_INTERVAL {
                    self.assigned = Instant::now();
                    self.request.assign_anew(consumer);
                }
                Some(self)
            }
            Err(error) => {
                tracing::error!(partition = %source, offset, %error, "can't seek");
                let _ = self.request.answer.send(None);
                None
            }
        }
    }
}

impl SeekRequest {
    fn seek_in(&self, consumer: &BaseConsumer<Group>) -> Result<(), KafkaError> {
        let position = list_position(&self.source, self.offset, self.leader_epoch)?;
        let sought = consumer.seek_partitions(position, SEEK_TIMEOUT)?;
        sought.elements().iter().try_for_each(|e| e.error())
    }

    /// The partition is positioned: its records from here on are the lane's.
    fn start_reading(self, consumer: &BaseConsumer<Group>, is_paused: bool) {
        let source = &self.source;
        // what was polled before this moment carries an older epoch
        let epoch = consumer
            .context()
            .assignment
            .mark_started(source, self.lane);
        if !is_paused && let Err(error) = consumer.resume(&list_partitions([source])) {
            tracing::warn!(partition = %source, %error, "can't resume a partition");
        }
        let _ = self.answer.send(epoch);
    }

    /// Within the assignment that the group gave: no rebalance follows. At an offset that is known
    /// librdkafka needn't ask for the committed one before it begins.
    fn assign_anew(&self, consumer: &BaseConsumer<Group>) {
        let source = &self.source;
        tracing::info!(partition = %source, "kafka's client does not begin to read a partition: assigned anew");
        let assign = || -> Result<(), KafkaError> {
            let start = list_offsets([(source, Offset::Offset(self.offset))])?;
            consumer.incremental_unassign(&list_partitions([source]))?;
            consumer.incremental_assign(&start)?;
            // it is resumed once it is positioned
            consumer.pause(&start)
        };
        if let Err(error) = assign() {
            tracing::warn!(partition = %source, %error, "can't assign a partition anew");
        }
    }
}
