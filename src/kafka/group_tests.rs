use std::collections::HashMap;

use rdkafka::statistics::{Broker, Partition, Topic};

use super::*;
use crate::config::ApplyConfig;

fn apply() -> ApplyConfig {
    ApplyConfig {
        lanes: 2,
        batch_rows: 3,
        batch_bytes: 1_000_000,
        linger: Duration::from_millis(10),
        ..ApplyConfig::default()
    }
}

fn group() -> Group {
    let inboxes = (0..2).map(|_| Arc::new(Inbox::new(&apply()))).collect();
    let stop = CancellationToken::new();
    let config = KafkaConfig::of_properties(&[]);
    Group::new(&config, inboxes, stop, Arc::default(), Arc::default())
}

fn partition() -> TopicPartition {
    TopicPartition {
        topic: "t".into(),
        partition: 0,
    }
}

#[test]
fn partitions_given_up_are_gone_from_inbox_and_assignment_once_the_batch_in_flight_has_ended() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let group = runtime.block_on(async { Arc::new(group()) });
    group.assignment.add_partitions(&[partition()], 1);
    group.inbox_of(0).take_up([partition()]);
    let mut list = TopicPartitionList::new();
    list.add_partition("t", 0);
    group.give_up_partitions(&list);
    assert!(group.assignment.partitions_of(0).is_empty() && group.inbox_of(0).is_idle());
}

/// What librdkafka tells of the partition, whose log ends at 10, and of the broker that leads it.
fn statistics(broker: i32, state: &str, silent_ms: i64) -> Statistics {
    let leader = Broker {
        nodeid: 1,
        state: state.to_owned(),
        rxidle: silent_ms * 1_000,
        ..Broker::default()
    };
    let partition = Partition {
        broker,
        leader: broker,
        hi_offset: 10,
        ls_offset: 10,
        ..Partition::default()
    };
    let topic = Topic {
        partitions: HashMap::from([(0, partition)]),
        ..Topic::default()
    };
    Statistics {
        brokers: HashMap::from([("b".to_owned(), leader)]),
        topics: HashMap::from([("t".to_owned(), topic)]),
        ..Statistics::default()
    }
}

#[test]
fn an_end_is_heard_of_only_if_the_broker_that_is_fetched_from_answers() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let group = runtime.block_on(async { group() });
    group.assignment.add_partitions(&[partition()], 1);
    let is_heard_of = |statistics: Statistics| {
        group.progress.note_given_up(&partition());
        group.progress.note_assigned(&partition());
        group.note_log_ends(&statistics);
        group.progress.list_untold_ends().is_empty()
    };
    let answers = || statistics(1, "UP", 500);
    assert!(!is_heard_of(answers()), "nothing is read of it yet");
    group.assignment.mark_started(&partition(), 0);
    assert!(is_heard_of(answers()));
    for (broker, state, silent_ms) in [(1, "UP", 4_000), (1, "TRY_CONNECT", 0), (-1, "UP", 500)] {
        let repeated = statistics(broker, state, silent_ms);
        assert!(!is_heard_of(repeated), "{broker} {state} {silent_ms}");
    }
}
