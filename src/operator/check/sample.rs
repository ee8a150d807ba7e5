//! Reads a few records of each partition: those that `run` would read next, or the last ones.
//!
//! By assignment, without joining a group, and without committing anything.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::KafkaConfig;
use crate::kafka::acl::{Resource, write_grant};
use crate::kafka::complaints::Complaints;
use crate::kafka::sample::{SampleLimits, SampleRange, sample_records};
use crate::kafka::topic_ids::TopicId;
use crate::operator::check::finding::Finding;
use crate::operator::check::observe::Place;
use crate::record::{Record, TopicPartition};

/// Records of a partition that are enough.
const PARTITION_SAMPLE_RECORDS: i64 = 50;

/// How long reading may take in all.
const SAMPLE_TIMEOUT: Duration = Duration::from_secs(6);

/// What is enough of all topics together.
const SAMPLE_LIMITS: SampleLimits = SampleLimits {
    partition_records: PARTITION_SAMPLE_RECORDS as usize,
    bytes: 64 << 20,
    duration: SAMPLE_TIMEOUT,
    idle: Duration::from_secs(1),
};

/// A topic as far as it was looked at.
pub struct SampledTopic {
    /// The topic's name.
    pub name: Arc<str>,
    /// How many partitions there are, those that can't be asked included.
    pub count: usize,
    /// Which topic of this name it is; `None` if Kafka couldn't be asked.
    pub id: Option<TopicId>,
    /// Those that could be asked.
    pub partitions: Vec<SampledPartition>,
    /// In order within a partition.
    pub records: Vec<Record>,
}

/// A partition as far as it was asked about.
pub struct SampledPartition {
    /// The partition's number within its topic.
    pub number: i32,
    /// The first offset that is still there.
    pub low: i64,
    /// The offset of the next record to be written.
    pub high: i64,
    /// Where the group would go on.
    pub next: Option<i64>,
    /// Whether Landfall itself has committed that.
    pub is_own: bool,
}

impl SampledPartition {
    /// The offset to sample from: what comes next, else what came last.
    fn first_sampled(&self) -> i64 {
        match self.next {
            Some(next) if (self.low..self.high).contains(&next) => next,
            Some(next) if next >= self.high => self.low.max(self.high - PARTITION_SAMPLE_RECORDS),
            _ => self.low,
        }
    }

    fn is_empty(&self) -> bool {
        self.low >= self.high
    }
}

impl SampledTopic {
    /// Offsets between the partitions' beginnings and ends: events at most.
    pub fn count_offsets(&self) -> i64 {
        self.partitions
            .iter()
            .map(|p| (p.high - p.low).max(0))
            .sum()
    }

    /// Whether it has records, and the group has committed nothing of any partition.
    pub fn is_uncommitted(&self) -> bool {
        self.count_offsets() > 0 && self.partitions.iter().all(|p| p.next.is_none())
    }

    /// Whether the group has committed what is at this place: it was dealt with before.
    pub fn is_committed(&self, place: Place) -> bool {
        let of_place = |p: &&SampledPartition| p.number == place.partition;
        let next = self.partitions.iter().find(of_place).and_then(|p| p.next);
        next.is_some_and(|next| place.offset < next)
    }

    fn sample_ranges(&self) -> impl Iterator<Item = SampleRange> {
        let filled = self.partitions.iter().filter(|p| !p.is_empty());
        filled.map(|partition| SampleRange {
            source: TopicPartition {
                topic: self.name.clone(),
                partition: partition.number,
            },
            start: partition.first_sampled(),
            last: partition.high - 1,
        })
    }
}

/// Fills in the topics' records.
pub fn sample_topics(
    config: &KafkaConfig,
    topics: &mut [SampledTopic],
    findings: &mut Vec<Finding>,
) {
    let complaints = Complaints::new(config);
    let ranges: Vec<SampleRange> = topics
        .iter()
        .flat_map(SampledTopic::sample_ranges)
        .collect();
    if ranges.is_empty() {
        return;
    }
    let mut records: HashMap<Arc<str>, Vec<Record>> = HashMap::new();
    match sample_records(config, &complaints, ranges, SAMPLE_LIMITS) {
        Ok(sampled) => {
            for record in sampled.records {
                let topic = record.source.topic.clone();
                records.entry(topic).or_default().push(record);
            }
        }
        Err(error) => {
            let error = complaints.without_secrets(&error.to_string());
            findings.push(Finding::warning(
                "not_sampled",
                format!("no records could be read: {error}"),
                "the tables are judged without them",
            ));
        }
    }
    for topic in topics {
        topic.records = records.remove(&topic.name).unwrap_or_default();
        topic
            .records
            .sort_by_key(|r| (r.source.partition, r.offset));
        if topic.records.is_empty() && topic.count_offsets() > 0 {
            findings.push(explain_unread(config, topic, &complaints));
        }
    }
}

/// A topic of transactions may well have offsets and no records; a forbidden one has a reason.
fn explain_unread(config: &KafkaConfig, topic: &SampledTopic, complaints: &Complaints) -> Finding {
    match complaints.list_reasons("").as_str() {
        "" => Finding::warning(
            "not_sampled",
            format!("none of its records came within {SAMPLE_TIMEOUT:?}"),
            "its table is judged without them; run the check again if it should have some",
        ),
        reasons => Finding::problem(
            "topic_unreadable",
            format!("its records can't be read: {reasons}"),
            format!(
                "give the user the right to read the topic ({}), and see that its brokers can be reached from here",
                write_grant(config, "Read", Resource::Topic(&topic.name))
            ),
        ),
    }
    .of_topic(&topic.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_next_is_sampled_or_else_what_came_last() {
        let first = |low, high, next| {
            SampledPartition {
                number: 0,
                low,
                high,
                next,
                is_own: false,
            }
            .first_sampled()
        };
        assert_eq!(first(10, 1000, None), 10);
        assert_eq!(first(10, 1000, Some(500)), 500);
        assert_eq!(first(10, 1000, Some(5)), 10); // retention has passed it
        assert_eq!(first(10, 1000, Some(1000)), 950);
        assert_eq!(first(10, 20, Some(20)), 10);
    }
}
