//! Rows with a large value that changes may leave out, in every order in which the changes can come.

use super::*;
use crate::format::change::{Fields, Shape};
use crate::format::source_position::SourcePosition;
use crate::rows::fold::fold;
use crate::rows::history_testing::{assignments, interleavings, place};
use crate::rows::mapping::Mapping;
use crate::rows::row_change::Text;
use crate::rows::table::Table;
use crate::rows::table_testing::table;

const PLACEHOLDER: &str = "\"__debezium_unavailable_value\"";

/// A change of the one row of the history.
struct HistoryEvent {
    change: Change<'static>,
    row: RowChange<'static>,
}

fn fields(cells: &[(&str, String)]) -> Fields<'static> {
    let names = cells.iter().map(|(name, _)| (*name).into()).collect();
    let values: Vec<&str> = cells.iter().map(|(_, raw)| &*raw.clone().leak()).collect();
    let schema = None;
    Fields {
        shape: (!cells.is_empty()).then(|| {
            Arc::new(Shape {
                names,
                schema,
                ..Default::default()
            })
        }),
        values: values.leak(), // of a test, which ends soon
    }
}

/// A history by its operations: `c`, `u` and `r` bring the whole row, `p` leaves the large value out, `q` the other one,
/// `d` deletes. Whatever is brought is the number of the event; `p` and `q` are updates of a row that keeps what they
/// leave out. `=` before one: at the same place as the one before.
fn history(table: &Arc<Table>, ops: &str) -> Vec<HistoryEvent> {
    let mut lsn = 0;
    let event = |(at, (op, same_place)): (usize, (char, bool))| {
        lsn += if same_place { 0 } else { 10 };
        let position: &SourcePosition<'_> = Box::leak(Box::new(place("source", lsn, op == 'r')));
        let brings = |other| match op == other {
            true => PLACEHOLDER.to_owned(),
            false => format!("\"{at}\""),
        };
        let key = [("id", "1".to_owned())];
        let row = [
            key[0].clone(),
            ("small", brings('q')),
            ("large", brings('p')),
        ];
        let operation = match op {
            'p' | 'q' => Operation::Update,
            op => Operation::from_code(&op.to_string()).unwrap(),
        };
        let change = Change {
            landing: Default::default(),
            of_binlog: false,
            source_time: 0,
            id: Uuid::nil(),
            table: Arc::new(table.name.clone()),
            operation,
            key: fields(&key),
            old_key: None,
            hides_key: false,
            key_move: None,
            row_stays: false,
            row: fields(if op == 'd' { &[] } else { &row }),
            order: RowOrder::Source {
                position: Some(position),
                required: true,
                out_of_turn: false,
            },
            version: None,
            standing: Default::default(),
        };
        let mapping = Mapping::new(&change, table, Arc::default()).unwrap();
        let row = mapping.map_change(&change).unwrap();
        HistoryEvent { change, row }
    };
    events_of(ops).into_iter().enumerate().map(event).collect()
}

/// The operations, each with whether it stands where the one before does.
fn events_of(ops: &str) -> Vec<(char, bool)> {
    let mut events = Vec::new();
    let mut same_place = false;
    for op in ops.chars() {
        if op == '=' {
            same_place = true;
        } else {
            events.push((op, std::mem::take(&mut same_place)));
        }
    }
    events
}

/// The row as its source has it in the end: the small value and the large one.
fn last_state(ops: &str) -> Option<[usize; 2]> {
    let mut row: Option<[usize; 2]> = None;
    for (at, (op, _)) in events_of(ops).into_iter().enumerate() {
        row = match (op, row) {
            ('d', _) => None,
            ('p', Some([_, large])) => Some([at, large]),
            ('q', Some([small, _])) => Some([small, at]),
            _ => Some([at, at]),
        };
    }
    row
}

/// The destination's row and what is recorded of it.
#[derive(Clone, Default, Debug, PartialEq)]
struct Destination {
    row: Option<[usize; 2]>,
    recorded: Option<RecordedChange>,
}

