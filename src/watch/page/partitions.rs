//! The partitions: what Kafka and Postgres say of them, and what the worker knows of its own.

use std::collections::HashMap;

use maud::{Markup, html};

use crate::status::{PartitionLine, PartitionState};
use crate::watch::page::StatusDocument;
use crate::watch::page::cells::{duration, whole};
use crate::watch::page::sparkline::{draw_sparkline, short_number};
use crate::watch::page::table::{Cell, Row, draw_table, number, text};
use crate::watch::page::worker_view::{LaneView, PartitionView};

/// So many are shown, those first that are the latest: a browser has to draw them.
const MOST_SHOWN: usize = 200;

/// A partition, as both sides see it.
struct Seen<'d> {
    line: Option<&'d PartitionLine>,
    own: Option<&'d PartitionView>,
}

/// All partitions, and how the worker's own were in the last minutes.
pub fn draw_partitions(document: &StatusDocument) -> Markup {
    let mut seen = put_together(document);
    let hidden = seen.len().saturating_sub(MOST_SHOWN);
    if hidden > 0 {
        seen.sort_by(|a, b| b.urgency().total_cmp(&a.urgency()));
        seen.truncate(MOST_SHOWN);
    }
    let rows: Vec<Row> = seen.iter().map(Seen::row).collect();
    html! {
        (draw_table("Partitions: offsets, lag in records and in time", &rows, "No partitions."))
        @if hidden > 0 {
            p { "These are the latest ones; " a href="status.json" { "status.json" } " has " (hidden) " more." }
        }
    }
}

/// The worker's lanes.
pub fn draw_lanes(lanes: &[LaneView]) -> Markup {
    let row = |lane: &LaneView| Row {
        cells: vec![
            number("lane", lane.lane),
            number("partitions", lane.partitions),
            number(
                "lag in time",
                lane.lag_seconds.map_or_else(|| "-".to_owned(), duration),
            ),
            throughput(
                &format!("lane {}", lane.lane),
                &lane.records_per_second_history,
            ),
            match &lane.waits {
                Some(waits) => text(
                    "waits for",
                    format!("{} since {}: {}", waits.verdict, waits.since, waits.text),
                ),
                None => text("waits for", ""),
            },
        ],
        is_trouble: lane.waits.is_some(),
    };
    let rows: Vec<Row> = lanes.iter().map(row).collect();
    draw_table("Lanes of this worker", &rows, "No lanes.")
}

/// In the order of `status`; those that only the worker knows of come after them, as while nobody else answers.
fn put_together(document: &StatusDocument) -> Vec<Seen<'_>> {
    let own = document.worker.partitions.iter();
    let mut own: HashMap<(&str, i32), &PartitionView> =
        own.map(|p| ((&*p.topic, p.partition), p)).collect();
    let mut seen: Vec<Seen<'_>> = Vec::new();
    for line in &document.partitions {
        let key = line.partition.map(|partition| (&*line.topic, partition));
        seen.push(Seen {
            own: key.and_then(|key| own.remove(&key)),
            line: Some(line),
        });
    }
    let mut others: Vec<&PartitionView> = own.into_values().collect();
    others.sort_by_key(|p| (&*p.topic, p.partition));
    seen.extend(others.into_iter().map(|own| Seen {
        line: None,
        own: Some(own),
    }));
    seen
}

impl Seen<'_> {
    fn row(&self) -> Row {
        let (line, own) = (self.line, self.own);
        let topic = line.map(|l| &*l.topic).or(own.map(|o| &*o.topic));
        let partition = line.map_or(own.map(|o| o.partition), |l| l.partition);
        let told = |of_line: fn(&PartitionLine) -> Option<i64>,
                    of_own: fn(&PartitionView) -> Option<i64>| {
            line.and_then(of_line).or(own.and_then(of_own))
        };
        let name = format!("{} {}", topic.unwrap_or_default(), whole(partition));
        let state = line.map_or_else(String::new, describe_state);
        Row {
            cells: vec![
                text("topic", topic.unwrap_or_default()),
                number("partition", whole(partition)),
                number("lane", whole(own.and_then(|own| own.lane))),
                number("committed", whole(line.and_then(|line| line.committed))),
                number("applied", whole(told(|l| l.applied, |o| o.applied))),
                number("end", whole(told(|l| l.end, |o| o.end))),
                number("lag", whole(told(|l| l.lag, |o| o.lag))),
                self.lateness(&name),
                throughput(&name, own.map_or(&[], |o| &*o.records_per_second_history)),
                text("state", state),
            ],
            is_trouble: own.is_some_and(|own| own.stands_still.is_some())
                || line.is_some_and(|line| line.state.is_trouble()),
        }
    }

    fn lateness(&self, name: &str) -> Cell {
        let seconds = self.own.and_then(|own| own.lag_seconds);
        let history = self.own.map_or(&[][..], |own| &own.lag_seconds_history);
        let shown = html! {
            (seconds.map_or_else(|| "-".to_owned(), duration))
            (draw_sparkline(&format!("lag of {name}"), "s", history))
        };
        number("lag in time", shown)
    }

    /// What is to be seen first.
    fn urgency(&self) -> f64 {
        let stands = self.own.is_some_and(|own| own.stands_still.is_some())
            || self.line.is_some_and(|line| line.state.is_trouble());
        let seconds = self.own.and_then(|own| own.lag_seconds).unwrap_or_default();
        let records = self.line.and_then(|line| line.lag).unwrap_or_default();
        let first = if stands { 1e15 } else { 0.0 };
        first + seconds.max(records as f64 / 1e6)
    }
}

/// As `landfall status` says, but for the reason of a standstill: the page has it above.
fn describe_state(line: &PartitionLine) -> String {
    match &line.standstill {
        Some(standstill) => format!("stands still since {}", standstill.since),
        None => line.describe_state(),
    }
}

impl PartitionState {
    fn is_trouble(self) -> bool {
        !matches!(
            self,
            PartitionState::Ok | PartitionState::New | PartitionState::NotSubscribed
        )
    }
}

fn throughput(name: &str, history: &[f64]) -> Cell {
    let values: Vec<Option<f64>> = history.iter().copied().map(Some).collect();
    let shown = html! {
        (history.last().map_or_else(|| "-".to_owned(), |latest| short_number(*latest)))
        (draw_sparkline(&format!("throughput of {name}"), "records a second", &values))
    };
    number("records/s", shown)
}
