//! A record in JSON, read as each envelope: key, then value.

use std::sync::LazyLock;

use bumpalo::Bump;
use landfall::config::Config;
use landfall::format::decode::Decoder;
use landfall::format::partition_memory::PartitionMemory;
use landfall::record::{Record, TopicPartition};

use super::split_input;
use crate::Target;

pub const TARGET: Target = Target {
    name: "envelopes",
    run,
    seeds: &[
        "{\"id\":1}\u{0}{\"before\":null,\"after\":{\"id\":1},\"source\":{\"schema\":\"s\",\"table\":\"t\",\"lsn\":5,\"ts_ms\":9,\"sequence\":\"[null,\\\"5\\\"]\"},\"op\":\"c\",\"transaction\":{\"id\":\"1\",\"total_order\":1}}",
        "{\"id\":1}\u{0}{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\",\"field\":\"id\"}]},\"payload\":{\"id\":1,\"__op\":\"u\",\"__deleted\":\"false\"}}",
        "\"7\"\u{0}{\"action_id\":3,\"action\":\"UPDATE\",\"id\":7}",
        "7\u{0}{\"schema\":\"s\",\"table\":\"t\",\"op\":\"INSERT\",\"before\":null,\"after\":{\"id\":7},\"source\":{\"lsn\":\"0/1F\",\"xid\":3}}",
        "{\"payload\":{\"id\":1},\"schema\":{\"type\":\"struct\",\"fields\":[]}}\u{0}",
        "\u{0}{\"status\":\"END\",\"id\":\"5\",\"event_count\":2}",
    ],
};

/// With and without a route, which names the key.
static CONFIGS: LazyLock<Vec<Config>> = LazyLock::new(|| {
    let envelopes = ["debezium", "flat", "trigger", "pg-replicate-kafka"];
    let routes = ["", "[[route]]\ntopic = 't'\ntable = 't'\nkey = ['id']\n"];
    let mut configs = Vec::new();
    for envelope in envelopes {
        for route in routes {
            let text = format!(
                "[kafka]\nbrokers = 'b:1'\ntopics = ['t']\n[postgres]\nurl = 'postgres://h/d'\n[format]\nenvelope = '{envelope}'\n{route}"
            );
            configs.extend(Config::parse(&text));
        }
    }
    configs
});

fn run(input: &[u8]) {
    // keys and values have no zero bytes, but those of a registry's frame
    let [key, value] = match input.iter().position(|byte| *byte == 0) {
        Some(at) => [&input[..at], &input[at + 1..]],
        None => split_input(input),
    };
    let records = [
        record(0, key, Some(value)),
        record(1, key, None),
        record(2, key, Some(value)),
    ];
    for config in CONFIGS.iter() {
        let (mut decoder, arena) = (Decoder::from_config(config), Bump::new());
        let mut memory = PartitionMemory::default();
        for record in &records {
            // the same twice: the second finds what the first has left
            let _ = decoder.decode_record(record, &arena, None, &mut memory);
            let _ = decoder.row_key(record, &arena);
        }
    }
}

fn record(offset: i64, key: &[u8], value: Option<&[u8]>) -> Record {
    Record {
        source: TopicPartition {
            topic: "t".into(),
            partition: 0,
        },
        offset,
        timestamp: Some(1_793_491_200_000),
        key: (!key.is_empty()).then(|| key.to_vec().into()),
        value: value.map(|value| value.to_vec().into()),
        headers: Default::default(),
        epoch: 1,
        leader_epoch: None,
    }
}
