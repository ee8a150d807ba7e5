//! Asks about the group's topics in the group's name, without ever joining it: for people who want to
//! know what is wrong.

use std::time::{Duration, Instant};

use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::config::KafkaConfig;
use crate::kafka::client::{ClientProperties, close_consumer, consumer_properties};
use crate::kafka::complaints::Complaints;
use crate::kafka::error::{ClientError, Error, is_passing};
use crate::kafka::login::LiveClient;
use crate::kafka::offsets::{
    PartitionOffsets, fetch_committed, fetch_log_ends, fetch_log_positions,
};
use crate::kafka::topics::{Cluster, fetch_cluster};
use crate::record::TopicPartition;

/// How long Kafka has to answer a question.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the first attempt may take at a question that is never answered who may not know of the group; the second one has all
/// the time that is left.
const FIRST_TIMEOUT: Duration = Duration::from_secs(1);

/// How long what librdkafka has to say beside its answers may take to arrive.
const BESIDE_TIMEOUT: Duration = Duration::from_millis(200);

/// How long one attempt to reach the cluster may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

/// Brokers that all refuse are given this long, not longer: one of a host's addresses may answer.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(3);

/// A consumer that has the group's name, which is needed to ask, and only asks. Its calls block their
/// thread.
pub struct Observer {
    consumer: LiveClient<BaseConsumer<Complaints>>,
    complaints: Complaints,
    brokers: String,
}

impl Observer {
    /// Connects to nothing yet. What librdkafka says from now on is added to `complaints`.
    ///
    /// # Errors
    /// A property that librdkafka refuses, in librdkafka's words.
    pub fn new(config: &KafkaConfig, complaints: &Complaints) -> Result<Self, ClientError> {
        Self::with_properties(config, consumer_properties(config), complaints)
    }

    /// As [`Observer::new`]; logs end behind their last record here, though its transaction may be open.
    ///
    /// # Errors
    /// As for [`Observer::new`].
    pub fn of_whole_logs(
        config: &KafkaConfig,
        complaints: &Complaints,
    ) -> Result<Self, ClientError> {
        let mut properties = consumer_properties(config);
        properties.set("isolation.level", "read_uncommitted");
        Self::with_properties(config, properties, complaints)
    }

    fn with_properties(
        config: &KafkaConfig,
        mut properties: ClientProperties,
        complaints: &Complaints,
    ) -> Result<Self, ClientError> {
        properties.set("statistics.interval.ms", "0");
        Ok(Self {
            consumer: properties.create(complaints.clone())?,
            complaints: complaints.clone(),
            brokers: config.brokers.clone(),
        })
    }

    /// The cluster's brokers and topics. Tries for [`ANSWER_TIMEOUT`].
    ///
    /// # Errors
    /// No broker answers, with the reasons that librdkafka gave.
    pub fn reach_cluster(&self) -> Result<Cluster, Error> {
        let started = Instant::now();
        loop {
            let error = match fetch_cluster(self.consumer.client(), ATTEMPT_TIMEOUT) {
                Ok(cluster) => return Ok(cluster),
                Err(error) => error,
            };
            self.hear_complaints(Duration::from_millis(100));
            let passed = started.elapsed();
            let is_refused = self.complaints.is_down() && passed >= REFUSAL_TIMEOUT;
            if passed >= ANSWER_TIMEOUT || is_refused {
                return Err(Error::Unreachable {
                    brokers: self.brokers.clone(),
                    reasons: self.complaints.list_reasons(&error.to_string()),
                });
            }
        }
    }

    /// Lets what librdkafka has to say arrive, for so long at most.
    pub fn hear_complaints(&self, timeout: Duration) {
        let _ = self.consumer.poll(timeout);
    }

    /// The first offset that is still in the log, and the next one to be written.
    ///
    /// # Errors
    /// No broker answered within `timeout`, or it refused.
    pub fn log_ends(
        &self,
        source: &TopicPartition,
        timeout: Duration,
    ) -> Result<(i64, i64), ClientError> {
        Ok(fetch_log_ends(self.consumer.client(), source, timeout)?)
    }

    /// The first offsets that are still in the logs.
    ///
    /// # Errors
    /// No broker answered within [`ANSWER_TIMEOUT`], or it refused.
    pub fn first_offsets<'p>(
        &self,
        partitions: impl IntoIterator<Item = &'p TopicPartition>,
    ) -> Result<PartitionOffsets, ClientError> {
        self.log_positions(partitions, Offset::Beginning)
    }

    /// The next offsets to be written.
    ///
    /// # Errors
    /// As for [`Observer::first_offsets`].
    pub fn end_offsets<'p>(
        &self,
        partitions: impl IntoIterator<Item = &'p TopicPartition>,
    ) -> Result<PartitionOffsets, ClientError> {
        self.log_positions(partitions, Offset::End)
    }

    /// Where the group would go on.
    ///
    /// # Errors
    /// As for [`Observer::first_offsets`].
    pub fn committed_offsets<'p>(
        &self,
        partitions: impl IntoIterator<Item = &'p TopicPartition> + Clone,
    ) -> Result<PartitionOffsets, ClientError> {
        let began_at = Instant::now();
        let first = fetch_committed(&self.consumer, partitions.clone(), FIRST_TIMEOUT);
        let is_late = match &first {
            Ok(_) => false,
            Err(error) => is_passing(error) || ClientError(error.clone()).is_of_coordinator(),
        };
        // who may not know of the group isn't told where its coordinator is, and waits for it until the time is over
        let refusal = first.is_err().then(|| self.find_refusal()).flatten();
        let answer = match is_late && refusal.is_none() {
            true => {
                let left = ANSWER_TIMEOUT.saturating_sub(began_at.elapsed());
                fetch_committed(&self.consumer, partitions, left)
            }
            false => first,
        };
        answer.map_err(|error| {
            let refusal = refusal.or_else(|| self.find_refusal());
            refusal.unwrap_or(ClientError(error))
        })
    }

    /// What the brokers have refused, if they said so beside their answers.
    fn find_refusal(&self) -> Option<ClientError> {
        while let Some(said) = self.consumer.poll(BESIDE_TIMEOUT) {
            let refusal = said
                .err()
                .map(ClientError)
                .filter(ClientError::is_forbidden);
            if refusal.is_some() {
                return refusal;
            }
        }
        None
    }

    fn log_positions<'p>(
        &self,
        partitions: impl IntoIterator<Item = &'p TopicPartition>,
        position: Offset,
    ) -> Result<PartitionOffsets, ClientError> {
        let (consumer, timeout) = (&self.consumer, ANSWER_TIMEOUT);
        Ok(fetch_log_positions(
            consumer, partitions, position, timeout,
        )?)
    }

    /// Ends the consumer, within bounds.
    pub fn close(self) {
        close_consumer(self.consumer);
    }
}
