//! What Kafka says of topics before any of them is read: where their logs begin and end, and where the group would go on.

use std::collections::BTreeMap;

use crate::config::KafkaConfig;
use crate::kafka::complaints::Complaints;
use crate::kafka::error::{ClientError, Error};
use crate::kafka::observer::Observer;
use crate::kafka::offsets::PartitionOffsets;
use crate::kafka::topic_ids::TopicId;
use crate::kafka::topics::Topics;
use crate::record::TopicPartition;

/// A topic that wasn't read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadTopic {
    /// Which topic of this name it is.
    pub id: TopicId,
    /// How many partitions it has.
    pub count: i32,
    /// By their numbers.
    pub partitions: BTreeMap<i32, UnreadPartition>,
}

impl UnreadTopic {
    /// Whether each of its partitions was told of.
    pub fn is_whole(&self) -> bool {
        usize::try_from(self.count) == Ok(self.partitions.len())
    }

    /// Whether it has records, and the group has committed nothing of any partition.
    pub fn is_uncommitted(&self) -> bool {
        let partitions = || self.partitions.values();
        partitions().any(|log| log.low < log.high)
            && partitions().all(|log| log.committed.is_none())
    }
}

/// A partition that wasn't read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnreadPartition {
    /// The first offset that is still in the log.
    pub low: i64,
    /// The next one to be written, unless a transaction that is open hides what comes before it.
    pub high: i64,
    /// Where the group would go on; `None` if it has committed nothing.
    pub committed: Option<i64>,
    /// Whether Landfall itself has committed that.
    pub is_own: bool,
}

/// Looks at every topic that is `wanted`, by its name. Each partition has been told, or there is an error. Blocks its thread, for a
/// minute at most.
///
/// # Errors
/// Kafka doesn't answer, refuses, or doesn't tell of a partition, as of one that no broker leads.
pub fn look_at_topics(
    config: &KafkaConfig,
    topics: &Topics,
    wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, UnreadTopic>, Error> {
    let sources = topics.partitions(wanted);
    let sources = sources.map_err(|error| explain_unreachable(config, error))?;
    let mut names: Vec<&str> = sources.iter().map(|source| &*source.topic).collect();
    names.dedup();
    let described = topics.describe(&names)?;
    let mut unread: BTreeMap<String, UnreadTopic> = described
        .into_iter()
        .filter(|(_, topic)| topic.id != TopicId::Gone)
        .map(|(name, topic)| {
            let unread = UnreadTopic {
                id: topic.id,
                count: topic.partitions,
                partitions: BTreeMap::new(),
            };
            (name, unread)
        })
        .collect();
    let mut asked = sources;
    asked.retain(|source| unread.contains_key(&*source.topic));
    if asked.is_empty() {
        return Ok(unread);
    }
    let observer = Observer::new(config, &Complaints::new(config)).map_err(Error::of_creation)?;
    let offsets = ask_offsets(&observer, &asked);
    observer.close();
    let [low, high, committed] = offsets?;
    for source in asked {
        let told = |offsets: &PartitionOffsets| offsets.known.get(&source).copied();
        let (Some(low), Some(high)) = (told(&low), told(&high)) else {
            return Err(untold(source, "it is not in the answer".to_owned()));
        };
        let partition = UnreadPartition {
            low,
            high,
            committed: told(&committed),
            is_own: committed.own.contains(&source),
        };
        if let Some(topic) = unread.get_mut(&*source.topic) {
            topic.partitions.insert(source.partition, partition);
            topic.count = topic.count.max(source.partition + 1);
        }
    }
    Ok(unread)
}

/// What is only asked something doesn't hear why no broker answers: another client does.
fn explain_unreachable(config: &KafkaConfig, error: Error) -> Error {
    let Ok(observer) = Observer::new(config, &Complaints::new(config)) else {
        return error;
    };
    let reached = observer.reach_cluster();
    observer.close();
    reached.err().unwrap_or(error)
}

/// Where logs begin and end, and what the group has committed.
fn ask_offsets(
    observer: &Observer,
    asked: &[TopicPartition],
) -> Result<[PartitionOffsets; 3], Error> {
    let told = |answer: Result<PartitionOffsets, ClientError>| match answer {
        Ok(mut offsets) => match offsets.untold.pop() {
            Some((source, why)) => Err(untold(source, why)),
            None => Ok(offsets),
        },
        Err(error) => Err(Error::Offsets(error)),
    };
    Ok([
        told(observer.first_offsets(asked))?,
        told(observer.end_offsets(asked))?,
        told(observer.committed_offsets(asked))?,
    ])
}

fn untold(partition: TopicPartition, why: String) -> Error {
    Error::OffsetsUntold { partition, why }
}
