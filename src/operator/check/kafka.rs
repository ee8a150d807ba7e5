//! Kafka's side: can it be reached, what does it have, what would be read next.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::config::{Config, KafkaConfig};
use crate::kafka;
use crate::kafka::acl::{Resource, write_grant};
use crate::kafka::complaints::Complaints;
use crate::kafka::observer::{ANSWER_TIMEOUT, Observer};
use crate::kafka::offsets::PartitionOffsets;
use crate::kafka::topic_ids::TopicId;
use crate::kafka::topics::{ClusterTopic, Topics};
use crate::operator::check::finding::Finding;
use crate::operator::check::properties::judge_properties;
use crate::operator::check::sample::{SampledPartition, SampledTopic, sample_topics};
use crate::operator::check::topics::choose_topics;
use crate::record::TopicPartition;

/// How long librdkafka's last words may take to arrive.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_millis(10);

/// When a coordinator is asked again that isn't found yet.
const COORDINATOR_INTERVAL: Duration = Duration::from_millis(200);

/// What was found on Kafka's side.
#[derive(Default)]
pub struct ObservedCluster {
    /// How many brokers there are; `None`: unreachable.
    pub brokers: Option<usize>,
    /// Those of the dead letter topics that are there.
    pub letter_topics: Vec<String>,
    /// Those that `kafka.topics` asks for, in order of name.
    pub topics: Vec<SampledTopic>,
    /// What is wrong, in the order in which it was found.
    pub findings: Vec<Finding>,
}

/// Blocks its thread: at most about half a minute in all.
pub fn observe_cluster(config: &Config) -> ObservedCluster {
    let complaints = Complaints::new(&config.kafka);
    let mut cluster = ObservedCluster {
        findings: judge_properties(&config.kafka, &complaints),
        ..ObservedCluster::default()
    };
    if !cluster.findings.is_empty() {
        return cluster;
    }
    let observer = match Observer::new(&config.kafka, &complaints) {
        Ok(observer) => observer,
        Err(error) => {
            cluster.findings.push(Finding::problem(
                "kafka_property",
                format!(
                    "kafka.properties: {}",
                    complaints.without_secrets(&error.to_string())
                ),
                "correct the properties that it speaks of",
            ));
            return cluster;
        }
    };
    cluster.ask_observer(config, &observer, &complaints);
    observer.hear_complaints(LAST_WORDS_TIMEOUT);
    let doubtful = complaints.doubtful_properties();
    cluster.findings.extend(doubtful.iter().map(|said| {
        let remedy = "follow it, or take the property out of kafka.properties";
        Finding::warning("kafka_property_doubtful", said, remedy)
    }));
    observer.close();
    sample_topics(&config.kafka, &mut cluster.topics, &mut cluster.findings);
    cluster
}

impl ObservedCluster {
    /// No more than asking: the observer has the group's name, but never joins it.
    fn ask_observer(&mut self, config: &Config, observer: &Observer, complaints: &Complaints) {
        let found = match observer.reach_cluster() {
            Ok(found) => found,
            Err(error) => {
                self.findings.push(Finding::problem(
                    "kafka_unreachable",
                    error.to_string(),
                    "see that kafka.brokers is right and that the brokers run and can be reached from here; \
                     if they ask for TLS or a login, set security.protocol and sasl.* in [kafka.properties]",
                ));
                return;
            }
        };
        self.brokers = Some(found.brokers.len());
        let wanted = config.dead_letter_topics().into_iter();
        let letters = wanted.map(|topic| topic.name);
        self.letter_topics = letters
            .filter(|name| found.topics.iter().any(|topic| topic.name == *name))
            .collect();
        let (chosen, findings) = choose_topics(&config.kafka, &found.topics);
        self.findings.extend(findings);
        let sources: Vec<TopicPartition> = chosen.iter().flat_map(ClusterTopic::sources).collect();
        let committed = self.ask_committed(config, observer, complaints, &sources);
        let names: Vec<&str> = chosen.iter().map(|topic| topic.name.as_str()).collect();
        let ids = ask_topic_ids(config, &names);
        self.findings.extend(warn_of_untold_ids(&ids));
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        for topic in chosen {
            let mut partitions = Vec::new();
            for source in topic.sources() {
                let left = deadline.saturating_duration_since(Instant::now());
                match observer.log_ends(&source, left) {
                    Ok((low, high)) => partitions.push(SampledPartition {
                        number: source.partition,
                        low,
                        high,
                        next: committed.known.get(&source).copied(),
                        is_own: committed.own.contains(&source),
                    }),
                    Err(error) => {
                        let finding = unreadable_partition(&config.kafka, &source, &error);
                        self.findings.push(finding);
                    }
                }
            }
            self.topics.push(SampledTopic {
                id: ids.get(&topic.name).copied(),
                count: topic.partitions.len(),
                name: topic.name.as_str().into(),
                partitions,
                records: Vec::new(),
            });
        }
    }

