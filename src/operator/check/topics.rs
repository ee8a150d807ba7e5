//! Which of the cluster's topics `kafka.topics` asks for.

use crate::config::{KafkaConfig, TopicPattern};
use crate::kafka::acl::{Resource, write_grant};
use crate::kafka::topics::ClusterTopic;
use crate::operator::check::finding::Finding;

/// The topics to read, in order of name, and what is wrong with the list itself.
pub fn choose_topics(
    config: &KafkaConfig,
    cluster: &[ClusterTopic],
) -> (Vec<ClusterTopic>, Vec<Finding>) {
    let patterns = &config.topics;
    let mut findings = Vec::new();
    for pattern in patterns {
        if cluster
            .iter()
            .any(|topic| pattern.matches_topic(&topic.name))
        {
            continue;
        }
        let written = pattern.as_str();
        findings.push(match pattern {
            TopicPattern::Name(_) => Finding::problem(
                "topic_missing",
                format!("the cluster has no topic {written}, or doesn't show it to this user"),
                format!(
                    "correct kafka.topics, create the topic, or give the user the rights to describe and read it ({})",
                    write_grant(config, "Read", Resource::Topic(written))
                ),
            )
            .of_topic(written),
            TopicPattern::Regex(_) => Finding::warning(
                "pattern_matches_nothing",
                format!("kafka.topics: {written:?} matches no topic of the cluster"),
                "topics that appear later are taken up by themselves; if there should be some now, correct the pattern",
            ),
        });
    }
    let mut chosen: Vec<ClusterTopic> = cluster
        .iter()
        .filter(|topic| {
            patterns
                .iter()
                .any(|pattern| pattern.matches_topic(&topic.name))
        })
        .cloned()
        .collect();
    chosen.sort_by(|a, b| a.name.cmp(&b.name));
    (chosen, findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str) -> ClusterTopic {
        ClusterTopic {
            name: name.to_owned(),
            partitions: vec![0],
        }
    }

    #[test]
    fn a_missing_name_is_a_problem_and_an_idle_pattern_a_warning() {
        let mut config = KafkaConfig::of_properties(&[]);
        config.topics = vec![
            TopicPattern::Name("orders".to_owned()),
            TopicPattern::Name("odrers".to_owned()),
            TopicPattern::read("^shop[.]").unwrap(),
        ];
        let (chosen, findings) = choose_topics(&config, &[topic("other"), topic("orders")]);
        assert_eq!(chosen, [topic("orders")]);
        let codes: Vec<_> = findings.iter().map(|f| (f.code, f.is_problem())).collect();
        assert_eq!(
            codes,
            [("topic_missing", true), ("pattern_matches_nothing", false)]
        );
    }
}
