use super::*;

fn inbox(batch_rows: usize, batch_bytes: usize) -> Arc<Inbox> {
    Arc::new(Inbox::new(&ApplyConfig {
        lanes: 1,
        batch_rows,
        batch_bytes,
        linger: Duration::from_millis(30),
        ..ApplyConfig::default()
    }))
}

fn partition(partition: i32) -> TopicPartition {
    TopicPartition {
        topic: "t".into(),
        partition,
    }
}

fn record(of: i32, offset: i64, bytes: usize) -> Record {
    Record {
        source: partition(of),
        offset,
        timestamp: None,
        key: None,
        value: Some(vec![b'x'; bytes].into()),
        headers: Default::default(),
        epoch: 1,
        leader_epoch: None,
    }
}

async fn records(inbox: &Inbox) -> Vec<i64> {
    match inbox.next(None).await {
        Work::Records(records, ..) => records.iter().map(|r| r.offset).collect(),
        Work::TakeUp(_) => panic!("partitions to take up"),
        Work::Idle => panic!("nothing came"),
        Work::Due(_) => panic!("nothing is due"),
        Work::End => panic!("the end"),
    }
}

#[tokio::test]
async fn a_batch_ends_at_its_rows_and_the_rest_is_the_next() {
    let inbox = inbox(3, 1_000_000);
    (0..5).for_each(|offset| inbox.push_record(record(0, offset, 10)));
    assert_eq!(records(&inbox).await, [0, 1, 2]);
    assert_eq!(records(&inbox).await, [3, 4]);
    assert!(inbox.is_idle());
}

#[tokio::test]
async fn a_batch_ends_at_its_bytes_and_holds_one_record_at_least() {
    let inbox = inbox(100, 1_000);
    inbox.push_record(record(0, 0, 5_000));
    inbox.push_record(record(0, 1, 300));
    inbox.push_record(record(0, 2, 300));
    inbox.push_record(record(0, 3, 300));
    assert_eq!(records(&inbox).await, [0]);
    assert_eq!(records(&inbox).await, [1, 2]);
    assert_eq!(records(&inbox).await, [3]);
}

#[tokio::test]
async fn a_batch_that_is_not_full_waits_for_its_linger_and_no_longer() {
    let inbox = inbox(100, 1_000_000);
    inbox.push_record(record(0, 0, 10));
    let since = Instant::now();
    assert_eq!(records(&inbox).await, [0]);
    let waited = since.elapsed();
    assert!(waited >= Duration::from_millis(30) && waited < Duration::from_secs(5));
}

#[tokio::test]
async fn a_batch_goes_without_its_linger_when_kafka_has_nothing_more() {
    let mut inbox = Arc::into_inner(inbox(100, 1_000_000)).unwrap();
    inbox.linger = Duration::from_secs(3600);
    inbox.push_record(record(0, 0, 10));
    inbox.note_quiet();
    assert_eq!(records(&inbox).await, [0]);
    inbox.push_record(record(0, 1, 10));
    let next = tokio::time::timeout(Duration::from_millis(50), inbox.next(None)).await;
    assert!(next.is_err(), "there may be more by now");
    inbox.note_quiet();
    assert_eq!(records(&inbox).await, [1]);
}

#[tokio::test]
async fn partitions_are_taken_up_before_any_record() {
    let inbox = inbox(1, 1_000_000);
    inbox.push_record(record(0, 0, 10));
    inbox.take_up([partition(0)]);
    inbox.take_up([partition(0), partition(1)]);
    let work = inbox.next(None).await;
    assert!(matches!(work, Work::TakeUp(p) if p == [partition(0), partition(1)]));
    assert!(!inbox.is_idle(), "until it is said to be done");
    inbox.finish_take_up();
    assert_eq!(records(&inbox).await, [0]);
}

#[tokio::test]
async fn what_is_queued_of_a_partition_given_up_is_dropped_and_makes_room() {
    let inbox = inbox(2, 1_000_000);
    (0..4).for_each(|offset| inbox.push_record(record(offset as i32 % 2, offset, 10)));
    inbox.take_up([partition(0), partition(1)]);
    assert!(inbox.is_full() && !inbox.has_space());
    inbox.give_up(&HashSet::from([partition(0)]));
    assert!(!inbox.is_full());
    assert!(matches!(inbox.next(None).await, Work::TakeUp(p) if p == [partition(1)]));
    assert_eq!(records(&inbox).await, [1, 3]);
}

#[tokio::test]
async fn a_full_inbox_is_waited_for_only_so_long() {
    let inbox = inbox(1, 1_000_000);
    (0..2).for_each(|offset| inbox.push_record(record(0, offset, 10)));
    inbox.wait_for_space(Duration::from_millis(20));
    assert!(inbox.is_full());
    assert_eq!(records(&inbox).await, [0]);
    inbox.wait_for_space(Duration::from_secs(60));
}

