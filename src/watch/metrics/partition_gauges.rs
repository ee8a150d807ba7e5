//! The gauges of a partition. Each is looked up once, when there is something to say: until then it isn't exported, as 0
//! would be a claim.

#![allow(clippy::disallowed_macros)] // here they are allowed

use metrics::{Gauge, Label, gauge};

use super::names::{APPLIED_TIME, LAG, LAG_SECONDS, Metric, WATERMARK};
use super::series::UNKNOWN;
use crate::record::TopicPartition;

/// The gauges of a partition.
#[derive(Default)]
pub struct PartitionGauges {
    watermark: Option<Gauge>,
    lag: Option<Gauge>,
    lag_seconds: Option<Gauge>,
    applied_time: Option<Gauge>,
}

fn set(gauge: &mut Option<Gauge>, metric: Metric, source: &TopicPartition, value: f64) {
    let gauge = gauge.get_or_insert_with(|| {
        let labels = vec![
            Label::new("topic", source.topic.to_string()),
            Label::new("partition", source.partition.to_string()),
        ];
        gauge!(metric.name, labels)
    });
    gauge.set(value);
}

impl PartitionGauges {
    /// The next offset to apply.
    pub fn set_watermark(&mut self, source: &TopicPartition, next_offset: i64) {
        set(&mut self.watermark, WATERMARK, source, next_offset as f64);
    }

    /// How many records are behind; `None`: it isn't known.
    pub fn set_lag(&mut self, source: &TopicPartition, events: Option<i64>) {
        let events = events.map_or(UNKNOWN, |events| events as f64);
        set(&mut self.lag, LAG, source, events);
    }

    /// The same as time.
    pub fn set_lag_seconds(&mut self, source: &TopicPartition, seconds: Option<f64>) {
        let seconds = seconds.unwrap_or(UNKNOWN);
        set(&mut self.lag_seconds, LAG_SECONDS, source, seconds);
    }

    /// When the source made the last change that is in, in milliseconds since 1970.
    pub fn set_applied_time(&mut self, source: &TopicPartition, ms: i64) {
        let seconds = ms as f64 / 1_000.0;
        set(&mut self.applied_time, APPLIED_TIME, source, seconds);
    }

    /// The partition was given up: whoever has it now tells of it.
    pub fn clear(&mut self) {
        let Self {
            watermark,
            lag,
            lag_seconds,
            applied_time,
        } = std::mem::take(self);
        let all = [watermark, lag, lag_seconds, applied_time];
        all.iter().flatten().for_each(|gauge| gauge.set(UNKNOWN));
    }
}
