use super::*;
use crate::config::RetryConfig;

fn source(partition: i32) -> TopicPartition {
    TopicPartition {
        topic: "orders".into(),
        partition,
    }
}

fn record(partition: i32, offset: i64, bytes: usize) -> Record {
    Record {
        source: source(partition),
        offset,
        timestamp: None,
        key: None,
        value: Some(vec![7; bytes].into()),
        headers: Default::default(),
        epoch: 1,
        leader_epoch: None,
    }
}

fn aside(table: &str, due: Instant) -> AsidePartition {
    AsidePartition {
        records: vec![record(0, 5, 1)],
        table: Some(TableName::new("public", table)),
        is_away: false,
        due,
        delays: Delays::new(&RetryConfig::default()),
    }
}

#[test]
fn what_is_kept_of_a_partition_is_bounded_but_for_what_tells_that_it_can_not_go_on() {
    let kept = |count: i64, bytes: usize, until: Option<i64>| {
        let all = (0..count).map(|offset| record(0, offset, bytes));
        keep_first(all.collect(), until).len()
    };
    assert_eq!(kept(5_000, 10, None), KEPT_RECORDS);
    assert_eq!(kept(5_000, 10, Some(299)), 300);
    assert_eq!(kept(10, 2 * KEPT_BYTES, None), 1, "one at least");
    assert_eq!(kept(10, KEPT_BYTES, Some(3)), 4);
}

#[test]
fn the_partition_that_is_due_longest_is_tried_first_and_the_others_rest_between() {
    let now = Instant::now();
    let after = |millis: u64| now + Duration::from_millis(millis);
    let mut asides = AsidePartitions::default();
    assert_eq!(asides.next_due(), None);
    for (partition, millis) in [(0, 3_000), (1, 1_000), (2, 2_000)] {
        let aside = aside("t", after(millis));
        asides.partitions.insert(source(partition), aside);
    }
    assert_eq!(asides.next_due(), Some(after(1_000)));
    assert!(asides.take_due(now).is_none());
    let (tried, records) = asides.take_due(after(2_000)).unwrap();
    assert_eq!((tried, records.len()), (source(1), 1));
    // it was in vain
    let again = aside("t", after(9_000));
    asides.partitions.insert(source(1), again);
    assert!(!asides.settle_probe(&source(1), after(2_000), after(2_100)));
    let rest = Duration::from_millis(100) * REST_FACTOR;
    assert_eq!(asides.next_due(), Some(after(2_100) + rest));
}

#[test]
fn once_one_partition_of_a_table_can_go_on_its_others_are_tried_at_once() {
    let now = Instant::now();
    let later = now + Duration::from_secs(30);
    let mut asides = AsidePartitions::default();
    for (partition, table, due) in [(0, "t", now), (1, "t", later), (2, "other", later)] {
        let aside = aside(table, due);
        asides.partitions.insert(source(partition), aside);
    }
    let (tried, _) = asides.take_due(now).unwrap();
    assert!(asides.settle_probe(&tried, now, now));
    let next = asides.take_due(now).map(|(source, _)| source);
    assert_eq!(next, Some(source(1)));
    assert!(asides.settle_probe(&source(1), now, now));
    assert!(asides.take_due(now).is_none());
}

#[test]
fn records_that_were_queued_of_a_partition_that_stands_still_are_left_out() {
    let mut asides = AsidePartitions::default();
    asides
        .partitions
        .insert(source(1), aside("t", Instant::now()));
    let mut records: Vec<Record> = [(0, 1), (1, 7), (1, 8), (0, 2), (1, 9)]
        .map(|(p, o)| record(p, o, 1))
        .into();
    asides.leave_out(&mut records);
    let left: Vec<_> = records
        .iter()
        .map(|r| (r.source.partition, r.offset))
        .collect();
    assert_eq!(left, [(0, 1), (0, 2)]);
}