#[tokio::test]
async fn draining_waits_for_the_batch_in_flight_and_only_so_long() {
    let inbox = inbox(1, 1_000_000);
    assert!(
        inbox.drain(Duration::from_secs(5)).await,
        "nothing in flight"
    );
    inbox.push_record(record(0, 0, 10));
    let Work::Records(.., busy) = inbox.next(None).await else {
        panic!("a batch");
    };
    assert!(!inbox.drain(Duration::from_millis(20)).await);
    let draining = tokio::spawn({
        let inbox = inbox.clone();
        async move { inbox.drain(Duration::from_secs(60)).await }
    });
    // a lane that waits for a better time hears of it
    inbox.wait_for_drain_request().await;
    drop(busy);
    assert!(draining.await.unwrap());
}

#[tokio::test]
async fn a_closed_inbox_ends_at_once_whatever_it_holds() {
    let inbox = inbox(1, 1_000_000);
    inbox.push_record(record(0, 0, 10));
    inbox.take_up([partition(0)]);
    inbox.close();
    assert!(matches!(inbox.next(None).await, Work::End));
    inbox.wait_for_drain_request().await;
}

#[test]
fn lanes_share_the_memory_and_each_holds_three_batches() {
    let config = |lanes, batch_bytes| ApplyConfig {
        lanes,
        batch_bytes,
        memory: 24 << 20,
        ..ApplyConfig::default()
    };
    assert_eq!(config(4, 16 << 20).most_bytes(), 2 << 20);
    assert_eq!(config(1, 16 << 20).most_bytes(), 8 << 20);
    assert_eq!(config(4, 1_000).most_bytes(), 1_000);
}

fn place(offset: i64) -> LogPlace {
    LogPlace {
        offset,
        leader_epoch: Some(3),
    }
}

fn position(of: i32, offset: i64) -> ReadPosition {
    ReadPosition {
        source: partition(of),
        epoch: 1,
        place: place(offset),
    }
}

#[tokio::test]
async fn a_position_waits_until_the_records_below_it_are_taken_out() {
    let inbox = inbox(2, 1_000_000);
    (0..3).for_each(|offset| inbox.push_record(record(0, offset, 10)));
    inbox.note_position(&partition(0), 1, place(4));
    inbox.note_position(&partition(1), 1, place(7));
    // nothing of partition 1 is queued
    let Work::Records(records, positions, busy) = inbox.next(None).await else {
        panic!("positions");
    };
    assert_eq!((records.len(), positions), (0, vec![position(1, 7)]));
    drop(busy);
    let Work::Records(records, positions, busy) = inbox.next(None).await else {
        panic!("a batch");
    };
    assert_eq!((records.len(), positions), (2, vec![]), "a record is left");
    drop(busy);
    let Work::Records(records, positions, _busy) = inbox.next(None).await else {
        panic!("a batch");
    };
    assert_eq!((records.len(), positions), (1, vec![position(0, 4)]));
}

#[tokio::test]
async fn the_position_of_a_partition_given_up_is_dropped() {
    let inbox = inbox(2, 1_000_000);
    inbox.note_position(&partition(0), 1, place(4));
    inbox.give_up(&HashSet::from([partition(0)]));
    assert!(inbox.take_positions().is_empty());
}

#[tokio::test]
async fn a_position_waits_for_its_records_also_after_others_before_and_behind_them_were_dropped() {
    let inbox = inbox(1, 1_000_000);
    inbox.push_record(record(1, 0, 10));
    inbox.push_record(record(0, 0, 10));
    inbox.note_position(&partition(0), 1, place(2));
    (1..4).for_each(|offset| inbox.push_record(record(1, offset, 10)));
    inbox.give_up(&HashSet::from([partition(1)]));
    assert!(inbox.take_positions().is_empty(), "a record is left");
    let Work::Records(records, positions, _busy) = inbox.next(None).await else {
        panic!("a batch");
    };
    assert_eq!((records.len(), positions), (1, vec![position(0, 2)]));
}

#[tokio::test]
async fn a_destination_that_is_slow_gets_smaller_batches_until_it_is_quick_again() {
    let inbox = inbox(1000, 1_000_000);
    let seconds = Duration::from_secs;
    assert_eq!(inbox.note_pace(1000, seconds(9)), None, "not long yet");
    assert_eq!(inbox.note_pace(1000, seconds(100)), Some(40));
    (0..100).for_each(|offset| inbox.push_record(record(0, offset, 10)));
    assert_eq!(records(&inbox).await.len(), 40);
    assert_eq!(inbox.note_pace(3, seconds(1)), None, "it had no more");
    assert_eq!(records(&inbox).await.len(), 40);
    assert_eq!(inbox.note_pace(40, seconds(1)), None);
    (100..300).for_each(|offset| inbox.push_record(record(0, offset, 10)));
    assert_eq!(records(&inbox).await.len(), 80);
    assert_eq!(
        inbox.note_pace(1, seconds(100)),
        None,
        "one row can't be fewer"
    );
    assert_eq!(inbox.note_pace(80, seconds(1_000_000)), Some(1));
    (0..20).for_each(|_| _ = inbox.note_pace(1000, seconds(1)));
    (300..1500).for_each(|offset| inbox.push_record(record(0, offset, 10)));
    assert_eq!(
        records(&inbox).await.len(),
        1000,
        "never more than is configured"
    );
}
