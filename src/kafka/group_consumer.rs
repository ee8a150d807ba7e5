//! The group's consumer, as those that don't poll have it.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::error::Error;
use crate::kafka::group::Group;
use crate::kafka::login::LiveClient;
use crate::kafka::offsets::{fetch_committed, fetch_log_positions};
use crate::kafka::partition_list::list_partitions;
use crate::kafka::topics::TOPIC_QUERY_TIMEOUT;
use crate::record::TopicPartition;

/// How long leaving the group may take; dropping a consumer can hang.
const GROUP_LEAVE_TIMEOUT: Duration = Duration::from_millis(1500);

/// How long Kafka may take to tell where logs end: whoever asks keeps the consumer from being closed.
const END_QUERY_TIMEOUT: Duration = Duration::from_secs(1);

/// How long to wait before looking again whether others have let go of the consumer.
const LET_GO_INTERVAL: Duration = Duration::from_millis(10);

/// The consumer that is a member of the group. The consumer is closed, and the group left, by whoever lets
/// go of it last.
#[derive(Clone)]
pub struct GroupConsumer(Arc<LiveClient<BaseConsumer<Group>>>);

/// The consumer for somebody who doesn't keep it from being closed.
#[derive(Clone)]
pub struct WeakGroupConsumer(Weak<LiveClient<BaseConsumer<Group>>>);

impl WeakGroupConsumer {
    /// The consumer, unless it is closed.
    pub fn upgrade(&self) -> Option<GroupConsumer> {
        self.0.upgrade().map(GroupConsumer)
    }
}

impl GroupConsumer {
    /// The same for somebody who needn't have it to the end.
    pub fn downgrade(&self) -> WeakGroupConsumer {
        WeakGroupConsumer(Arc::downgrade(&self.0))
    }

    pub(super) fn new(consumer: LiveClient<BaseConsumer<Group>>) -> Self {
        Self(Arc::new(consumer))
    }

    /// librdkafka's consumer, for the poll thread.
    pub(super) fn base_consumer(&self) -> &BaseConsumer<Group> {
        &self.0
    }

    /// The membership, with the partitions that are ours.
    pub fn group(&self) -> &Group {
        self.0.context()
    }

    /// Where the group would go on in a partition; `None` if it has committed nothing. Blocks its thread.
    ///
    /// # Errors
    /// No broker answered in time, or it refused.
    pub fn committed_offset(&self, source: &TopicPartition) -> Result<Option<i64>, Error> {
        let committed = fetch_committed(&self.0, [source], TOPIC_QUERY_TIMEOUT);
        let committed = committed.map_err(|error| Error::Committed {
            partition: source.clone(),
            error,
        })?;
        Ok(committed.known.get(source).copied())
    }

    /// How far the logs of these partitions can be read: one question for all. Blocks its thread.
    ///
    /// # Errors
    /// No broker answered in time, or it refused.
    pub fn readable_ends(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<HashMap<TopicPartition, i64>, Error> {
        let ends = fetch_log_positions(&self.0, partitions, Offset::End, END_QUERY_TIMEOUT);
        Ok(ends.map_err(Error::OffsetsAtTime)?.known)
    }

    /// Where the group would go on in these partitions, as far as it has committed anything: one question for all. Blocks its
    /// thread.
    ///
    /// # Errors
    /// No broker answered in time, or it refused.
    pub fn committed_offsets(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<HashMap<TopicPartition, i64>, Error> {
        let committed = fetch_committed(&self.0, partitions, END_QUERY_TIMEOUT);
        Ok(committed.map_err(Error::CommittedOffsets)?.known)
    }

    /// Stops fetching a partition until it is positioned anew. Returns whether it is the lane's.
    pub fn hold_partition(&self, source: &TopicPartition, lane: usize) -> bool {
        if !self.group().assignment.mark_held(source, lane) {
            return false;
        }
        if let Err(error) = self.0.pause(&list_partitions([source])) {
            tracing::warn!(partition = %source, %error, "can't pause partitions");
        }
        true
    }

    /// Commits the next offsets to read. Blocks its thread until Kafka has taken them.
    pub(super) fn commit_offsets(&self, offsets: &TopicPartitionList) -> KafkaResult<()> {
        self.0.commit(offsets, CommitMode::Sync)
    }

    /// Leaves the group, so that the partitions are somebody else's at once and not after a timeout.
    /// `polling` is the thread that polls, which has been told to stop.
    pub async fn leave_group(self, polling: std::thread::JoinHandle<()>) {
        let left = tokio::task::spawn_blocking(move || {
            let _ = polling.join();
            self.0.unsubscribe();
            let mut consumer = self.0;
            while let Err(shared) = Arc::try_unwrap(consumer) {
                std::thread::sleep(LET_GO_INTERVAL);
                consumer = shared;
            }
        });
        if tokio::time::timeout(GROUP_LEAVE_TIMEOUT, left)
            .await
            .is_err()
        {
            tracing::warn!(
                "leaving the consumer group took longer than {GROUP_LEAVE_TIMEOUT:?}; the broker will notice by itself"
            );
        }
    }
}
