//! Publishing dead letters: the original record untouched, with the headers that say what became of it.
//!
//! Why: `docs/decisions/11`.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::FutureRecord;

use crate::config::{Config, KafkaConfig};
use crate::kafka::acl::{Resource, describe_missing};
use crate::kafka::client::{ClientProperties, client_properties};
use crate::kafka::error::{ClientError, Error};
use crate::kafka::lasting_producer::LastingProducer;
use crate::kafka::letter_topics::LetterTopics;
use crate::letter::headers::{
    KEY_ADDED_HEADER, LEFT_OUT_HEADER, TIMESTAMP_HEADER, cut_text, own_headers, write_headers,
};
use crate::letter::{Cause, Place, UnpublishedLetter};
use crate::record::Record;
use crate::record::body::Body;
use crate::verdict::{Failure, Verdict};

/// Shorter than the idle-in-transaction timeout, since the transaction waits for the delivery.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes of an error's message in a letter that was too large.
const SHORT_MESSAGE_BYTES: usize = 512;

/// Publishes letters to the dead letter topics, over a producer of its own.
pub struct DeadLetters {
    producer: LastingProducer,
    /// Sends each record by itself. The broker's limit holds for a batch of records: one that comes
    /// with others may be too large only together with them.
    alone: LastingProducer,
    topics: LetterTopics,
    config: KafkaConfig,
}

