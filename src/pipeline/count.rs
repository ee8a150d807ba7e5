//! What became of a batch's records, for the metrics.

use std::collections::HashMap;

use crate::pipeline::batch::Batch;
use crate::pipeline::entry::EntryState;
use crate::table_name::TableName;
use crate::watch::metrics::{self, EventOutcome};

/// Counts what became of each record of a batch. Returns how many rows that took: one for each event that is neither a
/// duplicate nor passed over, be it the row of a letter, or its id's alone as it came to one row with others; and one for
/// each letter that was owed.
pub fn count_outcomes(batch: &Batch<'_>) -> usize {
    let mut rows = batch.owed_letters().count();
    let mut counts = Counts::default();
    for advance in batch.advances.iter().filter(|a| a.below_floor > 0) {
        let what = (&*advance.source.topic, None, "", EventOutcome::Duplicate);
        counts.add(what, advance.below_floor);
    }
    for entry in &batch.entries {
        let outcome = match &entry.state {
            EntryState::Nothing(_) => EventOutcome::Skipped,
            _ if entry.duplicate => EventOutcome::Duplicate,
            EntryState::Rejected(_) => EventOutcome::DeadLettered,
            EntryState::Pending if entry.stale => EventOutcome::Stale,
            EntryState::Pending => EventOutcome::Applied,
        };
        rows += usize::from(!matches!(
            outcome,
            EventOutcome::Skipped | EventOutcome::Duplicate
        ));
        let operation = match &entry.state {
            EntryState::Nothing(what) => what,
            _ => entry.operation().map_or("", |o| o.name()),
        };
        let (topic, table) = (&*entry.record.source.topic, entry.table());
        counts.add((topic, table.map(|t| &**t), operation, outcome), 1);
    }
    for ((topic, table, operation, outcome), n) in counts.finish() {
        let table = table.map(ToString::to_string).unwrap_or_default();
        metrics::count_events(topic, &table, operation, outcome, n);
    }
    rows
}

type What<'b> = (&'b str, Option<&'b TableName>, &'static str, EventOutcome);

#[derive(Default)]
struct Counts<'b> {
    counts: HashMap<What<'b>, u64>,
    /// Most records are of the kind of the one before, which needn't be looked up.
    run: Option<(What<'b>, u64)>,
}

impl<'b> Counts<'b> {
    fn add(&mut self, what: What<'b>, n: u64) {
        match &mut self.run {
            Some((last, count)) if *last == what => *count += n,
            _ => {
                self.end_run();
                self.run = Some((what, n));
            }
        }
    }

    fn end_run(&mut self) {
        if let Some((what, n)) = self.run.take() {
            *self.counts.entry(what).or_default() += n;
        }
    }

    fn finish(mut self) -> HashMap<What<'b>, u64> {
        self.end_run();
        self.counts
    }
}
