//! Committing offsets to Kafka: by hand, last, always. Postgres is the authority on position, so a
//! commit that fails costs duplicates to count after a restart, and nothing else.

use std::sync::Arc;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use tokio::task::JoinHandle;

use crate::failpoint;
use crate::message::TopicPartition;
use crate::pipeline::group::Group;

/// Commits one batch's offsets while the lane works on the next; never two at a time, so that
/// offsets only rise.
pub struct Committer {
    consumer: Arc<BaseConsumer<Group>>,
    in_flight: Option<JoinHandle<()>>,
}

impl Committer {
    pub fn new(consumer: Arc<BaseConsumer<Group>>) -> Self {
        Self {
            consumer,
            in_flight: None,
        }
    }

    /// `offsets` are the next ones to read.
    pub async fn commit(&mut self, offsets: Vec<(TopicPartition, i64)>) {
        self.finish().await;
        let mut list = TopicPartitionList::new();
        for (source, next) in offsets
            .iter()
            .filter(|(source, _)| self.consumer.context().is_assigned(source))
        {
            if let Err(error) =
                list.add_partition_offset(&source.topic, source.partition, Offset::Offset(*next))
            {
                tracing::warn!(partition = %source, %error, "can't commit an offset");
            }
        }
        if list.count() == 0 {
            return;
        }
        let consumer = self.consumer.clone();
        // a synchronous commit blocks its thread
        self.in_flight = Some(tokio::task::spawn_blocking(move || {
            match consumer.commit(&list, CommitMode::Sync) {
                Ok(()) => failpoint::reach("after_offset_commit"),
                Err(error) => tell(&error),
            }
        }));
    }

    /// Waits for the commit in flight.
    pub async fn finish(&mut self) {
        if let Some(commit) = self.in_flight.take() {
            let _ = commit.await;
        }
    }
}

fn tell(error: &rdkafka::error::KafkaError) {
    use RDKafkaErrorCode::*;
    match error.rdkafka_error_code() {
        // the topic has just vanished, or the group is rebalancing: whoever comes next goes by Postgres
        Some(
            UnknownTopicOrPartition
            | UnknownPartition
            | UnknownTopic
            | RebalanceInProgress
            | UnknownMemberId
            | IllegalGeneration
            | NoOffset,
        ) => {
            tracing::debug!(%error, "offset commit skipped");
        }
        _ => {
            tracing::warn!(%error, "offset commit failed; after a restart these events are read again and counted as duplicates")
        }
    }
}
