//! What librdkafka says while it is asked: the reasons behind a mere "timed out".

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::config::KafkaConfig;

/// The facility under which librdkafka complains of properties.
const COMPLAINT: &str = "CONFWARN";

/// More reasons than this tell nothing new.
const ENOUGH: usize = 3;

#[derive(Clone)]
pub struct Heard {
    secrets: Arc<[String]>,
    words: Arc<Mutex<Words>>,
}

#[derive(Default)]
struct Words {
    reasons: Vec<String>,
    doubtful: Vec<String>,
    is_down: bool,
}

impl Heard {
    pub fn new(config: &KafkaConfig) -> Self {
        let shown = config.shown_properties();
        let secrets = shown
            .zip(config.properties.values())
            .filter(|((_, shown), value)| shown != value && !value.is_empty())
            .map(|(_, value)| value.clone())
            .collect();
        Self {
            secrets,
            words: Arc::default(),
        }
    }

    /// The reasons for failures so far, or `otherwise` if none was given.
    pub fn reasons(&self, otherwise: &str) -> String {
        match self.lock().reasons.as_slice() {
            [] => self.without_secrets(otherwise),
            reasons => reasons.join("; "),
        }
    }

    /// What librdkafka says of properties that it would rather not see: deprecated ones.
    pub fn doubtful_properties(&self) -> Vec<String> {
        self.lock().doubtful.clone()
    }

    /// Every known broker refused at least once.
    pub fn is_down(&self) -> bool {
        self.lock().is_down
    }

    /// librdkafka's texts may quote a property's value.
    pub fn without_secrets(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| {
            text.replace(secret.as_str(), "[secret]")
        })
    }

    fn lock(&self) -> MutexGuard<'_, Words> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Heard {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        // what this consumer ignores may be for the producer of dead letters
        if facility == COMPLAINT && !message.contains("is a producer property") {
            let message = message.trim_start_matches("[thrd:app]: ");
            self.lock().doubtful.push(self.without_secrets(message));
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let mut words = self.lock();
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::PartitionEOF) => return,
            Some(RDKafkaErrorCode::AllBrokersDown) => {
                words.is_down = true;
                return;
            }
            _ => {}
        }
        let reason = plain(&self.without_secrets(reason)).to_owned();
        if words.reasons.len() < ENOUGH && !words.reasons.contains(&reason) {
            words.reasons.push(reason);
        }
    }
}

impl ConsumerContext for Heard {}

/// Without how long it took and how often it was said, which differ each time.
fn plain(reason: &str) -> &str {
    reason
        .split(" (after ")
        .next()
        .unwrap_or(reason)
        .trim_start_matches("landfall#consumer-1: ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_secret_in_librdkafkas_words_is_not_repeated() {
        let properties = [("sasl.password", "hunter2"), ("client.id", "me")];
        let heard = Heard::new(&KafkaConfig {
            brokers: "127.0.0.1:1".to_owned(),
            group: "landfall".to_owned(),
            topics: Vec::new(),
            properties: BTreeMap::from(properties.map(|(n, v)| (n.to_owned(), v.to_owned()))),
        });
        let error = KafkaError::Global(RDKafkaErrorCode::Authentication);
        heard.error(error, "hunter2 of me is wrong (after 3ms in state UP)");
        assert_eq!(heard.reasons("nothing"), "[secret] of me is wrong");
    }

    #[test]
    fn the_same_reason_is_given_once() {
        let heard = Heard {
            secrets: Arc::new([]),
            words: Arc::default(),
        };
        assert_eq!(heard.reasons("timed out"), "timed out");
        for took in [
            "(after 1ms in state CONNECT)",
            "(after 2ms in state CONNECT)",
        ] {
            let error = KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure);
            heard.error(error, &format!("Connection refused {took}"));
        }
        assert_eq!(heard.reasons("timed out"), "Connection refused");
    }
}