impl Destination {
    /// Lands a batch as a transaction does. `None`: part of a row came whose row isn't there.
    fn land_batch(
        &self,
        events: &[HistoryEvent],
        partitions: &[usize],
        batch: &[usize],
    ) -> Option<Self> {
        let changes: Vec<EntryChange<'_>> = batch
            .iter()
            .map(|at| (*at, events[*at].row.clone()))
            .collect();
        let mut order = SourceOrder::of_changes(&changes, &Reading::default(), |at| {
            Some(EntryEvent {
                change: &events[at].change,
                partition_id: partitions[at] as i32,
            })
        })
        .unwrap();
        let claims = order.claim_rows().unwrap();
        let (key, entered) = claims.into_iter().next()?;
        let found = self.recorded.clone().map(|recorded| (key, recorded));
        let arranged = order
            .arrange_changes(changes, found.into_iter().collect())
            .unwrap();
        let mut landed = Self {
            row: self.row,
            recorded: Some(self.recorded.clone().unwrap_or(entered)),
        };
        for net in fold(arranged.changes.iter().map(|(_, change)| change)).ok()? {
            let Some(row) = &net.row else {
                landed.row = None;
                continue;
            };
            let text = |column: usize| {
                let at = net.layout.columns.iter().position(|c| *c == column)?;
                row.texts[at].as_deref()?.parse::<usize>().ok()
            };
            landed.row = match (landed.row, row.whole) {
                (_, true) => Some([text(1)?, text(2)?]),
                (Some([small, large]), false) => {
                    Some([text(1).unwrap_or(small), text(2).unwrap_or(large)])
                }
                (None, false) if row.fills => None,
                (None, false) => return None,
            };
        }
        for (_, moved) in order.list_written(|_| true).moved {
            landed.recorded = Some(moved);
        }
        Some(landed)
    }

    /// The same, unless a value goes back.
    fn land_forward(
        &self,
        events: &[HistoryEvent],
        partitions: &[usize],
        batch: &[usize],
    ) -> Option<Self> {
        let landed = self.land_batch(events, partitions, batch)?;
        if let (Some(before), Some(after)) = (self.row, landed.row) {
            let forward = before
                .iter()
                .zip(&after)
                .all(|(before, after)| before <= after);
            assert!(forward, "{before:?} became {after:?}");
        }
        Some(landed)
    }
}

/// All that comes is one lane's: a batch ends after each bit of `cuts`, and one that waits grows.
fn land_together(
    events: &[HistoryEvent],
    partitions: &[usize],
    order: &[usize],
    cuts: usize,
) -> Destination {
    let (mut destination, mut batch) = (Destination::default(), Vec::new());
    for (n, at) in order.iter().enumerate() {
        batch.push(*at);
        let ends = cuts & (1 << n) != 0 || n + 1 == order.len();
        if ends && let Some(landed) = destination.land_forward(events, partitions, &batch) {
            destination = landed;
            batch.clear();
        }
    }
    assert!(batch.is_empty(), "{batch:?} waits for ever");
    destination
}

/// Each partition is another lane's: what waits there doesn't hold up the others.
fn land_apart(events: &[HistoryEvent], partitions: &[usize], order: &[usize]) -> Destination {
    let mut destination = Destination::default();
    let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); events.len()];
    for at in order {
        waiting[partitions[*at]].push(*at);
        let mut lane = 0;
        while lane < waiting.len() {
            let queue = &mut waiting[lane];
            let lands =
                |length: &usize| destination.land_forward(events, partitions, &queue[..*length]);
            let landed = (1..=queue.len())
                .rev()
                .find_map(|length| Some((length, lands(&length)?)));
            if let Some((length, landed)) = landed {
                queue.drain(..length);
                destination = landed;
                lane = 0;
            } else {
                lane += 1;
            }
        }
    }
    assert!(
        waiting.iter().all(Vec::is_empty),
        "{waiting:?} wait for ever"
    );
    destination
}

