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
    Group::new(inboxes, stop, Arc::default(), Arc::default())
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
