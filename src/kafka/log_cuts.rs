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
use crate::kafka::leader_epochs::list_position;
use crate::record::TopicPartition;

/// A partition that was assigned a moment ago can't be sought in yet.
const SEEK_RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// How a log is read to find out: with what transactions hide that are open.
pub(super) fn cut_properties(config: &KafkaConfig) -> ClientConfig {
    let mut properties = consumer_properties(config);
    properties
        .set("isolation.level", "read_uncommitted")
        // nothing is there at the end of a log, and the broker is not to wait for something
        .set("fetch.wait.max.ms", "5");
    properties
}

/// The offset of the first record that isn't of the log that was read up to `offset`, whose last record was of this leader
/// epoch; `offset` itself, if there is none below. Blocks its thread, `timeout` at most.
pub(super) fn find_log_cut(
    consumer: &BaseConsumer<LoggingContext>,
    source: &TopicPartition,
    offset: i64,
    leader_epoch: i32,
    timeout: Duration,
) -> KafkaResult<i64> {
    let position = || list_position(source, offset, Some(leader_epoch));
    consumer.assign(&position()?)?;
    let found = seek_until(consumer, position, timeout)
        .and_then(|()| poll_until(consumer, offset, timeout));
    consumer.unassign()?;
    found
}

fn seek_until(
    consumer: &BaseConsumer<LoggingContext>,
    position: impl Fn() -> KafkaResult<rdkafka::TopicPartitionList>,
    timeout: Duration,
) -> KafkaResult<()> {
    let since = Instant::now();
    loop {
        let sought = consumer.seek_partitions(position()?, timeout);
        let sought = sought.and_then(|list| list.elements().iter().try_for_each(|e| e.error()));
        match sought {
            Err(_) if since.elapsed() < timeout => std::thread::sleep(SEEK_RETRY_INTERVAL),
            sought => return sought,
        }
    }
}

fn poll_until(
    consumer: &BaseConsumer<LoggingContext>,
    offset: i64,
    timeout: Duration,
) -> KafkaResult<i64> {
    let since = Instant::now();
    loop {
        let left = timeout.saturating_sub(since.elapsed());
        match consumer.poll(left) {
            Some(Ok(message)) => return Ok(message.offset().min(offset)),
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(offset),
            Some(Err(error)) if !is_passing(&error) || left.is_zero() => return Err(error),
            None if left.is_zero() => return Err(KafkaError::NoMessageReceived),
            _ => {}
        }
    }
}
