//! Which topics dead letters go to: that of the group, and those of routes with one of their own.

use super::kafka::KafkaConfig;
use super::reader::Reader;
use super::route::RouteConfig;
use super::topic_pattern::{TOPIC_NAME, TopicPattern, is_topic_name};
use super::value::{allowed, parse_string};
use super::{Config, DeadLetterConfig};

pub(super) const TOPIC_KEY: &str = "dead_letter.topic";

/// A topic that dead letters go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterTopic {
    pub name: String,
    /// The key that says so, or would.
    pub key: &'static str,
}

impl Config {
    /// The topic that the letters of a topic's events go to: its route's, else `dead_letter.topic`.
    pub fn dead_letter_topic_of(&self, source: &str) -> String {
        let route = self.route_for(source).map(|(route, _)| route);
        let own = route.and_then(|route| route.dead_letter_topic.clone());
        own.unwrap_or_else(|| self.dead_letter.topic_for(&self.kafka.group))
    }

    /// Every topic that letters may go to, each once: `dead_letter.topic` (`<group>.dlq` unless configured), then
    /// those of routes in their order.
    pub fn dead_letter_topics(&self) -> Vec<LetterTopic> {
        list_topics(&self.dead_letter, &self.kafka.group, &self.routes)
    }
}

fn list_topics(
    letters: &DeadLetterConfig,
    group: &str,
    routes: &[RouteConfig],
) -> Vec<LetterTopic> {
    let mut topics = vec![LetterTopic {
        name: letters.topic_for(group),
        key: TOPIC_KEY,
    }];
    for name in routes.iter().filter_map(|r| r.dead_letter_topic.as_ref()) {
        if topics.iter().all(|topic| topic.name != *name) {
            topics.push(LetterTopic {
                name: name.clone(),
                key: "route.dead_letter_topic",
            });
        }
    }
    topics
}

/// Reads a key that names such a topic; `None` if it isn't set, or wrong.
pub(super) fn read_topic(reader: &mut Reader, key: &str) -> Option<String> {
    reader.read(key, |found| {
        Some(parse_string(found)?)
            .filter(|topic| is_topic_name(topic))
            .ok_or_else(|| allowed(TOPIC_NAME))
    })
}

/// A sink that reads its own dead letters would never come to an end.
pub(super) fn refuse_loops(
    reader: &mut Reader,
    kafka: &KafkaConfig,
    letters: &DeadLetterConfig,
    routes: &[RouteConfig],
) {
    for LetterTopic { name, key } in list_topics(letters, &kafka.group, routes) {
        if !is_topic_name(&name) {
            let text =
                format!("dead letters would go to {name:?}, which is no topic name; set {key}");
            reader.note_problem("kafka.group", text);
            continue;
        }
        let mut patterns = kafka.topics.iter();
        let Some(reads_it) = patterns.find(|pattern| pattern.matches_topic(&name)) else {
            continue;
        };
        let remedy = match reads_it {
            TopicPattern::Name(_) => format!("take it out, or set {key} to another topic"),
            TopicPattern::Regex(_) => {
                format!("narrow the pattern, or set {key} to a topic that it does not match")
            }
        };
        let text = format!(
            "{:?} would read the dead letters' own topic {name:?}; {remedy}",
            reads_it.as_str()
        );
        reader.note_problem("kafka.topics", text);
    }
}
