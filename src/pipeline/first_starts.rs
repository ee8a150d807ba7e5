//! Settles where partitions begin that this destination never had (`kafka.start`), before a lane takes any of them up. Whoever
//! takes up a partition later finds a watermark, as of one that was landed; a partition without one begins at its beginning.
//!
//! Why: `docs/decisions/01`.

use std::collections::BTreeMap;
use std::sync::Arc;

use deadpool_postgres::Pool;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, StartAt};
use crate::kafka::first_look::{UnreadPartition, UnreadTopic, look_at_topics};
use crate::kafka::topics::Topics;
use crate::ledger::first_starts::{
    FirstStart, MetTopics, enter_first_starts, find_first_start, uncommitted_message,
};
use crate::ledger::resume::LogState;
use crate::pipeline::ask_kafka::ask_kafka;
use crate::pipeline::run_error::RunError;
use crate::pipeline::waiting::Waiting;
use crate::postgres::connection::connect;
use crate::verdict::{Failure, Verdict};
use crate::watch::health::Health;

/// Has the ledger say where the partitions begin of topics that are met for the first time, waiting for a Kafka or a Postgres
/// that can't be asked. Returns whether to go on.
///
/// # Errors
/// A property that librdkafka refuses.
pub(super) async fn settle_first_starts(
    config: &Config,
    pool: &Pool,
    health: &Arc<Health>,
    stop: &CancellationToken,
) -> Result<bool, RunError> {
    if config.kafka.start == StartAt::Earliest {
        return Ok(true); // as every partition begins that has no watermark
    }
    let topics = Topics::new(config)?;
    let waiting = Waiting::of_first_starts(stop.clone(), health.clone(), config);
    let config = Arc::new(config.clone());
    let settled = waiting.until(|| settle(&config, &topics, pool));
    let settled = waiting.unless_needed(settled).await.flatten();
    if let Some(known) = settled {
        waiting.tell_going_on();
        if known > 0 {
            tracing::info!(
                topics = known,
                "kafka.start says nothing of topics that this destination knows: they go on at their watermarks; `landfall forget` has them read from their beginning"
            );
        }
    }
    Ok(settled.is_some())
}

/// Returns how many topics were known before.
async fn settle(config: &Arc<Config>, topics: &Topics, pool: &Pool) -> Result<usize, Failure> {
    let (schema, kafka) = (&config.postgres.schema, &config.kafka);
    let client = connect(pool).await?;
    let met = MetTopics::read_met(&client, schema, &kafka.group, kafka.start).await?;
    drop(client); // others need it while Kafka is asked
    let is_take_over = kafka.start == StartAt::Group && met.is_take_over();
    let known = met.count_known(|topic| config.subscribes_to(topic));
    let (config, topics) = (config.clone(), topics.clone());
    let unread = ask_kafka(move || {
        let wanted = |topic: &str| config.subscribes_to(topic) && met.is_met_first(topic);
        look_at_topics(&config.kafka, &topics, wanted)
    });
    let unread = unread.await?;
    if is_take_over {
        refuse_uncommitted(&kafka.group, &unread)?;
    }
    let starts: Vec<FirstStart> = unread
        .iter()
        .map(|(name, topic)| plan_start(kafka.start, name, topic))
        .collect();
    let asked_for: Vec<&str> = kafka.topics.iter().map(|topic| topic.as_str()).collect();
    // a group of which nothing was there to be settled is still to be taken over
    let is_settled = kafka.start == StartAt::Latest || !starts.is_empty();
    let asked_for = is_settled.then_some(asked_for.as_slice());
    let mut client = connect(pool).await?;
    let entered = enter_first_starts(&mut client, schema, &kafka.group, &starts, asked_for).await?;
    for start in starts.iter().filter(|it| entered.contains(&it.topic)) {
        if let Some(topic) = unread.get(&start.topic) {
            tell_start(kafka.start, &kafka.group, start, &topic.partitions);
        }
    }
    Ok(known)
}

/// A wrong group, or one whose offsets have expired, would have everything read from the beginning, and that for good.
fn refuse_uncommitted(group: &str, unread: &BTreeMap<String, UnreadTopic>) -> Result<(), Failure> {
    let uncommitted = unread.iter().filter(|(_, topic)| topic.is_uncommitted());
    let names: Vec<&str> = uncommitted.map(|(name, _)| name.as_str()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let message = uncommitted_message(group, &names.join(", "));
    Err(Failure::of_kafka(Verdict::Systemic, message))
}

fn plan_start(start: StartAt, name: &str, topic: &UnreadTopic) -> FirstStart {
    let offset = |(number, partition): (&i32, &UnreadPartition)| {
        let log = LogState {
            topic_id: topic.id.known(),
            low: partition.low,
            high: partition.high,
            committed: partition.committed,
        };
        Some((*number, find_first_start(start, &log, partition.is_own)?))
    };
    FirstStart {
        topic: name.to_owned(),
        topic_id: topic.id.known(),
        partitions: topic.count,
        offsets: topic.partitions.iter().filter_map(offset).collect(),
    }
}

/// One line a topic: what is left out is told.
fn tell_start(
    start: StartAt,
    group: &str,
    settled: &FirstStart,
    partitions: &BTreeMap<i32, UnreadPartition>,
) {
    let skipped = |(number, offset): &(i32, i64)| {
        let log = partitions.get(number);
        log.map_or(0, |log| (*offset.min(&log.high) - log.low).max(0))
    };
    let left_out: i64 = settled.offsets.iter().map(skipped).sum();
    let begun = settled.offsets.len();
    let others = partitions.len() - begun.min(partitions.len());
    let topic = &settled.topic;
    let own = partitions.values().filter(|log| log.is_own).count();
    match start {
        StartAt::Latest => {
            tracing::info!(%topic, partitions = begun, left_out, "never applied to this destination: begins at its end as it is now (kafka.start = \"latest\"); what comes before is left out");
        }
        _ if begun == 0 && own > 0 => {
            tracing::warn!(%topic, partitions = others, own, group, "never applied to this destination, as its bookkeeping says, though Landfall itself has committed the group's offsets (is the bookkeeping lost or restored?): begins at its beginning; to go on elsewhere, set the group's offsets by hand before the first start (kafka-consumer-groups --reset-offsets)");
        }
        _ if begun == 0 => {
            tracing::info!(%topic, partitions = others, group, "never applied to this destination, and the group has committed nothing of it: begins at its beginning");
        }
        _ => {
            tracing::info!(%topic, partitions = begun, left_out, from_beginning = others, own, group, "never applied to this destination: goes on where the group stands (kafka.start = \"group\"); partitions of which it has committed nothing, or Landfall itself (own), begin at their beginning");
        }
    }
}
