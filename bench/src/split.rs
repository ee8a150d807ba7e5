//! The records of a topic spread over many tables, each with a topic of one partition. The bench writes
//! them itself: it reads the topic that Debezium made, and puts another table's name into each record.

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
    format!("{}-split.public.{TABLE}_", topic.name)
}

/// What subscribes to all of them.
pub fn pattern(topic: Topic) -> String {
    format!("^{}", prefix(topic).replace('.', "\\."))
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
    let mut last = Vec::new();
    read(bench, &topic.full_name(), |record, n| {
        if n % 10_000 == 0 {
            bench.show.now(&format!(
                "{} over {tables} tables: {n} of {records} records",
                topic.name
            ));
        }
        // each table ends with its sentinels
        if id_of(&record)? >= FIRST_SENTINEL {
            last.push(record);
            return Ok(());
        }
        copy(&producer, topic, tables, &record)
    })?;
    for record in &last {
        copy(&producer, topic, tables, record)?;
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
    tables: u64,
    record: &Record,
) -> Result<()> {
    let n = id_of(record)? % tables;
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
