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

/// What was found of topics, and when it may be looked again.
#[derive(Clone, Debug, Default)]
pub struct TopicLooks(HashMap<OneTopic, (TopicLook, Instant)>);

impl TopicLooks {
    /// Notes what a look has found that took so long until now.
    pub fn note_look(&mut self, topic: OneTopic, look: TopicLook, took: Duration, now: Instant) {
        self.0.insert(topic, (look, now + took * REST_FACTOR));
    }

    /// What was found last.
    pub fn find(&self, topic: &OneTopic) -> Option<&TopicLook> {
        self.0.get(topic).map(|(look, _)| look)
    }

    /// Whether another look may tell more, and the last one was long enough ago.
    pub fn is_due(&self, topic: &OneTopic, now: Instant) -> bool {
        self.0
            .get(topic)
            .is_none_or(|(look, due)| *look != TopicLook::AsConfigured && *due <= now)
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
            looks.note_look(topic(1), look.clone(), took, began);
            assert_eq!(looks.find(&topic(1)), Some(&look));
            assert!(!looks.is_due(&topic(1), soon) && looks.is_due(&topic(1), late));
        }
        looks.note_look(topic(1), TopicLook::AsConfigured, took, began);
        assert!(!looks.is_due(&topic(1), late));
        assert_eq!(looks.find(&topic(2)), None);
        assert!(looks.is_due(&topic(2), soon));
    }
}
