//! What Kafka doesn't let a worker do: told with the statement that gives the right, again as long as it is so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::config::KafkaConfig;
use crate::kafka::acl::{Resource, describe_missing};
use crate::watch::health::Health;

/// Tells the log and `/readyz`.
pub struct Refusals {
    config: KafkaConfig,
    health: Arc<Health>,
    /// Kafka has refused to let us read a topic since somebody asked.
    reading_refused: AtomicBool,
}

impl Refusals {
    pub(super) fn new(config: &KafkaConfig, health: Arc<Health>) -> Self {
        Self {
            config: config.clone(),
            health,
            reading_refused: AtomicBool::new(false),
        }
    }

    /// Whether Kafka has refused to let us read a topic, which it says once: whoever asks looks after it.
    pub fn take_reading_refused(&self) -> bool {
        self.reading_refused.swap(false, Ordering::AcqRel)
    }

    /// Tells what Kafka doesn't let us do, if that is the error. Returns whether it is.
    pub fn tell(&self, error: &KafkaError) -> bool {
        let what = match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::GroupAuthorizationFailed) => self.describe_group(),
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                self.reading_refused.store(true, Ordering::Release);
                "the user may not read a topic of kafka.topics (kafka-acls --operation Read --topic …), which is named in a moment"
                    .to_owned()
            }
            Some(RDKafkaErrorCode::ClusterAuthorizationFailed) => {
                "the user lacks rights on the cluster".to_owned()
            }
            _ => return false,
        };
        self.tell_refused(&what);
        true
    }

    /// Tells that Kafka doesn't let us read a topic; again whenever it was asked.
    pub fn tell_unreadable(&self, topic: &str) {
        let what = describe_missing(&self.config, "Read", Resource::Topic(topic));
        self.tell_refused(&what);
    }

    /// The group has let us join.
    pub(super) fn note_joined(&self) {
        self.health.kafka.note_allowed(&self.describe_group());
    }

    fn describe_group(&self) -> String {
        describe_missing(&self.config, "Read", Resource::Group(&self.config.group))
    }

    fn tell_refused(&self, what: &str) {
        if self.health.kafka.note_refusal(what) {
            tracing::warn!("Kafka refuses: {what}; what needs it goes on once Kafka lets us");
        }
    }
}
