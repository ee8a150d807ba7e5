//! The dead letter topic: is it there, or could `run` create it?

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use std::time::Duration;

use crate::check::finding::Finding;
use crate::check::heard::Heard;
use crate::config::Config;
use crate::pipeline::client;

const ANSWER: Duration = Duration::from_secs(10);

/// Asks the broker to create the topic without doing so. `None`: it would.
pub async fn could_be_created(config: &Config) -> Option<Finding> {
    let topic = config.dead_letter_topic();
    let remedy = format!(
        "create {topic} yourself, or let the user create it (kafka-acls --operation Create --topic {topic}); \
         without it the first reject stops `run`"
    );
    let heard = Heard::new(&config.kafka);
    let admin: AdminClient<Heard> = match client::plain(config).create_with_context(heard.clone()) {
        Ok(admin) => admin,
        Err(error) => {
            let found = heard.without_secrets(&error.to_string());
            return Some(Finding::problem("kafka_property", found, "correct it"));
        }
    };
    let new = NewTopic::new(&topic, -1, TopicReplication::Fixed(-1));
    let options = AdminOptions::new()
        .validate_only(true)
        .request_timeout(Some(ANSWER));
    let answer = match admin.create_topics([&new], &options).await {
        Ok(results) => results.into_iter().next()?,
        Err(error) => {
            let found = format!(
                "the dead letter topic {topic} is not there, and whether it can be created is unknown: {}",
                heard.without_secrets(&error.to_string())
            );
            return Some(
                Finding::warning("dead_letter_topic_unknown", found, remedy).of_topic(&topic),
            );
        }
    };
    let (_, error) = answer.err()?;
    let found =
        format!("the dead letter topic {topic} is not there, and can't be created: {error}");
    Some(Finding::problem("dead_letter_topic", found, remedy).of_topic(&topic))
}
