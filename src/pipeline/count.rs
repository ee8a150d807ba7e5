//! What became of a batch's records, for the metrics.

use std::collections::HashMap;

use crate::pipeline::batch::Batch;
use crate::pipeline::entry::EntryState;
use crate::table_name::TableName;
use crate::watch::metrics::{self, EventOutcome};

/// Counts what became of each record of a batch.
pub fn count_outcomes(batch: &Batch<'_>) {
    type What<'b> = (&'b str, Option<&'b TableName>, &'static str, EventOutcome);
    let mut counts: HashMap<What<'_>, u64> = HashMap::new();
    for advance in batch.advances.iter().filter(|a| a.below_floor > 0) {
        let what = (&*advance.source.topic, None, "", EventOutcome::Duplicate);
        *counts.entry(what).or_default() += advance.below_floor;
    }
    for entry in &batch.entries {
        let outcome = match &entry.state {
            EntryState::Nothing(_) => EventOutcome::Skipped,
            _ if entry.duplicate => EventOutcome::Duplicate,
            EntryState::Rejected(_) => EventOutcome::DeadLettered,
            EntryState::Pending if entry.stale => EventOutcome::Stale,
            EntryState::Pending => EventOutcome::Applied,
        };
        let operation = match &entry.state {
            EntryState::Nothing(what) => what,
            _ => entry.operation().map_or("", |o| o.name()),
        };
        let (topic, table) = (&*entry.record.source.topic, entry.table());
        let what = (topic, table.map(|t| &**t), operation, outcome);
        *counts.entry(what).or_default() += 1;
    }
    for ((topic, table, operation, outcome), n) in counts {
        let table = table.map(ToString::to_string).unwrap_or_default();
        metrics::count_events(topic, &table, operation, outcome, n);
    }
}
