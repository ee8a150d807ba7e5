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

fn table(name: &str) -> TableName {
    TableName::new("public", name)
}

fn missing(name: &str) -> Failure {
    let failure = Failure::new(Verdict::Systemic, format!("table {name} does not exist"));
    failure.about_table(&table(name))
}

fn aside(failure: Failure, due: Instant) -> AsidePartition {
    AsidePartition {
        records: vec![record(0, 5, 1)],
        failure,
        due,
        tried: None,
        statement: PROBE_STATEMENT,
        delays: Delays::new(&RetryConfig::default()),
    }
}

/// The partition was tried in vain.
fn fails_again(asides: &mut AsidePartitions, partition: i32, began: Instant, took: Duration) {
    let (tried, probe) = asides.take_due(began).expect("one is due");
    assert_eq!(tried, source(partition));
    let aside = asides.partitions.get_mut(&tried).expect("it is there");
    aside.records = probe.records;
    aside.due = began + took + PAUSE;
    assert!(!asides.settle_probe(&tried, began, began + took));
}

/// Between two probes.
const PAUSE: Duration = Duration::from_secs(30);

#[test]
fn what_is_kept_of_a_partition_is_bounded_but_for_what_tells_that_it_can_not_go_on() {
    let kept = |count: i64, bytes: usize, until: Option<i64>| {
        let all = (0..count).map(|offset| record(0, offset, bytes));
        keep_first(all.collect(), KEPT_RECORDS, until).len()
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
        let aside = aside(missing("t"), after(millis));
        asides.partitions.insert(source(partition), aside);
    }
    assert_eq!(asides.next_due(), Some(after(1_000)));
    assert!(asides.take_due(now).is_none());
    let (tried, probe) = asides.take_due(after(2_000)).unwrap();
    assert_eq!((tried, probe.records.len()), (source(1), 1));
    // it was in vain
    let again = aside(missing("t"), after(9_000));
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
        let aside = aside(missing(table), due);
        asides.partitions.insert(source(partition), aside);
    }
    let awaits = Failure {
        verdict: Verdict::Early,
        concern: Some(Box::new(Concern::Awaits([table("t")].into()))),
        ..missing("child")
    };
    asides.partitions.insert(source(3), aside(awaits, later));
    let (tried, _) = asides.take_due(now).unwrap();
    assert!(asides.settle_probe(&tried, now, now));
    let mut next: Vec<i32> = Vec::new();
    while let Some((source, _)) = asides.take_due(now) {
        assert!(asides.settle_probe(&source, now, now));
        next.push(source.partition);
    }
    next.sort_unstable();
    assert_eq!(
        next,
        [1, 3],
        "those of the table, and what waits for its rows"
    );
}

#[test]
fn one_of_hundreds_that_a_missing_table_stops_is_tried_for_all_of_them_and_each_in_its_turn() {
    let mut now = Instant::now();
    let mut asides = AsidePartitions::default();
    for partition in 0..300 {
        let aside = aside(missing("t"), now + Duration::from_nanos(partition as u64));
        asides.partitions.insert(source(partition), aside);
    }
    now += Duration::from_secs(1);
    // first each by itself, as only some may meet it
    for partition in 0..300 {
        fails_again(&mut asides, partition, now, Duration::from_millis(5));
        now += Duration::from_millis(5);
    }
    let mut tried = Vec::new();
    for _ in 0..300 {
        now += 2 * PAUSE;
        let (next, _) = asides.take_due(now).expect("one is due");
        asides.partitions.insert(next.clone(), {
            let mut again = aside(missing("t"), now + PAUSE);
            again.tried = Some((now, Duration::ZERO));
            again
        });
        assert!(!asides.settle_probe(&next, now, now));
        assert!(asides.take_due(now).is_none(), "one tells of all");
        tried.push(next.partition);
    }
    tried.sort_unstable();
    assert_eq!(tried, (0..300).collect::<Vec<_>>());
}

#[test]
fn a_probe_that_hangs_is_paid_for_by_its_own_partition() {
    let now = Instant::now();
    let mut asides = AsidePartitions::default();
    let hangs = Failure::new(Verdict::Retry, "canceling statement").about_table(&table("slow"));
    asides.partitions.insert(source(0), aside(hangs, now));
    let other = aside(missing("t"), now + Duration::from_secs(1));
    asides.partitions.insert(source(1), other);
    let took = Duration::from_secs(60);
    fails_again(&mut asides, 0, now, took);
    let ended = now + took;
    assert_eq!(asides.next_due(), Some(ended + LONG_PROBE * REST_FACTOR));
    let (next, _) = asides.take_due(ended + PAUSE).expect("the other one");
    assert_eq!(next, source(1));
    assert_eq!(
        asides.partitions[&source(0)].due,
        ended + took * REST_FACTOR
    );
}

#[test]
fn of_tables_that_are_locked_those_that_still_are_needn_t_be_tried() {
    let now = Instant::now();
    let mut asides = AsidePartitions::default();
    let locked = |name: &str| Failure::new(Verdict::Locked, "locked").about_table(&table(name));
    for (partition, name) in [(0, "a"), (1, "a"), (2, "b")] {
        let aside = aside(locked(name), now);
        asides.partitions.insert(source(partition), aside);
    }
    let broken = aside(missing("c"), now);
    asides.partitions.insert(source(3), broken);
    assert_eq!(asides.list_locked_due(now), [table("a"), table("b")]);
    asides.postpone_locked(&HashSet::from([table("a"), table("c")]), now);
    let mut due: Vec<i32> = Vec::new();
    while let Some((source, _)) = asides.take_due(now) {
        assert!(asides.settle_probe(&source, now, now));
        due.push(source.partition);
    }
    due.sort_unstable();
    assert_eq!(due, [2, 3]);
}

#[test]
fn records_that_were_queued_of_a_partition_that_stands_still_are_left_out() {
    let mut asides = AsidePartitions::default();
    asides
        .partitions
        .insert(source(1), aside(missing("t"), Instant::now()));
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

#[test]
fn the_time_that_postgres_is_away_is_no_partitions_own() {
    let now = Instant::now();
    let mut asides = AsidePartitions::default();
    let away = Failure::new(Verdict::Unavailable, "no connection");
    for (partition, due) in [(0, now), (1, now + PAUSE)] {
        let aside = aside(away.clone(), due);
        asides.partitions.insert(source(partition), aside);
    }
    let took = 4 * LONG_PROBE;
    let met = |failure: &Failure| Concerned {
        from: HashMap::new(),
        failure: failure.clone(),
    };
    asides.note_met(&[met(&away)]);
    fails_again(&mut asides, 0, now, took);
    let ended = now + took;
    assert_eq!(asides.partitions[&source(0)].due, ended + PAUSE);
    assert!(!asides.partitions[&source(0)].took_long());
    assert_eq!(
        asides.next_due(),
        Some(now + PAUSE),
        "it rests for a second only"
    );
    // Kafka is: the lane has others to land meanwhile
    let away = Failure::of_kafka(Verdict::Unavailable, "no broker");
    asides.note_met(&[met(&away)]);
    asides.partitions.insert(source(2), aside(away, now));
    fails_again(&mut asides, 2, now, took);
    assert!(asides.partitions[&source(2)].took_long());
}
