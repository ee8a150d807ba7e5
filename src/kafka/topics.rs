//! Facts about topics: which there are, their ids, and where their partitions' logs begin and end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::AdminClient;
use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaResult;

use crate::config::Config;
use crate::kafka::asked_brokers::AskedBrokers;
use crate::kafka::client::{ClientProperties, LoggingContext, client_properties, close_consumer};
use crate::kafka::error::{ClientError, Error};
use crate::kafka::log_cuts::{EpochEnd, cut_properties, find_epoch_end};
use crate::kafka::login::LiveClient;
use crate::kafka::offsets::{fetch_log_ends, fetch_offsets_at};
use crate::kafka::topic_ids::{AskRights, DescribedTopic, TopicId, describe_topics};
use crate::locked::Locked;
use crate::record::TopicPartition;

/// How long Kafka may take to answer.
pub(super) const TOPIC_QUERY_TIMEOUT: Duration = Duration::from_secs(10);

/// How many consumers are kept that found where logs were cut: each has threads of its own.
const IDLE_CONSUMERS: usize = 4;

/// What a cluster says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The ids of its brokers.
    pub brokers: Vec<i32>,
    /// Every topic that the user may see.
    pub topics: Vec<ClusterTopic>,
}

/// What a cluster says of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterTopic {
    /// The topic's name.
    pub name: String,
    /// The numbers of its partitions.
    pub partitions: Vec<i32>,
}

impl ClusterTopic {
    /// The topic's partitions with their topic.
    pub fn sources(&self) -> impl Iterator<Item = TopicPartition> {
        let topic: Arc<str> = self.name.as_str().into();
        self.partitions.iter().map(move |number| TopicPartition {
            topic: topic.clone(),
            partition: *number,
        })
    }
}

/// Asks about topics, over connections of its own: on the consumer's, a question would queue behind a
/// fetch that waits for records (500 ms). Each call blocks its thread, for some twenty-five seconds at most.
#[derive(Clone)]
pub struct Topics(Arc<Clients>);

struct Clients {
    admin: LiveClient<AdminClient<LoggingContext>>,
    brokers: AskedBrokers,
    properties: ClientProperties,
    /// Sees what transactions hide that are open; there once somebody has asked.
    of_whole_logs: Locked<Option<Arc<LiveClient<BaseConsumer<LoggingContext>>>>>,
    cut_properties: ClientProperties,
    /// Those that find where logs were cut, and have nothing to do.
    of_cuts: Locked<Vec<LiveClient<BaseConsumer<LoggingContext>>>>,
}

