//! How many values lie in each of some ranges: what a histogram is to Prometheus. So many values at once cost what one does.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use metrics::HistogramFn;

/// Of a batch, and of a part of its way.
pub(super) const WORK_SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Of an event, with the limits that people promise each other.
pub(super) const LATENCY_SECONDS: &[f64] = &[
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0,
];

/// Of a batch's size.
pub(super) const BATCH_SIZES: &[f64] = &[
    1.0, 10.0, 50.0, 100.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0, 50_000.0, 100_000.0,
];

/// The values so far.
#[derive(Debug)]
pub(super) struct RangeCounts {
    /// The greatest value of each range, in their order. One more range has everything above.
    ends: &'static [f64],
    counts: Box<[AtomicU64]>,
    /// The bits of a number.
    sum: AtomicU64,
}

/// The values up to a moment.
pub(super) struct Counted {
    /// How many values there are up to the end of each range, those of earlier ones included.
    pub up_to: Vec<(f64, u64)>,
    pub all: u64,
    pub sum: f64,
}

impl RangeCounts {
    pub fn new(ends: &'static [f64]) -> Self {
        Self {
            ends,
            counts: (0..=ends.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0f64.to_bits()),
        }
    }

    pub fn read(&self) -> Counted {
        let mut all = 0;
        let mut counts = self.counts.iter().map(|count| {
            all += count.load(Relaxed);
            all
        });
        let up_to = self.ends.iter().copied().zip(&mut counts).collect();
        Counted {
            up_to,
            all: counts.last().unwrap_or_default(),
            sum: f64::from_bits(self.sum.load(Relaxed)),
        }
    }
}

impl HistogramFn for RangeCounts {
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        let range = self.ends.partition_point(|end| *end < value);
        if let Some(counted) = self.counts.get(range) {
            counted.fetch_add(count as u64, Relaxed);
        }
        let more = |sum| Some((f64::from_bits(sum) + value * count as f64).to_bits());
        let _ = self.sum.fetch_update(Relaxed, Relaxed, more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_in_its_range_however_many_come_at_once() {
        let counts = RangeCounts::new(&[1.0, 10.0]);
        counts.record(1.0);
        counts.record_many(2.5, 1_000_000);
        counts.record(11.0);
        let Counted { up_to, all, sum } = counts.read();
        assert_eq!(up_to, [(1.0, 1), (10.0, 1_000_001)]);
        assert_eq!((all, sum), (1_000_002, 2_500_012.0));
    }
}
