//! Kafka's side: can it be reached, what does it have, what would be read next.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use rdkafka::{Offset, TopicPartitionList};

use crate::config::{Config, KafkaConfig};
use crate::kafka::client;
use crate::kafka::complaints::Heard;
use crate::operator::check::finding::Finding;
use crate::operator::check::properties;
use crate::operator::check::sample::{self, Partition, Topic};
use crate::operator::check::topics::{self, Listed};

/// How long Kafka has to answer a question.
pub const REACH: Duration = Duration::from_secs(10);

/// Brokers that all refuse are given this long, not longer: one of a host's addresses may answer.
const REFUSED: Duration = Duration::from_secs(3);

/// Closing a consumer can hang.
const LEAVE: Duration = Duration::from_secs(2);

#[derive(Default)]
pub struct Kafka {
    /// How many brokers there are; `None`: unreachable.
    pub brokers: Option<usize>,
    pub has_dead_letter_topic: bool,
    pub topics: Vec<Topic>,
    pub findings: Vec<Finding>,
}

/// Blocks its thread: at most about half a minute in all.
pub fn look(config: &Config) -> Kafka {
    let heard = Heard::new(&config.kafka);
    let mut kafka = Kafka {
        findings: properties::look(&config.kafka, &heard),
        ..Kafka::default()
    };
    if !kafka.findings.is_empty() {
        return kafka;
    }
    let mut client = client::consumer(&config.kafka);
    client.set("statistics.interval.ms", "0");
    let consumer: BaseConsumer<Heard> = match client.create_with_context(heard.clone()) {
        Ok(consumer) => consumer,
        Err(error) => {
            kafka.findings.push(Finding::problem(
                "kafka_property",
                format!(
                    "kafka.properties: {}",
                    heard.without_secrets(&error.to_string())
                ),
                "correct the properties that it speaks of",
            ));
            return kafka;
        }
    };
    ask(config, &consumer, &heard, &mut kafka);
    let _ = consumer.poll(Duration::from_millis(10)); // lets librdkafka's words arrive
    kafka
        .findings
        .extend(heard.doubtful_properties().iter().map(|said| {
            let remedy = "follow it, or take the property out of kafka.properties";
            Finding::warning("kafka_property_doubtful", said, remedy)
        }));
    let_go(consumer);
    sample::read(&config.kafka, &mut kafka.topics, &mut kafka.findings);
    kafka
}

/// No more than asking: the consumer has the group's name, but never joins it.
fn ask(config: &Config, consumer: &BaseConsumer<Heard>, heard: &Heard, kafka: &mut Kafka) {
    let metadata = match reach(consumer, heard) {
        Ok(metadata) => metadata,
        Err(error) => {
            return kafka
                .findings
                .push(unreachable(&config.kafka, &error, heard));
        }
    };
    kafka.brokers = Some(metadata.brokers().len());
    let cluster: Vec<Listed> = metadata.topics().iter().map(listed).collect();
    let letters = config.dead_letter_topic();
    kafka.has_dead_letter_topic = cluster.iter().any(|topic| topic.name == letters);
    let (chosen, findings) = topics::choose(&config.kafka.topics, &cluster);
    kafka.findings.extend(findings);
    let committed = committed(config, consumer, heard, &chosen, &mut kafka.findings);
    let deadline = Instant::now() + REACH;
    for topic in chosen {
        let mut partitions = Vec::new();
        for number in &topic.partitions {
            let left = deadline.saturating_duration_since(Instant::now());
            match consumer.fetch_watermarks(&topic.name, *number, left) {
                Ok((low, high)) => partitions.push(Partition {
                    number: *number,
                    low,
                    high,
                    next: committed
                        .find_partition(&topic.name, *number)
                        .and_then(|found| match found.offset() {
                            Offset::Offset(offset) => Some(offset),
                            _ => None,
                        }),
                }),
                Err(error) => kafka
                    .findings
                    .push(unreadable(&topic.name, *number, &error)),
            }
        }
        kafka.topics.push(Topic {
            count: topic.partitions.len(),
            name: topic.name.as_str().into(),
            partitions,
            records: Vec::new(),
        });
    }
}

fn listed(topic: &rdkafka::metadata::MetadataTopic) -> Listed {
    Listed {
        name: topic.name().to_owned(),
        partitions: topic.partitions().iter().map(|p| p.id()).collect(),
    }
}

pub fn reach(consumer: &BaseConsumer<Heard>, heard: &Heard) -> Result<Metadata, KafkaError> {
    let started = Instant::now();
    loop {
        let error = match consumer.fetch_metadata(None, Duration::from_secs(2)) {
            Ok(metadata) => return Ok(metadata),
            Err(error) => error,
        };
        // lets the reasons arrive
        let _ = consumer.poll(Duration::from_millis(100));
        let passed = started.elapsed();
        if passed >= REACH || (heard.is_down() && passed >= REFUSED) {
            return Err(error);
        }
    }
}

fn unreachable(config: &KafkaConfig, error: &KafkaError, heard: &Heard) -> Finding {
    Finding::problem(
        "kafka_unreachable",
        format!(
            "Kafka at {} can't be reached: {}",
            config.brokers,
            heard.reasons(&error.to_string())
        ),
        "see that kafka.brokers is right and that the brokers run and can be reached from here; \
         if they ask for TLS or a login, set security.protocol and sasl.* in [kafka.properties]",
    )
}

/// Where the group would go on. Asking for it needs the same kind of right as joining.
fn committed(
    config: &Config,
    consumer: &BaseConsumer<Heard>,
    heard: &Heard,
    topics: &[Listed],
    findings: &mut Vec<Finding>,
) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for topic in topics {
        topic.partitions.iter().for_each(|number| {
            list.add_partition(&topic.name, *number);
        });
    }
    if list.count() == 0 {
        return list;
    }
    let group = &config.kafka.group;
    match consumer.committed_offsets(list, REACH) {
        Ok(committed) => return committed,
        Err(error) if is_forbidden(&error) => findings.push(Finding::problem(
            "group_forbidden",
            format!("the user may not use the consumer group {group}: {error}"),
            format!("allow it to read the group {group} (kafka-acls --operation Read --group {group}), or set kafka.group"),
        )),
        Err(error) => findings.push(Finding::problem(
            "group_unreadable",
            format!("the offsets of the group {group} can't be read: {}", heard.without_secrets(&error.to_string())),
            "see that the cluster is healthy; every broker that Kafka names must be reachable from here, not only those in kafka.brokers",
        )),
    }
    TopicPartitionList::new()
}

fn is_forbidden(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed
        )
    )
}

fn unreadable(topic: &str, partition: i32, error: &KafkaError) -> Finding {
    let remedy = match is_forbidden(error) {
        true => "give the user the rights to describe and read the topic",
        false => "see that the broker that leads the partition runs and can be reached from here",
    };
    let found = format!("partition {partition} can't be asked for its offsets: {error}");
    Finding::problem("topic_unreadable", found, remedy).of_topic(topic)
}

/// Ends a consumer, within bounds.
pub fn let_go(consumer: BaseConsumer<Heard>) {
    let (gone, wait) = mpsc::channel();
    std::thread::spawn(move || {
        drop(consumer);
        let _ = gone.send(());
    });
    let _ = wait.recv_timeout(LEAVE);
}
