//! A partition that Kafka can't be asked about, while it can be asked about others, stands still by itself: its leader may
//! hang, or be about to change. What wasn't answered is asked again beside the lane, which has others to land, and the
//! partition is taken up once there is an answer.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::kafka::group_consumer::GroupConsumer;
use crate::pipeline::ask_kafka::wait_for_turn;
use crate::pipeline::lane::Lane;
use crate::pipeline::unanswered::Unanswered;
use crate::record::TopicPartition;
use crate::verdict::{Failure, Verdict};
use crate::watch::standing::Standing;

/// When to ask again first. It doubles each time that an answer doesn't do,
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// up to this often.
const MOST_DOUBLINGS: u32 = 6;
/// When to ask again from then on.
const PAUSE: Duration = Duration::from_secs(1);
/// Nobody is told of what is over sooner: leaders change.
const SILENCE: Duration = Duration::from_secs(2);

impl Lane {
    /// Has a partition taken up once Kafka answers what it was asked about it.
    pub(super) fn await_answer(&mut self, source: TopicPartition, unanswered: Unanswered) {
        let consumer = self.positions.consumer();
        if !consumer.hold_partition(&source, self.number) {
            return; // somebody else's meanwhile
        }
        tracing::debug!(partition = %source, error = %unanswered.failure, "a partition can't be asked about yet");
        let times = self.partitions.untold.entry(source.clone()).or_default();
        if *times > 0 {
            tell_untold(consumer, &source, &unanswered.failure);
        }
        let mut pause = FIRST_PAUSE * 2_u32.pow((*times).min(MOST_DOUBLINGS));
        *times += 1;
        let (lane, inbox) = (self.number, self.inbox.clone());
        let weak = consumer.downgrade(); // it is left when the lanes end, whoever asks still
        let since = Instant::now();
        tokio::spawn(async move {
            let find_ours = || {
                let consumer = weak.upgrade()?;
                let assignment = &consumer.group().assignment;
                let is_read = assignment.find_started(&source).is_some(); // by who has had it again since
                (assignment.is_held_by(&source, lane) && !is_read).then_some(consumer)
            };
            let tell = |failure: &Failure| {
                if let Some(consumer) = find_ours() {
                    tell_untold(&consumer, &source, failure);
                }
            };
            let asked = async {
                loop {
                    tokio::time::sleep(pause).await;
                    pause = PAUSE;
                    let _turn = wait_for_turn().await;
                    if find_ours().is_none() {
                        return; // others wait for their turns
                    }
                    match unanswered.ask_again().await {
                        Ok(()) => return,
                        Err(failure) if since.elapsed() > SILENCE => tell(&failure),
                        Err(_) => {}
                    }
                }
            };
            let mut asked = pin!(asked);
            // its turn may come late, and a broker that hangs lets one wait
            if timeout(SILENCE, &mut asked).await.is_err() {
                tell(&unanswered.failure);
                asked.await;
            }
            if find_ours().is_some() {
                inbox.take_up([source.clone()]);
            }
        });
    }
}

/// Kafka doesn't tell what has to be known of a partition, and others needn't wait for it.
fn describe_untold(failure: &Failure) -> Standing {
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
