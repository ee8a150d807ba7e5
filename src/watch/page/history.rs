//! How the last minutes were: how late each partition was, and how many records it got through.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::locked::Locked;
use crate::record::TopicPartition;
use crate::watch::progress::Reading;

/// How often it is looked at.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// So many looks are kept: five minutes.
const KEPT: usize = 60;

/// The looks of the last minutes, for each assigned partition.
#[derive(Default)]
pub struct History(Locked<BTreeMap<TopicPartition, Series>>);

/// What was seen of a partition, the latest last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// How late it was, in seconds; `None`: it wasn't known.
    pub lag_seconds: VecDeque<Option<f64>>,
    /// Records that it got through in a second, duplicates included.
    pub records_per_second: VecDeque<f64>,
    /// The offset that it was read to.
    read: Option<i64>,
}

impl History {
    /// Looks, once every [`INTERVAL`]. Partitions that aren't among them any more are forgotten.
    pub fn note_look(&self, readings: &BTreeMap<TopicPartition, Reading>) {
        let mut all = self.0.lock();
        all.retain(|source, _| readings.contains_key(source));
        for (source, reading) in readings {
            all.entry(source.clone()).or_default().note_look(reading);
        }
    }

    /// What was seen of each partition.
    pub fn series(&self) -> BTreeMap<TopicPartition, Series> {
        self.0.lock().clone()
    }
}

impl Series {
    fn note_look(&mut self, reading: &Reading) {
        // what is read again from further back is no throughput
        let records = reading.read.zip(self.read).map(|(now, then)| now - then);
        let records = records.unwrap_or_default().max(0);
        self.read = reading.read;
        push(
            &mut self.records_per_second,
            records as f64 / INTERVAL.as_secs_f64(),
        );
        push(&mut self.lag_seconds, reading.lag_seconds);
    }
}

/// The sums of the throughputs at each look.
pub fn sum_throughputs<'s, H>(histories: impl Iterator<Item = H>) -> Vec<f64>
where
    H: IntoIterator<Item = &'s f64, IntoIter: DoubleEndedIterator>,
{
    let mut sums: Vec<f64> = Vec::new();
    for history in histories {
        // the latest looks are the same for all
        for (back, rate) in history.into_iter().rev().enumerate() {
            match sums.get_mut(back) {
                Some(sum) => *sum += rate,
                None => sums.push(*rate),
            }
        }
    }
    sums.reverse();
    sums
}

fn push<T>(kept: &mut VecDeque<T>, value: T) {
    if kept.len() == KEPT {
        kept.pop_front();
    }
    kept.push_back(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(history: &History, reads: &[(i32, i64)]) {
        let reading = |(partition, read): &(i32, i64)| {
            let source = TopicPartition {
                topic: "orders".into(),
                partition: *partition,
            };
            let reading = Reading {
                read: Some(*read),
                ..Reading::default()
            };
            (source, reading)
        };
        history.note_look(&reads.iter().map(reading).collect());
    }

    #[test]
    fn throughput_is_what_was_read_between_two_looks_and_nothing_if_it_is_read_again() {
        let history = History::default();
        look(&history, &[(0, 100)]);
        look(&history, &[(0, 150), (1, 7)]);
        look(&history, &[(0, 20), (1, 17)]);
        let series = history.series();
        let rates: Vec<_> = series.values().map(|s| &s.records_per_second).collect();
        assert_eq!(*rates[0], [0.0, 10.0, 0.0]);
        assert_eq!(*rates[1], [0.0, 2.0]);
        assert_eq!(sum_throughputs(rates.into_iter()), [0.0, 10.0, 2.0]);
    }

    #[test]
    fn five_minutes_are_kept_of_the_partitions_that_are_still_ours() {
        let history = History::default();
        look(&history, &[(0, 0), (1, 0)]);
        for read in 1..=100 {
            look(&history, &[(0, read)]);
        }
        let series: Vec<Series> = history.series().into_values().collect();
        assert_eq!(series.len(), 1);
        assert_eq!(series[0].records_per_second.len(), 60);
    }
}
