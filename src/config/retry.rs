//! `[retry]`: how a batch is tried again after a deadlock, a serialization failure or a
//! lock timeout, while a parent row is missing, and while Postgres can't be had.

use std::time::Duration;

use super::reader::Reader;
use super::summary::Summary;
use super::units::{duration_within, show_duration};
use super::value::{integer_within, one_of, word_for};

/// `[retry]`: how many attempts, and the waits between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryConfig {
    /// The first attempt counts: 1 means that nothing is tried again.
    pub max_attempts: u32,
    /// The wait before the second attempt; it doubles from there, with jitter,
    pub initial_delay: Duration,
    /// up to this.
    pub max_delay: Duration,
    /// How long an event may wait for the row that its foreign key names.
    pub parent_wait: Duration,
    /// What becomes of events while Postgres can't be had.
    pub when_unavailable: WhenUnavailable,
}

/// What becomes of events while Postgres is down or refuses everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenUnavailable {
    /// They stay in Kafka until it is back.
    Wait,
    /// After `max_attempts` they go to the dead letter topic, in order.
    DeadLetter,
}

impl WhenUnavailable {
    /// The words of the configuration, and what each means.
    pub const CHOICES: [(&'static str, Self); 2] =
        [("wait", Self::Wait), ("dead_letter", Self::DeadLetter)];
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            initial_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(10),
            parent_wait: Duration::from_secs(30),
            when_unavailable: WhenUnavailable::Wait,
        }
    }
}

impl RetryConfig {
    pub(super) fn summarize(&self, summary: &mut Summary) {
        summary.add("retry.max_attempts", self.max_attempts);
        summary.add("retry.initial_delay", show_duration(self.initial_delay));
        summary.add("retry.max_delay", show_duration(self.max_delay));
        summary.add("retry.parent_wait", show_duration(self.parent_wait));
        summary.add(
            "retry.when_unavailable",
            word_for(&WhenUnavailable::CHOICES, self.when_unavailable),
        );
    }

    pub(super) fn from_reader(reader: &mut Reader) -> Self {
        let default = Self::default();
        let delay = || duration_within(Duration::from_millis(1)..=Duration::from_secs(3600));
        let read = Self {
            max_attempts: reader.read_or(
                "retry.max_attempts",
                default.max_attempts,
                integer_within(1..=u32::MAX),
            ),
            initial_delay: reader.read_or("retry.initial_delay", default.initial_delay, delay()),
            max_delay: reader.read_or("retry.max_delay", default.max_delay, delay()),
            parent_wait: reader.read_or(
                "retry.parent_wait",
                default.parent_wait,
                duration_within(Duration::ZERO..=Duration::from_secs(3600)),
            ),
            when_unavailable: reader.read_or(
                "retry.when_unavailable",
                default.when_unavailable,
                one_of(&WhenUnavailable::CHOICES),
            ),
        };
        if read.initial_delay > read.max_delay {
            // Named after the one that is written down; the other may be a default.
            let key = if reader.is_set("retry.initial_delay") {
                "retry.initial_delay"
            } else {
                "retry.max_delay"
            };
            let initial = show_duration(read.initial_delay);
            let max = show_duration(read.max_delay);
            reader.note_problem(
                key,
                format!("initial_delay is {initial}, which is more than max_delay, {max}"),
            );
        }
        read
    }
}
