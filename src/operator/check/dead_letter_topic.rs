//! The dead letter topic: is it there, or could `run` create it?

use crate::config::Config;
use crate::kafka::complaints::Complaints;
use crate::kafka::dead_letter_topic::{CreationError, validate_creation};
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
