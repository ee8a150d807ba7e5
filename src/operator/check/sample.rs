//! Reads a few records of each partition: those that `run` would read next, or the last ones.
//!
//! By assignment, without joining a group, and without committing anything.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use uuid::Uuid;

use crate::config::KafkaConfig;
use crate::kafka::complaints::Heard;
use crate::kafka::copy::{self, Block, Common};
use crate::kafka::{client, poll};
use crate::operator::check::finding::Finding;
use crate::operator::check::kafka::let_go;
use crate::record::{Record, TopicPartition};

/// Records of a partition that are enough.
const ENOUGH: i64 = 50;

/// Bytes of all records that are enough.
const MOST_BYTES: usize = 64 << 20;

/// How long reading may take in all,
const LIMIT: Duration = Duration::from_secs(6);

/// and how long nothing may come once something has come.
const IDLE: Duration = Duration::from_secs(1);

pub struct Topic {
    pub name: Arc<str>,
    /// How many partitions there are, those that can't be asked included.
    pub count: usize,
    pub partitions: Vec<Partition>,
    /// In order within a partition.
    pub records: Vec<Record>,
}

pub struct Partition {
    pub number: i32,
    pub low: i64,
    pub high: i64,
    /// Where the group would go on.
    pub next: Option<i64>,
}

impl Partition {
    /// The offset to sample from: what comes next, else what came last.
    fn start(&self) -> i64 {
        match self.next {
            Some(next) if (self.low..self.high).contains(&next) => next,
            Some(next) if next >= self.high => self.low.max(self.high - ENOUGH),
            _ => self.low,
        }
    }

    fn is_empty(&self) -> bool {
        self.low >= self.high
    }
}

impl Topic {
    /// Offsets between the partitions' beginnings and ends: events at most.
    pub fn offsets(&self) -> i64 {
        self.partitions
            .iter()
            .map(|p| (p.high - p.low).max(0))
            .sum()
    }
}

/// What is still wanted of a partition.
struct Wanted {
    source: TopicPartition,
    count: i64,
    last: i64,
}

/// Fills in the topics' records.
pub fn read(config: &KafkaConfig, topics: &mut [Topic], findings: &mut Vec<Finding>) {
    let heard = Heard::new(config);
    let mut list = TopicPartitionList::new();
    let mut wanted: HashMap<(String, i32), Wanted> = HashMap::new();
    for topic in topics.iter() {
        for partition in topic.partitions.iter().filter(|p| !p.is_empty()) {
            let start = Offset::Offset(partition.start());
            let _ = list.add_partition_offset(&topic.name, partition.number, start);
            let source = TopicPartition {
                topic: topic.name.clone(),
                partition: partition.number,
            };
            let wants = Wanted {
                source,
                count: ENOUGH,
                last: partition.high - 1,
            };
            wanted.insert((topic.name.to_string(), partition.number), wants);
        }
    }
    if wanted.is_empty() {
        return;
    }
    let mut records: HashMap<Arc<str>, Vec<Record>> = HashMap::new();
    match start(config, &heard, &list) {
        Ok(consumer) => {
            collect(&consumer, wanted, &mut records);
            let_go(consumer);
        }
        Err(error) => findings.push(Finding::warning(
            "not_sampled",
            format!("no records could be read: {error}"),
            "the tables are judged without them",
        )),
    }
    for topic in topics {
        topic.records = records.remove(&topic.name).unwrap_or_default();
        topic
            .records
            .sort_by_key(|r| (r.source.partition, r.offset));
        if topic.records.is_empty() && topic.offsets() > 0 {
            findings.push(unread(topic, &heard));
        }
    }
}

fn start(
    config: &KafkaConfig,
    heard: &Heard,
    list: &TopicPartitionList,
) -> Result<BaseConsumer<Heard>, String> {
    let mut client = client::consumer(config);
    client.remove("group.instance.id");
    client
        .set("group.id", format!("landfall-check-{}", Uuid::new_v4()))
        .set("statistics.interval.ms", "0");
    let said = |error: rdkafka::error::KafkaError| heard.without_secrets(&error.to_string());
    let consumer: BaseConsumer<Heard> = client.create_with_context(heard.clone()).map_err(said)?;
    consumer.assign(list).map_err(said)?;
    Ok(consumer)
}

fn collect(
    consumer: &BaseConsumer<Heard>,
    mut wanted: HashMap<(String, i32), Wanted>,
    records: &mut HashMap<Arc<str>, Vec<Record>>,
) {
    // of all topics: it costs no more than a comparison
    let (mut common, mut block) = (Common::default(), Block::default());
    let started = Instant::now();
    let mut last_came: Option<Instant> = None;
    let mut bytes = 0;
    while !wanted.is_empty()
        && bytes < MOST_BYTES
        && started.elapsed() < LIMIT
        && last_came.is_none_or(|at| at.elapsed() < IDLE)
    {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let place = (message.topic().to_owned(), message.partition());
        let Some(wants) = wanted.get_mut(&place) else {
            continue;
        };
        last_came = Some(Instant::now());
        let source = wants.source.clone();
        let record = copy::record(&message, source, 0, &mut common, &mut block);
        wants.count -= 1;
        let done = wants.count <= 0 || record.offset >= wants.last;
        bytes += record.size();
        let of_topic = records.entry(wants.source.topic.clone()).or_default();
        of_topic.push(record);
        if done && let Some(wants) = wanted.remove(&place) {
            // else a long partition would stand before the others
            let _ = consumer.pause(&poll::list(&[wants.source]));
        }
    }
}

/// A topic of transactions may well have offsets and no records; a forbidden one has a reason.
fn unread(topic: &Topic, heard: &Heard) -> Finding {
    match heard.reasons("").as_str() {
        "" => Finding::warning(
            "not_sampled",
            format!("none of its records came within {LIMIT:?}"),
            "its table is judged without them; run the check again if it should have some",
        ),
        reasons => Finding::problem(
            "topic_unreadable",
            format!("its records can't be read: {reasons}"),
            "give the user the right to read the topic (kafka-acls --operation Read --topic …), and see that its brokers can be reached from here",
        ),
    }
    .of_topic(&topic.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_next_is_sampled_or_else_what_came_last() {
        let start = |low, high, next| {
            Partition {
                number: 0,
                low,
                high,
                next,
            }
            .start()
        };
        assert_eq!(start(10, 1000, None), 10);
        assert_eq!(start(10, 1000, Some(500)), 500);
        assert_eq!(start(10, 1000, Some(5)), 10); // retention has passed it
        assert_eq!(start(10, 1000, Some(1000)), 950);
        assert_eq!(start(10, 20, Some(20)), 10);
    }
}
