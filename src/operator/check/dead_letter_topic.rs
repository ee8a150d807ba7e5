//! The dead letter topic: is it there, or could `run` create it, and may it be written?

use crate::config::Config;
use crate::kafka::complaints::Complaints;
use crate::kafka::dead_letter_topic::{CreationError, validate_creation};
use crate::kafka::topics::Topics;
use crate::operator::check::finding::Finding;

/// What hinders the broker from creating the topic: it is asked to, without doing so. `None`: nothing.
pub async fn find_hindrance(config: &Config) -> Option<Finding> {
    let topic = config.dead_letter_topic();
    let complaints = Complaints::new(&config.kafka);
    let finding = match validate_creation(config, &complaints).await.err()? {
        CreationError::Client(error) => {
            let found = complaints.without_secrets(&error.to_string());
            return Some(Finding::problem("kafka_property", found, "correct it"));
        }
        CreationError::Unanswered(error) => {
            let found = format!(
                "the dead letter topic {topic} is not there, and whether it can be created is unknown: {}",
                complaints.without_secrets(&error.to_string())
            );
            let remedy = format!("create {topic} yourself, or check again");
            Finding::warning("dead_letter_topic_unknown", found, remedy)
        }
        CreationError::Refused { error, remedy, .. } => {
            let found = format!(
                "the dead letter topic {topic} is not there, and can't be created: {error}"
            );
            let remedy = format!("{remedy}; without it the first reject stops `run`");
            Finding::problem("dead_letter_topic", found, remedy)
        }
    };
    Some(finding.of_topic(&topic))
}

/// Whether the user may write the topic, which is there. `None`: nothing is wrong, or the brokers don't tell.
pub async fn find_missing_right(config: &Config) -> Option<Finding> {
    let (owned, topic) = (config.clone(), config.dead_letter_topic());
    let name = topic.clone();
    let asked = tokio::task::spawn_blocking(move || Topics::new(&owned)?.may_write(&name));
    let Ok(Ok(Some(false))) = asked.await else {
        return None;
    };
    let found = format!("the user may not write to the dead letter topic {topic}");
    let remedy = format!(
        "allow it (kafka-acls --add --allow-principal … --operation Write --topic {topic}), or set dead_letter.topic; without it the first reject stops `run`"
    );
    Some(Finding::problem("dead_letter_topic_forbidden", found, remedy).of_topic(&topic))
}
