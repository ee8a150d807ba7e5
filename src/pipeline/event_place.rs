//! Where events come that meet the letters of their keys.

/// Where an event comes in its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPlace {
    /// The number of the partition's row.
    pub partition_id: i32,
    /// Of its record.
    pub offset: i64,
    /// In milliseconds since 1970: when its record was written, or of a letter's, when it was put aside.
    pub time: Option<i64>,
}

/// How far the clocks of whoever writes records, and of Postgres, which says when a letter was put aside, may be apart, in milliseconds.
const CLOCKS_APART: i64 = 60 * 1_000;

impl EventPlace {
    /// Whether this event comes after that of a letter in the same partition. A record that was written after the letter was
    /// put aside, by more than clocks differ, comes after it, at whatever offset: the topic was created again, or its log was cut.
    pub fn comes_after(self, letter: Self) -> bool {
        let is_newer = match (letter.time, self.time) {
            (Some(aside), Some(written)) => aside.saturating_add(CLOCKS_APART) < written,
            _ => false,
        };
        letter.partition_id == self.partition_id && (letter.offset < self.offset || is_newer)
    }
}