impl DeadLetters {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// A property that librdkafka refuses.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let mut client = client_properties(config);
        if !config.kafka.properties.contains_key("message.max.bytes") {
            // the topic's own limit counts: a record that Kafka took must not be too large for us
            client.set("message.max.bytes", "1000000000");
        }
        client
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("linger.ms", "0")
            .set(
                "message.timeout.ms",
                DELIVERY_TIMEOUT.as_millis().to_string(),
            );
        let producer = |client: &ClientProperties| {
            let created = LastingProducer::new(client);
            created.map_err(|e| Error::of_creation(ClientError(e)))
        };
        Ok(Self {
            producer: producer(&client)?,
            alone: producer(client.set("batch.num.messages", "1"))?,
            topics: LetterTopics::new(config),
            config: config.kafka.clone(),
        })
    }

    /// The topic for the record's letter.
    pub fn topic_for(&self, record: &Record) -> Arc<str> {
        self.topics.topic_for(&record.source.topic)
    }

    /// Publishes one letter, to the topic for its record's: by itself if it is too large for the topic together with others, without
    /// its value if it still is, and then without its key and its own headers; with its timestamp in a header, if
    /// the topic doesn't take it as it is; with a key of ours, if the topic takes none without.
    ///
    /// # Errors
    /// Kafka didn't take the letter: unavailable, or systemic where no waiting mends it. It is about the record.
    pub async fn publish(&self, letter: &UnpublishedLetter<'_>) -> Result<Place, Failure> {
        let mut form = LetterForm::default();
        loop {
            let error = match self.send_form(letter, form).await {
                Ok(place) => return Ok(place),
                Err(error) => error,
            };
            let Some(next) = form.form_after(&error, letter.record) else {
                let topic = self.topic_for(letter.record);
                let why = self.explain(&error, &topic);
                let text = format!("can't publish to the dead letter topic {topic}: {why}");
                let failure = Failure::of_kafka(verdict_on(&error), text);
                let Record { source, offset, .. } = letter.record;
                return Err(failure.about_records(source, *offset, *offset));
            };
            form = next;
        }
    }

    fn explain(&self, error: &KafkaError, topic: &str) -> String {
        use RDKafkaErrorCode::{ClusterAuthorizationFailed, TopicAuthorizationFailed};
        match error.rdkafka_error_code() {
            // who may write to a topic needs no right on the cluster
            Some(TopicAuthorizationFailed | ClusterAuthorizationFailed) => {
                let missing = describe_missing(&self.config, "Write", Resource::Topic(topic));
                format!("{error}: {missing}")
            }
            _ => error.to_string(),
        }
    }

    async fn send_form(
        &self,
        letter: &UnpublishedLetter<'_>,
        form: LetterForm,
    ) -> Result<Place, KafkaError> {
        let UnpublishedLetter { record, cause, .. } = letter;
        let part = form.part;
        let whole = matches!(part, LetterPart::All | LetterPart::Alone);
        let left_out = (!whole).then_some(record.payload_bytes() as i64);
        // what there is to say must not be too large itself; the letter's row has all of it
        let short = left_out.map(|_| Cause {
            message: cut_text(&cause.message, SHORT_MESSAGE_BYTES).to_owned(),
            ..(*cause).clone()
        });
        let said = UnpublishedLetter {
            cause: short.as_ref().unwrap_or(cause),
            ..*letter
        };
        let mut headers = self.headers_of(&said, part);
        let more = [
            (LEFT_OUT_HEADER, left_out.map(|bytes| bytes.to_string())),
            (TIMESTAMP_HEADER, form.header_time(record)),
            (KEY_ADDED_HEADER, form.has_own_key.then(|| true.to_string())),
        ];
        for (key, text) in more {
            if let Some(text) = text {
                let value = Some(text.as_bytes());
                headers = headers.insert(Header { key, value });
            }
        }
        let topic = self.topic_for(record);
        let mut message: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(&topic).headers(headers);
        let own_key = letter.event_id.to_string();
        message.key = match form.has_own_key {
            true => Some(own_key.as_bytes()),
            false => record
                .key
                .as_deref()
                .filter(|_| part != LetterPart::OursAlone),
        };
        let value = record.value.as_ref().map(Body::whole_value);
        message.payload = value.as_deref().filter(|_| whole);
        message.timestamp = record.timestamp.filter(|_| !form.has_header_time);
        let producer = match part {
            LetterPart::All => &self.producer,
            _ => &self.alone,
        };
        let delivery = producer.send(message, DELIVERY_TIMEOUT).await?;
        Ok(Place {
            topic,
            partition: delivery.partition,
            offset: delivery.offset,
            left_out,
        })
    }

    /// The record's own headers, and after them ours, which replace those of an earlier round.
    fn headers_of(&self, letter: &UnpublishedLetter<'_>, part: LetterPart) -> OwnedHeaders {
        let record = letter.record;
        let ours = write_headers(letter, &self.config.group);
        let own = own_headers(record).filter(|_| part != LetterPart::OursAlone);
        let headers = OwnedHeaders::new_with_capacity(record.headers.len() + ours.len());
        let headers = own.fold(headers, |all, h| {
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

/// How a letter is published: as much like its record as its topic takes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct LetterForm {
    part: LetterPart,
    /// The record's timestamp goes into a header.
    has_header_time: bool,
    /// Its key is one of ours.
    has_own_key: bool,
}

impl LetterForm {
    /// Another form that the topic may take, after it has refused this one; `None`: it takes the letter in no form,
    /// or it may still take this one.
    fn form_after(self, error: &KafkaError, record: &Record) -> Option<Self> {
        use RDKafkaErrorCode::{InvalidDifferentRecord, InvalidRecord, InvalidTimestamp};
        let alone = Self {
            part: LetterPart::Alone,
            ..self
        };
        match error.rdkafka_error_code()? {
            _ if is_too_large(error) => Some(Self {
                part: self.part.smaller_part()?,
                ..self
            }),
            // it may be another one's of those that were sent together
            InvalidDifferentRecord | InvalidRecord | InvalidTimestamp
                if self.part == LetterPart::All =>
            {
                Some(alone)
            }
            InvalidTimestamp if !self.has_header_time && record.timestamp.is_some() => Some(Self {
                has_header_time: true,
                ..self
            }),
            InvalidRecord if !self.has_own_key => Some(Self {
                has_own_key: true,
                ..self
            }),
            _ => None,
        }
    }

    fn header_time(self, record: &Record) -> Option<String> {
        let timestamp = record.timestamp.filter(|_| self.has_header_time);
        timestamp.map(|ms| ms.to_string())
    }
}

/// How much of a record goes into its letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LetterPart {
    #[default]
    All,
    /// All of it, by itself.
    Alone,
    NoValue,
    OursAlone,
}

impl LetterPart {
    fn smaller_part(self) -> Option<Self> {
        match self {
            Self::All => Some(Self::Alone),
            Self::Alone => Some(Self::NoValue),
            Self::NoValue => Some(Self::OursAlone),
            Self::OursAlone => None,
        }
    }
}

fn is_too_large(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{InvalidMessageSize, MessageSizeTooLarge};
    let code = error.rdkafka_error_code();
    matches!(code, Some(MessageSizeTooLarge | InvalidMessageSize))
}

/// Systemic is what no waiting mends.
fn verdict_on(error: &KafkaError) -> Verdict {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::InvalidMessageSize
            | RDKafkaErrorCode::InvalidTimestamp
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::PolicyViolation
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed,
        ) => Verdict::Systemic,
        _ => Verdict::Unavailable,
    }
}

#[cfg(test)]
#[path = "dead_letters_tests.rs"]
mod tests;
