//! `[retry]`: how a batch is tried again after a deadlock, a serialization failure or a
//! lock timeout.

use std::time::Duration;

use super::reader::Reader;
use super::units::duration;
use super::value::integer;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryConfig {
    /// The first attempt counts: 1 means that nothing is tried again.
    pub max_attempts: u32,
    /// The wait before the second attempt; it doubles from there, with jitter,
    pub initial_delay: Duration,
    /// up to this.
    pub max_delay: Duration,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            initial_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(10),
        }
    }
}

impl RetryConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let default = Self::default();
        let delay = || duration(Duration::from_millis(1)..=Duration::from_secs(3600));
        let read = Self {
            max_attempts: reader.read_or(
                "retry.max_attempts",
                default.max_attempts,
                integer(1..=u32::MAX),
            ),
            initial_delay: reader.read_or("retry.initial_delay", default.initial_delay, delay()),
            max_delay: reader.read_or("retry.max_delay", default.max_delay, delay()),
        };
        if read.initial_delay > read.max_delay {
            // Named after the one that is written down; the other may be a default.
            let key = match reader.is_set("retry.initial_delay") {
                true => "retry.initial_delay",
                false => "retry.max_delay",
            };
            let initial = humantime::format_duration(read.initial_delay);
            let max = humantime::format_duration(read.max_delay);
            reader.refuse(
                key,
                format!("initial_delay is {initial}, which is more than max_delay, {max}"),
            );
        }
        read
    }
}
