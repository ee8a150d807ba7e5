//! Asks where a log was cut: librdkafka asks the broker where the leader epoch of a position ends, and goes back there if
//! that is before it. Nothing tells the answer but where the next record comes from.

use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message as _;

use crate::config::KafkaConfig;
use crate::kafka::client::{LoggingContext, consumer_properties};
use crate::kafka::error::is_passing;
use crate::kafka::leader_epochs::{list_position, read_leader_epoch};
use crate::record::TopicPartition;

/// A partition that was assigned a moment ago can't be sought in yet.
const SEEK_RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// What a log says of what was read of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochEnd {
    /// It is as it was read, up to the offset that was asked for.
    Whole,
    /// From this offset on it is another one: of a later leader.
    Cut(i64),
    /// It holds nothing of that leader epoch, nor of an earlier one: it isn't the log that was read, but one from before that.
    Unknown,
}

/// How a log is read to find out: with what transactions hide that are open.
pub(super) fn cut_properties(config: &KafkaConfig) -> ClientConfig {
    let mut properties = consumer_properties(config);
    properties
        .set("isolation.level", "read_uncommitted")
        // nothing is there at the end of a log, and the broker is not to wait for something
        .set("fetch.wait.max.ms", "5")
        // nobody polls between two questions: they would be kept
        .set("statistics.interval.ms", "0");
    properties
}

/// Whether the log is the one that was read up to `offset`, whose last record was of this leader epoch. Blocks its thread,
/// `timeout` at most.
pub(super) fn find_epoch_end(
    consumer: &BaseConsumer<LoggingContext>,
    source: &TopicPartition,
    offset: i64,
    leader_epoch: i32,
    timeout: Duration,
) -> KafkaResult<EpochEnd> {
    let position = || list_position(source, offset, Some(leader_epoch));
    consumer.assign(&position()?)?;
    let until = Instant::now() + timeout;
    let found = seek_until(consumer, position, until)
        .and_then(|()| poll_until(consumer, offset, leader_epoch, until));
    consumer.unassign()?;
    found
}

fn seek_until(
    consumer: &BaseConsumer<LoggingContext>,
    position: impl Fn() -> KafkaResult<rdkafka::TopicPartitionList>,
    until: Instant,
) -> KafkaResult<()> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let sought = consumer.seek_partitions(position()?, left);
        let sought = sought.and_then(|list| list.elements().iter().try_for_each(|e| e.error()));
        match sought {
            Err(_) if Instant::now() < until => std::thread::sleep(SEEK_RETRY_INTERVAL),
            sought => return sought,
        }
    }
}

fn poll_until(
    consumer: &BaseConsumer<LoggingContext>,
    offset: i64,
    leader_epoch: i32,
    until: Instant,
) -> KafkaResult<EpochEnd> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match consumer.poll(left) {
            Some(Ok(message)) if message.offset() >= offset => return Ok(EpochEnd::Whole),
            // where no epoch is found, librdkafka begins at the log's beginning
            Some(Ok(message)) => {
                let is_later = read_leader_epoch(&message).is_some_and(|it| it > leader_epoch);
                return Ok(match is_later {
                    true => EpochEnd::Cut(message.offset()),
                    false => EpochEnd::Unknown,
                });
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(EpochEnd::Whole),
            Some(Err(error)) if !is_passing(&error) || left.is_zero() => return Err(error),
            None if left.is_zero() => return Err(KafkaError::NoMessageReceived),
            _ => {}
        }
    }
}