impl Topics {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// A property that librdkafka refuses.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let mut properties = client_properties(config);
        let admin = properties.create(LoggingContext);
        let admin = admin.map_err(|e| Error::of_creation(ClientError(e)))?;
        properties.set("isolation.level", "read_uncommitted");
        Ok(Self(Arc::new(Clients {
            admin,
            brokers: AskedBrokers::default(),
            properties,
            of_whole_logs: Locked::default(),
            cut_properties: cut_properties(&config.kafka),
            of_cuts: Locked::default(),
        })))
    }

    /// The ids of these topics, by their names.
    ///
    /// # Errors
    /// No broker answered in time, or it refused.
    pub fn ids(&self, topics: &[&str]) -> Result<HashMap<String, TopicId>, Error> {
        let described = self.describe(topics)?.into_iter();
        Ok(described.map(|(topic, it)| (topic, it.id)).collect())
    }

    /// The ids of these topics and how many partitions they have, by their names.
    ///
    /// # Errors
    /// No broker answered in time, or it refused.
    pub fn describe(&self, topics: &[&str]) -> Result<HashMap<String, DescribedTopic>, Error> {
        self.ask_description(topics, AskRights::No)
    }

    /// Whether we may write to the topic; `None` if the brokers don't tell.
    ///
    /// # Errors
    /// No broker answered in time, or it refused.
    pub fn may_write(&self, topic: &str) -> Result<Option<bool>, Error> {
        let described = self.ask_description(&[topic], AskRights::Yes)?;
        let rights = described.get(topic).and_then(|topic| topic.rights);
        Ok(rights.map(|rights| rights.may_write))
    }

    /// Those of the topics that we may know of, and not read. Empty if the brokers don't tell.
    ///
    /// # Errors
    /// No broker answered in time, or it refused.
    pub fn find_unreadable(&self, topics: &[&str]) -> Result<Vec<String>, Error> {
        let described = self.ask_description(topics, AskRights::Yes)?;
        let unreadable = described
            .into_iter()
            .filter(|(_, topic)| topic.rights.is_some_and(|rights| !rights.may_read));
        Ok(unreadable.map(|(name, _)| name).collect())
    }

    /// Those of the topics of which the brokers don't say whether they are there, as we may not know of them.
    ///
    /// # Errors
    /// No broker answered in time, or it refused for another reason.
    pub fn find_hidden(&self, topics: &[&str]) -> Result<Vec<String>, Error> {
        // all at once; each by itself only if one is refused
        match self.describe(topics) {
            Err(Error::TopicIdRefused { .. }) => {}
            described => return described.map(|_| Vec::new()),
        }
        let mut hidden = Vec::new();
        for topic in topics {
            match self.describe(&[topic]) {
                Err(Error::TopicIdRefused {
                    is_hidden: true, ..
                }) => hidden.push((*topic).to_owned()),
                // what else is refused is no matter of rights
                Err(Error::TopicIdRefused { .. }) => {}
                described => drop(described?),
            }
        }
        Ok(hidden)
    }

    fn ask_description(
        &self,
        topics: &[&str],
        rights: AskRights,
    ) -> Result<HashMap<String, DescribedTopic>, Error> {
        if topics.is_empty() {
            return Ok(HashMap::new());
        }
        self.0.brokers.ask(
            TOPIC_QUERY_TIMEOUT,
            || Ok(self.cluster()?.brokers),
            |broker, timeout| {
                describe_topics(self.0.admin.inner(), topics, rights, broker, timeout)
            },
        )
    }

    /// Every partition of the topics that are `wanted`.
    ///
    /// # Errors
    /// No broker answered in time, or it refused.
    pub fn partitions(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<TopicPartition>, Error> {
        let cluster = self.cluster()?;
        let topics = cluster.topics.iter().filter(|topic| wanted(&topic.name));
        Ok(topics.flat_map(ClusterTopic::sources).collect())
    }

    fn cluster(&self) -> Result<Cluster, Error> {
        fetch_cluster(self.0.admin.inner(), TOPIC_QUERY_TIMEOUT).map_err(Error::Topics)
    }

    /// Where the log ends with what transactions hide that are still open.
    ///
    /// # Errors
    /// No broker answered in time, or it refused.
    pub fn whole_log_end(&self, source: &TopicPartition) -> Result<i64, Error> {
        let asked = self.whole_logs()?;
        let ends = fetch_log_ends(asked.client(), source, TOPIC_QUERY_TIMEOUT);
        let ends = ends.map_err(|error| Error::LogEnds {
            partition: source.clone(),
            error,
        });
        Ok(ends?.1)
    }

    /// The first offset of each partition whose record is of this time or later, in milliseconds since 1970, be it of a
    /// transaction that is open; `None` where there is no such record.
    ///
    /// # Errors
    /// No broker answered in time, or it refused.
    pub fn offsets_at(
        &self,
        partitions: &[TopicPartition],
        timestamp: i64,
    ) -> Result<HashMap<TopicPartition, Option<i64>>, Error> {
        let asked = self.whole_logs()?;
        let answer = fetch_offsets_at(&asked, partitions, timestamp, TOPIC_QUERY_TIMEOUT);
        let answer = answer.map_err(Error::OffsetsAtTime)?;
        if let Some((source, why)) = answer.untold.into_iter().next() {
            return Err(Error::OffsetAtTimeUntold {
                partition: source,
                why,
            });
        }
        let offset = |source: &TopicPartition| answer.known.get(source).copied();
        let offsets = partitions
            .iter()
            .map(|source| (source.clone(), offset(source)));
        Ok(offsets.collect())
    }

    /// Who sees what transactions hide that are open.
    fn whole_logs(&self) -> Result<Arc<LiveClient<BaseConsumer<LoggingContext>>>, Error> {
        let mut of_whole_logs = self.0.of_whole_logs.lock();
        if let Some(consumer) = &*of_whole_logs {
            return Ok(consumer.clone());
        }
        let consumer = self.0.properties.create(LoggingContext);
        let consumer = consumer.map_err(|e| Error::of_creation(ClientError(e)))?;
        Ok(of_whole_logs.insert(Arc::new(consumer)).clone())
    }

    /// Whether the log is the one that had been read up to this offset, the last record of it being of this leader epoch.
    ///
    /// # Errors
    /// No broker answered in time, or it refused.
    pub fn find_epoch_end(
        &self,
        source: &TopicPartition,
        offset: i64,
        leader_epoch: i32,
    ) -> Result<EpochEnd, Error> {
        let idle = self.0.of_cuts.lock().pop();
        let consumer = match idle {
            Some(consumer) => consumer,
            None => {
                let consumer = self.0.cut_properties.create(LoggingContext);
                consumer.map_err(|e| Error::of_creation(ClientError(e)))?
            }
        };
        let timeout = TOPIC_QUERY_TIMEOUT;
        let found = find_epoch_end(&consumer, source, offset, leader_epoch, timeout);
        let mut idle = self.0.of_cuts.lock();
        if found.is_ok() && idle.len() < IDLE_CONSUMERS {
            idle.push(consumer);
        } else {
            drop(idle);
            close_consumer(consumer);
        }
        found.map_err(|error| Error::LogEnds {
            partition: source.clone(),
            error,
        })
    }

    /// The first offset that is still in the log, and the next one to be written, unless a transaction that is open hides
    /// what comes before it.
    ///
    /// # Errors
    /// No broker answered in time, or it refused.
    pub fn log_ends(&self, source: &TopicPartition) -> Result<(i64, i64), Error> {
        let ends = fetch_log_ends(self.0.admin.inner(), source, TOPIC_QUERY_TIMEOUT);
        ends.map_err(|error| Error::LogEnds {
            partition: source.clone(),
            error,
        })
    }
}

/// Asks for all topics: asking for one by its name may create it. Blocks its thread, `timeout` at most.
pub(super) fn fetch_cluster(
    client: &Client<impl ClientContext>,
    timeout: Duration,
) -> KafkaResult<Cluster> {
    let metadata = client.fetch_metadata(None, timeout)?;
    let topics = metadata.topics().iter().map(|topic| ClusterTopic {
        name: topic.name().to_owned(),
        partitions: topic.partitions().iter().map(|p| p.id()).collect(),
    });
    Ok(Cluster {
        brokers: metadata.brokers().iter().map(|b| b.id()).collect(),
        topics: topics.collect(),
    })
}
