//! A plain client of the stack's Kafka: topics, producing, reading a topic whole.

use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};

use super::events::Event;
use super::stack::stack;

pub struct Kafka {
    brokers: String,
    admin: AdminClient<DefaultClientContext>,
    producer: FutureProducer,
}

fn client() -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &stack().kafka);
    config
}

const WAIT: Duration = Duration::from_secs(20);

impl Kafka {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self::at(&stack().kafka)
    }

    /// Of a broker of the test's own. What reads goes to the stack's all the same.
    pub fn at(broker: &str) -> Self {
        let client = || {
            let mut config = client();
            config.set("bootstrap.servers", broker);
            config
        };
        Self {
            brokers: broker.to_owned(),
            admin: client().create().expect("an admin client"),
            producer: client()
                .set("partitioner", "murmur2_random")
                .set("linger.ms", "5")
                .set("message.max.bytes", "100000000") // what the topic takes is the broker's business
                .create()
                .expect("a producer"),
        }
    }

    /// `HOST:PORT` of the brokers, with commas between.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// With a copy on each broker, of three at most; two have to have what is to count, where there are three.
    pub async fn create_topic(&self, topic: &str, partitions: i32) {
        self.create_topics(&[topic.to_owned()], partitions).await;
    }

    pub async fn create_topics(&self, topics: &[String], partitions: i32) {
        let metadata = self.producer.client().fetch_metadata(None, WAIT);
        let brokers = metadata.expect("Kafka answers").brokers().len().min(3);
        let least = (brokers / 2 + 1).to_string();
        let new = |topic| {
            let copies = TopicReplication::Fixed(brokers as i32);
            NewTopic::new(topic, partitions, copies).set("min.insync.replicas", &least)
        };
        let new: Vec<NewTopic<'_>> = topics.iter().map(|topic| new(topic)).collect();
        // a topic that was deleted a moment ago can still be on its way out
        super::eventually("the topic is created", async || {
            let results = self
                .admin
                .create_topics(&new, &AdminOptions::new().operation_timeout(Some(WAIT)))
                .await;
            results
                .expect("Kafka answers")
                .into_iter()
                .all(|r| r.is_ok())
                .then_some(())
        })
        .await;
        // the broker hears of it a moment after the controller has answered
        for topic in topics {
            super::eventually("the broker knows the topic", async || {
                let metadata = self.producer.client().fetch_metadata(Some(topic), WAIT);
                let metadata = metadata.expect("Kafka answers");
                let known = metadata
                    .topics()
                    .iter()
                    .map(|t| t.partitions().len())
                    .sum::<usize>();
                (known == partitions as usize).then_some(())
            })
            .await;
        }
    }

    /// Sets these of a topic's properties; the others go back to the broker's defaults.
    pub async fn configure(&self, topic: &str, properties: &[(&str, &str)]) {
        let new = AlterConfig::new(ResourceSpecifier::Topic(topic));
        let new = properties.iter().fold(new, |new, (k, v)| new.set(k, v));
        let options = AdminOptions::new().operation_timeout(Some(WAIT));
        let results = self.admin.alter_configs([&new], &options).await;
        let results = results.expect("Kafka answers");
        results
            .into_iter()
            .for_each(|r| assert!(r.is_ok(), "{r:?}"));
    }

    pub fn partitions(&self, topic: &str) -> usize {
        let metadata = self.producer.client().fetch_metadata(None, WAIT);
        let metadata = metadata.expect("Kafka answers");
        let mut topics = metadata.topics().iter();
        let found = topics.find(|t| t.name() == topic);
        found.map_or(0, |t| t.partitions().len())
    }

    pub async fn delete_topic(&self, topic: &str) {
        let results = self
            .admin
            .delete_topics(&[topic], &AdminOptions::new().operation_timeout(Some(WAIT)))
            .await;
        results
            .expect("Kafka answers")
            .into_iter()
            .for_each(|r| assert!(r.is_ok(), "{r:?}"));
    }

    /// Deletes what lies below the offset in partition 0, as retention does.
    pub async fn delete_records(&self, topic: &str, below: i64) {
        self.delete_records_of(topic, 0, Offset::Offset(below))
            .await;
    }

    /// Whether none of so many partitions has anything, markers included.
    pub fn is_empty(&self, topic: &str, partitions: i32) -> bool {
        (0..partitions).all(|partition| {
            let client = self.producer.client();
            let ends = client.fetch_watermarks(topic, partition, WAIT);
            ends.is_ok_and(|(low, high)| low == high)
        })
    }

    /// Deletes all that partition 0 has, markers too.
    pub async fn delete_all_records(&self, topic: &str) {
        self.delete_records_of(topic, 0, Offset::End).await;
    }

    pub async fn delete_records_of(&self, topic: &str, partition: i32, below: Offset) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, below)
            .expect("an offset");
        self.admin
            .delete_records(&list, &AdminOptions::new().operation_timeout(Some(WAIT)))
            .await
            .expect("Kafka deletes");
    }

    /// Produces in a transaction, which leaves a marker in each partition's log.
    pub async fn produce_in_transaction(&self, topic: &str, events: &[Event]) {
        self.open_transaction(topic, events).await.commit().await;
    }

    /// Produces in a transaction that is given up: nobody gets to see the events.
    pub async fn produce_and_abort(&self, topic: &str, events: &[Event]) {
        self.open_transaction(topic, events).await.abort().await;
    }

    /// Produces in a transaction that stays open.
    pub async fn open_transaction(&self, topic: &str, events: &[Event]) -> OpenTransaction {
        let producer: FutureProducer = client()
            .set("bootstrap.servers", &self.brokers)
            .set("transactional.id", topic)
            .create()
            .expect("a producer");
        let own = producer.clone();
        tokio::task::spawn_blocking(move || own.init_transactions(WAIT))
            .await
            .expect("no panic")
            .expect("Kafka does transactions");
        producer.begin_transaction().expect("begun");
        send(&producer, topic, events).await;
        OpenTransaction(producer)
    }

    /// Gives the topic as many partitions as that.
    pub async fn grow_topic(&self, topic: &str, partitions: i32) {
        let new = NewPartitions::new(topic, partitions as usize);
        let options = AdminOptions::new().operation_timeout(Some(WAIT));
        let results = self.admin.create_partitions([&new], &options).await;
        let results = results.expect("Kafka answers");
        results
            .into_iter()
            .for_each(|r| assert!(r.is_ok(), "{r:?}"));
        super::eventually("the producer knows the partitions", async || {
            let metadata = self.producer.client().fetch_metadata(Some(topic), WAIT);
            let metadata = metadata.expect("Kafka answers");
            let mut topics = metadata.topics().iter();
            (topics.next()?.partitions().len() == partitions as usize).then_some(())
        })
        .await;
    }

    /// Produces in order, and returns once all of it is safe.
    pub async fn produce(&self, topic: &str, events: &[Event]) {
        send(&self.producer, topic, events).await;
    }
    /// Every record of a topic, partition after partition.
    pub async fn read_all(&self, topic: &str) -> Vec<OwnedMessage> {
        let topic = topic.to_owned();
        tokio::task::spawn_blocking(move || read_all(&topic))
            .await
            .expect("no panic")
    }

    pub async fn read_at(&self, topic: &str, partition: i32, offset: i64) -> OwnedMessage {
        let all = self.read_all(topic).await;
        let found = all
            .into_iter()
            .find(|m| m.partition() == partition && m.offset() == offset);
        found.unwrap_or_else(|| panic!("{topic}[{partition}] has no offset {offset}"))
    }

    /// The group's committed offsets by partition; `None` where there is none.
    pub async fn committed(&self, group: &str, topic: &str, partitions: i32) -> Vec<Option<i64>> {
        let (group, topic) = (group.to_owned(), topic.to_owned());
        tokio::task::spawn_blocking(move || {
            let consumer: BaseConsumer = client()
                .set("group.id", &group)
                .create()
                .expect("a consumer");
            let mut list = TopicPartitionList::new();
            list.add_partition_range(&topic, 0, partitions - 1);
            let offsets = consumer
                .committed_offsets(list, WAIT)
                .expect("Kafka answers");
            let offset =
                |e: rdkafka::topic_partition_list::TopicPartitionListElem<'_>| match e.offset() {
                    Offset::Offset(offset) => Some(offset),
                    _ => None,
                };
            offsets.elements().into_iter().map(offset).collect()
        })
        .await
        .expect("no panic")
    }

    /// Sets the committed offsets of a group without members, as `kafka-consumer-groups` does.
    pub async fn reset(&self, group: &str, topic: &str, partitions: i32, offset: i64) {
        let (group, topic, brokers) = (group.to_owned(), topic.to_owned(), self.brokers.clone());
        tokio::task::spawn_blocking(move || {
            let consumer: BaseConsumer = client()
                .set("bootstrap.servers", &brokers)
                .set("group.id", &group)
                .create()
                .expect("a consumer");
            let mut list = TopicPartitionList::new();
            for partition in 0..partitions {
                list.add_partition_offset(&topic, partition, Offset::Offset(offset))
                    .expect("an offset");
            }
            // Kafka refuses as long as it takes a killed member for alive
            let since = std::time::Instant::now();
            while let Err(error) = consumer.commit(&list, rdkafka::consumer::CommitMode::Sync) {
                assert!(since.elapsed() < WAIT, "the group has members: {error}");
                std::thread::sleep(Duration::from_millis(200));
            }
        })
        .await
        .expect("no panic");
    }
}

