//! `[kafka.properties]`: each by itself, so that every wrong one is found.

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

use crate::config::KafkaConfig;
use crate::kafka::complaints::Heard;
use crate::operator::check::finding::Finding;

/// What is said of a property shows its value only where librdkafka knows the property and it is
/// no secret: a misspelt `sasl.pasword` is one too.
pub fn look(config: &KafkaConfig, heard: &Heard) -> Vec<Finding> {
    let refusals = config.properties.iter().filter_map(|(name, value)| {
        let alone = ClientConfig::new().set(name, value).create_native_config();
        Some((name, explain(&alone.err()?, name, heard)))
    });
    refusals
        .map(|(name, why)| {
            Finding::problem(
                "kafka_property",
                format!("kafka.properties.{name}: {why}"),
                "correct it, or take it out; librdkafka's CONFIGURATION.md lists every property",
            )
        })
        .collect()
}

fn explain(error: &KafkaError, name: &str, heard: &Heard) -> String {
    let KafkaError::ClientConfig(_, text, _, value) = error else {
        return "librdkafka can't take its value".to_owned();
    };
    if text.starts_with("No such configuration property") {
        return "librdkafka knows no such property".to_owned();
    }
    let text = heard.without_secrets(text);
    match value.is_empty() || text.contains(name) {
        true => text,
        false => format!("{text} (property {name})"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn found(properties: &[(&str, &str)]) -> Vec<String> {
        let own = |(n, v): &(&str, &str)| ((*n).to_owned(), (*v).to_owned());
        let config = KafkaConfig {
            brokers: "127.0.0.1:1".to_owned(),
            group: "landfall".to_owned(),
            topics: Vec::new(),
            properties: BTreeMap::from_iter(properties.iter().map(own)),
        };
        let findings = look(&config, &Heard::new(&config));
        findings.into_iter().map(|finding| finding.found).collect()
    }

    #[test]
    fn every_wrong_property_is_named() {
        let found = found(&[
            ("security.protocol", "tls"),
            ("fetch.min.bytes", "1"),
            ("session.timeout.ms", "soon"),
        ]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("security.protocol") && found[0].contains("tls"));
        assert!(found[1].contains("session.timeout.ms"));
    }

    #[test]
    fn a_misspelt_secret_stays_one() {
        let found = found(&[("sasl.pasword", "hunter2")]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("sasl.pasword") && !found[0].contains("hunter2"));
    }
}
