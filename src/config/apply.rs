//! `[apply]`: how events become transactions.

use std::time::Duration;

use super::reader::Reader;
use super::schema_evolution::SchemaEvolution;
use super::summary::Summary;
use super::units::{bytes_within, duration_within, show_bytes, show_duration};
use super::value::{integer_within, one_of, parse_boolean, word_for};

const DAY_SECONDS: u64 = 86_400;

/// Rows a second. More than a destination takes is as good as no limit.
const MAX_RATE: u32 = 10_000_000;

/// `[apply]`: lanes, and when a batch is full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyConfig {
    /// Batches in flight at a time, each with its own Postgres connection.
    pub lanes: usize,
    /// A batch is full at this many events, or at those of [`ApplyConfig::most_rows`],
    pub batch_rows: usize,
    /// or at this many bytes, or at those of [`ApplyConfig::most_bytes`],
    pub batch_bytes: usize,
    /// or when it has waited this long.
    pub linger: Duration,
    /// Bytes of records that all lanes hold at a time, in flight and waiting.
    pub memory: usize,
    /// Rows that this process writes in a second at most, all lanes together.
    pub rate: Option<u32>,
    /// Whether a delete event deletes its row; otherwise it is counted and passed over.
    pub deletes: bool,
    /// Whether a truncate event empties its table; otherwise it is counted and passed over.
    pub truncates: bool,
    /// What is done about tables and columns that the destination lacks, where a route says nothing else.
    pub schema_evolution: SchemaEvolution,
    /// What tells an event that was applied before from a new one.
    pub idempotency: Idempotency,
    /// How long the id of an event that was applied is kept at least.
    pub retention: Duration,
}

/// What tells an event that was applied before from a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotency {
    /// The event's own identity, which survives being sent again by its source.
    EventId,
    /// Topic, partition and offset alone.
    Offset,
}

const IDEMPOTENCIES: [(&str, Idempotency); 2] = [
    ("event_id", Idempotency::EventId),
    ("offset", Idempotency::Offset),
];

impl Default for ApplyConfig {
    fn default() -> Self {
        Self {
            lanes: 4,
            batch_rows: 5_000,
            batch_bytes: 16 << 20,
            linger: Duration::from_millis(100),
            memory: 48 << 20,
            rate: None,
            deletes: true,
            truncates: false,
            schema_evolution: SchemaEvolution::None,
            idempotency: Idempotency::EventId,
            retention: Duration::from_secs(7 * DAY_SECONDS),
        }
    }
}

impl ApplyConfig {
    /// Of one batch. A lane holds three: one in flight, and two that wait, so that the next is whole
    /// when that is done.
    pub fn most_bytes(&self) -> usize {
        self.batch_bytes.min(self.memory / self.lanes / 3)
    }

    /// Of one batch. Where there is a rate, no more than its lane's share of a second: what is written is then as even as
    /// the rate is meant to make it.
    pub fn most_rows(&self) -> usize {
        let share = |rate: u32| (rate as usize / self.lanes).max(1);
        self.batch_rows.min(self.rate.map_or(usize::MAX, share))
    }

    pub(super) fn summarize(&self, summary: &mut Summary) {
        summary.add("apply.lanes", self.lanes);
        summary.add("apply.batch_rows", self.batch_rows);
        summary.add("apply.batch_bytes", show_bytes(self.batch_bytes));
        summary.add("apply.memory", show_bytes(self.memory));
        summary.add("apply.linger", show_duration(self.linger));
        if let Some(rate) = self.rate {
            summary.add("apply.rate", rate);
        }
        summary.add("apply.deletes", self.deletes);
        summary.add("apply.truncates", self.truncates);
        summary.add("apply.schema_evolution", self.schema_evolution.name());
        summary.add(
            "apply.idempotency",
            word_for(&IDEMPOTENCIES, self.idempotency),
        );
        summary.add("apply.retention", show_duration(self.retention));
    }

    pub(super) fn from_reader(reader: &mut Reader) -> Self {
        let default = Self::default();
        let linger = duration_within(Duration::ZERO..=Duration::from_secs(60));
        let idempotency = one_of(&IDEMPOTENCIES);
        Self {
            lanes: reader.read_or("apply.lanes", default.lanes, integer_within(1..=64)),
            batch_rows: reader.read_or(
                "apply.batch_rows",
                default.batch_rows,
                integer_within(1..=100_000),
            ),
            batch_bytes: reader.read_or(
                "apply.batch_bytes",
                default.batch_bytes,
                bytes_within(1 << 10..=1 << 30),
            ),
            linger: reader.read_or("apply.linger", default.linger, linger),
            memory: reader.read_or(
                "apply.memory",
                default.memory,
                bytes_within(1 << 20..=64 << 30),
            ),
            rate: reader.read("apply.rate", integer_within(1..=MAX_RATE)),
            deletes: reader.read_or("apply.deletes", default.deletes, parse_boolean),
            truncates: reader.read_or("apply.truncates", default.truncates, parse_boolean),
            schema_evolution: SchemaEvolution::read(reader, "apply.schema_evolution")
                .unwrap_or(default.schema_evolution),
            idempotency: reader.read_or("apply.idempotency", default.idempotency, idempotency),
            retention: reader.read_or(
                "apply.retention",
                default.retention,
                duration_within(
                    Duration::from_secs(3600)..=Duration::from_secs(3650 * DAY_SECONDS),
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_no_more_rows_than_its_lane_may_write_in_a_second() {
        let most = |rate| {
            let config = ApplyConfig {
                rate,
                ..ApplyConfig::default()
            };
            config.most_rows()
        };
        let rates = [None, Some(1_000_000), Some(2_000), Some(1)];
        assert_eq!(rates.map(most), [5_000, 5_000, 500, 1]);
    }
}
