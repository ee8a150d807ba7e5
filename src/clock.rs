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

/// What time it is, in UTC as RFC 3339 has it, to a second.
pub fn utc_now() -> String {
    utc_text(SystemTime::now())
}

/// The moment in UTC as RFC 3339 has it, to a second.
pub fn utc_text(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(at).to_string()
}
