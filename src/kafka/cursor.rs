//! Reads on in partitions that were assigned by hand: no group is joined, nothing is committed.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::client::{ClientProperties, close_consumer};
use crate::kafka::copy::{RecordArena, TopicCache, copy_record};
use crate::kafka::login::LiveClient;
use crate::kafka::partition_list::{list_offsets, list_partitions};
use crate::record::{Record, TopicPartition};

/// A consumer with its place in some partitions.
pub(super) struct Cursor<C: ConsumerContext + 'static> {
    consumer: LiveClient<BaseConsumer<C>>,
    // of all topics: it costs no more than a comparison
    cache: TopicCache,
    arena: RecordArena,
}

/// What a poll brought.
pub(super) enum Polled {
    Record(Record),
    /// A message that wasn't wanted.
    Skipped,
    Error(KafkaError),
    Nothing,
}

impl<C: ConsumerContext> Cursor<C> {
    /// Connects to nothing yet.
    pub(super) fn new(properties: &ClientProperties, context: C) -> KafkaResult<Self> {
        Ok(Self {
            consumer: properties.create(context)?,
            cache: TopicCache::default(),
            arena: RecordArena::default(),
        })
    }

    /// Reads from these offsets on, and in no other partition.
    pub(super) fn read_from(&self, offsets: &TopicPartitionList) -> KafkaResult<()> {
        self.consumer.assign(offsets)
    }

    /// Reads no more in a partition.
    pub(super) fn stop_reading(&self, source: &TopicPartition) {
        let _ = self.consumer.pause(&list_partitions([source]));
    }

    /// What comes next within `timeout`. `wanted` says which partition a message is of, if it is to be
    /// copied.
    pub(super) fn poll_record(
        &mut self,
        timeout: Duration,
        wanted: impl FnOnce(&BorrowedMessage<'_>) -> Option<TopicPartition>,
    ) -> Polled {
        match self.consumer.poll(timeout) {
            Some(Ok(message)) => match wanted(&message) {
                Some(source) => {
                    let (cache, arena) = (&mut self.cache, &mut self.arena);
                    Polled::Record(copy_record(&message, source, 0, cache, arena))
                }
                None => Polled::Skipped,
            },
            Some(Err(error)) => Polled::Error(error),
            None => Polled::Nothing,
        }
    }

    /// Ends the consumer, within bounds.
    pub(super) fn close(self) {
        close_consumer(self.consumer);
    }
}

/// One place to read from.
pub(super) fn start_at(source: &TopicPartition, offset: i64) -> KafkaResult<TopicPartitionList> {
    list_offsets([(source, Offset::Offset(offset))])
}
