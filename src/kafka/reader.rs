//! Reads records by their position, and a topic from its beginning to its end. By assignment: it
//! joins no group and commits nothing. Its calls block their thread.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};

use crate::config::{Config, KafkaConfig};
use crate::kafka::acl::{Resource, describe_missing};
use crate::kafka::client::{LoggingContext, consumer_properties};
use crate::kafka::cursor::{Cursor, Polled, start_at};
use crate::kafka::error::{
    ClientError, Error, is_gone, is_of_group_right, is_of_topic_right, is_passing,
};
use crate::kafka::topics::Topics;
use crate::record::{Record, TopicPartition};

/// How long Kafka may take to give a record, or to say that there is none.
const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// Letters are read in rising order, mostly: so many records are read over rather than sought past.
const READ_OVER_RECORDS: i64 = 1_000;

/// Reads any record that Kafka still has, over a consumer for each partition.
pub struct Reader {
    config: KafkaConfig,
    topics: Topics,
    open: HashMap<TopicPartition, OpenPartition>,
}

struct OpenPartition {
    cursor: Cursor<LoggingContext>,
    next_offset: i64,
}

impl Reader {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// A property that librdkafka refuses.
    pub fn new(config: &Config) -> Result<Self, Error> {
        Ok(Self {
            config: config.kafka.clone(),
            topics: Topics::new(config)?,
            open: HashMap::new(),
        })
    }

    /// The record at that offset; `None` if the log no longer has it, or not yet.
    ///
    /// # Errors
    /// Kafka can't be asked, or doesn't answer in time.
    pub fn read(&mut self, source: &TopicPartition, offset: i64) -> Result<Option<Record>, Error> {
        let near = |open: &OpenPartition| {
            (open.next_offset..open.next_offset + READ_OVER_RECORDS).contains(&offset)
        };
        if !self.open.get(source).is_some_and(near) {
            let there = self.find_partitions(&source.topic)?;
            if !there.contains(source) {
                return Ok(None);
            }
            let (low, high) = self.topics.log_ends(source)?;
            if !(low..high).contains(&offset) {
                return Ok(None);
            }
            self.open_at(source, offset)?;
        }
        let Some(open) = self.open.get_mut(source) else {
            return Ok(None);
        };
        while let Some(record) = open.next_record(source, &self.config)? {
            if record.offset >= offset {
                return Ok(Some(record).filter(|r| r.offset == offset));
            }
        }
        Ok(None)
    }

    /// Everything that the topic holds now, partition by partition; `visit` says whether to go on, as
    /// is returned.
    /// A topic that isn't there holds nothing.
    ///
    /// # Errors
    /// As for [`Reader::read`].
    pub fn scan(
        &mut self,
        topic: &str,
        mut visit: impl FnMut(Record) -> bool,
    ) -> Result<bool, Error> {
        for source in self.find_partitions(topic)? {
            let (low, high) = self.topics.log_ends(&source)?;
            if low >= high {
                continue;
            }
            self.open_at(&source, low)?;
            let Some(open) = self.open.get_mut(&source) else {
                continue;
            };
            while open.next_offset < high {
                match open.next_record(&source, &self.config)? {
                    Some(record) if record.offset < high => {
                        if !visit(record) {
                            return Ok(false);
                        }
                    }
                    _ => break,
                }
            }
        }
        Ok(true)
    }

    /// How many records [`Reader::scan`] meets at most.
    ///
    /// # Errors
    /// As for [`Reader::read`].
    pub fn count_offsets(&self, topic: &str) -> Result<u64, Error> {
        let partitions = self.find_partitions(topic)?;
        let sizes = partitions.iter().map(|source| {
            let (low, high) = self.topics.log_ends(source)?;
            Ok((high - low).max(0) as u64)
        });
        sizes.sum()
    }

    /// None where the topic isn't there: one that we may not know of isn't shown either.
    fn find_partitions(&self, topic: &str) -> Result<Vec<TopicPartition>, Error> {
        let found = self.topics.partitions(|name| name == topic)?;
        if found.is_empty() && !self.topics.find_hidden(&[topic])?.is_empty() {
            return Err(unreadable_topic(&self.config, topic));
        }
        Ok(found)
    }

    fn open_at(&mut self, source: &TopicPartition, offset: i64) -> Result<(), Error> {
        let start = start_at(source, offset).map_err(|error| Error::Position {
            partition: source.clone(),
            error,
        })?;
        let cursor = match self.open.remove(source) {
            Some(open) => open.cursor,
            None => {
                let cursor = Cursor::new(&consumer_properties(&self.config), LoggingContext);
                cursor.map_err(|e| Error::of_creation(ClientError(e)))?
            }
        };
        let reading = cursor.read_from(&start);
        reading.map_err(|error| unreadable_partition(source, error))?;
        let open = OpenPartition {
            cursor,
            next_offset: offset,
        };
        self.open.insert(source.clone(), open);
        Ok(())
    }
}

impl OpenPartition {
    /// `None` at the end of the log.
    fn next_record(
        &mut self,
        source: &TopicPartition,
        config: &KafkaConfig,
    ) -> Result<Option<Record>, Error> {
        let since = Instant::now();
        loop {
            let left = READ_TIMEOUT.saturating_sub(since.elapsed());
            let next_offset = self.next_offset;
            // others are left over from before it was sought
            let is_wanted = |message: &BorrowedMessage<'_>| {
                (message.offset() >= next_offset).then(|| source.clone())
            };
            match self.cursor.poll_record(left, is_wanted) {
                Polled::Skipped => {}
                Polled::Record(record) => {
                    self.next_offset = record.offset + 1;
                    return Ok(Some(record));
                }
                Polled::Error(KafkaError::PartitionEOF(_)) => return Ok(None),
                Polled::Error(error) if is_gone(&error) => return Ok(None),
                Polled::Error(error) if is_passing(&error) && !left.is_zero() => {}
                // no group is joined: who may not know of it reads all the same
                Polled::Error(error) if is_of_group_right(&error) && !left.is_zero() => {}
                Polled::Error(error) if is_of_topic_right(&error) => {
                    return Err(unreadable_topic(config, &source.topic));
                }
                Polled::Error(error) => return Err(unreadable_partition(source, error)),
                Polled::Nothing => {
                    return Err(Error::NothingCame {
                        partition: source.clone(),
                        waited: READ_TIMEOUT,
                    });
                }
            }
        }
    }
}

fn unreadable_topic(config: &KafkaConfig, topic: &str) -> Error {
    Error::Forbidden(describe_missing(config, "Read", Resource::Topic(topic)))
}

fn unreadable_partition(source: &TopicPartition, error: KafkaError) -> Error {
    Error::Unreadable {
        partition: source.clone(),
        error,
    }
}