#[test]
fn a_large_value_that_later_changes_left_out_lands_in_every_order_and_nothing_goes_back() {
    let table = table("t", "id:int4 small:text large:text", &[&["id"]]);
    let mut tried = 0;
    for ops in [
        "cup", "rupu", "cudcp", "cupup", "cpdcp", "cuppd", "cqupq", "rpqpq", "cd=cup",
    ] {
        let (events, expected) = (history(&table, ops), last_state(ops));
        for partitions in [1, 2, 7]
            .into_iter()
            .flat_map(|m| assignments(events.len(), m))
        {
            for order in interleavings(&partitions) {
                let way = format!("{ops} through {partitions:?} in the order {order:?}");
                let apart = land_apart(&events, &partitions, &order);
                assert_eq!(
                    apart.row, expected,
                    "{way}, each partition in a lane of its own"
                );
                for cuts in 0..1 << (events.len() - 1) {
                    let together = land_together(&events, &partitions, &order, cuts);
                    assert_eq!(together.row, expected, "{way}, cut at {cuts:b}");
                    tried += 1;
                }
                let again = apart.land_forward(&events, &partitions, &order).unwrap();
                assert_eq!(again, apart, "{way}, and all of it again");
            }
        }
    }
    assert!(tried > 50_000, "{tried}");
}

#[test]
fn a_late_change_fills_in_what_all_later_ones_left_out_and_no_other_column() {
    let table = table("t", "id:int4 small:text large:text", &[&["id"]]);
    let events = history(&table, "cuup");
    let partitions = [0, 1, 2, 3];
    let land =
        |destination: Destination, at| destination.land_batch(&events, &partitions, &[at]).unwrap();
    let newest = land(land(Destination::default(), 0), 3);
    let left_out = |destination: &Destination| destination.recorded.clone().unwrap().left_out;
    assert_eq!((newest.row, left_out(&newest).len()), (Some([3, 0]), 1));
    let filled = land(newest.clone(), 2);
    assert_eq!(filled.row, Some([3, 2]));
    assert_eq!(
        land(filled.clone(), 1),
        filled,
        "a later one told the value"
    );
    let gone = Destination {
        row: None,
        ..newest.clone()
    };
    assert_eq!(land(gone, 2).row, None, "somebody has removed the row");
    let last = |destination: &Destination| {
        let recorded = destination.recorded.clone().unwrap();
        (recorded.position, recorded.partition_id)
    };
    assert_eq!(last(&filled), last(&newest));
}

#[test]
fn a_whole_change_and_a_delete_leave_nothing_to_be_filled_in() {
    let table = table("t", "id:int4 small:text large:text", &[&["id"]]);
    for ops in ["cupu", "cupd"] {
        let events = history(&table, ops);
        let land = |destination: Destination, at| {
            let landed = destination.land_batch(&events, &[0, 1, 2, 3], &[at]);
            landed.unwrap()
        };
        let last = [0, 2, 3].into_iter().fold(Destination::default(), land);
        assert!(last.recorded.as_ref().unwrap().left_out.is_empty());
        assert_eq!(land(last.clone(), 1), last);
    }
}

#[test]
fn what_was_put_aside_fills_in_nothing() {
    let table = table("t", "id:int4 small:text large:text", &[&["id"]]);
    let events = history(&table, "cup");
    let newest = [0, 2].into_iter().fold(Destination::default(), |d, at| {
        d.land_batch(&events, &[0, 1, 2], &[at]).unwrap()
    });
    let recorded = newest.recorded.unwrap();
    let changes = vec![(0, events[1].row.clone())];
    let event = EntryEvent {
        change: &events[1].change,
        partition_id: 1,
    };
    let mut order =
        SourceOrder::of_changes(&changes, &Reading::default(), |_| Some(event)).unwrap();
    let key = order.claim_rows().unwrap()[0].0;
    let arranged = order.arrange_changes(changes, HashMap::from([(key, recorded)]));
    let arranged = arranged.unwrap();
    assert_eq!(arranged.changes[0].1.effect, Effect::Fill);
    let texts: Vec<Text<'_>> = arranged.changes[0].1.texts.clone();
    assert_eq!(
        texts,
        [Some("1".into()), Some("1".into())],
        "the key and the large value"
    );
    assert!(arranged.stale_entries.is_empty());
    assert_eq!(order.list_written(|_| false), WrittenRows::default());
}
