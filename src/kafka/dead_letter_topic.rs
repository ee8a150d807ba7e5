//! The dead letter topic itself: created if it isn't there.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::RDKafkaErrorCode;

use crate::config::Config;
use crate::kafka::client::{LoggingContext, client_properties};
use crate::kafka::complaints::Complaints;
use crate::kafka::error::{ClientError, Error, is_passing};
use crate::kafka::topics::fetch_cluster;

/// How long Kafka may take to create the topic, and to say which topics there are.
const CREATION_TIMEOUT: Duration = Duration::from_secs(10);

/// How long Kafka may take to say whether the topic could be created.
const VALIDATION_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the dead letter topic isn't created.
#[derive(Debug, thiserror::Error)]
pub enum CreationError {
    /// A property that librdkafka refuses.
    #[error("{}", Error::of_creation(.0.clone()))]
    Client(ClientError),
    /// Kafka doesn't answer.
    #[error("{0}")]
    Unanswered(ClientError),
    /// The broker refuses the topic.
    #[error("can't create the dead letter topic {topic}: {error}; {remedy}")]
    Refused {
        topic: String,
        error: RDKafkaErrorCode,
        /// What to do about it.
        remedy: String,
    },
}

impl CreationError {
    /// Whether the brokers may answer another time.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unanswered(error) if is_passing(&error.0))
    }
}

/// Creates the dead letter topic if it isn't there.
///
/// # Errors
/// It isn't there and can't be created.
pub async fn ensure_topic(config: &Config) -> Result<(), CreationError> {
    let topic = config.dead_letter_topic();
    let admin: AdminClient<LoggingContext> = client_properties(config)
        .create_with_context(LoggingContext)
        .map_err(|e| CreationError::Client(ClientError(e)))?;
    let options = AdminOptions::new()
        .operation_timeout(Some(CREATION_TIMEOUT))
        .request_timeout(Some(CREATION_TIMEOUT));
    let results = admin
        .create_topics([&wanted_topic(config, &topic)], &options)
        .await
        .map_err(|e| CreationError::Unanswered(ClientError(e)))?;
    let error = match results.into_iter().next() {
        Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) | Some(Ok(_)) | None => return Ok(()),
        Some(Err((_, error))) => error,
    };
    // whoever may not create it is told so even where it is there
    let exists = tokio::task::spawn_blocking({
        let topic = topic.clone();
        move || {
            let cluster = fetch_cluster(admin.inner(), CREATION_TIMEOUT);
            cluster.is_ok_and(|c| c.topics.iter().any(|t| t.name == topic))
        }
    });
    match exists.await {
        Ok(true) => Ok(()),
        _ => Err(creation_refused(topic, error)),
    }
}

/// Asks the broker to create the dead letter topic without doing so. What librdkafka says meanwhile is
/// added to `complaints`.
///
/// # Errors
/// The topic can't be created, or nobody knows.
pub async fn validate_creation(
    config: &Config,
    complaints: &Complaints,
) -> Result<(), CreationError> {
    let topic = config.dead_letter_topic();
    let admin: AdminClient<Complaints> = client_properties(config)
        .create_with_context(complaints.clone())
        .map_err(|e| CreationError::Client(ClientError(e)))?;
    let options = AdminOptions::new()
        .validate_only(true)
        .request_timeout(Some(VALIDATION_TIMEOUT));
    let results = admin
        .create_topics([&wanted_topic(config, &topic)], &options)
        .await
        .map_err(|e| CreationError::Unanswered(ClientError(e)))?;
    match results.into_iter().next() {
        Some(Err((_, error))) => Err(creation_refused(topic, error)),
        Some(Ok(_)) | None => Ok(()),
    }
}

/// As the configuration wants it; what it doesn't say is the broker's to choose.
fn wanted_topic<'n>(config: &Config, name: &'n str) -> NewTopic<'n> {
    let letters = &config.dead_letter;
    NewTopic::new(
        name,
        letters.partitions.unwrap_or(-1),
        TopicReplication::Fixed(letters.replication.unwrap_or(-1)),
    )
}

fn creation_refused(topic: String, error: RDKafkaErrorCode) -> CreationError {
    let remedy = remedy_for(error, &topic);
    CreationError::Refused {
        topic,
        error,
        remedy,
    }
}

/// What to do about a topic that the broker doesn't create.
fn remedy_for(error: RDKafkaErrorCode, topic: &str) -> String {
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
        let silent = wanted_topic(&silent, "t");
        assert_eq!(silent.num_partitions, -1);
        assert!(matches!(silent.replication, TopicReplication::Fixed(-1)));
        let told = wanted_topic(&told, "t");
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
            assert!(remedy_for(error, "g.dlq").contains(says), "{error:?}");
        }
    }
}
