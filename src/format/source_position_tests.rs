use std::cmp::Ordering::{self, Equal, Greater, Less};

use super::*;

/// The position that an event with this `source` has, read by a snapshot or not.
fn position(source: &str, snapshot: bool) -> Option<SourcePosition<'static>> {
    let source: Source<'_> = serde_json::from_str(source).unwrap();
    let arena: &Bump = Box::leak(Box::default()); // of a test, which ends soon
    let (id, _) = identify_source(&source)?;
    SourcePosition::of_event(&source, id, snapshot, arena)
}

fn change(source: &str) -> SourcePosition<'static> {
    position(source, false).unwrap()
}

fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (change(one), change(other));
    assert_eq!(one.compare(&other), other.compare(&one).reverse());
    one.compare(&other)
}

#[test]
fn positions_of_each_connector_stand_as_its_log_does() {
    for (earlier, later) in [
        (r#"{"lsn":9,"ts_ms":5}"#, r#"{"lsn":10,"ts_ms":5}"#),
        (
            r#"{"file":"bin.000009","pos":900,"row":1}"#,
            r#"{"file":"bin.000010","pos":4,"row":0}"#,
        ),
        (
            r#"{"file":"bin.999999","pos":900,"row":1}"#,
            r#"{"file":"bin.1000000","pos":4,"row":0}"#,
        ),
        (
            r#"{"file":"bin.000009","pos":900,"row":1}"#,
            r#"{"file":"bin.000009","pos":900,"row":2}"#,
        ),
        (
            r#"{"commit_lsn":"00000027:00000ac0:0002","change_lsn":"00000027:00000ff0:0001","event_serial_no":2}"#,
            r#"{"commit_lsn":"00000027:00000ac0:0003","change_lsn":"00000027:00000ab0:0001","event_serial_no":1}"#,
        ),
        (
            r#"{"commit_lsn":"00000027:00000ac0:0002","change_lsn":"00000027:00000ab0:0001","event_serial_no":1}"#,
            r#"{"commit_lsn":"00000027:00000ac0:0002","change_lsn":"00000027:00000ab0:0001","event_serial_no":2}"#,
        ),
        (
            r#"{"scn":"90","commit_scn":"99"}"#,
            r#"{"scn":"80","commit_scn":"100"}"#,
        ),
        (
            r#"{"scn":"80","commit_scn":"95:1:0a,99:2:0b"}"#,
            r#"{"scn":"81","commit_scn":"95:1:0a,99:2:0b"}"#,
        ),
    ] {
        assert_eq!(compare(earlier, later), Less, "{earlier} {later}");
        assert_eq!(compare(earlier, earlier), Equal);
    }
}

#[test]
fn a_position_is_read_as_it_was_written() {
    let position =
        change(r#"{"name":"n","file":"bin.000009","pos":900,"row":1,"server_id":7,"ts_ms":-3}"#);
    let bytes = position.to_bytes();
    let read = SourcePosition::from_bytes(position.source, &bytes);
    assert_eq!(read, Some(position));
    assert_eq!(SourcePosition::from_bytes(1, b"short"), None);
}

#[test]
fn what_tells_no_position_has_none() {
    for source in [
        "{}",
        r#"{"name":"n","table":"t","ts_ms":1}"#,
        r#"{"file":"","pos":0}"#,
        r#"{"file":"bin.000001","pos":0}"#,
        r#"{"lsn":null}"#,
        // Informix: of varying width, and so not in the order of its bytes
        r#"{"name":"n","commit_lsn":"21484679168","change_lsn":"21484683264"}"#,
    ] {
        assert_eq!(position(source, false), None, "{source}");
    }
}

#[test]
fn a_source_is_a_connector_and_the_log_that_it_reads() {
    let id = |source: &str| change(source).source;
    let binlog = |name: &str, db: &str| {
        id(&format!(
            r#"{{"name":"{name}","db":"{db}","file":"b.1","pos":4}}"#
        ))
    };
    assert_eq!(
        binlog("a", "x"),
        binlog("a", "y"),
        "one log for all databases"
    );
    assert_ne!(binlog("a", "x"), binlog("b", "x"));
    let database = |db: &str| {
        id(&format!(
            r#"{{"name":"a","db":"{db}","commit_lsn":"00000027:00000ac0:0002"}}"#
        ))
    };
    assert_ne!(database("x"), database("y"), "a log for each database");
}

/// A change at this place and time, and a snapshot's row.
fn with_row(change_at: (i64, i64), row_at: (i64, i64)) -> Ordering {
    let source = |(lsn, time)| format!(r#"{{"lsn":{lsn},"ts_ms":{time}}}"#);
    let row = position(&source(row_at), true).unwrap();
    let change = change(&source(change_at));
    assert_eq!(row.compare(&change), change.compare(&row).reverse());
    change.compare(&row)
}

#[test]
fn a_snapshots_row_is_older_than_what_was_committed_after_it_was_read() {
    assert_eq!(
        with_row((110, 1_000), (100, 2_000)),
        Greater,
        "a long snapshot"
    );
    assert_eq!(with_row((90, 1_000), (100, 2_000)), Less);
    assert_eq!(
        with_row((100, 1_000), (100, 2_000)),
        Less,
        "it is in the row"
    );
    // its transaction was open while the snapshot was read
    assert_eq!(with_row((90, 2_500), (100, 2_000)), Greater);
    // times that aren't told
    assert_eq!(with_row((110, 0), (100, 0)), Greater);
    assert_eq!(with_row((100, 0), (100, 0)), Less);
}

#[test]
fn a_log_that_began_anew_is_known_by_its_times() {
    let at = |lsn: i64, time: i64| format!(r#"{{"lsn":{lsn},"ts_ms":{time}}}"#);
    let minute = 60_000;
    assert_eq!(compare(&at(1_000, minute), &at(5, 30 * minute)), Less);
    // clocks that went back a little, and transactions that took their time, mean nothing
    assert_eq!(compare(&at(1_000, minute), &at(5, 5 * minute)), Greater);
    let day = 24 * 60 * minute;
    assert_eq!(with_row((1_000, minute), (5, 2 * day)), Less);
}

/// A change of a binlog; with a GTID, its time is that of its commit.
fn logged(server: u32, pos: u32, time: i64, gtid: &str) -> SourcePosition<'static> {
    change(&format!(
        r#"{{"file":"b.000001","pos":{pos},"server_id":{server},"ts_ms":{time},"gtid":{gtid}}}"#
    ))
}

#[test]
fn another_servers_changes_are_compared_by_time_only_where_no_clock_explains_it() {
    let minute = 60_000;
    let at = |server, pos, time| {
        logged(
            server,
            pos,
            time,
            r#""3e11fa47-71ca-11e1-9e33-c80aa9429562:5""#,
        )
    };
    // a replica's log has the changes of several servers, whose clocks differ a little
    assert_eq!(at(1, 900, minute).compare(&at(2, 4, 2 * minute)), Greater);
    assert_eq!(at(1, 900, minute).compare(&at(1, 4, 2 * minute)), Greater);
    assert_eq!(at(1, 900, minute).compare(&at(2, 4, 30 * minute)), Less);
    assert_eq!(at(2, 4, 30 * minute).compare(&at(1, 900, minute)), Greater);
}

#[test]
fn a_statement_that_took_its_time_is_not_taken_for_an_earlier_log() {
    let minute = 60_000;
    for gtid in ["null", r#""0-1-5""#] {
        // a long update, which began first and reached the row last
        let (quick, long) = (
            logged(1, 100, 31 * minute, gtid),
            logged(1, 200, minute, gtid),
        );
        let kept = long.to_bytes();
        let kept = SourcePosition::from_bytes(long.source, &kept).unwrap();
        assert_eq!(kept.compare(&quick), Greater);
        assert_eq!(quick.compare(&kept), Less);
    }
}

#[test]
fn in_one_partition_times_are_no_evidence_against_its_order() {
    let (minute, day) = (60_000, 24 * 3_600_000);
    let at = |lsn: i64, time: i64, snapshot| {
        position(&format!(r#"{{"lsn":{lsn},"ts_ms":{time}}}"#), snapshot).unwrap()
    };
    let restarted = (at(1_000, minute, false), at(5, 30 * minute, false));
    let long_statement = (
        logged(1, 200, minute, "null"),
        logged(1, 100, 31 * minute, "null"),
    );
    let servers = (
        logged(1, 200, minute, "null"),
        logged(2, 100, 2 * minute, "null"),
    );
    let long_snapshot = (at(100, 3 * day, true), at(110, day, false));
    let open_transaction = (at(100, 2_000, true), at(90, 2_500, false));
    let failed_over = (at(1_000, minute, false), at(900, minute + 30_000, false));
    for (one, other) in [
        restarted,
        failed_over,
        long_statement,
        servers,
        long_snapshot,
        open_transaction,
    ] {
        assert_eq!(one.compare_in_partition(&other), Equal, "{one:?} {other:?}");
        assert_eq!(other.compare_in_partition(&one), Equal, "{one:?} {other:?}");
    }
    // what the log tells holds there too: an event may be sent again
    let (earlier, later) = (at(100, minute, false), at(110, minute, false));
    assert_eq!(earlier.compare_in_partition(&later), Less);
    assert_eq!(at(100, minute, true).compare_in_partition(&later), Less);
}
