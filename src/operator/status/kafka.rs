//! What Kafka says: where the logs begin and end, what the group has committed, and which topics
//! there are. The client has the group's name, which is needed to ask, and never joins it.

use std::collections::{BTreeSet, HashMap};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

use crate::config::Config;
use crate::kafka::client;
use crate::kafka::complaints::Heard;
use crate::kafka::topics::{TopicId, Topics};
use crate::operator::check::kafka::{REACH, let_go, reach};
use crate::record::TopicPartition;

#[derive(Default)]
pub struct Kafka {
    /// Of the topics that were asked about: their partitions. `None`: Kafka didn't answer.
    pub partitions: Option<BTreeSet<TopicPartition>>,
    pub ids: HashMap<String, TopicId>,
    pub begins: Offsets,
    pub ends: Offsets,
    pub committed: Offsets,
    pub problems: Vec<String>,
}

pub type Offsets = HashMap<TopicPartition, i64>;

/// Asks about the subscribed topics and those that were `applied`. Blocks its thread, for less than
/// a minute.
pub fn look(config: &Config, applied: &[String]) -> Kafka {
    let heard = Heard::new(&config.kafka);
    let mut kafka = Kafka::default();
    let mut properties = client::consumer(&config.kafka);
    properties.set("statistics.interval.ms", "0");
    let consumer: BaseConsumer<Heard> = match properties.create_with_context(heard.clone()) {
        Ok(consumer) => consumer,
        Err(error) => {
            kafka.problems.push(client::refused(&error));
            return kafka;
        }
    };
    if let Err(problem) = kafka.ask(config, applied, &consumer, &heard) {
        kafka.problems.push(problem);
    }
    let_go(consumer);
    kafka
}

impl Kafka {
    fn ask(
        &mut self,
        config: &Config,
        applied: &[String],
        consumer: &BaseConsumer<Heard>,
        heard: &Heard,
    ) -> Result<(), String> {
        let metadata = reach(consumer, heard).map_err(|error| {
            let reasons = heard.reasons(&error.to_string());
            format!(
                "Kafka at {} can't be reached: {reasons}",
                config.kafka.brokers
            )
        })?;
        let topics = metadata.topics().iter();
        let asked = topics.filter(|topic| {
            let name = topic.name();
            config.subscribes_to(name) || applied.iter().any(|a| a == name)
        });
        let mut partitions = BTreeSet::new();
        for topic in asked {
            partitions.extend(topic.partitions().iter().map(|p| TopicPartition {
                topic: topic.name().into(),
                partition: p.id(),
            }));
        }
        let list = |offset: Offset| -> KafkaResult<TopicPartitionList> {
            let mut list = TopicPartitionList::with_capacity(partitions.len());
            for p in &partitions {
                list.add_partition_offset(&p.topic, p.partition, offset)?;
            }
            Ok(list)
        };
        if !partitions.is_empty() {
            // one question for all: the offsets of the times "earliest" and "latest"
            let times =
                |offset| list(offset).and_then(|list| consumer.offsets_for_times(list, REACH));
            self.ends = self.noted("the ends of the logs", times(Offset::End), heard);
            self.begins = self.noted(
                "the beginnings of the logs",
                times(Offset::Beginning),
                heard,
            );
            let committed =
                list(Offset::Invalid).and_then(|l| consumer.committed_offsets(l, REACH));
            let what = format!("the offsets of the group {}", config.kafka.group);
            self.committed = self.noted(&what, committed, heard);
        }
        let mut names: Vec<&str> = partitions.iter().map(|p| &*p.topic).collect();
        names.dedup();
        if !names.is_empty() {
            match Topics::new(config).and_then(|topics| topics.ids(&names)) {
                Ok(ids) => self.ids = ids,
                Err(problem) => self.problems.push(problem),
            }
        }
        self.partitions = Some(partitions);
        Ok(())
    }

    /// The offsets of an answer; what is wrong with it becomes a problem.
    fn noted(
        &mut self,
        what: &str,
        answer: KafkaResult<TopicPartitionList>,
        heard: &Heard,
    ) -> Offsets {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let why = heard.reasons(&error.to_string());
                self.problems
                    .push(format!("Kafka doesn't tell {what}: {why}"));
                return Offsets::new();
            }
        };
        let mut offsets = Offsets::new();
        for element in answer.elements() {
            let source = TopicPartition {
                topic: element.topic().into(),
                partition: element.partition(),
            };
            if let Err(error) = element.error() {
                self.problems
                    .push(format!("Kafka doesn't tell {what} of {source}: {error}"));
            } else if let Offset::Offset(offset) = element.offset() {
                offsets.insert(source, offset);
            }
        }
        offsets
    }
}
