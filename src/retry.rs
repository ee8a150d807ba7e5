//! Exponential backoff with jitter. The only place that knows the `backoff` crate, which is no longer
//! maintained (RUSTSEC-2025-0012): whatever replaces it is replaced here.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;

use crate::config::RetryConfig;

/// The delays between attempts: doubling from `initial_delay` to `max_delay`, each between half and
/// one and a half of that, without an end.
pub struct Delays(ExponentialBackoff);

impl Delays {
    pub fn new(config: &RetryConfig) -> Self {
        Self(ExponentialBackoff {
            initial_interval: config.initial_delay,
            current_interval: config.initial_delay,
            randomization_factor: 0.5,
            multiplier: 2.0,
            max_interval: config.max_delay,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        })
    }

    /// How long to wait before the next attempt.
    pub fn next_delay(&mut self) -> Duration {
        self.0.next_backoff().unwrap_or(self.0.max_interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_limit_and_never_end() {
        let (initial_delay, max_delay) = (Duration::from_millis(100), Duration::from_secs(2));
        let mut delays = Delays::new(&RetryConfig {
            max_attempts: 5,
            initial_delay,
            max_delay,
            ..RetryConfig::default()
        });
        for n in 0..100u32 {
            let middle = max_delay.min(initial_delay * 2u32.pow(n.min(10)));
            let delay = delays.next_delay();
            assert!(
                delay >= middle / 2 && delay <= middle * 3 / 2,
                "delay {n} is {delay:?}"
            );
        }
    }
}
