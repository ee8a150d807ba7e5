//! The dead letter topics themselves: created if they aren't there.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::RDKafkaErrorCode;

use crate::config::{Config, LetterTopic};
use crate::kafka::acl::{Resource, write_grant};
use crate::kafka::client::{LoggingContext, client_properties};
use crate::kafka::complaints::Complaints;
use crate::kafka::error::{ClientError, Error, is_passing};
use crate::kafka::login::LiveClient;
use crate::kafka::topics::fetch_cluster;

/// How long Kafka may take to create the topic, and to say which topics there are.
const CREATION_TIMEOUT: Duration = Duration::from_secs(10);

/// How long Kafka may take to say whether the topic could be created.
const VALIDATION_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a dead letter topic isn't created.
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
    /// Whether the topic is there already, and we aren't shown it.
    pub fn is_of_hidden_topic(&self) -> bool {
        let Self::Refused { error, .. } = self else {
            return false;
        };
        *error == RDKafkaErrorCode::TopicAlreadyExists
    }

    /// Whether the brokers may answer another time.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unanswered(error) if is_passing(&error.0))
    }
}

/// Creates those of the dead letter topics that aren't there. What can't be created hinders no other; returned is what
/// has hindered each.
pub async fn ensure_topics(config: &Config) -> Vec<CreationError> {
    match create_topics(config).await {
        Ok(refused) => refused,
        Err(error) => vec![error],
    }
}

async fn create_topics(config: &Config) -> Result<Vec<CreationError>, CreationError> {
    let topics = config.dead_letter_topics();
    let admin: LiveClient<AdminClient<LoggingContext>> = client_properties(config)
        .create(LoggingContext)
        .map_err(|e| CreationError::Client(ClientError(e)))?;
    let options = AdminOptions::new()
        .operation_timeout(Some(CREATION_TIMEOUT))
        .request_timeout(Some(CREATION_TIMEOUT));
    let wanted = topics.iter().map(|topic| wanted_topic(config, &topic.name));
    let wanted: Vec<NewTopic<'_>> = wanted.collect();
    let results = admin
        .create_topics(&wanted, &options)
        .await
        .map_err(|e| CreationError::Unanswered(ClientError(e)))?;
    let refused = results.into_iter().filter_map(Result::err);
    let mut refused: Vec<(String, RDKafkaErrorCode)> = refused
        .filter(|(_, error)| *error != RDKafkaErrorCode::TopicAlreadyExists)
        .collect();
    if !refused.is_empty() {
        // whoever may not create one is told so even where it is there
        let asked = tokio::task::spawn_blocking(move || {
            fetch_cluster(admin.inner(), CREATION_TIMEOUT).map(|cluster| cluster.topics)
        });
        let there = asked.await.ok().and_then(Result::ok).unwrap_or_default();
        refused.retain(|(name, _)| there.iter().all(|topic| topic.name != *name));
    }
    let of_refused = |topic: &LetterTopic| {
        let (_, error) = refused.iter().find(|(name, _)| *name == topic.name)?;
        Some(creation_refused(config, topic, *error))
    };
    Ok(topics.iter().filter_map(of_refused).collect())
}

/// Asks the broker to create a dead letter topic without doing so. What librdkafka says meanwhile is
/// added to `complaints`.
///
/// # Errors
/// The topic can't be created, or nobody knows.
pub async fn validate_creation(
    config: &Config,
    topic: &LetterTopic,
    complaints: &Complaints,
) -> Result<(), CreationError> {
    let admin: LiveClient<AdminClient<Complaints>> = client_properties(config)
        .create(complaints.clone())
        .map_err(|e| CreationError::Client(ClientError(e)))?;
    let options = AdminOptions::new()
        .validate_only(true)
        .request_timeout(Some(VALIDATION_TIMEOUT));
    let results = admin
        .create_topics([&wanted_topic(config, &topic.name)], &options)
        .await
        .map_err(|e| CreationError::Unanswered(ClientError(e)))?;
    match results.into_iter().next() {
        Some(Err((_, error))) => Err(creation_refused(config, topic, error)),
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

fn creation_refused(
    config: &Config,
    topic: &LetterTopic,
    error: RDKafkaErrorCode,
) -> CreationError {
    CreationError::Refused {
        topic: topic.name.clone(),
        error,
        remedy: remedy_for(config, error, topic),
    }
}

/// What to do about a topic that the broker doesn't create.
fn remedy_for(config: &Config, error: RDKafkaErrorCode, topic: &LetterTopic) -> String {
    use RDKafkaErrorCode as Code;
    let LetterTopic { name: topic, key } = topic;
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
            "let the user create it ({}), or create {topic} yourself",
            write_grant(&config.kafka, "Create", Resource::Topic(topic))
        ),
        Code::InvalidTopic => format!("set {key} to a name that the cluster allows"),
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
        let topic = LetterTopic {
            name: "g.dlq".to_owned(),
            key: "route.dead_letter_topic",
        };
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
            (Code::InvalidTopic, "set route.dead_letter_topic"),
            (Code::RequestTimedOut, "create g.dlq yourself"),
        ] {
            assert!(
                remedy_for(&config(""), error, &topic).contains(says),
                "{error:?}"
            );
        }
    }
}
