//! Leader epochs (KIP-320): each record is of the epoch of the leader that took it. An election of a broker that lacked the
//! end of a log, or a lost disk, cuts the log, and what is written from there on is of a later epoch. So an offset with the epoch
//! of the record before it says whether the log is still the one that was read: librdkafka asks the broker where that epoch ends
//! before it fetches from there, and each time that the leader changes, and goes back to where the log was cut.
//!
//! rdkafka has no safe call for either of them yet.
//!
//! Why: `docs/decisions/02`.

#![allow(unsafe_code)]

use rdkafka::bindings as rd;
use rdkafka::error::KafkaResult;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Offset, TopicPartitionList};

use crate::record::TopicPartition;

/// The epoch of the leader that took the record; `None` for records of old formats, and brokers that tell none.
pub(super) fn read_leader_epoch(message: &BorrowedMessage<'_>) -> Option<i32> {
    // SAFETY: the message is borrowed, so it isn't destroyed.
    let epoch = unsafe { rd::rd_kafka_message_leader_epoch(message.ptr()) };
    (epoch >= 0).then_some(epoch)
}

/// The epochs of a list of positions, in its order; `None` where none is told.
pub(super) fn read_position_epochs(list: &TopicPartitionList) -> Vec<Option<i32>> {
    // SAFETY: the list has so many elements, and isn't changed while they are looked at.
    let epoch =
        |at| unsafe { rd::rd_kafka_topic_partition_get_leader_epoch((*list.ptr()).elems.add(at)) };
    let epochs = (0..list.count()).map(epoch);
    epochs.map(|epoch| (epoch >= 0).then_some(epoch)).collect()
}

/// A list of one offset, with the epoch of the record before it, if that is known.
///
/// # Errors
/// An offset that librdkafka doesn't take.
pub(super) fn list_position(
    source: &TopicPartition,
    offset: i64,
    leader_epoch: Option<i32>,
) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&source.topic, source.partition, Offset::Offset(offset))?;
    if let Some(epoch) = leader_epoch {
        // SAFETY: the list has the one element that was added, and is ours alone.
        unsafe { rd::rd_kafka_topic_partition_set_leader_epoch((*list.ptr()).elems, epoch) };
    }
    Ok(list)
}
