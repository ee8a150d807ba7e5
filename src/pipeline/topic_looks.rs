//! What looks at topics have found, each for as long as it is worth.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::record::TopicPartition;

/// A look that told little is repeated only after so many times as long as it took: looks cost a lane a twentieth of its
/// time.
const REST_FACTOR: u32 = 19;

/// One topic of its name: another one may have the name later.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OneTopic {
    /// The topic's name.
    pub name: Arc<str>,
    /// Which topic of this name it is; `None`: the broker doesn't tell.
    pub id: Option<Uuid>,
}

/// A record that tells too little of its topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoubtfulRecord {
    /// Its topic.
    pub topic: OneTopic,
    /// Its partition.
    pub source: TopicPartition,
    /// Where it is.
    pub offset: i64,
}

/// What a look at a topic has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicLook {
    /// A record that is as the topic is said to be.
    AsConfigured,
    /// Records of another shape alone: what is wrong with the first, for people. No value of a row.
    Other(String),
    /// Nothing that tells.
    Nothing,
    /// It can't be read now.
    Unread,
}

/// By partition, the offset that the next look begins at, where one look has not sufficed for the topic.
pub type NextOffsets = HashMap<i32, i64>;

/// What is known of a topic.
#[derive(Clone, Debug)]
struct Looked {
    look: TopicLook,
    due: Instant,
    next_offsets: NextOffsets,
}

/// What was found of topics, and when it may be looked again.
#[derive(Clone, Debug, Default)]
pub struct TopicLooks(HashMap<OneTopic, Looked>);

impl TopicLooks {
    /// Notes what a look has found that took so long until now, and where the next one goes on: nowhere, if it has come to
    /// the topic's end.
    pub fn note_look(
        &mut self,
        topic: OneTopic,
        (look, next_offsets): (TopicLook, NextOffsets),
        took: Duration,
        now: Instant,
    ) {
        let before = self.0.remove(&topic);
        let went_on = before.filter(|before| !before.next_offsets.is_empty());
        let look = match (look, went_on.map(|before| before.look)) {
            // what the topic's other parts have shown
            (TopicLook::Nothing | TopicLook::Unread, Some(other @ TopicLook::Other(_))) => other,
            (look, _) => look,
        };
        let looked = Looked {
            look,
            due: now + took * REST_FACTOR,
            next_offsets,
        };
        self.0.insert(topic, looked);
    }

    /// What was found last.
    pub fn find(&self, topic: &OneTopic) -> Option<&TopicLook> {
        self.0.get(topic).map(|looked| &looked.look)
    }

    /// Where the next look goes on; empty: at the beginning.
    pub fn next_offsets(&self, topic: &OneTopic) -> NextOffsets {
        let looked = self.0.get(topic);
        looked.map_or_else(NextOffsets::default, |looked| looked.next_offsets.clone())
    }

    /// Whether another look may tell more, and the last one was long enough ago.
    pub fn is_due(&self, topic: &OneTopic, now: Instant) -> bool {
        self.0
            .get(topic)
            .is_none_or(|looked| looked.look != TopicLook::AsConfigured && looked.due <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_looked_at_again_after_a_rest_unless_it_is_as_configured_and_a_new_one_of_its_name_at_once()
     {
        let topic = |id: u128| OneTopic {
            name: "t".into(),
            id: Some(Uuid::from_u128(id)),
        };
        let (began, took) = (Instant::now(), Duration::from_secs(5));
        let (soon, late) = (began + 18 * took, began + 20 * took);
        let mut looks = TopicLooks::default();
        assert!(looks.is_due(&topic(1), began));
        for look in [TopicLook::Nothing, TopicLook::Unread] {
            let found = (look.clone(), NextOffsets::new());
            looks.note_look(topic(1), found, took, began);
            assert_eq!(looks.find(&topic(1)), Some(&look));
            assert!(!looks.is_due(&topic(1), soon) && looks.is_due(&topic(1), late));
        }
        let found = (TopicLook::AsConfigured, NextOffsets::new());
        looks.note_look(topic(1), found, took, began);
        assert!(!looks.is_due(&topic(1), late));
        assert_eq!(looks.find(&topic(2)), None);
        assert!(looks.is_due(&topic(2), soon));
    }

    #[test]
    fn several_looks_at_parts_of_a_topic_find_what_one_would_have_found() {
        let topic = OneTopic {
            name: "t".into(),
            id: None,
        };
        let other = || TopicLook::Other("flat".to_owned());
        let mut looks = TopicLooks::default();
        let mut look = |look, next: &[(i32, i64)]| {
            let found = (look, next.iter().copied().collect());
            looks.note_look(topic.clone(), found, Duration::ZERO, Instant::now());
            (looks.find(&topic).cloned(), looks.next_offsets(&topic))
        };
        let next = [(0, i64::MAX), (1, 7)];
        let kept = look(TopicLook::Unread, &next);
        assert_eq!(kept, (Some(TopicLook::Unread), next.into()));
        assert_eq!(look(other(), &next).0, Some(other()));
        assert_eq!(look(TopicLook::Unread, &next).0, Some(other()));
        assert_eq!(look(TopicLook::Nothing, &[]), (Some(other()), [].into()));
        // it begins anew
        assert_eq!(look(TopicLook::Nothing, &[]).0, Some(TopicLook::Nothing));
    }
}
