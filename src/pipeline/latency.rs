//! How long the events of a batch took to be visible, for the metrics.

use std::collections::HashMap;

use crate::pipeline::batch::Batch;
use crate::pipeline::entry::Entry;
use crate::table_name::TableName;
use crate::watch::metrics::{LATENCY_SECONDS, Latencies, latencies_of};

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

/// A partition's events mostly lie in the order of their times: between two of the same range all are of it, and are recorded
/// at once.
fn record_run<T>(
    run: &[T],
    now: i64,
    time: &impl Fn(&T) -> Option<i64>,
    record: &impl Fn(f64, usize),
) {
    let ago = |event: &T| Some((now - time(event)?).max(0) as f64 / 1_000.0);
    let (Some(first), Some(last)) = (run.first().and_then(ago), run.last().and_then(ago)) else {
        return;
    };
    let range = |seconds| LATENCY_SECONDS.partition_point(|end| *end < seconds);
    if range(first) == range(last) {
        return record((first + last) / 2.0, run.len());
    }
    let (earlier, later) = run.split_at(run.len() / 2);
    record_run(earlier, now, time, record);
    record_run(later, now, time, record);
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn recorded(times: &[i64]) -> Vec<(f64, usize)> {
        let all = RefCell::new(Vec::new());
        let record = |seconds, events| all.borrow_mut().push((seconds, events));
        record_run(times, 100_000, &|time| Some(*time), &record);
        all.into_inner()
    }

    #[test]
    fn events_of_one_range_are_recorded_at_once_and_each_in_its_own() {
        assert_eq!(recorded(&[40_000; 1_000]), [(60.0, 1_000)]);
        let (old, new) = ([39_000; 3], [99_980; 5]);
        let all = recorded(&[&old[..], &new[..]].concat());
        let events = |of: fn(&f64) -> bool| -> usize {
            all.iter().filter(|(s, _)| of(s)).map(|(_, n)| n).sum()
        };
        assert_eq!(events(|seconds| *seconds == 61.0), 3);
        assert_eq!(events(|seconds| *seconds == 0.02), 5);
        assert_eq!(
            recorded(&[100_500]),
            [(0.0, 1)],
            "a source whose clock is ahead"
        );
    }
}
