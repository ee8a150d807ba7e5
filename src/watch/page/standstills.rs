//! What stands still, for whom, since when and why.

use maud::{Markup, html};

use crate::status::PartitionLine;
use crate::watch::page::StatusDocument;
use crate::watch::page::cells::moment;
use crate::watch::page::table::{Row, draw_table, text};
use crate::watch::page::worker_view::{BreakerView, PartitionView};

/// The worker's own partitions as it knows them, which names tables, and those of other workers as they have noted them.
pub fn draw_standstills(document: &StatusDocument) -> Markup {
    let own = document.worker.partitions.iter();
    let mut rows: Vec<Row> = own.filter_map(row_of_own).collect();
    let is_own = |line: &&PartitionLine| {
        let mut own = document.worker.partitions.iter();
        own.any(|own| own.topic == line.topic && Some(own.partition) == line.partition)
    };
    let others = document.partitions.iter().filter(|line| !is_own(line));
    rows.extend(others.filter_map(row_of_other));
    draw_table(
        "Partitions that stand still, and why",
        &rows,
        "Nothing stands still.",
    )
}

fn row_of_own(own: &PartitionView) -> Option<Row> {
    let stop = own.stands_still.as_ref()?;
    Some(Row {
        cells: vec![
            text("partition", format!("{} {}", own.topic, own.partition)),
            text("table", stop.table.as_deref().unwrap_or("")),
            text("since", moment(&stop.since)),
            text("reason", stop.reason),
            text("why", &stop.text),
            text("goes on", describe_end(stop.needs_person)),
        ],
        is_trouble: true,
    })
}

fn row_of_other(line: &PartitionLine) -> Option<Row> {
    let standstill = line.standstill.as_ref()?;
    let partition = line.partition.unwrap_or_default();
    Some(Row {
        cells: vec![
            text("partition", format!("{} {partition}", line.topic)),
            text("table", ""),
            text("since", moment(&standstill.since)),
            text("reason", ""),
            text("why", &standstill.why),
            text("goes on", "at another worker"),
        ],
        is_trouble: true,
    })
}

fn describe_end(needs_person: bool) -> &'static str {
    match needs_person {
        true => "once somebody has mended it",
        false => "by itself",
    }
}

/// The breaker, and what it counts.
pub fn draw_breaker(breaker: &BreakerView, partitions: &[PartitionView]) -> Markup {
    let counted = partitions.iter().filter(|p| p.refusals.refused > 0);
    let row = |own: &PartitionView| Row {
        cells: vec![
            text("partition", format!("{} {}", own.topic, own.partition)),
            text(
                "refused",
                format!("{} of the last {}", own.refusals.refused, own.refusals.of),
            ),
        ],
        is_trouble: false,
    };
    let rows: Vec<Row> = counted.map(row).collect();
    html! {
        p {
            @match breaker.open_partitions {
                0 => "Closed.",
                1 => strong { "Open for one partition." },
                open => strong { "Open for " (open) " partitions." },
            }
            " It opens for a partition if more than " (breaker.ratio * 100.0) " % of its last "
            (breaker.window) " events are refused, or if its set-up is wrong; it is tried every "
            (breaker.open_seconds) " s then."
        }
        (draw_table("Refused events", &rows, "No event was refused lately."))
    }
}
