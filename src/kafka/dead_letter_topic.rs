//! The dead letter topic itself: created if it isn't there.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::ClientContext;
use rdkafka::error::RDKafkaErrorCode;

use crate::config::Config;
use crate::kafka::client::{self, Context};

const ANSWER: Duration = Duration::from_secs(20);

/// As the configuration wants it; what it doesn't say is the broker's to choose.
pub fn wanted<'n>(config: &Config, name: &'n str) -> NewTopic<'n> {
    let letters = &config.dead_letter;
    NewTopic::new(
        name,
        letters.partitions.unwrap_or(-1),
        TopicReplication::Fixed(letters.replication.unwrap_or(-1)),
    )
}

/// Creates the dead letter topic if it isn't there.
///
/// # Errors
/// It isn't there and can't be created.
pub async fn ensure(config: &Config) -> Result<(), String> {
    let topic = config.dead_letter_topic();
    let admin: AdminClient<Context> = client::plain(config)
        .create_with_context(Context)
        .map_err(|e| client::refused(&e))?;
    let options = AdminOptions::new().operation_timeout(Some(ANSWER));
    let results = admin
        .create_topics([&wanted(config, &topic)], &options)
        .await
        .map_err(|e| e.to_string())?;
    let error = match results.into_iter().next() {
        Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) | Some(Ok(_)) | None => return Ok(()),
        Some(Err((_, error))) => error,
    };
    // whoever may not create it is told so even where it is there
    let exists = tokio::task::spawn_blocking({
        let topic = topic.clone();
        move || is_there(&admin, &topic)
    });
    match exists.await {
        Ok(true) => Ok(()),
        _ => Err(format!(
            "can't create the dead letter topic {topic}: {error}; {}",
            remedy(error, &topic)
        )),
    }
}

/// Asks for all topics: asking for one by its name may create it.
fn is_there(admin: &AdminClient<impl ClientContext>, topic: &str) -> bool {
    let metadata = admin.inner().fetch_metadata(None, ANSWER);
    metadata.is_ok_and(|m| m.topics().iter().any(|t| t.name() == topic))
}

/// What to do about a topic that the broker doesn't create.
pub fn remedy(error: RDKafkaErrorCode, topic: &str) -> String {
    use RDKafkaErrorCode as Code;
    match error {
        Code::InvalidReplicationFactor => {
            "set dead_letter.replication to a number of replicas that the cluster has brokers for"
                .to_owned()
        }
        Code::InvalidPartitions => {
            "set dead_letter.partitions to a number that the cluster allows".to_owned()
        }
        Code::PolicyViolation => format!(
            "the cluster's policy refuses it: set dead_letter.partitions and dead_letter.replication as it asks, or create {topic} yourself"
        ),
        Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed => format!(
            "let the user create it (kafka-acls --add --allow-principal … --operation Create --topic {topic}), or create {topic} yourself"
        ),
        Code::InvalidTopic => "set dead_letter.topic to a name that the cluster allows".to_owned(),
        _ => format!("create {topic} yourself"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(lines: &str) -> Config {
        let text = format!(
            "[kafka]\nbrokers = \"b:1\"\ntopics = [\"t\"]\n[postgres]\nurl = \"postgres://a@b/c\"\n[dead_letter]\n{lines}"
        );
        Config::parse(&text).unwrap()
    }

    #[test]
    fn what_the_configuration_does_not_say_is_the_brokers_to_choose() {
        let (silent, told) = (config(""), config("partitions = 6\nreplication = 3"));
        let silent = wanted(&silent, "t");
        assert_eq!(silent.num_partitions, -1);
        assert!(matches!(silent.replication, TopicReplication::Fixed(-1)));
        let told = wanted(&told, "t");
        assert_eq!(told.num_partitions, 6);
        assert!(matches!(told.replication, TopicReplication::Fixed(3)));
    }

    #[test]
    fn each_refusal_names_what_mends_it() {
        use RDKafkaErrorCode as Code;
        for (error, says) in [
            (Code::InvalidReplicationFactor, "dead_letter.replication"),
            (Code::InvalidPartitions, "dead_letter.partitions"),
            (
                Code::TopicAuthorizationFailed,
                "--operation Create --topic g.dlq",
            ),
            (
                Code::ClusterAuthorizationFailed,
                "--operation Create --topic g.dlq",
            ),
            (Code::PolicyViolation, "policy"),
            (Code::InvalidTopic, "dead_letter.topic"),
            (Code::RequestTimedOut, "create g.dlq yourself"),
        ] {
            assert!(remedy(error, "g.dlq").contains(says), "{error:?}");
        }
    }
}
