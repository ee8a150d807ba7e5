//! A partition that Kafka can't be asked about, while it can be asked about others, stands still by itself: its leader may
//! hang, or be about to change. It is asked about beside the lane, which has others to land, and taken up once there is
//! an answer.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::kafka::group_consumer::GroupConsumer;
use crate::pipeline::ask_kafka::ask_kafka;
use crate::pipeline::lane::Lane;
use crate::record::TopicPartition;
use crate::verdict::{Failure, Verdict};
use crate::watch::standing::Standing;

/// When to ask again first, which is before anybody is told: leaders change. It doubles each time that an answer doesn't do,
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// up to this often.
const MOST_DOUBLINGS: u32 = 6;
/// When to ask again from then on.
const PAUSE: Duration = Duration::from_secs(1);

impl Lane {
    /// Has a partition taken up once Kafka can be asked about it.
    pub(super) fn await_answer(&mut self, source: TopicPartition, failure: &Failure) {
        let consumer = self.positions.consumer();
        if !consumer.hold_partition(&source, self.number) {
            return; // somebody else's meanwhile
        }
        tracing::debug!(partition = %source, error = %failure, "a partition can't be asked about yet");
        let times = self.partitions.untold.entry(source.clone()).or_default();
        if *times > 0 {
            tell_untold(consumer, &source, failure);
        }
        let mut pause = FIRST_PAUSE * 2_u32.pow((*times).min(MOST_DOUBLINGS));
        *times += 1;
        let (lane, inbox) = (self.number, self.inbox.clone());
        let topics = self.positions.topics().clone();
        let weak = consumer.downgrade(); // it is left when the lanes end, whoever asks still
        tokio::spawn(async move {
            let mut is_told = false;
            loop {
                tokio::time::sleep(pause).await;
                pause = PAUSE;
                let (asked, about) = (topics.clone(), source.clone());
                let ask = move || {
                    asked.log_ends(&about)?;
                    asked.whole_log_end(&about)
                };
                let answer = ask_kafka(ask).await;
                let Some(consumer) = weak.upgrade() else {
                    return;
                };
                if !consumer.group().assignment.is_held_by(&source, lane) {
                    return;
                }
                match answer {
                    Ok(_) => return inbox.take_up([source]),
                    Err(failure) if is_told => tell_untold(&consumer, &source, &failure),
                    Err(_) => is_told = true,
                }
            }
        });
    }
}

/// Kafka doesn't tell what has to be known of a partition, and others needn't wait for it.
pub(super) fn describe_untold(failure: &Failure) -> Standing {
    Standing::Fails {
        verdict: Verdict::Unavailable,
        table: None,
        awaits: BTreeSet::new(),
        tried_alone: true,
        text: failure.to_string(),
    }
}

fn tell_untold(consumer: &GroupConsumer, source: &TopicPartition, failure: &Failure) {
    let health = &consumer.group().health;
    if health.note_standing(source, describe_untold(failure)) {
        tracing::error!(partition = %source, "a partition stands still, and the others go on: {failure}");
    }
}
