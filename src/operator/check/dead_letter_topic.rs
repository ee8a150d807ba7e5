//! The dead letter topic: is it there, or could `run` create it?

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions};

use crate::config::Config;
use crate::kafka::complaints::Heard;
use crate::kafka::{client, dead_letter_topic};
use crate::operator::check::finding::Finding;

const ANSWER: Duration = Duration::from_secs(10);

/// Asks the broker to create the topic without doing so. `None`: it would.
pub async fn could_be_created(config: &Config) -> Option<Finding> {
    let topic = config.dead_letter_topic();
    let heard = Heard::new(&config.kafka);
    let admin: AdminClient<Heard> = match client::plain(config).create_with_context(heard.clone()) {
        Ok(admin) => admin,
        Err(error) => {
            let found = heard.without_secrets(&error.to_string());
            return Some(Finding::problem("kafka_property", found, "correct it"));
        }
    };
    let new = dead_letter_topic::wanted(config, &topic);
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
            let remedy = format!("create {topic} yourself, or check again");
            return Some(
                Finding::warning("dead_letter_topic_unknown", found, remedy).of_topic(&topic),
            );
        }
    };
    let (_, error) = answer.err()?;
    let found =
        format!("the dead letter topic {topic} is not there, and can't be created: {error}");
    let remedy = format!(
        "{}; without it the first reject stops `run`",
        dead_letter_topic::remedy(error, &topic)
    );
    Some(Finding::problem("dead_letter_topic", found, remedy).of_topic(&topic))
}
