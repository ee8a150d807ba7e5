//! Partitions as librdkafka takes and gives them.

use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};

use crate::record::TopicPartition;

/// The partitions, without offsets.
pub fn list_partitions<'p>(
    partitions: impl IntoIterator<Item = &'p TopicPartition>,
) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for p in partitions {
        list.add_partition(&p.topic, p.partition);
    }
    list
}

/// The partitions, each with an offset.
///
/// # Errors
/// An offset that librdkafka doesn't take.
pub fn list_offsets<'p>(
    offsets: impl IntoIterator<Item = (&'p TopicPartition, Offset)>,
) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (p, offset) in offsets {
        list.add_partition_offset(&p.topic, p.partition, offset)?;
    }
    Ok(list)
}

/// The partition that an element of a list is about.
pub fn partition_of(element: &TopicPartitionListElem<'_>) -> TopicPartition {
    TopicPartition {
        topic: element.topic().into(),
        partition: element.partition(),
    }
}

/// The element's offset, if it has one.
pub fn offset_of(element: &TopicPartitionListElem<'_>) -> Option<i64> {
    match element.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }
}
