//! Records out of librdkafka's memory into our own: what a topic's records have in common is kept once,
//! the rest side by side.
//!
//! Why: `docs/decisions/15`.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};

use crate::kafka::leader_epochs::read_leader_epoch;
use crate::record::body::Heads;
use crate::record::{Header, Record, TopicPartition};

/// Large enough that a record costs no allocation, small enough that the last record of a block
/// doesn't keep much.
const ARENA_BLOCK_BYTES: usize = 64 << 10;

/// Where copies are laid side by side. The memory is free again once nobody has a piece of it: to be
/// shared by records only that are done with at about the same time.
#[derive(Default)]
pub struct RecordArena(BytesMut);

impl RecordArena {
    fn keep_bytes(&mut self, bytes: &[u8]) -> Bytes {
        if bytes.len() > ARENA_BLOCK_BYTES / 4 {
            return Bytes::copy_from_slice(bytes);
        }
        if self.0.capacity() < bytes.len() {
            self.0 = BytesMut::with_capacity(ARENA_BLOCK_BYTES);
        }
        self.0.extend_from_slice(bytes);
        self.0.split().freeze()
    }
}

/// What a topic's records have in common: the schemas of their values, and headers, for those that a
/// connector sets say the same in every record.
#[derive(Default)]
pub struct TopicCache {
    heads: Heads,
    headers: Arc<[Header]>,
}

impl TopicCache {
    fn share_headers(&mut self, message: &BorrowedMessage<'_>) -> Arc<[Header]> {
        let Some(headers) = message.headers() else {
            return Arc::default();
        };
        let same = headers.count() == self.headers.len()
            && headers.iter().zip(&*self.headers).all(|(theirs, ours)| {
                theirs.key == ours.key && theirs.value == ours.value.as_deref()
            });
        if !same {
            let own = |h: rdkafka::message::Header<'_, &[u8]>| Header {
                key: h.key.to_owned(),
                value: h.value.map(<[u8]>::to_vec),
            };
            self.headers = headers.iter().map(own).collect();
        }
        self.headers.clone()
    }
}

/// The message as a record of ours, which `epoch` tells from those read before its partition was sought in.
pub(super) fn copy_record(
    message: &BorrowedMessage<'_>,
    source: TopicPartition,
    epoch: u64,
    cache: &mut TopicCache,
    arena: &mut RecordArena,
) -> Record {
    Record {
        source,
        offset: message.offset(),
        timestamp: message.timestamp().to_millis(),
        key: message.key().map(|key| arena.keep_bytes(key)),
        value: message
            .payload()
            .map(|value| cache.heads.split_body(value, |own| arena.keep_bytes(own))),
        headers: cache.share_headers(message),
        epoch,
        leader_epoch: read_leader_epoch(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_lie_side_by_side_and_large_ones_by_themselves() {
        let mut arena = RecordArena::default();
        let (a, b) = (arena.keep_bytes(b"one"), arena.keep_bytes(b"two"));
        assert_eq!((&*a, &*b), (&b"one"[..], &b"two"[..]));
        assert_eq!(b.as_ptr().addr(), a.as_ptr().addr() + 3);
        let large = vec![7; ARENA_BLOCK_BYTES];
        assert_eq!(arena.keep_bytes(&large), large);
        assert_eq!(
            arena.keep_bytes(b"three").as_ptr().addr(),
            a.as_ptr().addr() + 6
        );
    }

    #[test]
    fn a_full_block_is_followed_by_another() {
        let mut arena = RecordArena::default();
        let pieces: Vec<Bytes> = (0..100u8).map(|i| arena.keep_bytes(&[i; 5000])).collect();
        for (i, piece) in pieces.iter().enumerate() {
            assert!(piece.len() == 5000 && piece.iter().all(|b| usize::from(*b) == i));
        }
    }
}
