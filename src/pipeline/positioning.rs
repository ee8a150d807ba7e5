//! Taking up a partition: its watermark is read, compared with its log, and reading starts there.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use tokio::sync::oneshot;

use crate::kafka::group::Group;
use crate::kafka::poll::list;
use crate::kafka::seek::Start;
use crate::kafka::topics::{TopicId, Topics};
use crate::ledger::resume::{Log, Resume, Why, gap_message, resume};
use crate::pipeline::apply::Destination;
use crate::pipeline::owned_partition::OwnedPartition;
use crate::record::TopicPartition;
use crate::verdict::{Failure, Verdict};

const ASK: Duration = Duration::from_secs(10);

/// Reads positions for one lane.
#[derive(Clone)]
pub struct Positions {
    consumer: Arc<BaseConsumer<Group>>,
    starts: Sender<Start>,
    topics: Topics,
}

pub enum TakenUp {
    Owned(OwnedPartition),
    /// The partition is somebody else's meanwhile.
    NotOurs,
    /// No broker that was asked knows the topic: it is deleted, or so new that not all of them do.
    NoTopic,
    /// Kafka no longer has what comes next. An operator must decide.
    Gap(String),
}

impl Positions {
    pub fn new(consumer: Arc<BaseConsumer<Group>>, starts: Sender<Start>, topics: Topics) -> Self {
        Self {
            consumer,
            starts,
            topics,
        }
    }

    pub fn consumer(&self) -> &Arc<BaseConsumer<Group>> {
        &self.consumer
    }

    /// # Errors
    /// Kafka or Postgres can't be asked now; try again.
    pub async fn take_up(
        &self,
        source: &TopicPartition,
        lane: usize,
        destination: &Destination,
    ) -> Result<TakenUp, Failure> {
        let group = self.consumer.context();
        if !group.is_held_by(source, lane) {
            return Ok(TakenUp::NotOurs);
        }
        let Some(log) = self.log(source).await? else {
            return Ok(TakenUp::NoTopic);
        };
        let client = destination.connect().await?;
        let ledger = destination.ledger();
        let before = ledger.read(&client, source).await?;
        let resumed = match resume(
            before.as_ref().map(|row| row.watermark),
            log,
            ledger.keeps_ids(),
        ) {
            Ok(resumed) => resumed,
            Err(gap) => {
                return Ok(TakenUp::Gap(gap_message(
                    source,
                    gap,
                    destination.ledger().schema(),
                )));
            }
        };
        tell(
            source,
            &resumed,
            &log,
            before.as_ref().map(|b| b.group.as_str()),
        );
        if before.as_ref().map(|row| row.watermark) != Some(resumed.watermark) {
            ledger
                .enter(&client, source, before.as_ref(), resumed.watermark)
                .await?;
        }
        // read again: what counts is what stands there, whoever wrote it
        let Some(row) = ledger
            .read(&client, source)
            .await?
            .filter(|row| row.watermark == resumed.watermark)
        else {
            return Err(Failure::new(
                Verdict::Retry,
                format!("{source} was moved by another process meanwhile"),
            ));
        };
        drop(client);
        let (started, answer) = oneshot::channel();
        let start = Start {
            source: source.clone(),
            lane,
            offset: resumed.start,
            started,
        };
        self.starts
            .send(start)
            .map_err(|_| Failure::new(Verdict::Retry, "the consumer is closing"))?;
        match answer.await {
            Ok(Some(epoch)) => {
                group
                    .progress
                    .taken_up(source, row.watermark.next_offset, resumed.start, log.high);
                Ok(TakenUp::Owned(OwnedPartition::new(
                    &row,
                    resumed.start,
                    resumed.floor,
                    epoch,
                )))
            }
            _ if group.is_held_by(source, lane) => Err(Failure::new(
                Verdict::Unavailable,
                format!("Kafka can't be read at {source}, offset {}", resumed.start),
            )),
            _ => Ok(TakenUp::NotOurs),
        }
    }

    /// What Kafka says of the partition; `None` if there is no such topic now.
    async fn log(&self, source: &TopicPartition) -> Result<Option<Log>, Failure> {
        let (consumer, topics, source) =
            (self.consumer.clone(), self.topics.clone(), source.clone());
        let unavailable = |what: String| {
            Failure::new(
                Verdict::Unavailable,
                format!("Kafka can't be asked about {what}"),
            )
        };
        let asked = tokio::task::spawn_blocking(move || {
            let ids = topics.ids(&[&source.topic])?;
            let id = ids.get(&*source.topic).copied().unwrap_or(TopicId::Untold);
            if id == TopicId::Gone {
                return Ok(None);
            }
            let (low, high) = topics.log_ends(&source)?;
            let committed = consumer
                .committed_offsets(list(std::slice::from_ref(&source)), ASK)
                .map_err(|e| format!("{source}: {e}"))?;
            let committed = committed.elements().first().and_then(|e| match e.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            });
            Ok::<_, String>(Some(Log {
                topic_id: id.known(),
                low,
                high,
                committed,
            }))
        });
        match asked.await {
            Ok(Ok(log)) => Ok(log),
            Ok(Err(error)) => Err(unavailable(error)),
            Err(error) => Err(unavailable(error.to_string())),
        }
    }
}

/// One line when a partition is not simply continued.
fn tell(source: &TopicPartition, resumed: &Resume, log: &Log, last_group: Option<&str>) {
    let (start, watermark, committed) =
        (resumed.start, resumed.watermark.next_offset, log.committed);
    match resumed.why {
        Why::Continue => {
            tracing::debug!(partition = %source, start, last_group, "continues at its watermark")
        }
        Why::New => {
            tracing::info!(partition = %source, start, committed, "never applied to this destination: starts at its beginning")
        }
        Why::Behind => {
            tracing::info!(partition = %source, start, watermark, "Kafka's offset is behind the watermark: what lies between is counted as duplicates")
        }
        Why::Restored => {
            tracing::warn!(partition = %source, start, committed, "Kafka's offset is ahead of the watermark (was the destination restored?): seeks back")
        }
        Why::Recreated => {
            tracing::warn!(partition = %source, start, "the topic was deleted and created again: read from its beginning, ids decide what is a duplicate")
        }
        Why::Doubtful => {
            tracing::warn!(partition = %source, start, watermark, end = log.high, "offsets can't be trusted here: ids decide what is a duplicate")
        }
    }
}
