//! Reads a JSON topic from its beginning to its end.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::bench::Bench;
use crate::kafka::config;

pub struct Record {
    /// Of its topic.
    pub partition: u64,
    pub key: String,
    /// None for a tombstone.
    pub value: Option<String>,
    /// Milliseconds since 1970, as its producer set it.
    pub timestamp: i64,
}

/// Calls `take` with each record and its number, a partition's records in their order.
///
/// # Errors
/// As Kafka or `take` say.
pub fn read(
    bench: &Bench,
    topic: &str,
    mut take: impl FnMut(Record, u64) -> Result<()>,
) -> Result<()> {
    let consumer: BaseConsumer = config(&bench.kafka.brokers)
        .set("group.id", "bench-reader")
        .set("enable.auto.commit", "false")
        .create()?;
    let mut partitions = TopicPartitionList::new();
    let mut left = HashMap::new();
    for partition in bench.kafka.partitions(topic)? {
        let (low, high) = consumer.fetch_watermarks(topic, partition, Duration::from_secs(20))?;
        if high > low {
            partitions.add_partition_offset(topic, partition, Offset::Beginning)?;
            left.insert(partition, high);
        }
    }
    consumer.assign(&partitions)?;
    let mut n = 0;
    while !left.is_empty() {
        let Some(message) = consumer.poll(Duration::from_secs(20)) else {
            bail!("{topic} gives no more records, short of its end");
        };
        let message = message?;
        if left.get(&message.partition()) == Some(&(message.offset() + 1)) {
            left.remove(&message.partition());
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let record = Record {
            partition: message.partition().unsigned_abs().into(),
            key: message.key().map(text).context("a record without a key")?,
            value: message.payload().map(text),
            timestamp: message.timestamp().to_millis().unwrap_or_default(),
        };
        take(record, n)?;
        n += 1;
    }
    Ok(())
}

/// The row's id, from the key of a record of JSON with schemas.
///
/// # Errors
/// If it isn't one.
pub fn id_of(record: &Record) -> Result<u64> {
    let (_, id) = record
        .key
        .rsplit_once("\"id\":")
        .context("a key without an id")?;
    let digits: String = id.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().context("a key's id")
}
