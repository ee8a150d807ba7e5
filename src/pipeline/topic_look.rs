//! A look at what else a topic holds, without applying any of it: whether a record that isn't as its topic is said to be
//! stands alone, and what tombstones may mean where nothing of their topic was landed yet.
//!
//! One record tells little, and the partition's batch may hold no other. So its partition is read on behind it, and the
//! topic's others from their beginning, before anything is judged.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bumpalo::Bump;
use tokio::task::spawn_blocking;
use tracing::warn;

use crate::config::Config;
use crate::format::change::{Decoded, Operation};
use crate::format::decode::Decoder;
use crate::format::partition_memory::PartitionMemory;
use crate::format::undecodable::Blame;
use crate::kafka::Error;
use crate::kafka::complaints::Complaints;
use crate::kafka::sample::{SampleLimits, SampleRange, sample_records};
use crate::kafka::topics::Topics;
use crate::pipeline::lane::Lane;
use crate::pipeline::lane_decoder::Learned;
use crate::record::{Record, TopicPartition};

/// As much of a topic as tells its shape; more would hold up the lane.
const LIMITS: SampleLimits = SampleLimits {
    partition_records: 50,
    bytes: 4 << 20,
    duration: Duration::from_secs(5),
    idle: Duration::from_secs(1),
};

/// A record that tells too little of its topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoubtfulRecord {
    /// Its partition.
    pub source: TopicPartition,
    /// Where it is.
    pub offset: i64,
}

/// What a look at a topic has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicLook {
    /// A record that is as the topic is said to be.
    AsConfigured,
    /// Records of another shape alone: what is wrong with the first, for people. No value of a row.
    Other(String),
    /// Nothing that tells.
    Nothing,
    /// It can't be read now.
    Unread,
}

impl TopicLook {
    fn of_records(decoder: &mut Decoder, records: &[Record]) -> Self {
        let (arena, mut other) = (Bump::new(), None);
        for record in records {
            // nothing is remembered of what is only looked at
            let mut memory = PartitionMemory::default();
            match decoder.decode_record(record, &arena, None, &mut memory) {
                Ok(Decoded::Change(change)) if change.operation != Operation::Tombstone => {
                    return Self::AsConfigured;
                }
                Err(refusal) if refusal.blame != Blame::Record => {
                    other.get_or_insert(refusal.message);
                }
                Ok(_) | Err(_) => {}
            }
        }
        other.map_or(Self::Nothing, Self::Other)
    }
}

/// Looks at the topics of these records, one of each, those that were not `looked` at before; what is found is noted with
/// the lane's breaker. Returns `false` if somebody needs the lane.
pub async fn look_at_topics(
    lane: &mut Lane,
    doubtful: Vec<DoubtfulRecord>,
    looked: &mut HashSet<Arc<str>>,
) -> bool {
    for record in doubtful {
        let topic = record.source.topic.clone();
        if !looked.insert(topic.clone()) {
            continue;
        }
        match look_at_topic(lane, record).await {
            Some(look) => lane.breaker.note_look(topic, look),
            None => return false,
        }
    }
    true
}

async fn look_at_topic(lane: &mut Lane, behind: DoubtfulRecord) -> Option<TopicLook> {
    let topics = lane.before_commit.topics.clone();
    let config = lane.before_commit.config.clone();
    let topic = behind.source.topic.clone();
    let read = spawn_blocking(move || read_on(&topics, &config, &behind));
    let read = lane.waiting.unless_needed(read).await?;
    let failed = match read {
        Ok(Ok(records)) => return judge_records(lane, records).await,
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    warn!(%topic, error = failed, "what else the topic holds can't be read");
    Some(TopicLook::Unread)
}

async fn judge_records(lane: &mut Lane, mut records: Vec<Record>) -> Option<TopicLook> {
    records.retain(|record| record.value.is_some());
    let learned = lane.decoder.learn_schemas(&records, &lane.waiting).await;
    let look = TopicLook::of_records(&mut lane.decoder.decoder, &records);
    match learned {
        Learned::LetGo => None,
        Learned::Some(_) if look == TopicLook::Nothing => Some(TopicLook::Unread),
        Learned::All | Learned::Some(_) => Some(look),
    }
}

/// What is behind the record, and in the topic's other partitions. Blocks its thread.
fn read_on(
    topics: &Topics,
    config: &Config,
    behind: &DoubtfulRecord,
) -> Result<Vec<Record>, Error> {
    let mut ranges = Vec::new();
    for source in topics.partitions(|topic| topic == &*behind.source.topic)? {
        let (low, high) = topics.log_ends(&source)?;
        let start = match source == behind.source {
            true => low.max(behind.offset + 1),
            false => low,
        };
        if start < high {
            ranges.push(SampleRange {
                source,
                start,
                last: high - 1,
            });
        }
    }
    if ranges.is_empty() {
        return Ok(Vec::new());
    }
    let complaints = Complaints::new(&config.kafka);
    sample_records(&config.kafka, &complaints, ranges, LIMITS).map_err(Error::of_creation)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: i64, value: &str) -> Record {
        Record {
            source: TopicPartition {
                topic: "shop.public.t".into(),
                partition: 0,
            },
            offset,
            timestamp: None,
            key: Some(r#"{"id":1}"#.into()),
            value: Some(value.into()),
            headers: Arc::new([]),
            epoch: 0,
            leader_epoch: None,
        }
    }

    #[test]
    fn one_event_as_configured_tells_the_topic_and_none_of_another_shape_alone_does() {
        let event = r#"{"before":null,"after":{"id":1},"source":{"schema":"public","table":"t","lsn":1,"ts_ms":1},"op":"c"}"#;
        let (flat, broken) = (r#"{"id":1,"version":1}"#, "{");
        let look = |values: &[&str]| {
            let records: Vec<Record> = (0..).zip(values).map(|(at, v)| record(at, v)).collect();
            TopicLook::of_records(&mut Decoder::new(Vec::new().into(), true), &records)
        };
        assert_eq!(look(&[flat, broken, event]), TopicLook::AsConfigured);
        assert!(matches!(look(&[broken, flat]), TopicLook::Other(why) if why.contains("flat")));
        assert_eq!(look(&[]), TopicLook::Nothing);
        assert_eq!(look(&[broken]), TopicLook::Nothing);
    }
}
