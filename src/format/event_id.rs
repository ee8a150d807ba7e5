//! The identity of an event, by which the ledger recognises it when it comes again.
//!
//! An id is 48 bits of the event's time in milliseconds followed by 80 bits of hash. The time comes
//! first so that ids arrive in roughly rising order, which keeps inserting them local in the index,
//! and so that the ledger can be partitioned by time with nothing but the id as its key. The time
//! is the event's own (commit time at the source, else the record's timestamp), never the clock:
//! the same event must have the same id whenever it is met.
//!
//! Why: `docs/decisions/03`.

use std::ops::Range;

use uuid::Uuid;

use crate::record::Record;

/// Bits of hash behind the time.
const HASH_BITS: u32 = 80;

/// Milliseconds of a day, which is a number of days since 1970, UTC.
const DAY_MS: u64 = 86_400_000;

/// The time of an event, in milliseconds since 1970, as the event's id has it.
pub fn time_ms_of(id: Uuid) -> u64 {
    (id.as_u128() >> HASH_BITS) as u64
}

/// The day of a time in milliseconds since 1970.
pub fn day_at(time_ms: u64) -> u64 {
    time_ms / DAY_MS
}

/// The day of an event, as the event's id has it.
pub fn day_of(id: Uuid) -> u64 {
    day_at(time_ms_of(id))
}

/// The ids of a day's events: the first that there can be, and the first of the next day.
pub fn day_bounds(day: u64) -> Range<Uuid> {
    let first_of = |day: u64| Uuid::from_u128(u128::from(day * DAY_MS) << HASH_BITS);
    first_of(day)..first_of(day + 1)
}

/// What an id is made from; each part is length-prefixed, so that ("ab","c") is not ("a","bc").
pub struct Identity {
    parts: Parts,
    time_ms: i64,
}

/// Bytes that are hashed at once: a hasher that takes them one by one is 2 kB to set up and to move.
pub struct Parts(Vec<u8>);

impl Parts {
    /// No parts yet.
    pub fn new() -> Self {
        Self(Vec::with_capacity(256))
    }

    /// Appends one part with its length before it.
    pub fn add_part(&mut self, bytes: &[u8]) {
        self.0
            .extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.0.extend_from_slice(bytes);
    }

    /// Hashes all parts that were added.
    pub fn hash(&self) -> blake3::Hash {
        blake3::hash(&self.0)
    }

    /// The beginning of the hash, where 64 bits suffice.
    pub fn first_8_bytes(&self) -> [u8; 8] {
        let hash = self.hash();
        hash.as_bytes().first_chunk().copied().unwrap_or_default()
    }
}

impl Default for Parts {
    fn default() -> Self {
        Self::new()
    }
}

impl Identity {
    /// `kind` keeps the identities of different formats apart.
    pub fn new(kind: &str, time_ms: i64) -> Self {
        let identity = Self {
            parts: Parts::new(),
            time_ms,
        };
        identity.with_part(kind.as_bytes())
    }

    /// Adds a part. The order of parts counts.
    pub fn with_part(mut self, bytes: &[u8]) -> Self {
        self.parts.add_part(bytes);
        self
    }

    /// The same of an identity that is kept.
    pub fn add_part(&mut self, bytes: &[u8]) {
        self.parts.add_part(bytes);
    }

    /// All parts so far, each with its length before it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.parts.0
    }

    /// The id: 48 bits of time, then 80 bits of hash.
    pub fn into_id(self) -> Uuid {
        // Times before 1970 or after the year 10889 don't occur at a real source; they still get
        // an id, just not one in time order.
        let time = (self.time_ms.max(0) as u64) & 0xffff_ffff_ffff;
        let hash = self.parts.hash();
        let mut bytes = [0u8; 16];
        bytes[..6].copy_from_slice(&time.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&hash.as_bytes()[..10]);
        Uuid::from_bytes(bytes)
    }
}

/// The identity of a record that carries none of its own: a lone tombstone, a record without a key,
/// bytes that can't be decoded. The record's timestamp is part of it, so that a topic created again
/// isn't taken for the one before even where the broker doesn't tell topic ids. `generation` tells it from another record
/// that had its offset before, if the log was cut.
pub fn id_of_coordinates(record: &Record, topic_id: Option<Uuid>, generation: Option<i32>) -> Uuid {
    let time = record.timestamp.unwrap_or(0);
    let mut identity = Identity::new("coordinates", time)
        .with_part(topic_id.unwrap_or_default().as_bytes())
        .with_part(record.source.topic.as_bytes())
        .with_part(&record.source.partition.to_le_bytes())
        .with_part(&record.offset.to_le_bytes())
        .with_part(&time.to_le_bytes());
    if let Some(generation) = generation {
        identity.add_part(&generation.to_le_bytes());
    }
    identity.into_id()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_with_the_event_time() {
        let at = |time| Identity::new("test", time).with_part(b"x").into_id();
        assert!(at(1_000) < at(1_001));
        assert!(at(1_700_000_000_000) < at(1_700_000_000_001));
    }

    #[test]
    fn what_was_written_anew_at_an_offset_is_not_what_stood_there() {
        let record = Record {
            source: crate::record::TopicPartition {
                topic: "t".into(),
                partition: 0,
            },
            offset: 7,
            timestamp: Some(5),
            key: None,
            value: None,
            headers: Default::default(),
            epoch: 0,
            leader_epoch: Some(4),
        };
        let id = |generation| id_of_coordinates(&record, None, generation);
        assert!(id(None) != id(Some(4)) && id(Some(4)) != id(Some(5)) && id(None) == id(None));
    }

    #[test]
    fn an_id_lies_within_the_bounds_of_its_day() {
        let last_of_day_100 = 101 * DAY_MS - 1;
        let id = Identity::new("test", last_of_day_100 as i64).into_id();
        assert_eq!((time_ms_of(id), day_of(id)), (last_of_day_100, 100));
        assert!(day_bounds(100).contains(&id) && !day_bounds(101).contains(&id));
        assert_eq!(day_bounds(100).end, day_bounds(101).start);
    }

    #[test]
    fn parts_are_kept_apart() {
        let of = |a: &[u8], b: &[u8]| Identity::new("test", 5).with_part(a).with_part(b).into_id();
        assert_ne!(of(b"ab", b"c"), of(b"a", b"bc"));
        assert_eq!(of(b"ab", b"c"), of(b"ab", b"c"));
    }
}
