//! `[dead_letter]`: where events go that cannot be applied.

use super::kafka::KafkaConfig;
use super::reader::Reader;
use super::topic_pattern::{TOPIC_NAME, TopicPattern, is_topic_name};
use super::value::{allowed, string};

const TOPIC: &str = "dead_letter.topic";

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeadLetterConfig {
    /// `None`: the group's name with `.dlq`. Ask `Config::dead_letter_topic`.
    pub topic: Option<String>,
}

impl DeadLetterConfig {
    pub(super) fn topic_for(&self, group: &str) -> String {
        self.topic.clone().unwrap_or_else(|| format!("{group}.dlq"))
    }

    /// `kafka` is `None` if it is wrong itself, which was noted.
    pub(super) fn read(reader: &mut Reader, kafka: Option<&KafkaConfig>) -> Self {
        let topic = reader.read(TOPIC, |found| {
            Some(string(found)?)
                .filter(|topic| is_topic_name(topic))
                .ok_or_else(|| allowed(TOPIC_NAME))
        });
        let read = Self { topic };
        if let Some(kafka) = kafka {
            read.refuse_loop(reader, kafka);
        }
        read
    }

    /// A sink that reads its own dead letters would never come to an end.
    fn refuse_loop(&self, reader: &mut Reader, kafka: &KafkaConfig) {
        let topic = self.topic_for(&kafka.group);
        if !is_topic_name(&topic) {
            let text =
                format!("dead letters would go to {topic:?}, which is no topic name; set {TOPIC}");
            return reader.refuse("kafka.group", text);
        }
        let Some(reads_it) = kafka.topics.iter().find(|pattern| pattern.matches(&topic)) else {
            return;
        };
        let remedy = match reads_it {
            TopicPattern::Name(_) => format!("take it out, or set {TOPIC} to another topic"),
            TopicPattern::Regex(_) => {
                format!("narrow the pattern, or set {TOPIC} to a topic that it does not match")
            }
        };
        let text = format!(
            "{:?} would read the dead letters' own topic {topic:?}; {remedy}",
            reads_it.as_str()
        );
        reader.refuse("kafka.topics", text);
    }
}
