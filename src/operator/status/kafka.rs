//! What Kafka says: where the logs begin and end, what the group has committed, and which topics
//! there are. The client has the group's name, which is needed to ask, and never joins it.

use std::collections::{BTreeSet, HashMap};

use crate::config::Config;
use crate::kafka;
use crate::kafka::complaints::Complaints;
use crate::kafka::observer::Observer;
use crate::kafka::offsets::PartitionOffsets;
use crate::kafka::topic_ids::TopicId;
use crate::kafka::topics::{ClusterTopic, Topics};
use crate::record::TopicPartition;

/// What Kafka answered; what is wrong with an answer is among the problems.
#[derive(Default)]
pub struct KafkaAnswers {
    /// Of the topics that were asked about: their partitions. `None`: Kafka didn't answer.
    pub partitions: Option<BTreeSet<TopicPartition>>,
    /// The topics' ids, by their names.
    pub ids: HashMap<String, TopicId>,
    /// The first offsets that are still in the logs.
    pub begins: Offsets,
    /// The next offsets to be written.
    pub ends: Offsets,
    /// Where the group would go on.
    pub committed: Offsets,
    /// What couldn't be asked, for people.
    pub problems: Vec<String>,
}

/// An offset for each partition that has one.
pub type Offsets = HashMap<TopicPartition, i64>;

/// Asks about the subscribed topics and those that were `applied`. Blocks its thread, for less than
/// a minute.
pub fn ask_kafka(config: &Config, applied: &[String]) -> KafkaAnswers {
    let complaints = Complaints::new(&config.kafka);
    let mut answers = KafkaAnswers::default();
    let observer = match Observer::of_whole_logs(&config.kafka, &complaints) {
        Ok(observer) => observer,
        Err(error) => {
            answers
                .problems
                .push(kafka::Error::of_creation(error).to_string());
            return answers;
        }
    };
    if let Err(problem) = answers.ask_observer(config, applied, &observer, &complaints) {
        answers.problems.push(problem.to_string());
    }
    observer.close();
    answers
}

impl KafkaAnswers {
    fn ask_observer(
        &mut self,
        config: &Config,
        applied: &[String],
        observer: &Observer,
        complaints: &Complaints,
    ) -> Result<(), kafka::Error> {
        let cluster = observer.reach_cluster()?;
        let asked = cluster
            .topics
            .iter()
            .filter(|topic| config.subscribes_to(&topic.name) || applied.contains(&topic.name));
        let partitions: BTreeSet<TopicPartition> = asked.flat_map(ClusterTopic::sources).collect();
        if !partitions.is_empty() {
            let ends = observer.end_offsets(&partitions);
            self.ends = self.note_answer("the ends of the logs", ends, complaints);
            let begins = observer.first_offsets(&partitions);
            self.begins = self.note_answer("the beginnings of the logs", begins, complaints);
            let committed = observer.committed_offsets(&partitions);
            let what = format!("the offsets of the group {}", config.kafka.group);
            self.committed = self.note_answer(&what, committed, complaints);
        }
        let mut names: Vec<&str> = partitions.iter().map(|p| &*p.topic).collect();
        names.dedup();
        if !names.is_empty() {
            match Topics::new(config).and_then(|topics| topics.ids(&names)) {
                Ok(ids) => self.ids = ids,
                Err(problem) => self.problems.push(problem.to_string()),
            }
        }
        self.partitions = Some(partitions);
        Ok(())
    }

    /// The offsets of an answer; what is wrong with it becomes a problem.
    fn note_answer(
        &mut self,
        what: &str,
        answer: Result<PartitionOffsets, kafka::ClientError>,
        complaints: &Complaints,
    ) -> Offsets {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let why = complaints.list_reasons(&error.to_string());
                self.problems
                    .push(format!("Kafka doesn't tell {what}: {why}"));
                return Offsets::new();
            }
        };
        for (source, why) in answer.untold {
            self.problems
                .push(format!("Kafka doesn't tell {what} of {source}: {why}"));
        }
        answer.known
    }
}
