//! How often the consumer group is left because a topic was created again. A broker that is cut off from its controller may tell
//! an old id of a topic for as long as that lasts: so an id for which the group was left before is believed later and later. One
//! that is new is believed at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

/// After the group was left for an id, that isn't believed for so long; twice as long after each time that follows soon,
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// A time that follows later than this is the first one again.
const MEMORY: Duration = Duration::from_secs(1_800);

/// The times that the group was left.
#[derive(Clone, Default)]
pub(super) struct LeavePauses(HashMap<(Arc<str>, Uuid), Left>);

/// When the group was left for a topic's id.
#[derive(Clone, Copy)]
struct Left {
    last_at: Instant,
    pause: Duration,
}

impl LeavePauses {
    /// The group is left, as this topic has this id now.
    pub(super) fn note_left(&mut self, topic: Arc<str>, id: Uuid, now: Instant) {
        let is_remembered = |left: &Left| now.saturating_duration_since(left.last_at) < MEMORY;
        self.0.retain(|_, left| is_remembered(left));
        let key = (topic, id);
        let before = self.0.get(&key).map(|left| left.pause * 2);
        let pause = before.unwrap_or(FIRST_PAUSE).min(LONGEST_PAUSE);
        self.0.insert(
            key,
            Left {
                last_at: now,
                pause,
            },
        );
    }

    /// Whether the group may be left because this topic has this id now.
    pub(super) fn may_leave(&self, topic: &Arc<str>, id: Uuid, now: Instant) -> bool {
        let left = self.0.get(&(topic.clone(), id));
        left.is_none_or(|left| now.saturating_duration_since(left.last_at) >= left.pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_left_less_and_less_often_for_an_id_that_was_told_before_and_at_once_for_a_new_one()
     {
        let (mut pauses, mut now) = (LeavePauses::default(), Instant::now());
        let topic: Arc<str> = "t".into();
        let (told, other) = (Uuid::from_u128(2), Uuid::from_u128(3));
        assert!(pauses.may_leave(&topic, told, now));
        let mut pause_after = |since: Duration| {
            now += since;
            pauses.note_left(topic.clone(), told, now);
            assert!(pauses.may_leave(&topic, other, now));
            assert!(pauses.may_leave(&"u".into(), told, now));
            let may_leave = |s: &u64| pauses.may_leave(&topic, told, now + Duration::from_secs(*s));
            (0..3_600).find(may_leave).map(Duration::from_secs)
        };
        assert_eq!(pause_after(Duration::ZERO), Some(FIRST_PAUSE));
        assert_eq!(pause_after(FIRST_PAUSE), Some(FIRST_PAUSE * 2));
        for _ in 0..10 {
            pause_after(LONGEST_PAUSE);
        }
        assert_eq!(pause_after(LONGEST_PAUSE), Some(LONGEST_PAUSE));
        assert_eq!(pause_after(MEMORY), Some(FIRST_PAUSE));
    }
}
