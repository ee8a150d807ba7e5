//! Reads a few records of each of many partitions at once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::Offset;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use uuid::Uuid;

use crate::config::KafkaConfig;
use crate::kafka::client::consumer_properties;
use crate::kafka::complaints::Complaints;
use crate::kafka::cursor::{Cursor, Polled};
use crate::kafka::error::ClientError;
use crate::kafka::partition_list::list_offsets;
use crate::record::{Record, TopicPartition};

/// How long a single poll waits.
const POLL_TIMEOUT: Duration = Duration::from_millis(100);

/// What to read of a partition.
#[derive(Clone, Debug)]
pub struct SampleRange {
    /// The partition.
    pub source: TopicPartition,
    /// The first offset to read.
    pub start: i64,
    /// The last offset that the log has.
    pub last: i64,
}

/// What is enough.
#[derive(Clone, Copy, Debug)]
pub struct SampleLimits {
    /// Records of a partition.
    pub partition_records: usize,
    /// Bytes of all records.
    pub bytes: usize,
    /// How long reading may take in all.
    pub duration: Duration,
    /// How long nothing may come once something has come.
    pub idle: Duration,
}

/// What was read.
#[derive(Debug, Default)]
pub struct Sample {
    /// Each partition's in order.
    pub records: Vec<Record>,
    /// What is left of ranges of which neither all was read nor as much as was wanted.
    pub unread: Vec<SampleRange>,
}

/// Reads the ranges side by side, each in order, until `limits` say that it is enough. What librdkafka
/// says meanwhile is added to `complaints`. Blocks its thread.
///
/// # Errors
/// A property that librdkafka refuses, in librdkafka's words.
pub fn sample_records(
    config: &KafkaConfig,
    complaints: &Complaints,
    ranges: Vec<SampleRange>,
    limits: SampleLimits,
) -> Result<Sample, ClientError> {
    if ranges.is_empty() {
        return Ok(Sample::default());
    }
    let mut properties = consumer_properties(config);
    properties.remove("group.instance.id");
    properties
        .set("group.id", format!("landfall-check-{}", Uuid::new_v4()))
        .set("statistics.interval.ms", "0");
    let mut cursor = Cursor::new(&properties, complaints.clone())?;
    let starts = ranges.iter().map(|r| (&r.source, Offset::Offset(r.start)));
    cursor.read_from(&list_offsets(starts)?)?;
    let sample = collect_records(&mut cursor, ranges, limits);
    cursor.close();
    Ok(sample)
}

/// What is still wanted of a partition.
struct Wanted {
    range: SampleRange,
    records: usize,
}

fn collect_records(
    cursor: &mut Cursor<Complaints>,
    ranges: Vec<SampleRange>,
    limits: SampleLimits,
) -> Sample {
    let topic = ranges.first().map(|range| range.source.topic.clone());
    // librdkafka tells which partition has come to its end, and not of which topic
    let topic = topic.filter(|topic| ranges.iter().all(|range| range.source.topic == *topic));
    let wanted = ranges.into_iter().map(|range| {
        let source = range.source.clone();
        let records = limits.partition_records;
        (source, Wanted { range, records })
    });
    let mut wanted: HashMap<TopicPartition, Wanted> = wanted.collect();
    let mut records = Vec::new();
    let started = Instant::now();
    let mut last_came: Option<Instant> = None;
    let mut bytes = 0;
    while !wanted.is_empty()
        && bytes < limits.bytes
        && started.elapsed() < limits.duration
        && last_came.is_none_or(|at| at.elapsed() < limits.idle)
    {
        let is_wanted = |message: &BorrowedMessage<'_>| {
            let source = TopicPartition {
                topic: message.topic().into(),
                partition: message.partition(),
            };
            wanted.get(&source).map(|w| w.range.source.clone())
        };
        let record = match cursor.poll_record(POLL_TIMEOUT, is_wanted) {
            Polled::Record(record) => record,
            // the last offsets may be no records
            Polled::Error(KafkaError::PartitionEOF(partition)) => {
                let source = topic
                    .clone()
                    .map(|topic| TopicPartition { topic, partition });
                source.map(|source| wanted.remove(&source));
                continue;
            }
            Polled::Error(_) | Polled::Skipped | Polled::Nothing => continue,
        };
        last_came = Some(Instant::now());
        bytes += record.memory_size();
        if let Some(of_partition) = wanted.get_mut(&record.source) {
            of_partition.records = of_partition.records.saturating_sub(1);
            of_partition.range.start = record.offset + 1;
            if of_partition.records == 0 || record.offset >= of_partition.range.last {
                wanted.remove(&record.source);
                // else a long partition would stand before the others
                cursor.stop_reading(&record.source);
            }
        }
        records.push(record);
    }
    let unread = wanted.into_values().map(|wanted| wanted.range).collect();
    Sample { records, unread }
}
