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

    /// A topic that is another one by now, as these ids say.
    pub fn find_recreated(&self, now: &HashMap<String, TopicId>) -> Option<Arc<str>> {
        let read = self.0.lock();
        let is_other = |topic: &str, id: &Uuid| {
            let now = now.get(topic).copied().and_then(TopicId::known);
            now.is_some_and(|now| now != *id)
        };
        let mut topics = read.iter();
        let found = topics.find(|(topic, id)| is_other(topic, id));
        found.map(|(topic, _)| topic.clone())
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
        let find = |id| incarnations.find_recreated(&HashMap::from([("t".to_owned(), id)]));
        assert_eq!(find(TopicId::Known(first)), None);
        assert_eq!(find(TopicId::Gone), None);
        assert_eq!(find(TopicId::Untold), None);
        assert_eq!(
            find(TopicId::Known(Uuid::from_u128(2))),
            Some(topic.clone())
        );
    }
}
