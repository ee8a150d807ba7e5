//! Whether what a topic's sample shows of keys and times is what the order of its partitions rests on.

use std::collections::HashMap;

use crate::operator::check::finding::Finding;
use crate::operator::check::sample::SampledTopic;
use crate::record::Record;

/// By so much times may go back, in milliseconds: several producers' clocks.
const CLOCKS_DIFFER_MS: i64 = 1_000;

/// Judges a topic whose rows' changes are put in order by their partition alone.
pub fn judge_spread(topic: &SampledTopic) -> Vec<Finding> {
    if topic.count < 2 {
        return Vec::new();
    }
    let findings = [warn_of_keys(&topic.records), warn_of_times(topic)];
    let findings = findings.into_iter().flatten();
    findings.map(|f| f.of_topic(&topic.name)).collect()
}

/// One key's records in several partitions.
fn warn_of_keys(records: &[Record]) -> Option<Finding> {
    let mut partitions: HashMap<&[u8], i32> = HashMap::new();
    let scattered = records.iter().filter(|record| {
        let (key, partition) = (record.key.as_deref(), record.source.partition);
        key.is_some_and(|key| *partitions.entry(key).or_insert(partition) != partition)
    });
    let scattered = scattered.count();
    (scattered > 0).then(|| {
        Finding::warning(
            "keys_spread",
            format!("{scattered} of {} sampled records have a key that others in another partition have too: changes of one row in two partitions have no order of their own", records.len()),
            "if partitions were added to it, those wait for the others; else have the producer choose a key's partition by the key alone, or set version in the [[route]]",
        )
    })
}

/// A partition whose times go back, in a topic of which nothing was landed yet.
fn warn_of_times(topic: &SampledTopic) -> Option<Finding> {
    if topic
        .partitions
        .iter()
        .any(|partition| partition.next.is_some())
    {
        return None;
    }
    let mut latest: HashMap<i32, i64> = HashMap::new();
    let back = topic.records.iter().find(|record| {
        let Some(time) = record.timestamp else {
            return false;
        };
        let latest = latest.entry(record.source.partition).or_insert(time);
        *latest = time.max(*latest);
        *latest - time > CLOCKS_DIFFER_MS
    })?;
    Some(Finding::warning(
        "timestamps_fall",
        format!(
            "its records' timestamps go back, as at offset {} of partition {}: if partitions were added to it before it is first read, nothing tells in which order they are to be read",
            back.offset, back.source.partition
        ),
        "nothing, if its number of partitions has never changed; else set message.timestamp.type=LogAppendTime, and read the topic with one partition first (kafka.topics)",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::check::testing::record;

    fn codes(records: &[(i32, &str, i64)]) -> Vec<&'static str> {
        let record = |(at, (partition, key, time)): (usize, &(i32, &str, i64))| {
            let mut record = record("t", Some(key), None);
            record.source.partition = *partition;
            record.offset = at as i64;
            record.timestamp = Some(*time);
            record
        };
        let topic = SampledTopic {
            name: "t".into(),
            id: None,
            count: 2,
            partitions: Vec::new(),
            records: records.iter().enumerate().map(record).collect(),
        };
        let findings = judge_spread(&topic);
        findings.iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn a_key_in_two_partitions_and_times_that_go_back_are_worth_a_warning() {
        assert_eq!(codes(&[(0, "a", 1), (0, "a", 2), (1, "b", 1)]), [""; 0]);
        assert_eq!(codes(&[(0, "a", 1), (1, "a", 2)]), ["keys_spread"]);
        let (early, late) = (10_000, 20_000);
        assert_eq!(codes(&[(0, "a", late), (1, "b", early)]), [""; 0]);
        let back = [(0, "a", late), (0, "b", early)];
        assert_eq!(codes(&back), ["timestamps_fall"]);
    }
}
