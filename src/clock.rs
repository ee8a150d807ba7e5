//! What time it is, by this machine's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time since 1970, UTC; zero where the clock says that it is earlier.
pub fn time_since_1970() -> Duration {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH);
    passed.unwrap_or_default()
}

/// The same in milliseconds.
pub fn now_ms() -> i64 {
    i64::try_from(time_since_1970().as_millis()).unwrap_or(i64::MAX)
}
