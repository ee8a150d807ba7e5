//! Where the logs end of partitions of which librdkafka doesn't tell it: it tells of those alone that it fetches, and repeats what
//! it knew of the others: those that are paused or not taken up yet, and those whose leader isn't reached. Lag must be true of
//! them, too, so Kafka is asked.

use std::time::Duration;

use futures::future::join_all;

use crate::kafka::group_consumer::GroupConsumer;
use crate::pipeline::ask_kafka::ask_kafka;
use crate::record::TopicPartition;

/// As often as librdkafka tells of the others.
const ASK_INTERVAL: Duration = Duration::from_secs(1);

/// Asks without end.
pub(super) async fn watch_untold_ends(consumer: GroupConsumer) {
    loop {
        tokio::time::sleep(ASK_INTERVAL).await;
        let untold = consumer.group().progress.list_untold_ends();
        // a broker that doesn't answer keeps nobody from hearing of the others
        let asked = untold.into_values().map(|of| ask_ends(&consumer, of));
        join_all(asked).await;
        ask_committed(&consumer).await;
    }
}

async fn ask_ends(consumer: &GroupConsumer, partitions: Vec<TopicPartition>) {
    let asking = consumer.clone();
    match ask_kafka(move || asking.readable_ends(&partitions)).await {
        Ok(ends) => {
            let progress = &consumer.group().progress;
            for (source, end) in ends {
                progress.note_readable_end(&source, end);
            }
        }
        Err(error) => tracing::debug!(%error, "can't ask where logs end"),
    }
}

/// How far partitions have come that aren't taken up yet, as Postgres can't be asked: only the group tells.
async fn ask_committed(consumer: &GroupConsumer) {
    let progress = &consumer.group().progress;
    let partitions = progress.list_without_position();
    if partitions.is_empty() {
        return;
    }
    let asking = consumer.clone();
    match ask_kafka(move || asking.committed_offsets(&partitions)).await {
        Ok(committed) => {
            for (source, next_offset) in committed {
                progress.note_committed(&source, next_offset);
            }
        }
        Err(error) => tracing::debug!(%error, "can't ask how far the group has come"),
    }
}
