//! The bookkeeping tables: every statement on them, one verb each, with plain values in and out. What
//! was applied, how far each partition is, what was put aside; where to resume; migrations, retention.

pub mod days;
pub mod event_ids;
pub mod forget_partitions;
pub mod letters;
pub mod migrate;
pub mod overview;
pub mod resume;
pub mod retention;
pub mod rights;
pub mod watermarks;
