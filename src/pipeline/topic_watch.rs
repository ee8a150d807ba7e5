//! Watches the topics that were ours and aren't any more: Kafka gives nothing of a topic that the user may not read, and
//! says nothing of it either.

use std::sync::Arc;
use std::time::Duration;

use crate::kafka;
use crate::kafka::group_consumer::GroupConsumer;
use crate::kafka::topics::Topics;
use crate::pipeline::ask_kafka::ask_kafka;

/// How often Kafka is asked,
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// and how much less often for each topic, most of which are other members' of the group.
const LOOK_INTERVAL_PER_TOPIC: Duration = Duration::from_millis(10);

/// Tells, without end, if Kafka doesn't let us read topics that it let us read before.
pub(super) async fn watch_topics(topics: Topics, consumer: GroupConsumer) {
    let mut asked_for = 0;
    loop {
        let more = LOOK_INTERVAL_PER_TOPIC.saturating_mul(asked_for);
        tokio::time::sleep(LOOK_INTERVAL + more).await;
        let lost = consumer.group().list_lost_topics();
        asked_for = u32::try_from(lost.len()).unwrap_or(u32::MAX);
        if lost.is_empty() {
            continue;
        }
        let topics = topics.clone();
        let asked = ask_kafka(move || Ok(find_refusals(&topics, &lost))).await;
        let health = &consumer.group().health.kafka;
        for refusal in asked.unwrap_or_default() {
            if health.note_refusal(&refusal) {
                tracing::warn!(
                    "Kafka refuses: {refusal}; its partitions are taken up again once it lets us"
                );
            }
        }
    }
}

/// All at once; each by itself only if one is refused.
fn find_refusals(topics: &Topics, names: &[Arc<str>]) -> Vec<String> {
    let all: Vec<&str> = names.iter().map(|name| &**name).collect();
    match topics.describe(&all) {
        Err(kafka::Error::TopicIdRefused { .. }) => {}
        _ => return Vec::new(),
    }
    let refused = all
        .iter()
        .filter_map(|name| match topics.describe(&[name]) {
            Err(refusal @ kafka::Error::TopicIdRefused { .. }) => Some(refusal.to_string()),
            _ => None,
        });
    refused.collect()
}
