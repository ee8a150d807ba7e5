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

/// The partition as an assignment would give it to the lane.
fn assign(group: &Group, lane: usize) {
    let assigned = Assigned {
        source: partition(),
        lane,
        epoch: 0,
        started: false,
    };
    group.lock_assignment().insert(partition(), assigned);
}

#[tokio::test]
async fn a_lane_that_lost_its_partition_to_another_one_can_not_start_it() {
    let group = group();
    assign(&group, 1);
    let epoch = group.mark_started(&partition(), 1);
    assert!(epoch.is_some());
    // lane 0 had the partition before a rebalance, and is still taking it up
    assert_eq!(group.mark_started(&partition(), 0), None);
    assert_eq!(
        group.copy_assignment()["t"][&0].epoch,
        epoch.unwrap(),
        "the records still carry the epoch that lane 1 waits for"
    );
    assert!(group.is_held_by(&partition(), 1) && !group.is_held_by(&partition(), 0));
}

#[tokio::test]
async fn each_start_has_an_epoch_of_its_own_and_shows_in_the_generation() {
    let group = group();
    assign(&group, 0);
    let before = group.generation();
    let (first, second) = (
        group.mark_started(&partition(), 0),
        group.mark_started(&partition(), 0),
    );
    assert!(first < second && group.generation() > before);
    assert!(group.nothing_to_take_up());
}

#[test]
fn partitions_given_up_are_gone_from_inbox_and_assignment_once_the_batch_in_flight_has_ended() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let group = runtime.block_on(async { Arc::new(group()) });
    assign(&group, 0);
    group.inbox_of(0).take_up([partition()]);
    let mut list = TopicPartitionList::new();
    list.add_partition("t", 0);
    group.give_up_partitions(&list);
    assert!(group.partitions_of(0).is_empty() && group.is_idle());
}
