//! Which incarnations of topics are read. librdkafka keeps the leader epochs of a topic that was deleted, and takes what it
//! hears of another one of its name for old news as long as that has had fewer leaders: it asks for records of leaders that
//! never were, and no broker gives any. Nothing tells so. So whoever reads such a topic has to begin anew.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use crate::kafka::topic_ids::TopicId;
use crate::locked::Locked;

/// The topics' ids when the consumer was first positioned in them.
#[derive(Default)]
pub struct Incarnations(Locked<HashMap<Arc<str>, Uuid>>);

impl Incarnations {
    /// The consumer reads the topic with this id, if it hasn't read one of its name before.
    pub fn note_read(&self, topic: &Arc<str>, id: Option<Uuid>) {
        if let Some(id) = id {
            self.0.lock().entry(topic.clone()).or_insert(id);
        }
    }

    /// Of these topics, those that have been read.
    pub fn list_read(&self, topics: HashSet<Arc<str>>) -> Vec<Arc<str>> {
        let read = self.0.lock();
        let is_read = |topic: &Arc<str>| read.contains_key(topic);
        topics.into_iter().filter(is_read).collect()
    }

    /// Those topics that are others by now, as these ids say, with their new ids.
    pub fn list_others(&self, now: &HashMap<String, TopicId>) -> HashMap<Arc<str>, Uuid> {
        let read = self.0.lock();
        let others = read.iter().filter_map(|(topic, id)| {
            let now = now.get(&**topic).copied().and_then(TopicId::known)?;
            (now != *id).then(|| (topic.clone(), now))
        });
        others.collect()
    }
}

/// What a look at the topics' ids has told. One answer may be that of a broker which hasn't heard of a topic's end.
#[derive(Default)]
pub struct LastLook(HashMap<Arc<str>, Uuid>);

impl LastLook {
    /// Takes in the next look: the topics that are others by now. Returns those of which the look before said the same, with
    /// their new ids.
    pub fn note_next(&mut self, others: HashMap<Arc<str>, Uuid>) -> Vec<(Arc<str>, Uuid)> {
        let before = std::mem::replace(&mut self.0, others);
        let now = self.0.iter();
        let agreed = now.filter(|(topic, id)| before.get(*topic) == Some(*id));
        agreed.map(|(topic, id)| (topic.clone(), *id)).collect()
    }

    /// Whether any topic was another one.
    pub fn has_others(&self) -> bool {
        !self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_another_one_once_its_id_is_and_not_while_it_is_gone() {
        let incarnations = Incarnations::default();
        let (topic, first): (Arc<str>, _) = ("t".into(), Uuid::from_u128(1));
        incarnations.note_read(&topic, None);
        let ours = || HashSet::from([topic.clone()]);
        assert!(incarnations.list_read(ours()).is_empty());
        incarnations.note_read(&topic, Some(first));
        incarnations.note_read(&topic, Some(Uuid::from_u128(2)));
        assert_eq!(incarnations.list_read(ours()).len(), 1);
        let others = |id| incarnations.list_others(&HashMap::from([("t".to_owned(), id)]));
        assert!(others(TopicId::Known(first)).is_empty());
        assert!(others(TopicId::Gone).is_empty());
        assert!(others(TopicId::Untold).is_empty());
        let second = Uuid::from_u128(2);
        let expected = HashMap::from([(topic.clone(), second)]);
        assert_eq!(others(TopicId::Known(second)), expected);
    }

    #[test]
    fn a_topic_is_believed_to_be_another_one_once_two_looks_in_a_row_tell_the_same_id() {
        let topic: Arc<str> = "t".into();
        let mut last = LastLook::default();
        let mut look = |id: Option<u128>| {
            let others = id.map(|id| (topic.clone(), Uuid::from_u128(id)));
            last.note_next(others.into_iter().collect())
        };
        assert_eq!(look(Some(2)), []);
        assert_eq!(look(None), [], "another broker knows better");
        assert_eq!(look(Some(2)), []);
        assert_eq!(look(Some(3)), []);
        assert_eq!(look(Some(3)), [(topic.clone(), Uuid::from_u128(3))]);
    }
}
