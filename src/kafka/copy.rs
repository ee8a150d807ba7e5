//! Records out of librdkafka's memory into our own: what a topic's records have in common is kept once,
//! the rest side by side.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};

use crate::record::body::Heads;
use crate::record::{Header, Record, TopicPartition};

/// Large enough that a record costs no allocation, small enough that the last record of a block
/// doesn't keep much.
const BLOCK: usize = 64 << 10;

/// Where copies are laid side by side. The memory is free again once nobody has a piece of it: to be
/// shared by records only that are done with at about the same time.
#[derive(Default)]
pub struct Block(BytesMut);

impl Block {
    fn keep(&mut self, bytes: &[u8]) -> Bytes {
        if bytes.len() > BLOCK / 4 {
            return Bytes::copy_from_slice(bytes);
        }
        if self.0.capacity() < bytes.len() {
            self.0 = BytesMut::with_capacity(BLOCK);
        }
        self.0.extend_from_slice(bytes);
        self.0.split().freeze()
    }
}

/// What a topic's records have in common: the schemas of their values, and headers, for those that a
/// connector sets say the same in every record.
#[derive(Default)]
pub struct Common {
    heads: Heads,
    headers: Arc<[Header]>,
}

impl Common {
    fn headers(&mut self, message: &BorrowedMessage<'_>) -> Arc<[Header]> {
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

pub fn record(
    message: &BorrowedMessage<'_>,
    source: TopicPartition,
    epoch: u64,
    common: &mut Common,
    block: &mut Block,
) -> Record {
    Record {
        source,
        offset: message.offset(),
        timestamp: message.timestamp().to_millis(),
        key: message.key().map(|key| block.keep(key)),
        value: message
            .payload()
            .map(|value| common.heads.body(value, |own| block.keep(own))),
        headers: common.headers(message),
        epoch,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_lie_side_by_side_and_large_ones_by_themselves() {
        let mut block = Block::default();
        let (a, b) = (block.keep(b"one"), block.keep(b"two"));
        assert_eq!((&*a, &*b), (&b"one"[..], &b"two"[..]));
        assert_eq!(b.as_ptr().addr(), a.as_ptr().addr() + 3);
        let large = vec![7; BLOCK];
        assert_eq!(block.keep(&large), large);
        assert_eq!(block.keep(b"three").as_ptr().addr(), a.as_ptr().addr() + 6);
    }

    #[test]
    fn a_full_block_is_followed_by_another() {
        let mut block = Block::default();
        let pieces: Vec<Bytes> = (0..100u8).map(|i| block.keep(&[i; 5000])).collect();
        for (i, piece) in pieces.iter().enumerate() {
            assert!(piece.len() == 5000 && piece.iter().all(|b| usize::from(*b) == i));
        }
    }
}
