//! What there is to ask of Kafka and to do to it besides measuring.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::executor::block_on;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

const TIMEOUT: Duration = Duration::from_secs(20);

/// What a broker says of a partition that it has just been given.
const LEADERLESS: [RDKafkaErrorCode; 3] = [
    RDKafkaErrorCode::NotLeaderForPartition,
    RDKafkaErrorCode::LeaderNotAvailable,
    RDKafkaErrorCode::UnknownTopicOrPartition,
];

pub struct Kafka {
    pub brokers: String,
    client: BaseConsumer,
}

impl Kafka {
    pub fn new(brokers: &str) -> Result<Self> {
        Ok(Self {
            brokers: brokers.to_owned(),
            client: config(brokers).create()?,
        })
    }

    /// How many records a topic holds; none if it isn't there.
    ///
    /// # Errors
    /// As Kafka says.
    pub fn records(&self, topic: &str) -> Result<u64> {
        let mut records = 0;
        for partition in self.partitions(topic)? {
            let (low, high) = self.ends(topic, partition)?;
            records += u64::try_from(high - low)?;
        }
        Ok(records)
    }

    /// The first and the next offset of a partition; of one that has just been made, once it has a leader.
    fn ends(&self, topic: &str, partition: i32) -> Result<(i64, i64)> {
        crate::wait::until("the partition has a leader", TIMEOUT, || {
            match self.client.fetch_watermarks(topic, partition, TIMEOUT) {
                Ok(ends) => Ok(Some(ends)),
                Err(error)
                    if error
                        .rdkafka_error_code()
                        .is_some_and(|c| LEADERLESS.contains(&c)) =>
                {
                    Ok(None)
                }
                Err(error) => Err(error.into()),
            }
        })
    }

    /// None if there is no such topic.
    ///
    /// # Errors
    /// As Kafka says.
    pub fn partitions(&self, topic: &str) -> Result<Vec<i32>> {
        // of all topics, for asking for one by name would create it
        let metadata = self.client.fetch_metadata(None, TIMEOUT)?;
        let found = metadata.topics().iter().find(|t| t.name() == topic);
        Ok(found.map_or_else(Vec::new, |t| {
            t.partitions().iter().map(|p| p.id()).collect()
        }))
    }

    /// The names of topics that begin so.
    ///
    /// # Errors
    /// As Kafka says.
    pub fn topics(&self, prefix: &str) -> Result<Vec<String>> {
        let metadata = self.client.fetch_metadata(None, TIMEOUT)?;
        let names = metadata.topics().iter().map(|t| t.name().to_owned());
        Ok(names.filter(|name| name.starts_with(prefix)).collect())
    }

    /// Deletes topics until they are gone: a producer that is just leaving may create one once more.
    ///
    /// # Errors
    /// As Kafka says, if not that there is no such topic.
    pub fn delete(&self, topics: &[String]) -> Result<()> {
        let admin = self.admin()?;
        crate::wait::until("the topics are deleted", 3 * TIMEOUT, || {
            let mut there = Vec::new();
            for topic in topics {
                if !self.partitions(topic)?.is_empty() {
                    there.push(topic.as_str());
                }
            }
            if there.is_empty() {
                return Ok(Some(()));
            }
            for result in block_on(admin.delete_topics(&there, &options()))? {
                match result {
                    Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
                    Err((topic, code)) => return Err(KafkaError::AdminOp(code)).context(topic),
                }
            }
            Ok(None)
        })
    }

    pub fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        Ok(config(&self.brokers).create()?)
    }

    /// How many members a group has, once it has settled.
    ///
    /// # Errors
    /// As Kafka says.
    pub fn settled_members(&self, group: &str) -> Result<Option<usize>> {
        let list = match self.client.fetch_group_list(Some(group), TIMEOUT) {
            Ok(list) => list,
            Err(KafkaError::GroupListFetch(RDKafkaErrorCode::GroupIdNotFound)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let found = list.groups().iter().find(|g| g.name() == group);
        let settled = found.filter(|g| g.state() == "Stable");
        Ok(settled.map(|g| g.members().len()))
    }
}

pub fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("allow.auto.create.topics", "false");
    config
}

pub fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(TIMEOUT))
}
