//! `apply.rate`: a bound on rows a second, for a destination that others use too. A bucket of tokens, one for each row,
//! which all lanes take from: in any time no more rows are written than a second more of it would bring.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::locked::Locked;

/// What is let through, of rows a second.
#[derive(Debug)]
pub struct RateLimit {
    per_second: f64,
    bucket: Locked<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    /// A second's worth at most. Less than none: those are taken already that come next.
    tokens: f64,
    /// When there were so many.
    at: Instant,
}

impl RateLimit {
    /// So many rows a second, and a second's worth of them at once.
    pub fn beginning_now(rows_per_second: u32) -> Self {
        Self::new(rows_per_second, Instant::now())
    }

    fn new(rows_per_second: u32, now: Instant) -> Self {
        let per_second = f64::from(rows_per_second.max(1));
        let (tokens, at) = (per_second, now);
        Self {
            per_second,
            bucket: Locked::new(Bucket { tokens, at }),
        }
    }

    /// Takes so many tokens, which are there after the time that this returns. Who asks first has its tokens first.
    fn take(&self, rows: usize, now: Instant) -> Duration {
        let mut bucket = self.fill(now);
        bucket.tokens -= rows as f64;
        Duration::from_secs_f64((-bucket.tokens / self.per_second).max(0.0))
    }

    fn give_back(&self, rows: usize, now: Instant) {
        let mut bucket = self.fill(now);
        bucket.tokens = (bucket.tokens + rows as f64).min(self.per_second);
    }

    /// The bucket, with what has come by now.
    fn fill(&self, now: Instant) -> std::sync::MutexGuard<'_, Bucket> {
        let mut bucket = self.bucket.lock();
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * self.per_second).min(self.per_second);
        bucket.at = bucket.at.max(now);
        bucket
    }
}

/// Tokens that were taken for rows that are still to be written. What isn't spent is given back in the end: records that
/// turn out to be duplicates write no row, and those of a lane that lets go are written by somebody else.
#[derive(Debug, Default)]
pub struct Allowance {
    limit: Option<Arc<RateLimit>>,
    rows: usize,
}

impl Allowance {
    /// For so many rows, and how long to wait before the first is written.
    pub fn take(limit: &Option<Arc<RateLimit>>, rows: usize) -> (Self, Duration) {
        let pause = limit.as_ref().map(|limit| limit.take(rows, Instant::now()));
        let limit = limit.clone();
        (Self { limit, rows }, pause.unwrap_or_default())
    }

    /// Rows that were written. If they are more than was thought, whoever takes tokens next waits for them.
    pub fn spend(&mut self, rows: usize) {
        if let Some(limit) = &self.limit
            && rows > self.rows
        {
            limit.take(rows - self.rows, Instant::now());
        }
        self.rows = self.rows.saturating_sub(rows);
    }
}

impl Drop for Allowance {
    fn drop(&mut self) {
        if let Some(limit) = &self.limit {
            limit.give_back(self.rows, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A limit, and a clock that shows so many milliseconds since it began.
    fn limit(per_second: u32) -> (Arc<RateLimit>, impl Fn(u64) -> Instant) {
        let began = Instant::now();
        let limit = Arc::new(RateLimit::new(per_second, began));
        (limit, move |ms| began + Duration::from_millis(ms))
    }

    #[test]
    fn lanes_together_write_no_more_than_the_rate_and_a_second_of_it() {
        let (limit, at) = limit(1000);
        let mut written = Vec::new(); // when, and how many
        let mut free = [0; 4]; // when each lane is done with what it has
        for round in 0..400u64 {
            let lane = (0..4).min_by_key(|lane| free[*lane]).unwrap();
            let (now, rows) = (free[lane], 1 + (round * 97 % 250) as usize);
            let starts = now + limit.take(rows, at(now)).as_millis() as u64;
            written.push((starts, rows));
            free[lane] = starts + 5;
        }
        written.sort_unstable();
        for (first, (from, _)) in written.iter().enumerate() {
            let mut sum = 0;
            for (until, rows) in &written[first..] {
                sum += rows;
                let allowed = 1000 + (until - from + 1);
                assert!(
                    sum as u64 <= allowed,
                    "{sum} rows from {from} to {until} ms"
                );
            }
        }
        let (end, all) = (
            written.last().unwrap().0,
            written.iter().map(|w| w.1).sum::<usize>(),
        );
        assert!(
            all as u64 + 1000 >= end,
            "and no less: {all} rows in {end} ms"
        );
    }

    #[test]
    fn a_bucket_that_nobody_takes_from_holds_a_second_and_no_more() {
        let (limit, at) = limit(10);
        assert_eq!(limit.take(10, at(60_000)), Duration::ZERO);
        assert_eq!(limit.take(5, at(60_000)), Duration::from_millis(500));
        assert_eq!(limit.take(1, at(61_000)), Duration::ZERO);
    }

    #[test]
    fn what_is_not_written_is_given_back_and_what_is_written_beyond_it_is_owed() {
        let (limit, at) = limit(100);
        let some = Some(limit.clone());
        let (mut allowance, _) = Allowance::take(&some, 100);
        allowance.spend(30);
        drop(allowance);
        assert_eq!(limit.take(70, at(0)), Duration::ZERO);
        let (mut grown, _) = Allowance::take(&some, 0);
        grown.spend(500);
        drop(grown);
        assert!(limit.take(0, at(0)) > Duration::from_secs(4));
    }

    #[test]
    fn without_a_rate_nobody_waits() {
        let (mut allowance, pause) = Allowance::take(&None, 1_000_000);
        assert_eq!(pause, Duration::ZERO);
        allowance.spend(2_000_000);
    }
}
