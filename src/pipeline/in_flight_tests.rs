use super::*;

fn record(partition: i32, offset: i64) -> Record {
    Record {
        source: source(partition),
        offset,
        timestamp: None,
        key: None,
        value: None,
        headers: Default::default(),
        epoch: 0,
        leader_epoch: None,
    }
}

fn source(partition: i32) -> TopicPartition {
    TopicPartition {
        topic: "orders".into(),
        partition,
    }
}

fn tried(in_flight: &InFlight) -> Vec<(i32, i64)> {
    let records = in_flight.records.iter();
    records.map(|r| (r.source.partition, r.offset)).collect()
}

#[test]
fn what_lies_behind_an_event_in_its_partition_is_deferred_and_comes_next() {
    let all = [(0, 1), (1, 7), (0, 2), (1, 8), (0, 3)];
    let mut in_flight = InFlight::new(all.map(|(p, o)| record(p, o)).into());
    in_flight.defer_from(&HashMap::from([(source(0), 2)]));
    assert_eq!(tried(&in_flight), [(0, 1), (1, 7), (1, 8)]);
    assert!(!in_flight.is_whole());
    assert!(in_flight.next_deferred());
    assert_eq!(tried(&in_flight), [(0, 2), (0, 3)]);
    assert!(in_flight.is_whole());
    assert!(!in_flight.next_deferred());
}

#[test]
fn what_is_deferred_twice_keeps_the_order_of_its_partition() {
    let mut in_flight = InFlight::new((1..=4).map(|offset| record(0, offset)).collect());
    in_flight.defer_from(&HashMap::from([(source(0), 3)]));
    in_flight.defer_from(&HashMap::from([(source(0), 2)]));
    assert_eq!(tried(&in_flight), [(0, 1)]);
    in_flight.restore_deferred();
    assert_eq!(tried(&in_flight), [(0, 1), (0, 2), (0, 3), (0, 4)]);
}

#[test]
fn of_what_is_landed_in_parts_those_that_wait_come_behind_all_others_until_something_is_landed() {
    let all = [(0, 1), (0, 2), (1, 7), (2, 4)];
    let mut in_flight = InFlight::new(all.map(|(p, o)| record(p, o)).into());
    // a part, and its partition waits
    in_flight.defer_from(&HashMap::from([(source(1), 7), (source(2), 4)]));
    assert_eq!(in_flight.find_others(), Deferred::Others);
    in_flight.put_last(HashMap::from([(source(0), 2)]));
    assert_eq!(tried(&in_flight), [(0, 1), (1, 7), (2, 4)]);
    // the next part does, too
    in_flight.defer_from(&HashMap::from([(source(0), 1), (source(2), 4)]));
    in_flight.put_last(HashMap::from([(source(1), 7)]));
    assert_eq!(tried(&in_flight), [(0, 1), (2, 4)]);
    // and all of it
    in_flight.put_last(HashMap::from([(source(0), 1), (source(2), 4)]));
    assert_eq!(tried(&in_flight), []);
    assert!(in_flight.next_deferred());
    in_flight.defer_from(&HashMap::from([(source(1), 7)]));
    assert_eq!(in_flight.find_others(), Deferred::Nothing);
    in_flight.forget_waiting();
    assert_eq!(in_flight.find_others(), Deferred::Others);
}
