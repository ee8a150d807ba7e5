//! How long and how often, from the environment; `dev/soak` sets it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// `SEEDS` of them (3), from `SEED` on: a run is played again by its seed, as far as timing lets it.
pub fn seeds() -> impl Iterator<Item = u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let first = number("SEED").unwrap_or_else(|| now.expect("after 1970").as_secs() % 1_000_000);
    (first..).take(number("SEEDS").unwrap_or(3) as usize)
}

/// `MINUTES` (30).
pub fn length() -> Duration {
    Duration::from_secs(60 * number("MINUTES").unwrap_or(30))
}
