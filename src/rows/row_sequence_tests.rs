use bumpalo::Bump;

use super::*;
use crate::format::debezium::Source;
use crate::format::source_position::identify_source;
use crate::rows::history_testing::{assignments, interleavings, place, place_at};

/// An event of a history: what it does, and where it stands at its source.
#[derive(Clone, Copy, Debug)]
struct HistoryEvent {
    op: char,
    position: SourcePosition<'static>,
    /// Rises with each version of the row.
    version: usize,
}

/// A history by its operations. `=` before one: at the same place as the one before, as an update of the key is a
/// delete and an insert at one place. `<` before one: a failover took the log back, half a minute ago; `!`: an hour ago.
fn history(ops: &str) -> Vec<HistoryEvent> {
    let (mut events, mut lsn, mut began_at) = (Vec::new(), 1_000, 1_000);
    for op in ops.chars() {
        let (back, later) = match op {
            '=' => (10, 0),
            '<' => (205, 30_000),
            '!' => (205, 3_600_000),
            _ => (0, 0),
        };
        (lsn, began_at) = (lsn - back, began_at + later);
        if (back, later) != (0, 0) {
            continue;
        }
        events.push(HistoryEvent {
            op,
            position: place_at("source", lsn, began_at + lsn, op == 'r'),
            version: events.len(),
        });
        lsn += 10;
    }
    events
}

/// Lands the events in this order, a batch's end after each bit of `cuts`, and checks each write.
fn land(events: &[HistoryEvent], partitions: &[usize], order: &[usize], cuts: usize) -> bool {
    let arrival = |at: &usize| Arrival {
        version: None,
        position: Some(events[*at].position),
        partition_id: partitions[*at] as i32,
        gone: events[*at].op == 'd',
    };
    let (mut last, mut version) = (None, None);
    let mut batch = Vec::new();
    for (n, at) in order.iter().enumerate() {
        batch.push(*at);
        if cuts & (1 << n) == 0 && n + 1 < order.len() {
            continue;
        }
        let arrivals: Vec<_> = batch.iter().map(arrival).collect();
        for written in sequence_arrivals(last.as_ref(), &arrivals).unwrap() {
            let event = events[batch[written]];
            if version.is_some_and(|version| version > event.version) {
                return false;
            }
            version = Some(event.version);
            last = arrivals.get(written).copied();
        }
        batch.clear();
    }
    version == Some(events.len() - 1)
}

#[test]
fn every_interleaving_through_any_partitions_goes_forward_only_and_ends_equal() {
    let mut tried = 0;
    for ops in [
        "cuudc", "cdcdc", "cudcd", "ruudc", "cuuuu", "cd=cu", "cd=cd=c", "rd=cud", "cu!udc",
        "cuu!uu", "cu<udc", "c<u<u<u", "cu<u!uu",
    ] {
        let events = history(ops);
        // through several partitions, half a minute is no evidence: servers' clocks may differ as much
        let most = if ops.contains('<') {
            &[1][..]
        } else {
            &[1, 2, 7]
        };
        for most in most.iter().copied() {
            for partitions in assignments(events.len(), most) {
                for order in interleavings(&partitions) {
                    for cuts in 0..1 << (events.len() - 1) {
                        assert!(
                            land(&events, &partitions, &order, cuts),
                            "{ops} through {partitions:?} in the order {order:?}, cut at {cuts:b}"
                        );
                        tried += 1;
                    }
                }
            }
        }
    }
    assert!(tried > 100_000, "{tried}");
}

#[test]
fn twice_the_same_input_changes_nothing() {
    let events = history("cuudc");
    for partitions in assignments(events.len(), 7) {
        for order in interleavings(&partitions) {
            let arrivals: Vec<_> = order
                .iter()
                .map(|at| at_of(&events, &partitions, *at))
                .collect();
            let once = sequence_arrivals(None, &arrivals).unwrap();
            let last = arrivals[*once.last().unwrap()];
            let again = sequence_arrivals(Some(&last), &arrivals).unwrap();
            let again: Vec<_> = again.iter().map(|at| order[*at]).collect();
            assert_eq!(again, [events.len() - 1], "nothing but the last once more");
        }
    }
}

