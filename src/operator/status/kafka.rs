//! What Kafka says: where the logs begin and end, what the group has committed, and which topics
//! there are. The client has the group's name, which is needed to ask, and never joins it.

use std::collections::{BTreeSet, HashMap};

use crate::config::Config;
use crate::kafka;
use crate::kafka::acl::{Resource, describe_missing};
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
    /// Topics of which Kafka doesn't say whether they are there, as the user may not know of them.
    pub hidden: BTreeSet<String>,
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

/// Asks Kafka. Its clients are kept for as long as Kafka answers everything.
pub struct KafkaAsker {
    config: Config,
    clients: Option<Clients>,
}

struct Clients {
    complaints: Complaints,
    observer: Observer,
    topics: Topics,
}

impl KafkaAsker {
    /// Connects to nothing yet.
    pub fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
            clients: None,
        }
    }

    /// Asks about the subscribed topics and those that were `applied`. Blocks its thread, for less than
    /// a minute.
    pub fn ask(&mut self, applied: &[String]) -> KafkaAnswers {
        let mut answers = KafkaAnswers::default();
        let kept = self.clients.take().map_or_else(|| self.open_clients(), Ok);
        let clients = match kept {
            Ok(clients) => clients,
            Err(problem) => {
                answers.problems.push(problem.to_string());
                return answers;
            }
        };
        if let Err(problem) = answers.ask_clients(&self.config, applied, &clients) {
            answers.problems.push(problem.to_string());
        }
        if answers.problems.is_empty() {
            self.clients = Some(clients);
        } else {
            // what it complains of now would be told of later troubles, too
            clients.observer.close();
        }
        answers
    }

    /// Ends its connections. Blocks its thread.
    pub fn close(self) {
        if let Some(clients) = self.clients {
            clients.observer.close();
        }
    }

    fn open_clients(&self) -> Result<Clients, kafka::Error> {
        let complaints = Complaints::new(&self.config.kafka);
        let observer = Observer::of_whole_logs(&self.config.kafka, &complaints);
        Ok(Clients {
            observer: observer.map_err(kafka::Error::of_creation)?,
            topics: Topics::new(&self.config)?,
            complaints,
        })
    }
}

impl KafkaAnswers {
    fn ask_clients(
        &mut self,
        config: &Config,
        applied: &[String],
        clients: &Clients,
    ) -> Result<(), kafka::Error> {
        let (observer, complaints) = (&clients.observer, &clients.complaints);
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
            let group = &config.kafka.group;
            match observer.committed_offsets(&partitions) {
                Err(error) if error.is_forbidden() => {
                    let on = Resource::Group(group);
                    self.problems
                        .push(describe_missing(&config.kafka, "Describe", on));
                }
                committed => {
                    let what = format!("the offsets of the group {group}");
                    self.committed = self.note_answer(&what, committed, complaints);
                }
            }
        }
        let mut names: Vec<&str> = partitions.iter().map(|p| &*p.topic).collect();
        names.dedup();
        if !names.is_empty() {
            match clients.topics.ids(&names) {
                Ok(ids) => self.ids = ids,
                Err(problem) => self.problems.push(problem.to_string()),
            }
        }
        self.partitions = Some(partitions);
        let is_there = |name: &&str| cluster.topics.iter().any(|topic| topic.name == **name);
        let named = config.kafka.topic_names();
        let named: BTreeSet<&str> = named.chain(applied.iter().map(String::as_str)).collect();
        let missing: Vec<&str> = named.into_iter().filter(|name| !is_there(name)).collect();
        for topic in clients.topics.find_hidden(&missing)? {
            let on = Resource::Topic(&topic);
            self.problems
                .push(describe_missing(&config.kafka, "Describe", on));
            self.hidden.insert(topic);
        }
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
