//! How long a lane's batches wait for a lock before the table that is locked is set aside: less while somebody locks one
//! table after the other, as `VACUUM FULL` and `pg_dump` before a migration do, for each of them holds up all that the lane
//! has of other tables.
//!
//! Why: `docs/decisions/13`.

use std::time::{Duration, Instant};

use crate::postgres::settings::Patience;

/// A lane that has other partitions to land waits for so long,
const WITH_OTHERS: Duration = Duration::from_secs(2);
/// half as long after each table that it has found locked, down to this,
const SHORTEST: Duration = Duration::from_millis(250);
/// and twice as long after so much time without such a table.
const RECOVERY: Duration = Duration::from_secs(30);

/// A lane's patience with locks.
#[derive(Default)]
pub struct LockPatience {
    /// How often it was halved, and when that was known last.
    halved: Option<(u32, Instant)>,
}

impl LockPatience {
    /// How long to wait for now. A lane of one partition has nothing else to do.
    pub fn patience_now(&self, partitions: usize, now: Instant) -> Patience {
        let whole = Patience::default();
        let times = self.halvings(now);
        let lock = match (times, partitions) {
            (0, ..=1) => whole.lock,
            _ => (WITH_OTHERS / 2u32.saturating_pow(times)).max(SHORTEST),
        };
        Patience { lock, ..whole }
    }

    /// A table was waited for in vain.
    pub fn note_locked(&mut self, now: Instant) {
        let most = (WITH_OTHERS.as_millis() / SHORTEST.as_millis()).ilog2();
        let times = self.halvings(now) + 1;
        self.halved = Some((times.min(most), now));
    }

    fn halvings(&self, now: Instant) -> u32 {
        let Some((times, since)) = self.halved else {
            return 0;
        };
        let recovered = now.saturating_duration_since(since).as_secs() / RECOVERY.as_secs();
        times.saturating_sub(u32::try_from(recovered).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_waits_less_for_each_table_that_is_locked_after_another_and_recovers() {
        let (mut patience, began) = (LockPatience::default(), Instant::now());
        let at = |seconds: u64| began + Duration::from_secs(seconds);
        let waits = |patience: &LockPatience, seconds| {
            let now = patience.patience_now(300, at(seconds));
            now.lock.as_millis()
        };
        assert_eq!(waits(&patience, 0), 2_000);
        let mut all = 0;
        for table in 0..100 {
            all += waits(&patience, table);
            patience.note_locked(at(table));
        }
        assert!(all < 30_000, "{all} ms for a hundred tables");
        assert_eq!(waits(&patience, 100), 250);
        assert_eq!(waits(&patience, 130), 500);
        assert_eq!(waits(&patience, 190), 2_000);
    }

    #[test]
    fn a_lane_of_one_partition_has_nothing_else_to_do() {
        let now = Instant::now();
        let whole = Patience::default();
        assert_eq!(LockPatience::default().patience_now(1, now), whole);
    }
}
