//! Reads records by their position, and a topic from its beginning to its end. By assignment: it
//! joins no group and commits nothing. Its calls block their thread.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use crate::config::{Config, KafkaConfig};
use crate::kafka::client::{self, Context};
use crate::kafka::copy::{self, Block, Common};
use crate::kafka::poll;
use crate::kafka::topics::Topics;
use crate::record::{Record, TopicPartition};

/// How long Kafka may take to give a record, or to say that there is none.
const PATIENCE: Duration = Duration::from_secs(15);

/// Letters are read in rising order, mostly: so many records are read over rather than sought past.
const NEAR: i64 = 1_000;

pub struct Reader {
    config: KafkaConfig,
    topics: Topics,
    open: HashMap<TopicPartition, Cursor>,
}

struct Cursor {
    consumer: BaseConsumer<Context>,
    /// The offset that comes next.
    next: i64,
    common: Common,
    block: Block,
}

impl Reader {
    /// # Errors
    /// A property that librdkafka refuses.
    pub fn new(config: &Config) -> Result<Self, String> {
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
    pub fn read(&mut self, source: &TopicPartition, offset: i64) -> Result<Option<Record>, String> {
        let near = |cursor: &Cursor| (cursor.next..cursor.next + NEAR).contains(&offset);
        if !self.open.get(source).is_some_and(near) {
            let there = self.topics.partitions(|topic| topic == &*source.topic)?;
            if !there.contains(source) {
                return Ok(None);
            }
            let (low, high) = self.topics.log_ends(source)?;
            if !(low..high).contains(&offset) {
                return Ok(None);
            }
            self.open_at(source, offset)?;
        }
        let Some(cursor) = self.open.get_mut(source) else {
            return Ok(None);
        };
        while let Some(record) = cursor.next_record(source)? {
            if record.offset >= offset {
                return Ok(Some(record).filter(|r| r.offset == offset));
            }
        }
        Ok(None)
    }

    /// Everything that the topic holds now, partition by partition; `visit` says whether to go on.
    /// A topic that isn't there holds nothing.
    ///
    /// # Errors
    /// As for [`Reader::read`].
    pub fn scan(
        &mut self,
        topic: &str,
        mut visit: impl FnMut(Record) -> bool,
    ) -> Result<(), String> {
        for source in self.topics.partitions(|name| name == topic)? {
            let (low, high) = self.topics.log_ends(&source)?;
            if low >= high {
                continue;
            }
            self.open_at(&source, low)?;
            let Some(cursor) = self.open.get_mut(&source) else {
                continue;
            };
            while cursor.next < high {
                match cursor.next_record(&source)? {
                    Some(record) if record.offset < high => {
                        if !visit(record) {
                            return Ok(());
                        }
                    }
                    _ => break,
                }
            }
        }
        Ok(())
    }

    /// How many records [`Reader::scan`] meets at most.
    ///
    /// # Errors
    /// As for [`Reader::read`].
    pub fn size(&self, topic: &str) -> Result<u64, String> {
        let partitions = self.topics.partitions(|name| name == topic)?;
        let sizes = partitions.iter().map(|source| {
            let (low, high) = self.topics.log_ends(source)?;
            Ok((high - low).max(0) as u64)
        });
        sizes.sum()
    }

    fn open_at(&mut self, source: &TopicPartition, offset: i64) -> Result<(), String> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&source.topic, source.partition, Offset::Offset(offset))
            .map_err(|e| format!("{source}: {e}"))?;
        let cursor = match self.open.remove(source) {
            Some(cursor) => cursor,
            None => {
                let consumer = client::consumer(&self.config).create_with_context(Context);
                let consumer = consumer.map_err(|e| client::refused(&e))?;
                Cursor {
                    consumer,
                    next: 0,
                    common: Common::default(),
                    block: Block::default(),
                }
            }
        };
        let assigned = cursor.consumer.assign(&list);
        assigned.map_err(|e| format!("{source} can't be read: {e}"))?;
        let cursor = Cursor {
            next: offset,
            ..cursor
        };
        self.open.insert(source.clone(), cursor);
        Ok(())
    }
}

impl Cursor {
    /// `None` at the end of the log.
    fn next_record(&mut self, source: &TopicPartition) -> Result<Option<Record>, String> {
        let since = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(since.elapsed());
            match self.consumer.poll(left) {
                // left over from before it was sought
                Some(Ok(message)) if message.offset() < self.next => {}
                Some(Ok(message)) => {
                    self.next = message.offset() + 1;
                    return Ok(Some(copy::record(
                        &message,
                        source.clone(),
                        0,
                        &mut self.common,
                        &mut self.block,
                    )));
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(None),
                Some(Err(error)) if is_gone(&error) => return Ok(None),
                Some(Err(error)) if poll::is_passing(&error) && !left.is_zero() => {}
                Some(Err(error)) => return Err(format!("{source} can't be read: {error}")),
                None => {
                    let asked = humantime::format_duration(PATIENCE);
                    return Err(format!("Kafka gave nothing of {source} within {asked}"));
                }
            }
        }
    }
}

fn is_gone(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{UnknownPartition, UnknownTopic, UnknownTopicOrPartition};
    let code = error.rdkafka_error_code();
    matches!(
        code,
        Some(UnknownTopicOrPartition | UnknownTopic | UnknownPartition)
    )
}
