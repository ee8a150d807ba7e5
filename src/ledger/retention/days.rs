//! Which of the ledger's partitions may go: a pure look at what Postgres says of them.

use std::ops::RangeInclusive;
use std::time::Duration;

use uuid::Uuid;

use crate::format::event_id::{day_at, day_of, time_ms_of};

/// A partition of `processed_events`, as the catalogue describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdPartition {
    /// Of its table, without the schema.
    pub name: String,
    /// `FOR VALUES FROM ('…') TO ('…')`, or `DEFAULT`.
    pub bound: String,
    /// Whether our role has its owner's rights, and so may drop it.
    pub owned: bool,
}

impl IdPartition {
    /// Whether it takes the events of all days that have no partition of their own.
    pub fn is_default(&self) -> bool {
        self.bound == "DEFAULT"
    }

    /// Whether the events that it holds all ended longer ago than retention. By its bounds, not by
    /// its name; when it was last written must be looked at too, for a backlog of old events may
    /// have been applied a moment ago.
    pub fn is_over(&self, now_ms: u64, retention: Duration) -> bool {
        let retention = u64::try_from(retention.as_millis()).unwrap_or(u64::MAX);
        self.end_ms()
            .is_some_and(|end| end.saturating_add(retention) < now_ms)
    }

    /// The days of the events that it can hold; `None` as for its end.
    pub fn days(&self) -> Option<RangeInclusive<u64>> {
        let (_, from) = self.bound.split_once("FROM ('")?;
        let (start, _) = from.split_once("')")?;
        let start: Uuid = start.parse().ok()?;
        Some(day_of(start)..=day_at(self.end_ms()?.saturating_sub(1)))
    }

    /// When the last of its events can have happened, in milliseconds since 1970. `None`: it has no
    /// end, or bounds of a kind that Landfall doesn't set.
    fn end_ms(&self) -> Option<u64> {
        let (_, end) = self.bound.split_once(" TO ('")?;
        let id: Uuid = end.strip_suffix("')")?.parse().ok()?;
        Some(time_ms_of(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::event_id::day_bounds;

    const DAY_MS: u64 = 86_400_000;
    const DAY: Duration = Duration::from_millis(DAY_MS);

    fn day(number: u64) -> IdPartition {
        let bounds = day_bounds(number);
        partition(&format!(
            "FOR VALUES FROM ('{}') TO ('{}')",
            bounds.start, bounds.end
        ))
    }

    fn partition(bound: &str) -> IdPartition {
        IdPartition {
            name: "processed_events_20200101".to_owned(),
            bound: bound.to_owned(),
            owned: true,
        }
    }

    #[test]
    fn a_day_is_over_when_its_end_is_longer_ago_than_retention() {
        let over = |now_ms| day(100).is_over(now_ms, 7 * DAY);
        assert!(!over(100 * DAY_MS), "it begins");
        assert!(!over(101 * DAY_MS), "it ends");
        assert!(!over(108 * DAY_MS), "exactly retention ago");
        assert!(over(108 * DAY_MS + 1));
    }

    #[test]
    fn what_has_no_end_is_never_over() {
        for bound in [
            "DEFAULT",
            "",
            "FOR VALUES FROM (MINVALUE) TO (MAXVALUE)",
            "FOR VALUES FROM ('00000000-0000-0000-0000-000000000000') TO (MAXVALUE)",
            "FOR VALUES IN ('00000000-0000-0000-0000-000000000000')",
        ] {
            assert!(!partition(bound).is_over(u64::MAX, DAY), "{bound}");
        }
        assert!(partition("DEFAULT").is_default() && !day(1).is_default());
    }

    #[test]
    fn a_retention_beyond_all_time_keeps_everything() {
        assert!(!day(100).is_over(u64::MAX, Duration::MAX));
    }
}
