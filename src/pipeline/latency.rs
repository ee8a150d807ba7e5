//! How long the events of a batch took to be visible, for the metrics.

use std::collections::HashMap;

use crate::pipeline::batch::Batch;
use crate::pipeline::entry::Entry;
use crate::table_name::TableName;
use crate::watch::metrics::{Latencies, latencies_of};

/// Records of each event that was applied how long before `now` it was made at its source, and written to Kafka. `now`: when
/// the batch became visible, in milliseconds since 1970.
pub fn record_latencies(batch: &Batch<'_>, now: i64) {
    let mut known: HashMap<&TableName, Latencies> = HashMap::new();
    for run in batch.entries.chunk_by(are_alike) {
        let first = run.first().filter(|entry| entry.is_fresh());
        let Some(table) = first.and_then(Entry::table) else {
            continue;
        };
        let latencies = known
            .entry(table)
            .or_insert_with(|| latencies_of(&table.to_string()));
        let of_source = |seconds, events| latencies.source.record_many(seconds, events);
        record_run(run, now, &Entry::source_time, &of_source);
        let of_kafka = |seconds, events| latencies.kafka.record_many(seconds, events);
        record_run(run, now, &|entry| entry.record.timestamp, &of_kafka);
    }
}

/// Whether two events that follow each other are of one partition and one table, and were applied, or weren't.
fn are_alike(one: &Entry<'_>, next: &Entry<'_>) -> bool {
    one.is_fresh() == next.is_fresh()
        && one.record.source == next.record.source
        && one.table() == next.table()
}

/// Events that follow each other were often made at once, and are recorded at once.
fn record_run<T>(
    run: &[T],
    now: i64,
    time: &impl Fn(&T) -> Option<i64>,
    record: &impl Fn(f64, usize),
) {
    for same in run.chunk_by(|one, next| time(one) == time(next)) {
        if let Some(made) = same.first().and_then(time) {
            record((now - made).max(0) as f64 / 1_000.0, same.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn recorded(times: &[Option<i64>]) -> Vec<(f64, usize)> {
        let all = RefCell::new(Vec::new());
        let record = |seconds, events| all.borrow_mut().push((seconds, events));
        record_run(times, 100_000, &|time| *time, &record);
        all.into_inner()
    }

    #[test]
    fn events_that_were_made_at_once_are_recorded_at_once_and_each_as_late_as_it_is() {
        assert_eq!(recorded(&[Some(40_000); 1_000]), [(60.0, 1_000)]);
        let (old, new) = ([Some(39_000); 3], [Some(99_980); 5]);
        // as sources do that send again
        let all = [&old[..], &new, &old].concat();
        assert_eq!(recorded(&all), [(61.0, 3), (0.02, 5), (61.0, 3)]);
        assert_eq!(recorded(&[None, Some(99_000)]), [(1.0, 1)]);
        // a source whose clock is ahead
        assert_eq!(recorded(&[Some(100_500)]), [(0.0, 1)]);
    }
}
