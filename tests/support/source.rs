//! A source table that changes by chance, and what its connector would send.

use std::collections::BTreeMap;

use serde_json::json;

use super::Event;
use super::events::{change, delete, insert, tombstone, update};

const KEYS: u64 = 80;

/// A xorshift: the same numbers from the same seed, whatever crate goes in or out.
pub struct Chance(u64);

impl Chance {
    /// Small seeds differ too.
    pub fn of_seed(seed: u64) -> Self {
        let mut chance = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..10).for_each(|_| {
            chance.below(2);
        });
        chance
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) % limit
    }
}

/// A source table with its history, and how far that has been sent.
#[derive(Default)]
pub struct Source {
    pub rows: BTreeMap<i64, (i64, String)>,
    pub history: Vec<Event>,
    pub sent: usize,
    /// Log position and version at once: both only rise.
    pub clock: i64,
    /// Events that have a position of their own.
    pub distinct: i64,
}

impl Source {
    /// A change of a row: inserted, updated in whole or in part, deleted.
    pub fn change(&mut self, chance: &mut Chance) {
        let id = chance.below(KEYS) as i64;
        self.clock += 1;
        self.distinct += 1;
        let at = self.clock;
        match (self.rows.get(&id).cloned(), chance.below(10)) {
            (None, _) => {
                self.history.push(insert(at, id, at));
                self.rows.insert(id, (at, format!("body {id} {at}")));
            }
            (Some(_), 0 | 1) => {
                self.history.extend([delete(at, id), tombstone(id)]);
                self.rows.remove(&id);
            }
            (Some((_, body)), 2) => {
                // its large value is unchanged
                let row =
                    json!({ "id": id, "version": at, "body": "__debezium_unavailable_value" });
                self.history.push(change("u", at, id, Some(row)));
                self.rows.insert(id, (at, body));
            }
            (Some(_), _) => {
                self.history.push(update(at, id, at));
                self.rows.insert(id, (at, format!("body {id} {at}")));
            }
        }
    }
}
