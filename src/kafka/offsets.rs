//! The questions about offsets: where logs begin and end, and what the group has committed. Whoever
//! asks brings the client to ask with. Each question blocks its thread, `timeout` at most.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::commit_mark::find_marked;
use crate::kafka::partition_list::{list_offsets, list_partitions, offset_of, partition_of};
use crate::record::TopicPartition;

/// What Kafka told of some partitions.
#[derive(Debug, Default)]
pub struct PartitionOffsets {
    /// Only of those that have an offset: a group may have committed none.
    pub known: HashMap<TopicPartition, i64>,
    /// Those of them that Landfall itself has committed.
    pub own: HashSet<TopicPartition>,
    /// The partitions that Kafka doesn't tell about, in the order of the answer, each with the reason.
    pub untold: Vec<(TopicPartition, String)>,
}

impl From<TopicPartitionList> for PartitionOffsets {
    fn from(answer: TopicPartitionList) -> Self {
        let mut offsets = Self::default();
        let marked = find_marked(&answer);
        for (element, is_marked) in answer.elements().iter().zip(marked) {
            let source = partition_of(element);
            if let Err(error) = element.error() {
                offsets.untold.push((source, error.to_string()));
            } else if let Some(offset) = offset_of(element) {
                // only what a group has committed has it
                if is_marked {
                    offsets.own.insert(source.clone());
                }
                offsets.known.insert(source, offset);
            }
        }
        offsets
    }
}

/// The first offset that is still in a partition's log, and the next one to be written.
pub(super) fn fetch_log_ends(
    client: &Client<impl ClientContext>,
    source: &TopicPartition,
    timeout: Duration,
) -> KafkaResult<(i64, i64)> {
    let ask = || client.fetch_watermarks(&source.topic, source.partition, timeout);
    let since = Instant::now();
    let answer = ask();
    if answer.is_ok() {
        return answer;
    }
    // librdkafka keeps who leads a partition, or that nobody does, for minutes, and asks nobody meanwhile, whatever became of
    // that broker; all topics are asked for, as asking for one by its name may create it
    client.fetch_metadata(None, timeout)?;
    match since.elapsed() < timeout {
        true => ask(),
        false => answer, // whoever asks again asks the right one
    }
}

/// Where the logs of many partitions begin ([`Offset::Beginning`]) or end ([`Offset::End`]): one
/// question for all.
pub(super) fn fetch_log_positions<'p>(
    consumer: &BaseConsumer<impl ConsumerContext>,
    partitions: impl IntoIterator<Item = &'p TopicPartition>,
    position: Offset,
    timeout: Duration,
) -> KafkaResult<PartitionOffsets> {
    let asked = list_offsets(partitions.into_iter().map(|source| (source, position)))?;
    Ok(consumer.offsets_for_times(asked, timeout)?.into())
}

/// The first offset at or after a time in each of many partitions: one question for all. Of those that have no such
/// record nothing is known.
pub(super) fn fetch_offsets_at<'p>(
    consumer: &BaseConsumer<impl ConsumerContext>,
    partitions: impl IntoIterator<Item = &'p TopicPartition>,
    timestamp: i64,
    timeout: Duration,
) -> KafkaResult<PartitionOffsets> {
    let time = Offset::Offset(timestamp);
    let asked = list_offsets(partitions.into_iter().map(|source| (source, time)))?;
    Ok(consumer.offsets_for_times(asked, timeout)?.into())
}

/// What the consumer's group has committed: one question for all partitions. Asking needs the same
/// kind of right as joining the group.
pub(super) fn fetch_committed<'p>(
    consumer: &BaseConsumer<impl ConsumerContext>,
    partitions: impl IntoIterator<Item = &'p TopicPartition>,
    timeout: Duration,
) -> KafkaResult<PartitionOffsets> {
    let asked = list_partitions(partitions);
    Ok(consumer.committed_offsets(asked, timeout)?.into())
}