/// A transaction that is neither committed nor aborted.
pub struct OpenTransaction(FutureProducer);

impl OpenTransaction {
    pub async fn commit(self) {
        tokio::task::spawn_blocking(move || self.0.commit_transaction(WAIT))
            .await
            .expect("no panic")
            .expect("committed");
    }

    pub async fn abort(self) {
        tokio::task::spawn_blocking(move || self.0.abort_transaction(WAIT))
            .await
            .expect("no panic")
            .expect("aborted");
    }
}

async fn send(producer: &FutureProducer, topic: &str, events: &[Event]) {
    let mut deliveries = Vec::with_capacity(events.len());
    for event in events {
        loop {
            let mut record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(topic);
            record.key = event.key.as_deref();
            record.payload = event.value.as_deref();
            record.partition = event.partition;
            record.timestamp = event.timestamp;
            if !event.headers.is_empty() {
                let add = |all: OwnedHeaders, (key, value): &(String, Vec<u8>)| {
                    all.insert(Header {
                        key,
                        value: Some(value),
                    })
                };
                record.headers = Some(event.headers.iter().fold(OwnedHeaders::new(), add));
            }
            match producer.send_result(record) {
                Ok(delivery) => break deliveries.push(delivery),
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await, // its queue is full
            }
        }
    }
    for delivery in deliveries {
        delivery
            .await
            .expect("the producer lives")
            .expect("Kafka takes it");
    }
}

