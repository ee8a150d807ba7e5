//! Where the logs end of partitions that aren't read just now: librdkafka tells of those alone that it fetches, and lag must be
//! true of the others, too. One that has something to apply tells by itself how late it is; of one that seems to have nothing,
//! Kafka is asked.

use std::time::Duration;

use crate::kafka::group_consumer::GroupConsumer;
use crate::pipeline::ask_kafka::ask_kafka;

/// As often as librdkafka tells of the others.
const ASK_INTERVAL: Duration = Duration::from_secs(1);

/// Asks without end.
pub(super) async fn watch_paused_ends(consumer: GroupConsumer) {
    loop {
        tokio::time::sleep(ASK_INTERVAL).await;
        let group = consumer.group();
        let reads_all = group.reads_all();
        let mut paused = group.progress.list_at_end();
        paused.retain(|source| !reads_all || group.assignment.find_started(source).is_none());
        if paused.is_empty() {
            continue;
        }
        let asking = consumer.clone();
        match ask_kafka(move || asking.readable_ends(&paused)).await {
            Ok(ends) => {
                for (source, end) in ends {
                    group.progress.note_readable_end(&source, end);
                }
            }
            Err(error) => tracing::debug!(%error, "can't ask where paused logs end"),
        }
    }
}
