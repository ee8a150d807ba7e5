//! Positioning: a lane asks for a partition from an offset on, and the poll thread seeks there, as soon as
//! librdkafka lets it.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::oneshot;

use crate::kafka::group::Group;
use crate::kafka::poll::list;
use crate::record::TopicPartition;

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

/// The requests that the poll thread has yet to serve.
pub struct Starts {
    requests: Receiver<Start>,
    waiting: Vec<Waiting>,
}

impl Starts {
    pub fn new(requests: Receiver<Start>) -> Self {
        Self {
            requests,
            waiting: Vec::new(),
        }
    }

    /// `paused` are the lanes that are full.
    pub fn serve(&mut self, consumer: &BaseConsumer<Group>, paused: &[bool]) {
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
                    let paused = paused.get(start.lane).copied().unwrap_or_default();
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