    /// Where the group would go on. Asking for it needs the same kind of right as joining.
    fn ask_committed(
        &mut self,
        config: &Config,
        observer: &Observer,
        complaints: &Complaints,
        sources: &[TopicPartition],
    ) -> PartitionOffsets {
        if sources.is_empty() {
            return PartitionOffsets::default();
        }
        let group = &config.kafka.group;
        match ask_once_found(|| observer.committed_offsets(sources)) {
            Ok(committed) => return committed,
            Err(error) if error.is_forbidden() => self.findings.push(Finding::problem(
                "group_forbidden",
                format!("the user may not use the consumer group {group}: {error}"),
                format!(
                    "allow it to read the group {group} ({}), or set kafka.group",
                    write_grant(&config.kafka, "Read", Resource::Group(group))
                ),
            )),
            Err(error) => self.findings.push(Finding::problem(
                "group_unreadable",
                format!("the offsets of the group {group} can't be read: {}", complaints.without_secrets(&error.to_string())),
                "see that the cluster is healthy; every broker that Kafka names must be reachable from here, not only those in kafka.brokers",
            )),
        }
        PartitionOffsets::default()
    }
}

/// Asks again while the group's coordinator is still being found, or still reads the group: that is no problem, and passes.
fn ask_once_found(
    ask: impl Fn() -> Result<PartitionOffsets, kafka::ClientError>,
) -> Result<PartitionOffsets, kafka::ClientError> {
    let began_at = Instant::now();
    loop {
        match ask() {
            Err(error) if error.is_of_coordinator() && began_at.elapsed() < ANSWER_TIMEOUT => {
                std::thread::sleep(COORDINATOR_INTERVAL);
            }
            answer => return answer,
        }
    }
}

/// The topics' ids; none of them, if Kafka can't be asked, as others say then.
fn ask_topic_ids(config: &Config, names: &[&str]) -> HashMap<String, TopicId> {
    if names.is_empty() {
        return HashMap::new();
    }
    let asked = Topics::new(config).and_then(|topics| topics.ids(names));
    asked.unwrap_or_default()
}

/// Brokers before Kafka 3.1 tell none.
fn warn_of_untold_ids(ids: &HashMap<String, TopicId>) -> Option<Finding> {
    let untold = ids.values().any(|id| *id == TopicId::Untold);
    untold.then(|| {
        Finding::warning(
            "topic_ids_untold",
            "the brokers tell no topic ids: a topic that is deleted and created again is recognised by its offsets and its events' ids at best, and which table a partition's tombstones belong to is forgotten at a restart",
            "use brokers of Kafka 3.1 or later; else stop the worker before a topic is deleted, and forget the topic (`landfall forget`) after it was",
        )
    })
}

fn unreadable_partition(
    config: &KafkaConfig,
    source: &TopicPartition,
    error: &kafka::ClientError,
) -> Finding {
    let remedy = if error.is_forbidden() {
        let grant = write_grant(config, "Read", Resource::Topic(&source.topic));
        format!("give the user the rights to describe and read the topic ({grant})")
    } else {
        "see that the broker that leads the partition runs and can be reached from here".to_owned()
    };
    let number = source.partition;
    let found = format!("partition {number} can't be asked for its offsets: {error}");
    Finding::problem("topic_unreadable", found, remedy).of_topic(&source.topic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_that_tell_no_topic_ids_are_worth_one_warning() {
        let ids = |id| HashMap::from(["a", "b"].map(|topic| (topic.to_owned(), id)));
        let warned = warn_of_untold_ids(&ids(TopicId::Untold));
        assert_eq!(warned.map(|finding| finding.code), Some("topic_ids_untold"));
        assert_eq!(warn_of_untold_ids(&ids(TopicId::Gone)), None);
    }
}
