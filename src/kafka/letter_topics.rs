//! Which topic the letters of a topic's records go to.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::Config;
use crate::locked::Locked;

/// Asks the configuration once for each topic: routes are patterns, and letters may come by the million.
pub struct LetterTopics {
    config: Config,
    known: Locked<HashMap<Arc<str>, Arc<str>>>,
}

impl LetterTopics {
    /// Those of this configuration.
    pub fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
            known: Locked::default(),
        }
    }

    /// The topic for letters of this one's records.
    pub fn topic_for(&self, source: &Arc<str>) -> Arc<str> {
        let mut known = self.known.lock();
        if let Some(topic) = known.get(source) {
            return topic.clone();
        }
        let topic: Arc<str> = self.config.dead_letter_topic_of(source).into();
        known.insert(source.clone(), topic.clone());
        topic
    }
}
