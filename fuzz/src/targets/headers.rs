//! A letter's headers, which anybody may write who may write to the dead letter topic.

use landfall::letter::headers::{Posted, own_headers};
use landfall::record::{Header, Record, TopicPartition};

use crate::Target;

pub const TARGET: Target = Target {
    name: "headers",
    run,
    seeds: &[
        "landfall.event.id=01920000-0000-7000-8000-000000000000\n__connect.errors.topic=t\n__connect.errors.partition=0\n__connect.errors.offset=5\nlandfall.first.failed.at=2026-11-01T00:00:00.000Z\nlandfall.attempts=3",
        "__debezium.newkey={\"schema\":{\"type\":\"struct\",\"fields\":[]},\"payload\":{\"id\":1}}",
    ],
};

fn run(input: &[u8]) {
    let lines = input.split(|byte| *byte == b'\n');
    let header = |line: &[u8]| {
        let at = line.iter().position(|byte| *byte == b'=')?;
        Some(Header {
            key: String::from_utf8_lossy(&line[..at]).into_owned(),
            value: Some(line[at + 1..].to_vec()),
        })
    };
    let record = Record {
        source: TopicPartition {
            topic: "dlq".into(),
            partition: 0,
        },
        offset: 0,
        timestamp: None,
        key: None,
        value: None,
        headers: lines.filter_map(header).collect(),
        epoch: 0,
        leader_epoch: None,
    };
    let _ = Posted::from_record(&record);
    let _ = own_headers(&record).count();
}
