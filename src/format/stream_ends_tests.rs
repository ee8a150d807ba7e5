use super::*;

const TIME: i64 = 1_793_491_200_000;

/// An event of a stream, as its `source` tells it, and what is made of it.
fn note(ends: &mut StreamEnds, source: &str, offset: i64) -> StreamStanding {
    let source: Source<'_> = serde_json::from_str(source).unwrap();
    ends.note_event(&source, offset)
}

fn postgres(name: &str, commit: i64, lsn: i64, time: i64) -> String {
    format!(
        r#"{{"name":"{name}","db":"d","ts_ms":{},"lsn":{lsn},"sequence":"[\"{commit}\",\"{lsn}\"]"}}"#,
        TIME + time
    )
}

fn binlog(file: i64, pos: i64, row: i64, time: i64) -> String {
    format!(
        r#"{{"name":"shop","db":"d","ts_ms":{},"file":"bin.{file:06}","pos":{pos},"row":{row}}}"#,
        TIME + time
    )
}

fn is_back(standing: StreamStanding) -> bool {
    matches!(standing, StreamStanding::GoneBack(_))
}

/// Which of these events stand before others that were read.
fn backward(sources: &[String]) -> Vec<bool> {
    let mut ends = StreamEnds::default();
    let note = |(offset, source): (i64, &String)| is_back(note(&mut ends, source, offset));
    (0..).zip(sources).map(note).collect()
}

#[test]
fn transactions_that_were_open_together_stand_in_the_order_of_their_commits() {
    let events = [
        postgres("a", 100, 150, 1),
        postgres("a", 100, 170, 1),
        postgres("a", 180, 120, 2),
        postgres("a", 180, 160, 2),
        postgres("a", 190, 175, 2),
        postgres("a", 180, 160, 2),
        postgres("a", 190, 175, 2),
    ];
    let expected = [false, false, false, false, false, true, false];
    assert_eq!(backward(&events), expected);
    let first = r#"{"lsn":7,"sequence":"[null,\"7\"]","ts_ms":1}"#;
    let without = r#"{"lsn":3,"ts_ms":1}"#;
    let events = [first, without, first].map(str::to_owned);
    assert_eq!(backward(&events), [false; 3]);
}

#[test]
fn each_connector_tells_the_order_of_its_stream() {
    let rows_of_statements = [
        binlog(9, 4, 0, 1),
        binlog(9, 4, 1, 1),
        binlog(9, 4, 0, 1),
        binlog(10, 3, 0, 1),
        binlog(9, 900, 0, 1),
    ];
    assert_eq!(
        backward(&rows_of_statements),
        [false, false, false, false, true]
    );
    let mssql = |commit: &str, change: &str| {
        format!(r#"{{"commit_lsn":"{commit}","change_lsn":"{change}","event_serial_no":1}}"#)
    };
    let events = [
        mssql("00000027:00000ac0:0002", "00000027:00000ac0:0001"),
        mssql("00000027:00000ac0:0010", "00000027:00000ab0:0001"),
        mssql("00000027:00000ac0:0010", "00000027:00000ab0:0000"),
        mssql("00000027:00000ac0:0002", "00000027:00000ac0:0001"),
    ];
    assert_eq!(backward(&events), [false, false, true, true]);
    let oracle = |commit: i64, scn: i64| format!(r#"{{"commit_scn":"{commit}","scn":"{scn}"}}"#);
    let events = [oracle(20, 11), oracle(21, 9), oracle(20, 11)];
    assert_eq!(backward(&events), [false, false, true]);
}

#[test]
fn streams_of_several_sources_are_told_apart() {
    let mut events = Vec::new();
    for at in 1..20 {
        events.push(postgres("a", 1_000 + at, 1_000 + at, at));
        events.push(postgres("b", at, at, at));
    }
    events.push(postgres("b", 5, 5, 5));
    let backward = backward(&events);
    assert_eq!(backward.iter().filter(|back| **back).count(), 1);
    assert_eq!(backward.last(), Some(&true));
}

#[test]
fn a_log_that_begins_anew_is_known_by_its_times() {
    let events = [
        binlog(7, 900, 0, 10),
        // a statement that took long
        binlog(7, 950, 0, 1),
        binlog(7, 900, 0, 10),
        // of another server
        binlog(1, 4, 0, 11),
        binlog(1, 9, 0, 11),
        binlog(1, 4, 0, 11),
    ];
    assert_eq!(backward(&events), [false, false, true, false, false, true]);
}

#[test]
fn what_is_sent_again_is_applied_again_until_the_stream_is_farther_than_it_was_also_after_a_restart()
 {
    let event = |place: i64| postgres("a", place, place, place);
    let mut ends = StreamEnds::default();
    note(&mut ends, &event(5), 0);
    let StreamStanding::GoneBack(stream) = note(&mut ends, &event(2), 1) else {
        panic!("it stands before the other");
    };
    // the batch is begun anew
    let mut ends = StreamEnds::default();
    ends.apply_again(stream, 1);
    assert_eq!(note(&mut ends, &event(5), 0), StreamStanding::Onward);
    assert_eq!(note(&mut ends, &event(2), 1), StreamStanding::SentAgain);
    ends.end_batch();
    let mut ends = StreamEnds::from_bigints(&ends.to_bigints());
    assert_eq!(note(&mut ends, &event(3), 2), StreamStanding::SentAgain);
    assert_eq!(note(&mut ends, &event(5), 3), StreamStanding::SentAgain);
    ends.end_batch();
    // it may go back once more
    let mut again = StreamEnds::from_bigints(&ends.to_bigints());
    assert!(is_back(note(&mut again, &event(2), 4)));
    assert_eq!(note(&mut again, &event(5), 5), StreamStanding::Onward);
    let mut again = StreamEnds::from_bigints(&ends.to_bigints());
    again.apply_again(stream, 4);
    assert_eq!(note(&mut again, &event(2), 4), StreamStanding::SentAgain);
    // and more of what was logged at the furthest place may come
    let mut ends = StreamEnds::from_bigints(&ends.to_bigints());
    assert_eq!(note(&mut ends, &event(5), 4), StreamStanding::SentAgain);
    assert_eq!(note(&mut ends, &event(6), 5), StreamStanding::SentAgain);
    ends.end_batch();
    let mut ends = StreamEnds::from_bigints(&ends.to_bigints());
    assert_eq!(note(&mut ends, &event(6), 6), StreamStanding::Onward);
    assert!(is_back(note(&mut ends, &event(5), 7)));
}

#[test]
fn many_sources_never_make_a_stream_forget_that_it_is_applied_again() {
    let mut ends = StreamEnds::default();
    ends.apply_again(7, 0);
    for number in 0..100 {
        let standing = note(&mut ends, &postgres(&format!("s{number}"), 5, 5, 1), number);
        assert_eq!(standing, StreamStanding::Onward);
    }
    let kept = ends.to_bigints();
    assert_eq!(kept.len(), MOST_SOURCES * BIGINTS);
    assert_eq!(kept[0], 7);
    assert_eq!(StreamEnds::from_bigints(&kept).to_bigints(), kept);
}
