//! `[dead_letter]`: where events go that cannot be applied, what becomes of later events of their
//! keys, and when there are too many.

use std::time::Duration;

use super::kafka::KafkaConfig;
use super::letter_topics::{TOPIC_KEY, read_topic, refuse_loops};
use super::reader::Reader;
use super::route::RouteConfig;
use super::summary::Summary;
use super::units::{duration_within, show_duration};
use super::value::{integer_within, one_of, parse_ratio, word_for};

/// `[dead_letter]`: the topic of dead letters, and what follows a letter.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetterConfig {
    /// `None`: the group's name with `.dlq`. Ask `Config::dead_letter_topic_of`.
    pub topic: Option<String>,
    /// Partitions of the topic, if Landfall has to create it; `None`: as the broker has it.
    pub partitions: Option<i32>,
    /// The replication factor of the topic, if Landfall has to create it; `None`: as the broker has it.
    pub replication: Option<i32>,
    /// What becomes of an event whose key has a dead letter.
    pub later_events: LaterEvents,
    /// When so many events are refused that something else must be wrong.
    pub breaker: BreakerConfig,
}

/// What becomes of an event whose key has a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaterEvents {
    /// One that carries the whole row is applied and makes the letter obsolete; one that carries
    /// only part of it is put behind the letter.
    Supersede,
    /// All are put behind it.
    Park,
}

impl LaterEvents {
    /// The words of the configuration, and what each means.
    pub const CHOICES: [(&'static str, Self); 2] =
        [("supersede", Self::Supersede), ("park", Self::Park)];
}

/// When so many events are refused that something else must be wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct BreakerConfig {
    /// More than this part of the last
    pub ratio: f64,
    /// so many events.
    pub window: usize,
    /// Between two probes, also of a set-up that is wrong.
    pub open: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            ratio: 0.5,
            window: 100,
            open: Duration::from_secs(30),
        }
    }
}

impl BreakerConfig {
    fn summarize(&self, summary: &mut Summary) {
        summary.add("dead_letter.breaker.ratio", self.ratio);
        summary.add("dead_letter.breaker.window", self.window);
        summary.add("dead_letter.breaker.open", show_duration(self.open));
    }

    fn from_reader(reader: &mut Reader) -> Self {
        let default = Self::default();
        let open = duration_within(Duration::from_millis(1)..=Duration::from_secs(3600));
        Self {
            ratio: reader.read_or("dead_letter.breaker.ratio", default.ratio, parse_ratio),
            window: reader.read_or(
                "dead_letter.breaker.window",
                default.window,
                integer_within(1..=1_000_000),
            ),
            open: reader.read_or("dead_letter.breaker.open", default.open, open),
        }
    }
}

impl DeadLetterConfig {
    pub(super) fn summarize(&self, group: &str, summary: &mut Summary) {
        let or_default = |number: Option<i32>| number.map_or("default".into(), |n| n.to_string());
        summary.add(TOPIC_KEY, self.topic_for(group));
        summary.add("dead_letter.partitions", or_default(self.partitions));
        summary.add("dead_letter.replication", or_default(self.replication));
        summary.add(
            "dead_letter.later_events",
            word_for(&LaterEvents::CHOICES, self.later_events),
        );
        self.breaker.summarize(summary);
    }

    pub(super) fn topic_for(&self, group: &str) -> String {
        self.topic.clone().unwrap_or_else(|| format!("{group}.dlq"))
    }

    /// `kafka` is `None` if it is wrong itself, which was noted.
    pub(super) fn from_reader(
        reader: &mut Reader,
        kafka: Option<&KafkaConfig>,
        routes: &[RouteConfig],
    ) -> Self {
        let read = Self {
            topic: read_topic(reader, TOPIC_KEY),
            partitions: reader.read("dead_letter.partitions", integer_within(1..=10_000)),
            replication: reader.read("dead_letter.replication", integer_within(1..=1_000)),
            later_events: reader.read_or(
                "dead_letter.later_events",
                LaterEvents::Supersede,
                one_of(&LaterEvents::CHOICES),
            ),
            breaker: BreakerConfig::from_reader(reader),
        };
        if let Some(kafka) = kafka {
            refuse_loops(reader, kafka, &read, routes);
        }
        read
    }
}
