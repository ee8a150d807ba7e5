//! What librdkafka says while it is asked: the reasons behind a mere "timed out".

use std::sync::Arc;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::config::KafkaConfig;
use crate::kafka::advice::Advisor;
use crate::locked::Locked;

/// The facility under which librdkafka complains of properties.
const PROPERTY_COMPLAINT_FACILITY: &str = "CONFWARN";

/// So many reasons are told; more tell nothing new.
const TOLD_REASONS_LIMIT: usize = 3;

/// What librdkafka has complained of, collected from every client that has this for its context. Secrets
/// among the properties' values are taken out of librdkafka's words.
#[derive(Clone)]
pub struct Complaints {
    secrets: Arc<[String]>,
    words: Arc<Locked<Words>>,
    advisor: Arc<Advisor>,
}

#[derive(Default)]
struct Words {
    reasons: Vec<String>,
    doubtful: Vec<String>,
    is_down: bool,
}

impl Complaints {
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
            advisor: Arc::new(Advisor::new(config)),
        }
    }

    /// The reasons for failures so far, with what mends them, or `otherwise` if none was given. May block its thread, for
    /// some seconds.
    pub fn list_reasons(&self, otherwise: &str) -> String {
        let reasons = self.words.lock().reasons.clone();
        let mut explained: Vec<String> = Vec::new();
        for reason in reasons {
            let reason = self.advisor.explain(&reason);
            if !explained.contains(&reason) {
                explained.push(reason);
            }
        }
        match explained.as_slice() {
            [] => self.without_secrets(otherwise),
            reasons => reasons.join("; "),
        }
    }

    /// What librdkafka says of properties that it would rather not see: deprecated ones.
    pub fn doubtful_properties(&self) -> Vec<String> {
        self.words.lock().doubtful.clone()
    }

    /// Every known broker refused at least once.
    pub fn is_down(&self) -> bool {
        self.words.lock().is_down
    }

    /// librdkafka's texts may quote a property's value.
    pub fn without_secrets(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| {
            text.replace(secret.as_str(), "[secret]")
        })
    }
}

impl ClientContext for Complaints {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        // what this consumer ignores may be for the producer of dead letters
        if facility == PROPERTY_COMPLAINT_FACILITY && !message.contains("is a producer property") {
            let message = message.trim_start_matches("[thrd:app]: ");
            self.words
                .lock()
                .doubtful
                .push(self.without_secrets(message));
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let mut words = self.words.lock();
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::PartitionEOF) => return,
            Some(RDKafkaErrorCode::AllBrokersDown) => {
                words.is_down = true;
                return;
            }
            _ => {}
        }
        let reason = without_figures(&self.without_secrets(reason)).to_owned();
        if words.reasons.len() < TOLD_REASONS_LIMIT && !words.reasons.contains(&reason) {
            words.reasons.push(reason);
        }
    }
}

impl ConsumerContext for Complaints {}

/// Without how long it took and how often it was said, which differ each time.
fn without_figures(reason: &str) -> &str {
    reason
        .split(" (after ")
        .next()
        .unwrap_or(reason)
        .trim_start_matches("landfall#consumer-1: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_librdkafkas_words_is_not_repeated() {
        let config = KafkaConfig::of_properties(&[("sasl.password", "hunter2")]);
        let complaints = Complaints::new(&config);
        let error = KafkaError::Global(RDKafkaErrorCode::Authentication);
        complaints.error(error, "hunter2 of me is wrong (after 3ms in state UP)");
        assert_eq!(
            complaints.list_reasons("nothing"),
            "[secret] of me is wrong"
        );
    }

    #[test]
    fn the_same_reason_is_given_once() {
        let complaints = Complaints::new(&KafkaConfig::of_properties(&[]));
        assert_eq!(complaints.list_reasons("timed out"), "timed out");
        for took in [
            "(after 1ms in state CONNECT)",
            "(after 2ms in state CONNECT)",
        ] {
            let error = KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure);
            complaints.error(error, &format!("Connection refused {took}"));
        }
        assert_eq!(complaints.list_reasons("timed out"), "Connection refused");
    }
}