fn read_all(topic: &str) -> Vec<OwnedMessage> {
    let consumer: BaseConsumer = client()
        .set("group.id", "reader")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    let metadata = consumer
        .fetch_metadata(Some(topic), WAIT)
        .expect("Kafka answers");
    let mut left = 0;
    let mut list = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(|t| t.partitions()) {
        let (low, high) = consumer
            .fetch_watermarks(topic, partition.id(), WAIT)
            .expect("Kafka answers");
        left += high - low;
        list.add_partition_offset(topic, partition.id(), Offset::Beginning)
            .expect("an offset");
    }
    consumer.assign(&list).expect("assigned");
    let mut messages = Vec::new();
    while (messages.len() as i64) < left {
        let message = consumer
            .poll(WAIT)
            .expect("the topic is read to its end")
            .expect("no error");
        messages.push(message.detach());
    }
    messages.sort_by_key(|m| (m.partition(), m.offset()));
    messages
}

/// A header's value as text; every header occurs once.
pub fn header(message: &OwnedMessage, key: &str) -> Option<String> {
    let mut values = message.headers()?.iter().filter(|h| h.key == key);
    let value = values
        .next()?
        .value
        .map(|v| String::from_utf8_lossy(v).into_owned());
    assert!(values.next().is_none(), "header {key} occurs twice");
    value
}
