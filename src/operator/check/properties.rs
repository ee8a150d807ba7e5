//! `[kafka.properties]`: each by itself, so that every wrong one is found.

use crate::config::KafkaConfig;
use crate::kafka::complaints::Complaints;
use crate::kafka::properties::explain_refusal;
use crate::operator::check::finding::Finding;

/// The properties that librdkafka refuses.
pub fn judge_properties(config: &KafkaConfig, complaints: &Complaints) -> Vec<Finding> {
    let refusals = config.librdkafka_properties().filter_map(|(name, value)| {
        let why = explain_refusal(name, value, complaints)?;
        Some(Finding::problem(
            "kafka_property",
            format!("kafka.properties.{name}: {why}"),
            "correct it, or take it out; librdkafka's CONFIGURATION.md lists every property",
        ))
    });
    refusals.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(properties: &[(&str, &str)]) -> Vec<String> {
        let config = KafkaConfig::of_properties(properties);
        let findings = judge_properties(&config, &Complaints::new(&config));
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
