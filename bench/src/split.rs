//! The records of a topic spread over many tables, each with a topic of one partition. The bench writes
//! them itself: it reads the topic that Debezium made, and puts another table's name into each record.
//!
//! What comes through one topic is in the order of its source, as Debezium writes it, or else a sink that looks at positions
//! takes it for a source that has gone back. So a table's records are those of some keys of one partition.

use std::time::Duration;

use anyhow::{Context as _, Result};
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::DefaultProducerContext;
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};

use crate::bench::Bench;
use crate::kafka::{config, options};
use crate::records::{Record, id_of, read};
use crate::workload::{FIRST_SENTINEL, TABLE, Topic};

fn table(n: u64) -> String {
    format!("{TABLE}_{n}")
}

pub fn tables(tables: u64) -> Vec<String> {
    (0..tables).map(table).collect()
}

fn prefix(topic: Topic) -> String {
    format!("{}-spread.public.{TABLE}_", topic.name)
}

/// What subscribes to all of them.
pub fn pattern(topic: Topic) -> String {
    format!("^{}", prefix(topic).replace('.', "\\."))
}

/// Tables by partitions, each partition's keys over as many of them.
struct Shares {
    tables: u64,
    partitions: u64,
}

impl Shares {
    fn table_of(&self, partition: u64, id: u64) -> u64 {
        let own = (self.tables / self.partitions).max(1);
        (partition + self.partitions * (id % own)) % self.tables
    }
}

/// Makes them, unless they are there.
///
/// # Errors
/// As Kafka says.
pub fn make(bench: &Bench, topic: Topic, tables: u64) -> Result<()> {
    let records = bench.made(topic.source)?.records;
    let there = bench.kafka.topics(&prefix(topic))?;
    let mut copied = 0;
    for topic in &there {
        copied += bench.kafka.records(topic)?;
    }
    if there.len() as u64 == tables && copied == records {
        return Ok(());
    }
    bench.kafka.delete(&there)?;
    create(bench, topic, tables)?;
    let producer: ThreadedProducer<DefaultProducerContext> = config(&bench.kafka.brokers)
        .set("message.max.bytes", "10000000")
        .set("linger.ms", "50")
        .create()?;
    let partitions = bench.kafka.partitions(&topic.full_name())?.len() as u64;
    let shares = Shares { tables, partitions };
    let mut last = Vec::new();
    read(bench, &topic.full_name(), |record, n| {
        if n % 10_000 == 0 {
            bench.show.now(&format!(
                "{} over {tables} tables: {n} of {records} records",
                topic.name
            ));
        }
        // each table ends with its sentinels
        let id = id_of(&record)?;
        if id >= FIRST_SENTINEL {
            last.push((id, record));
            return Ok(());
        }
        copy(
            &producer,
            topic,
            shares.table_of(record.partition, id),
            &record,
        )
    })?;
    // they are of one transaction, each table's as many as any other's
    last.sort_by_key(|(id, _)| *id);
    for (id, record) in &last {
        copy(&producer, topic, id % tables, record)?;
    }
    producer
        .flush(Duration::from_secs(60))
        .context("writing the split topics")
}

fn create(bench: &Bench, topic: Topic, tables: u64) -> Result<()> {
    let names: Vec<String> = (0..tables)
        .map(|n| format!("{}{n}", prefix(topic)))
        .collect();
    let new: Vec<NewTopic<'_>> = names
        .iter()
        .map(|name| NewTopic::new(name, 1, TopicReplication::Fixed(1)))
        .collect();
    let admin: rdkafka::admin::AdminClient<DefaultClientContext> = bench.kafka.admin()?;
    for result in futures::executor::block_on(admin.create_topics(&new, &options()))? {
        if let Err((topic, code)) = result {
            return Err(KafkaError::AdminOp(code)).context(topic);
        }
    }
    Ok(())
}

fn copy(
    producer: &ThreadedProducer<DefaultProducerContext>,
    topic: Topic,
    n: u64,
    record: &Record,
) -> Result<()> {
    let name = format!("{}{n}", prefix(topic));
    let value = record.value.as_deref().map(|v| {
        v.replacen(
            &format!("\"table\":\"{TABLE}\""),
            &format!("\"table\":\"{}\"", table(n)),
            1,
        )
    });
    loop {
        let mut message = BaseRecord::to(&name).key(&record.key).partition(0);
        if let Some(value) = &value {
            message = message.payload(value);
        }
        match producer.send(message) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                std::thread::sleep(Duration::from_millis(10))
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}
