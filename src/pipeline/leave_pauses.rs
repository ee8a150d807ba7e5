//! How often the consumer group is left because a topic was created again. A broker that is cut off from its controller may tell
//! an old id of a topic for as long as that lasts: so the ids are looked at later and later after each time.

use std::time::{Duration, Instant};

/// After the group was left once, the ids are left alone for so long; twice as long after each time that follows soon,
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// A time that follows later than this is the first one again.
const MEMORY: Duration = Duration::from_secs(1_800);

/// The times that the group was left.
#[derive(Default)]
pub(super) struct LeavePauses {
    left_at: Option<Instant>,
    pause: Duration,
}

impl LeavePauses {
    /// The group is left.
    pub(super) fn note_left(&mut self, now: Instant) {
        let since = self.left_at.map(|at| now.saturating_duration_since(at));
        self.pause = match since.is_some_and(|since| since < MEMORY) {
            true => (self.pause * 2).min(LONGEST_PAUSE),
            false => FIRST_PAUSE,
        };
        self.left_at = Some(now);
    }

    /// How long the next worker doesn't look whether topics are others by now.
    pub(super) fn next_pause(&self) -> Duration {
        self.pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_left_less_and_less_often_while_a_topic_is_told_to_be_another_one() {
        let (mut pauses, mut now) = (LeavePauses::default(), Instant::now());
        assert_eq!(pauses.next_pause(), Duration::ZERO);
        let mut after = |since: Duration| {
            now += since;
            pauses.note_left(now);
            pauses.next_pause()
        };
        assert_eq!(after(Duration::ZERO), FIRST_PAUSE);
        assert_eq!(after(FIRST_PAUSE), FIRST_PAUSE * 2);
        for _ in 0..10 {
            after(LONGEST_PAUSE);
        }
        assert_eq!(after(LONGEST_PAUSE), LONGEST_PAUSE);
        assert_eq!(after(MEMORY), FIRST_PAUSE);
    }
}
