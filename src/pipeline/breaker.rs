//! When so many of the last events were refused that something else must be wrong: nothing more is
//! taken in then, instead of pouring the stream into the dead letter topic.

use std::collections::VecDeque;

use crate::config::BreakerConfig;
use crate::pipeline::batch::Batch;
use crate::verdict::{Failure, Verdict};

/// A lane's last events, and how many of them were refused.
#[derive(Clone, Debug)]
pub struct Breaker {
    ratio: f64,
    window: usize,
    refused: VecDeque<bool>,
    count: usize,
}

impl Breaker {
    /// A breaker that has seen no event.
    pub fn new(config: &BreakerConfig) -> Self {
        Self {
            ratio: config.ratio,
            window: config.window,
            refused: VecDeque::new(),
            count: 0,
        }
    }

    /// Takes in an event that was landed, or refused.
    pub fn note_event(&mut self, refused: bool) {
        if self.refused.len() == self.window {
            self.count -= usize::from(self.refused.pop_front() == Some(true));
        }
        self.refused.push_back(refused);
        self.count += usize::from(refused);
    }

    /// # Errors
    /// Systemic, if the batch's refusals are too many, or one of them tells that all of its topic is to be refused.
    pub fn judge_batch(&self, batch: &Batch<'_>) -> Result<(), Failure> {
        // whoever lets everything be dead letters means these too
        if self.ratio < 1.0
            && let Some((record, why)) = batch.find_setup_error()
        {
            let why = format!(
                "topic {}: {why}; its records that are written already can be taken out of the way with kafka.topics, \
                 or made dead letters with dead_letter.breaker.ratio = 1.0",
                record.source.topic
            );
            return Err(Failure::new(Verdict::Systemic, why));
        }
        let Some(count) = self.trips_on(batch.refusal_flags()) else {
            return Ok(());
        };
        let why = format!(
            "{count} of {} events in a row were refused ({}), which looks like more than bad records; mend the cause, \
             or let them be dead letters with a higher dead_letter.breaker.ratio (1.0 never stops)",
            self.window,
            batch.describe_refusals()
        );
        Err(Failure::new(Verdict::Systemic, why))
    }

    /// The batch is in.
    pub fn note_batch(&mut self, batch: &Batch<'_>) {
        batch
            .refusal_flags()
            .for_each(|refused| self.note_event(refused));
    }

    /// Whether these events, in order, would make too many refusals at any time: how many then.
    pub fn trips_on(&self, events: impl Iterator<Item = bool>) -> Option<usize> {
        let mut ahead = self.clone();
        events
            .map(|refused| {
                ahead.note_event(refused);
                ahead.too_many()
            })
            .find_map(|too_many| too_many)
    }

    fn too_many(&self) -> Option<usize> {
        let full = self.refused.len() == self.window;
        (full && self.count as f64 > self.ratio * self.window as f64).then_some(self.count)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn breaker(ratio: f64, window: usize) -> Breaker {
        Breaker::new(&BreakerConfig {
            ratio,
            window,
            open: Duration::from_secs(1),
        })
    }

    #[test]
    fn more_than_the_ratio_of_a_full_window_trips() {
        let breaker = breaker(0.5, 4);
        assert_eq!(breaker.trips_on([true; 3].into_iter()), None, "not full");
        assert_eq!(
            breaker.trips_on([true, false, true, false].into_iter()),
            None
        );
        let three = [false, false, true, true, true, false, false];
        assert_eq!(breaker.trips_on(three.into_iter()), Some(3));
    }

    #[test]
    fn what_was_noted_before_counts_until_it_leaves_the_window() {
        let mut breaker = breaker(0.5, 4);
        for refused in [true, true, false, false] {
            breaker.note_event(refused);
        }
        assert_eq!(breaker.trips_on([true].into_iter()), None);
        for refused in [true, false] {
            breaker.note_event(refused);
        }
        assert_eq!(breaker.trips_on([true, true].into_iter()), Some(3));
        assert_eq!(breaker.count, 1);
    }

    #[test]
    fn a_ratio_of_one_never_trips() {
        assert_eq!(breaker(1.0, 3).trips_on([true; 9].into_iter()), None);
    }

    #[test]
    fn twenty_in_twenty_thousand_do_not_trip_wherever_they_stand() {
        let breaker = breaker(0.5, 100);
        assert_eq!(breaker.trips_on((0..20_000).map(|n| n % 1_000 == 0)), None);
        assert_eq!(
            breaker.trips_on((0..20_000).map(|n| (500..520).contains(&n))),
            None
        );
    }
}
