//! Why Kafka didn't do what it was asked to, and what librdkafka's errors mean.

use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::record::TopicPartition;

/// Why Kafka couldn't be used. The text is for people, and quotes no property's value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// librdkafka refuses the property of this name. Its value is not shown: the value of a misspelt
    /// `sasl.pasword` is a secret.
    #[error("kafka.properties: librdkafka refuses {0}; `landfall check` says why")]
    PropertyRefused(String),
    /// A client can't be created for another reason.
    #[error("kafka: {0}")]
    Client(KafkaError),
    /// librdkafka can't subscribe to `kafka.topics`.
    #[error("kafka.topics: {0}")]
    Subscription(KafkaError),
    /// The operating system gives no thread to poll in.
    #[error("can't start the poll thread: {0}")]
    PollThread(std::io::Error),
    /// No broker answered.
    #[error("Kafka at {brokers} can't be reached: {reasons}")]
    Unreachable { brokers: String, reasons: String },
    /// The cluster's topics can't be listed.
    #[error("Kafka can't be asked for its topics: {0}")]
    Topics(KafkaError),
    /// Where a partition's log begins and ends isn't told.
    #[error("Kafka can't be asked about {partition}: {error}")]
    LogEnds {
        partition: TopicPartition,
        error: KafkaError,
    },
    /// The offset that the group has committed isn't told.
    #[error("{partition}: {error}")]
    Committed {
        partition: TopicPartition,
        error: KafkaError,
    },
    /// How far the group has come isn't told.
    #[error("Kafka can't be asked for committed offsets: {0}")]
    CommittedOffsets(KafkaError),
    /// Where the records of a time begin isn't told.
    #[error("Kafka can't be asked for offsets by time: {0}")]
    OffsetsAtTime(KafkaError),
    /// Where the records of a time begin in one partition isn't told.
    #[error("{partition}: Kafka doesn't tell an offset by time: {why}")]
    OffsetAtTimeUntold {
        partition: TopicPartition,
        why: String,
    },
    /// Where logs begin and end, or where the group would go on, isn't told at all.
    #[error("Kafka can't be asked for offsets: {0}")]
    Offsets(ClientError),
    /// Of one partition it isn't told where its log begins and ends, or where the group would go on.
    #[error("{partition}: Kafka doesn't tell its offsets: {why}")]
    OffsetsUntold {
        partition: TopicPartition,
        why: String,
    },
    /// No answer to the question for topic ids came in time.
    #[error("Kafka did not answer a DescribeTopics request in time")]
    TopicIdsUnanswered,
    /// Nobody tells which brokers there are to be asked.
    #[error("Kafka doesn't tell its brokers: {0}")]
    NoBrokers(String),
    /// The question for topic ids was refused as a whole.
    #[error("Kafka refused a DescribeTopics request: {0}")]
    TopicIdsRefused(String),
    /// The answer to the question for topic ids is none.
    #[error("Kafka answered a DescribeTopics request with something else")]
    TopicIdsMisunderstood,
    /// The id of one topic is refused.
    #[error("topic {topic}: {refusal}")]
    TopicIdRefused {
        topic: String,
        refusal: String,
        /// As the user may not know of it, whether or not it is there.
        is_hidden: bool,
    },
    /// The user lacks a right: which, and the statement that gives it.
    #[error("{0}")]
    Forbidden(String),
    /// A position to read from that librdkafka doesn't take.
    #[error("{partition}: {error}")]
    Position {
        partition: TopicPartition,
        error: KafkaError,
    },
    /// A partition's records can't be read.
    #[error("{partition} can't be read: {error}")]
    Unreadable {
        partition: TopicPartition,
        error: KafkaError,
    },
    /// Neither a record nor the log's end came in time.
    #[error("Kafka gave nothing of {partition} within {}", humantime::format_duration(*.waited))]
    NothingCame {
        partition: TopicPartition,
        waited: Duration,
    },
    /// The poll thread has ended, and seeks no more.
    #[error("the consumer is closing")]
    Closing,
}

impl Error {
    /// Why a client wasn't created: the property that librdkafka refuses, without its value.
    pub fn of_creation(error: ClientError) -> Self {
        match error.0 {
            KafkaError::ClientConfig(_, _, name, _) => Self::PropertyRefused(name),
            error => Self::Client(error),
        }
    }
}

/// What librdkafka, or a broker, said instead of an answer, in librdkafka's words. The words may quote
/// a property's value: [`Complaints::without_secrets`](crate::kafka::complaints::Complaints) takes
/// secrets out.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct ClientError(#[from] pub(super) KafkaError);

impl ClientError {
    /// Whether the group's coordinator is still being found, or isn't ready yet.
    pub fn is_of_coordinator(&self) -> bool {
        use RDKafkaErrorCode::*;
        matches!(
            self.0.rdkafka_error_code(),
            Some(
                NotCoordinator
                    | CoordinatorLoadInProgress
                    | CoordinatorNotAvailable
                    | WaitingForCoordinator
            )
        )
    }

    /// Whether the user lacks a right.
    pub fn is_forbidden(&self) -> bool {
        matches!(
            self.0.rdkafka_error_code(),
            Some(
                RDKafkaErrorCode::GroupAuthorizationFailed
                    | RDKafkaErrorCode::TopicAuthorizationFailed
                    | RDKafkaErrorCode::ClusterAuthorizationFailed
            )
        )
    }
}

/// Errors that pass by themselves and of which librdkafka tells again and again.
pub(super) fn is_passing(error: &KafkaError) -> bool {
    let code = match error {
        KafkaError::AdminOp(code) => Some(*code),
        error => error.rdkafka_error_code(),
    };
    matches!(
        code,
        Some(
            RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::OperationTimedOut
        )
    )
}

/// Whether the user may not do this with a topic.
pub(super) fn is_of_topic_right(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed)
}

/// Whether the user may not know of the consumer group.
pub(super) fn is_of_group_right(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::GroupAuthorizationFailed)
}

/// Whether the topic, or the partition, isn't there.
pub(super) fn is_gone(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{UnknownPartition, UnknownTopic, UnknownTopicOrPartition};
    let code = error.rdkafka_error_code();
    matches!(
        code,
        Some(UnknownTopicOrPartition | UnknownTopic | UnknownPartition)
    )
}
