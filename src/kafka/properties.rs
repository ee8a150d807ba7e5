//! Whether librdkafka takes a property.

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

use crate::kafka::complaints::Complaints;

/// Why librdkafka refuses the property, each by itself; `None`: librdkafka takes it. The text shows the
/// value only where librdkafka knows the property and the value is no secret: a misspelt `sasl.pasword` is
/// one too.
pub fn explain_refusal(name: &str, value: &str, complaints: &Complaints) -> Option<String> {
    let alone = ClientConfig::new().set(name, value).create_native_config();
    let KafkaError::ClientConfig(_, text, _, value) = alone.err()? else {
        return Some("librdkafka can't take its value".to_owned());
    };
    if text.starts_with("No such configuration property") {
        return Some("librdkafka knows no such property".to_owned());
    }
    let text = complaints.without_secrets(&text);
    if value.is_empty() || text.contains(name) {
        return Some(text);
    }
    Some(format!("{text} (property {name})"))
}
