//! A Kafka record as Landfall carries it: owned, untouched, with its coordinates.

pub mod body;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::record::body::Body;

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic's name, shared by all records of the topic.
    pub topic: Arc<str>,
    /// Counted from 0.
    pub partition: i32,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.partition)
    }
}

/// A place in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPlace {
    /// The offset of what comes next.
    pub offset: i64,
    /// Of the leader that took what lies before it, if that is told.
    pub leader_epoch: Option<i32>,
}

/// A record's coordinates: partition and offset.
pub type Coordinates = (TopicPartition, i64);

/// A header of a record, as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The header's name; a record may have it several times.
    pub key: String,
    /// `None` is Kafka's null, which is not the empty value.
    pub value: Option<Vec<u8>>,
}

/// A record as it came from Kafka. Key, value and headers are never changed, so that a dead
/// letter is the original.
#[derive(Clone, Debug)]
pub struct Record {
    /// The partition it was read from.
    pub source: TopicPartition,
    /// Its place in the partition.
    pub offset: i64,
    /// Milliseconds since 1970, as the producer or the broker set it.
    pub timestamp: Option<i64>,
    /// `None` is Kafka's null.
    pub key: Option<Bytes>,
    /// `None` is Kafka's null: a tombstone.
    pub value: Option<Body>,
    /// Shared by all that have the same, as most of a topic's records do.
    pub headers: Arc<[Header]>,
    /// Which positioning of the partition this record was read under; records of an earlier one
    /// are left over from before a seek and are dropped.
    pub epoch: u64,
    /// Of the leader that took the record, if the broker tells: a log that was cut and written anew has
    /// records of later leaders. Nothing else is like it of what has the same offset in one topic.
    pub leader_epoch: Option<i32>,
}

impl Record {
    /// Where the record stands: its partition and its offset.
    pub fn coordinates(&self) -> Coordinates {
        (self.source.clone(), self.offset)
    }

    /// The same, in memory of its own: it may be kept for long without keeping what was read beside it.
    pub fn copy_apart(&self) -> Self {
        Self {
            key: self.key.as_deref().map(Bytes::copy_from_slice),
            value: self.value.as_ref().map(Body::copy_apart),
            ..self.clone()
        }
    }

    /// Bytes of memory, near enough to bound a queue with.
    pub fn memory_size(&self) -> usize {
        let shared = self.value.as_ref().map_or(0, |v| v.len() - v.own_len());
        // the struct itself, and what the allocator adds to each of its parts
        128 + self.payload_bytes() - shared
    }

    /// Bytes of key, value and headers.
    pub fn payload_bytes(&self) -> usize {
        let len = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, Vec::len);
        let headers: usize = self
            .headers
            .iter()
            .map(|h| h.key.len() + len(&h.value))
            .sum();
        let key = self.key.as_ref().map_or(0, Bytes::len);
        key + self.value.as_ref().map_or(0, Body::len) + headers
    }
}
