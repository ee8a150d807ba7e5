//! Publishing rejects: the original record untouched, with the headers that say what became of it.

use std::time::{Duration, SystemTime};

use futures::future::join_all;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use uuid::Uuid;

use crate::config::Config;
use crate::message::Record;
use crate::metrics;
use crate::pipeline::batch::{Batch, Reject};
use crate::pipeline::client::{self, Context};
use crate::verdict::{Failure, Verdict};

/// Shorter than the idle-in-transaction timeout, since the transaction waits for the delivery.
const DELIVERY: Duration = Duration::from_secs(20);

pub struct DeadLetters {
    producer: FutureProducer<Context>,
    topic: String,
    group: String,
}

impl DeadLetters {
    /// # Errors
    /// A property that librdkafka refuses.
    pub fn new(config: &Config) -> Result<Self, String> {
        let mut client = client::plain(config);
        if !config.kafka.properties.contains_key("message.max.bytes") {
            // the topic's own limit counts: a record that Kafka took must not be too large for us
            client.set("message.max.bytes", "1000000000");
        }
        client
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("linger.ms", "0")
            .set("message.timeout.ms", DELIVERY.as_millis().to_string());
        let producer = client
            .create_with_context(Context)
            .map_err(|e| client::refused(&e))?;
        Ok(Self {
            producer,
            topic: config.dead_letter_topic(),
            group: config.kafka.group.clone(),
        })
    }

    /// Publishes those of the batch's rejects that aren't yet, and returns once they are safe.
    ///
    /// # Errors
    /// Unavailable: Kafka didn't take them. What was taken is marked and not sent again.
    pub async fn deliver(&self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let waiting: Vec<_> = batch
            .rejects()
            .filter(|(.., reject)| !reject.published)
            .collect();
        let deliveries = waiting.into_iter().map(|(record, id, table, reject)| {
            let table = table.map(ToString::to_string).unwrap_or_default();
            async move {
                self.publish(record, id, &table, reject).await.map(|()| {
                    reject.published = true;
                    metrics::dead_letter(&table, reject.reason.name());
                    tracing::warn!(partition = %record.source, offset = record.offset, event = %id, table, reason = reject.reason.name(),
                        sqlstate = reject.sqlstate, "record put aside as a dead letter");
                })
            }
        });
        join_all(deliveries).await.into_iter().collect()
    }

    async fn publish(
        &self,
        record: &Record,
        id: Uuid,
        table: &str,
        reject: &Reject,
    ) -> Result<(), Failure> {
        let mut message: FutureRecord<'_, [u8], [u8]> =
            FutureRecord::to(&self.topic).headers(self.headers(record, id, table, reject));
        message.key = record.key.as_deref();
        message.payload = record.value.as_deref();
        message.timestamp = record.timestamp;
        match self.producer.send(message, DELIVERY).await {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(Failure::new(
                verdict_on(&error),
                format!(
                    "can't publish to the dead letter topic {}: {error}",
                    self.topic
                ),
            )),
        }
    }

    /// The record's own headers, and after them ours, which replace those of an earlier round.
    fn headers(&self, record: &Record, id: Uuid, table: &str, reject: &Reject) -> OwnedHeaders {
        let ours = headers(record, id, table, reject, &self.group);
        let kept = record
            .headers
            .iter()
            .filter(|h| !ours.iter().any(|(key, _)| *key == h.key));
        let headers = OwnedHeaders::new_with_capacity(record.headers.len() + ours.len());
        let headers = kept.fold(headers, |all, h| {
            all.insert(Header {
                key: &h.key,
                value: h.value.as_deref(),
            })
        });
        ours.iter().fold(headers, |all, (key, value)| {
            all.insert(Header {
                key,
                value: Some(value.as_bytes()),
            })
        })
    }
}

/// A letter that is larger than its topic allows won't be smaller next time.
fn verdict_on(error: &KafkaError) -> Verdict {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::InvalidMessageSize
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed,
        ) => Verdict::Systemic,
        _ => Verdict::Unavailable,
    }
}

/// What a dead letter's headers say: those that Kafka Connect's users know, and ours.
pub fn headers(
    record: &Record,
    id: Uuid,
    table: &str,
    reject: &Reject,
    group: &str,
) -> Vec<(&'static str, String)> {
    let time = |at: SystemTime| humantime::format_rfc3339_millis(at).to_string();
    vec![
        ("__connect.errors.topic", record.source.topic.to_string()),
        (
            "__connect.errors.partition",
            record.source.partition.to_string(),
        ),
        ("__connect.errors.offset", record.offset.to_string()),
        ("__connect.errors.stage", reject.stage.to_owned()),
        (
            "__connect.errors.exception.class.name",
            format!("landfall.{}", reject.reason.name()),
        ),
        ("__connect.errors.exception.message", reject.message.clone()),
        ("landfall.event.id", id.to_string()),
        ("landfall.reason", reject.reason.name().to_owned()),
        (
            "landfall.sqlstate",
            reject.sqlstate.clone().unwrap_or_default(),
        ),
        ("landfall.table", table.to_owned()),
        ("landfall.attempts", reject.attempts.to_string()),
        ("landfall.first.failed.at", time(reject.first_failed_at)),
        ("landfall.last.failed.at", time(reject.last_failed_at)),
        ("landfall.group", group.to_owned()),
    ]
}

#[cfg(test)]
#[path = "dead_letter_tests.rs"]
mod tests;
