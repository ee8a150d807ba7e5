//! Where the ranges of histograms end.

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
