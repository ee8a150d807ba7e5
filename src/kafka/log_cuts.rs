//! Asks where a log was cut: librdkafka asks the broker where the leader epoch of a position ends, and goes back there if
//! that is before it. Nothing tells the answer but where the next record comes from.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message as _;

use crate::config::KafkaConfig;
use crate::kafka::client::{ClientProperties, LoggingContext, consumer_properties};
use crate::kafka::error::is_passing;
use crate::kafka::leader_epochs::{list_position, read_leader_epoch};
use crate::record::{LogPlace, TopicPartition};

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
pub(super) fn cut_properties(config: &KafkaConfig) -> ClientProperties {
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
            Some(Ok(message)) => {
                let first = LogPlace {
                    offset: message.offset(),
                    leader_epoch: read_leader_epoch(&message),
                };
                return Ok(judge_first(first, offset, leader_epoch));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(EpochEnd::Whole),
            Some(Err(error)) if !is_passing(&error) || left.is_zero() => return Err(error),
            None if left.is_zero() => return Err(KafkaError::NoMessageReceived),
            _ => {}
        }
    }
}

/// What the first record tells that comes when the log is asked for this offset, and the epoch of the record before.
fn judge_first(first: LogPlace, offset: i64, leader_epoch: i32) -> EpochEnd {
    let compared = first.leader_epoch.map(|epoch| epoch.cmp(&leader_epoch));
    match (first.offset < offset, compared) {
        (true, Some(Ordering::Greater)) => EpochEnd::Cut(first.offset),
        // where no epoch is found, librdkafka begins at the log's beginning
        (true, _) => EpochEnd::Unknown,
        // leaders never go back within a log: nothing of the epoch lies before, though nothing is left to show it
        (false, Some(Ordering::Less)) => EpochEnd::Unknown,
        (false, _) => EpochEnd::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_whole_only_if_what_comes_next_is_of_no_earlier_leader() {
        let judge = |offset, leader_epoch| {
            let first = LogPlace {
                offset,
                leader_epoch,
            };
            judge_first(first, 1_000, 7)
        };
        assert_eq!(judge(1_000, Some(7)), EpochEnd::Whole);
        assert_eq!(judge(1_010, Some(8)), EpochEnd::Whole);
        assert_eq!(judge(1_000, None), EpochEnd::Whole);
        assert_eq!(judge(400, Some(8)), EpochEnd::Cut(400));
        // a log that was restored to an earlier state, whether anything is visible of it below or not
        assert_eq!(judge(0, Some(3)), EpochEnd::Unknown);
        assert_eq!(judge(0, None), EpochEnd::Unknown);
        assert_eq!(judge(1_000, Some(3)), EpochEnd::Unknown);
        assert_eq!(judge(1_400, Some(3)), EpochEnd::Unknown);
    }
}
