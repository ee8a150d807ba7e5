//! Fast hashes that stay the same for ever, as what they are made into is kept in Postgres. They tell apart
//! what differs by chance; who wants to can find two texts of one hash.

use std::sync::Arc;

use twox_hash::XxHash3_64;

use crate::format::change::{Fields, Shape};

/// The hash of these bytes, behind what made the hash before. Where one part ends counts.
pub fn chain_hash(before: u64, bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot_with_seed(before, bytes)
}

/// Hashes rows, whose names are mostly those of the row before.
#[derive(Default)]
pub struct RowHasher {
    /// The fields that were hashed last, and the hashes of their names.
    last: Option<(Arc<Shape>, Vec<u64>)>,
}

impl RowHasher {
    /// The hash of a row: of its own fields' names and texts. Their order doesn't count: another converter may
    /// write them in another. What else an event says may differ when it is sent again.
    pub fn hash_row(&mut self, row: &Fields<'_>) -> u64 {
        let add = |sum: u64, (name, value): (&u64, &&str)| {
            sum.wrapping_add(chain_hash(*name, value.as_bytes()))
        };
        let fields = self.hash_names(row).iter().zip(row.values);
        if row.has_facts() {
            let own = fields.enumerate().filter(|(at, _)| !row.is_fact(*at));
            return own.map(|(_, field)| field).fold(0, add);
        }
        fields.fold(0, add)
    }

    fn hash_names(&mut self, row: &Fields<'_>) -> &[u64] {
        let Some(shape) = &row.shape else {
            return &[];
        };
        let is_last = |(last, _): &(Arc<Shape>, _)| Arc::ptr_eq(last, shape);
        if !self.last.as_ref().is_some_and(is_last) {
            let names = shape.names.iter();
            let hashes = names.map(|name| chain_hash(0, name.as_bytes())).collect();
            self.last = Some((shape.clone(), hashes));
        }
        self.last.as_ref().map_or(&[], |(_, hashes)| hashes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_what_was_hashed_years_ago_is_still_the_same() {
        assert_eq!(chain_hash(0, b""), 0x2d06_8005_38d3_94c2);
        assert_eq!(chain_hash(0, b"landfall"), 0x15ac_7983_4f50_0ed3);
        assert_eq!(chain_hash(7, &[b'x'; 1000]), 0xa6b0_46c2_5730_9584);
    }

    #[test]
    fn parts_are_kept_apart() {
        let of = |parts: &[&[u8]]| parts.iter().fold(0, |hash, part| chain_hash(hash, part));
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_ne!(of(&[b"a", b"b"]), of(&[b"b", b"a"]));
    }
}