fn at_of(events: &[HistoryEvent], partitions: &[usize], at: usize) -> Arrival<'static> {
    Arrival {
        version: None,
        position: Some(events[at].position),
        partition_id: partitions[at] as i32,
        gone: events[at].op == 'd',
    }
}

#[test]
fn two_sources_of_one_row_are_told() {
    let arrival = |name, lsn, partition_id| Arrival {
        version: None,
        position: Some(place(name, lsn, false)),
        partition_id,
        gone: false,
    };
    let (a, b) = (arrival("a", 10, 1), arrival("b", 5, 2));
    assert!(sequence_arrivals(Some(&a), &[b]).is_err());
    // in one partition a connector has another name from now on
    let renamed = arrival("b", 5, 1);
    assert_eq!(sequence_arrivals(Some(&a), &[renamed]), Ok(vec![0]));
    assert_eq!(sequence_arrivals(None, &[a, renamed]), Ok(vec![0, 1]));
    let told = sequence_arrivals(None, &[a, b]).unwrap_err();
    assert_eq!(Some(told.earlier), a.position.map(|p| p.source));
    assert_eq!(sequence_arrivals(None, &[a]), Ok(vec![0]));
}

#[test]
fn a_lone_tombstone_removes_what_came_through_its_own_partition_and_nothing_newer() {
    let tombstone = Arrival {
        version: None,
        position: None,
        partition_id: 1,
        gone: true,
    };
    let insert = |partition_id| Arrival {
        version: None,
        position: Some(place("a", 10, false)),
        partition_id,
        gone: false,
    };
    assert_eq!(sequence_arrivals(None, &[tombstone]), Ok(vec![0]));
    let own = insert(1);
    assert_eq!(sequence_arrivals(Some(&own), &[tombstone]), Ok(vec![0]));
    let other = insert(2);
    assert_eq!(sequence_arrivals(Some(&other), &[tombstone]), Ok(vec![]));
    assert_eq!(sequence_arrivals(None, &[other, tombstone]), Ok(vec![0]));
    assert_eq!(sequence_arrivals(None, &[own, tombstone]), Ok(vec![0, 1]));
}

#[test]
fn in_one_partition_a_later_time_at_an_earlier_place_is_no_reason_to_leave_a_change_out() {
    let place = |pos: u32, time: u32| {
        let text = format!(
            r#"{{"name":"m","file":"b.000001","pos":{pos},"row":0,"gtid":"aa:1","ts_ms":{time}}}"#
        );
        let source: Source<'_> = serde_json::from_str(text.leak()).unwrap();
        let (id, _) = identify_source(&source).unwrap();
        let arena: &Bump = Box::leak(Box::default());
        SourcePosition::of_event(&source, id, false, arena).unwrap()
    };
    let arrival = |position, partition_id| Arrival {
        version: None,
        position: Some(position),
        partition_id,
        gone: false,
    };
    let (before, after) = (place(100, 31 * 60_000), place(200, 60_000));
    let last = arrival(before, 1);
    assert_eq!(
        sequence_arrivals(Some(&last), &[arrival(after, 1)]),
        Ok(vec![0])
    );
    assert_eq!(
        sequence_arrivals(Some(&last), &[arrival(after, 2)]),
        Ok(vec![]),
        "nothing but the times tells through which log they came"
    );
    assert!(comes_after(&arrival(after, 1), &last));
    assert!(!comes_after(&arrival(after, 2), &last));
    assert!(!comes_after(&last, &last), "it is the same");
}

#[test]
fn a_lone_tombstone_is_no_hedge_that_hides_what_came_before_it() {
    let tombstone = Arrival {
        version: None,
        position: None,
        partition_id: 1,
        gone: true,
    };
    let at = |lsn, partition_id| Arrival {
        version: None,
        position: Some(place("a", lsn, false)),
        partition_id,
        gone: false,
    };
    let arrivals = [at(200, 1), tombstone, at(150, 2)];
    assert_eq!(sequence_arrivals(None, &arrivals), Ok(vec![2, 0, 1]));
    let arrivals = [at(200, 1), tombstone, at(250, 2)];
    assert_eq!(sequence_arrivals(None, &arrivals), Ok(vec![0, 1, 2]));
}
