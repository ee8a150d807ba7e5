//! A look at what else a topic holds, without applying any of it: whether a record that isn't as its topic is said to be
//! stands alone, and what tombstones may mean where nothing of their topic was landed yet.
//!
//! One record tells little, and the partition's batch may hold no other. So its partition is read on behind it, and the
//! topic's others from their beginning, before anything is judged.

use std::time::{Duration, Instant};

use bumpalo::Bump;
use futures::{FutureExt as _, StreamExt as _, stream};
use tracing::warn;

use crate::config::Config;
use crate::format::change::{Decoded, Operation};
use crate::format::decode::Decoder;
use crate::format::partition_memory::PartitionMemory;
use crate::format::undecodable::Blame;
use crate::kafka::Error;
use crate::kafka::complaints::Complaints;
use crate::kafka::sample::{Sample, SampleLimits, SampleRange, sample_records};
use crate::kafka::topics::Topics;
use crate::pipeline::ask_kafka::ask_kafka;
use crate::pipeline::lane::Lane;
use crate::pipeline::lane_decoder::Learned;
use crate::pipeline::topic_looks::{DoubtfulRecord, NextOffsets, TopicLook};
use crate::record::Record;

/// How long asking for the ends of partitions may take, and how long reading them.
const HALF_TIME: Duration = Duration::from_millis(2500);

/// Where a look goes on in a partition of which enough was read.
const READ: i64 = i64::MAX;

/// As much of a topic as tells its shape; more would hold up the lane.
const LIMITS: SampleLimits = SampleLimits {
    partition_records: 50,
    bytes: 4 << 20,
    duration: HALF_TIME,
    idle: HALF_TIME,
};

/// How many topics are looked at at a time: each has a consumer of its own.
const AT_ONCE: usize = 8;

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

/// Looks at the topics of these records, one of each, several at a time; what is found is noted with the lane's breaker.
/// Returns `false` if somebody needs the lane.
pub async fn look_at_topics(lane: &mut Lane, doubtful: Vec<DoubtfulRecord>) -> bool {
    let began = Instant::now();
    let (topics, config) = (&lane.before_commit.topics, &lane.before_commit.config);
    let looks = &lane.breaker.looks;
    let reads = stream::iter(doubtful).map(|behind| {
        let (topics, config) = (topics.clone(), config.clone());
        let (topic, next) = (behind.topic.clone(), looks.next_offsets(&behind.topic));
        ask_kafka(move || read_on(&topics, &config, &behind, next)).map(|read| (topic, read))
    });
    let reads = reads.buffer_unordered(AT_ONCE).collect::<Vec<_>>();
    let Some(reads) = lane.waiting.unless_needed(reads).await else {
        return false;
    };
    let mut found = Vec::new();
    for (topic, read) in reads {
        let look = match read {
            Ok(part) => judge_part(lane, part).await,
            Err(error) => {
                warn!(topic = &*topic.name, %error, "what else the topic holds can't be read");
                Some((TopicLook::Unread, lane.breaker.looks.next_offsets(&topic)))
            }
        };
        let Some(look) = look else { return false };
        found.push((topic, look));
    }
    let now = Instant::now();
    for (topic, look) in found {
        let looks = &mut lane.breaker.looks;
        looks.note_look(topic, look, now - began, now);
    }
    true
}

/// What one look has read.
struct Part {
    records: Vec<Record>,
    /// The topic's end was come to.
    is_last: bool,
    /// Where the next one goes on, if it wasn't.
    next: NextOffsets,
}

async fn judge_part(lane: &mut Lane, mut part: Part) -> Option<(TopicLook, NextOffsets)> {
    part.records.retain(|record| record.value.is_some());
    let learned = lane.decoder.learn_schemas(&part.records, &lane.waiting);
    let learned = learned.await;
    let look = TopicLook::of_records(&mut lane.decoder.decoder, &part.records);
    match learned {
        Learned::LetGo => None,
        Learned::All if part.is_last => Some((look, part.next)),
        // what wasn't read may be what tells
        Learned::All if look == TopicLook::Nothing => Some((TopicLook::Unread, part.next)),
        Learned::All => Some((look, part.next)),
        // the next look begins anew
        Learned::Some(_) if look == TopicLook::Nothing => {
            Some((TopicLook::Unread, NextOffsets::new()))
        }
        Learned::Some(_) => Some((look, NextOffsets::new())),
    }
}

/// What is behind the record, and in the topic's other partitions, as far as the time suffices; `next`: where earlier looks
/// have left off. Blocks its thread.
fn read_on(
    topics: &Topics,
    config: &Config,
    behind: &DoubtfulRecord,
    mut next: NextOffsets,
) -> Result<Part, Error> {
    let partitions = topics.partitions(|topic| topic == &*behind.topic.name)?;
    // else the topic has just gone, and tells nothing
    let (mut ranges, mut is_last) = (Vec::new(), !partitions.is_empty());
    let began = Instant::now();
    for source in partitions {
        if next.get(&source.partition) == Some(&READ) {
            continue;
        }
        // the other half is for reading
        if began.elapsed() > HALF_TIME {
            is_last = false;
            break;
        }
        let (low, high) = topics.log_ends(&source)?;
        let start = match next.get(&source.partition) {
            Some(next) => low.max(*next),
            None if source == behind.source => low.max(behind.offset + 1),
            None => low,
        };
        next.insert(source.partition, READ);
        if start < high {
            ranges.push(SampleRange {
                source,
                start,
                last: high - 1,
            });
        }
    }
    let complaints = Complaints::new(&config.kafka);
    let sample = sample_records(&config.kafka, &complaints, ranges, LIMITS);
    let Sample { records, unread } = sample.map_err(Error::of_creation)?;
    is_last &= unread.is_empty();
    let unread = unread.iter().map(|r| (r.source.partition, r.start));
    next.extend(unread);
    if is_last {
        next.clear();
    }
    Ok(Part {
        records,
        is_last,
        next,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::record::TopicPartition;

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
