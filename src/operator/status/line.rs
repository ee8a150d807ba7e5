//! A line of the answer: what Kafka and Postgres say of one partition, put together.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Config, TopicPattern};
use crate::kafka::topic_ids::TopicId;
use crate::ledger::overview::AppliedPartition;
use crate::operator::status::bookkeeping::Bookkeeping;
use crate::operator::status::kafka::KafkaAnswers;
use crate::record::TopicPartition;
use crate::status::{PartitionLine, PartitionState};

/// All partitions of the subscribed topics and all that were ever applied, in order.
pub fn put_together(
    config: &Config,
    bookkeeping: Option<&Bookkeeping>,
    kafka: &KafkaAnswers,
) -> Vec<PartitionLine> {
    let rows = bookkeeping.map_or(&[][..], |bookkeeping| &bookkeeping.partitions);
    let applied: BTreeMap<&TopicPartition, &AppliedPartition> =
        rows.iter().map(|row| (&row.source, row)).collect();
    let mut all: BTreeSet<&TopicPartition> = applied.keys().copied().collect();
    all.extend(kafka.partitions.iter().flatten());
    let partition = |source: &TopicPartition| {
        let mut line = describe_partition(source, applied.get(source).copied(), kafka);
        if bookkeeping.is_none() {
            (line.state, line.lag) = (PartitionState::Unknown, None);
        } else if line.state != PartitionState::NoTopic && !config.subscribes_to(&source.topic) {
            line.state = PartitionState::NotSubscribed;
        }
        let waits = bookkeeping.is_some_and(|b| b.waiting.contains(source));
        if waits && matches!(line.state, PartitionState::Ok | PartitionState::New) {
            line.state = PartitionState::Waiting;
        }
        if line.standstill.is_some() && line.state == PartitionState::Ok {
            line.state = PartitionState::StandsStill;
        } else {
            line.standstill = None;
        }
        line
    };
    let mut lines: Vec<PartitionLine> = all.iter().map(|source| partition(source)).collect();
    lines.extend(find_absent_topics(config, kafka, &all));
    lines
}

fn describe_partition(
    source: &TopicPartition,
    row: Option<&AppliedPartition>,
    kafka: &KafkaAnswers,
) -> PartitionLine {
    let applied = row.map(|row| row.next_offset);
    let (begin, end) = (kafka.begins.get(source), kafka.ends.get(source));
    let id = kafka.ids.get(&*source.topic).copied();
    let told = kafka.partitions.as_ref();
    let told = told.filter(|_| !kafka.hidden.contains(&*source.topic));
    let known = told.map(|all| all.contains(source));
    let recreated = matches!((row.and_then(|row| row.topic_id), id), (Some(was), Some(TopicId::Known(is))) if was != is);
    let state = match (known, applied, begin) {
        (None, ..) => PartitionState::Unknown,
        (Some(false), ..) => PartitionState::NoTopic,
        (_, None, _) => PartitionState::New,
        _ if recreated => PartitionState::Recreated,
        (_, Some(applied), Some(begin)) if applied < *begin => PartitionState::Overtaken,
        _ => PartitionState::Ok,
    };
    // where reading will go on
    let next = match state {
        PartitionState::New | PartitionState::Recreated => begin.copied(),
        _ => applied,
    };
    let lag = next.zip(end).map(|(next, end)| (end - next).max(0));
    PartitionLine {
        topic: source.topic.to_string(),
        partition: Some(source.partition),
        committed: kafka.committed.get(source).copied(),
        applied,
        end: end.copied(),
        lag,
        state,
        standstill: row.and_then(|row| row.standstill.clone()),
    }
}

/// Topics that are asked for by name, and that nobody knows.
fn find_absent_topics(
    config: &Config,
    kafka: &KafkaAnswers,
    all: &BTreeSet<&TopicPartition>,
) -> Vec<PartitionLine> {
    let known = |name: &str| all.iter().any(|source| *source.topic == *name);
    let names = config.kafka.topics.iter().filter_map(|topic| match topic {
        TopicPattern::Name(name) if kafka.partitions.is_some() && !known(name) => Some(name),
        _ => None,
    });
    let line = |name: &String| PartitionLine {
        topic: name.clone(),
        partition: None,
        committed: None,
        applied: None,
        end: None,
        lag: None,
        state: match kafka.hidden.contains(name) {
            true => PartitionState::Unknown,
            false => PartitionState::NoTopic,
        },
        standstill: None,
    };
    names.map(line).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn source() -> TopicPartition {
        TopicPartition {
            topic: "orders".into(),
            partition: 0,
        }
    }

    fn applied(next_offset: i64) -> AppliedPartition {
        AppliedPartition {
            source: source(),
            next_offset,
            topic_id: Some(Uuid::from_u128(1)),
            standstill: None,
        }
    }

    /// A log from 10 to 90 of the topic with this id.
    fn kafka(id: u128) -> KafkaAnswers {
        KafkaAnswers {
            partitions: Some([source()].into()),
            ids: [("orders".to_owned(), TopicId::Known(Uuid::from_u128(id)))].into(),
            begins: [(source(), 10)].into(),
            ends: [(source(), 90)].into(),
            ..KafkaAnswers::default()
        }
    }

    fn state_and_lag(
        row: Option<AppliedPartition>,
        kafka: &KafkaAnswers,
    ) -> (PartitionState, Option<i64>) {
        let line = describe_partition(&source(), row.as_ref(), kafka);
        (line.state, line.lag)
    }

    #[test]
    fn lag_is_what_is_still_to_be_applied_of_what_kafka_has() {
        assert_eq!(
            state_and_lag(Some(applied(70)), &kafka(1)),
            (PartitionState::Ok, Some(20))
        );
        assert_eq!(
            state_and_lag(None, &kafka(1)),
            (PartitionState::New, Some(80))
        );
        assert_eq!(
            state_and_lag(Some(applied(70)), &kafka(2)),
            (PartitionState::Recreated, Some(80))
        );
        assert_eq!(
            state_and_lag(Some(applied(5)), &kafka(1)),
            (PartitionState::Overtaken, Some(85))
        );
    }

    #[test]
    fn a_topic_that_is_gone_is_told_from_one_that_is_not_shown_and_a_kafka_that_does_not_answer() {
        let gone = KafkaAnswers {
            partitions: Some(BTreeSet::new()),
            ..KafkaAnswers::default()
        };
        assert_eq!(
            state_and_lag(Some(applied(70)), &gone),
            (PartitionState::NoTopic, None)
        );
        let hidden = KafkaAnswers {
            hidden: ["orders".to_owned()].into(),
            ..gone
        };
        assert_eq!(
            state_and_lag(Some(applied(70)), &hidden),
            (PartitionState::Unknown, None)
        );
        let silent = KafkaAnswers::default();
        assert_eq!(
            state_and_lag(Some(applied(70)), &silent),
            (PartitionState::Unknown, None)
        );
    }
}
