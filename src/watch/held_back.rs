//! Whether `apply.rate` is what a worker's lanes wait for, so that whoever sees a lag knows.

use std::time::{Duration, Instant};

use crate::locked::Locked;

/// Lanes that have just landed something ask again within this time, if there is more.
const BETWEEN_BATCHES: Duration = Duration::from_secs(1);

/// What the lanes were told when they last asked whether they may write.
#[derive(Debug, Default)]
pub struct HeldBack(Locked<Option<Hold>>);

#[derive(Clone, Copy, Debug)]
struct Hold {
    since: Instant,
    until: Instant,
}

impl HeldBack {
    /// A lane has to pause for so long before it writes, or not at all.
    pub fn note_pause(&self, pause: Duration) {
        self.note_pause_at(pause, Instant::now());
    }

    /// Since when each batch had to wait, if that is so now.
    pub fn since(&self) -> Option<Instant> {
        self.since_at(Instant::now())
    }

    fn note_pause_at(&self, pause: Duration, now: Instant) {
        let since = self.since_at(now).unwrap_or(now);
        let hold = Hold {
            since,
            until: now + pause,
        };
        *self.0.lock() = (!pause.is_zero()).then_some(hold);
    }

    fn since_at(&self, now: Instant) -> Option<Instant> {
        let held = *self.0.lock();
        let held = held.filter(|hold| now <= hold.until + BETWEEN_BATCHES)?;
        Some(held.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_held_back_from_the_first_pause_to_the_first_batch_without_one() {
        let (held, began) = (HeldBack::default(), Instant::now());
        let at = |ms: u64| began + Duration::from_millis(ms);
        held.note_pause_at(Duration::ZERO, at(0));
        assert_eq!(held.since_at(at(1)), None);
        for ms in [10, 500, 1700] {
            held.note_pause_at(Duration::from_millis(400), at(ms));
        }
        assert_eq!(held.since_at(at(2100)), Some(at(10)));
        held.note_pause_at(Duration::ZERO, at(2200));
        assert_eq!(held.since_at(at(2300)), None);
    }

    #[test]
    fn where_nothing_more_comes_nobody_is_held_back() {
        let (held, began) = (HeldBack::default(), Instant::now());
        let pause = Duration::from_millis(400);
        held.note_pause_at(pause, began);
        assert_eq!(held.since_at(began + pause), Some(began));
        assert_eq!(held.since_at(began + pause + 2 * BETWEEN_BATCHES), None);
    }
}
