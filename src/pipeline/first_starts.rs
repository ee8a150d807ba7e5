//! Settles where partitions begin that this destination never had (`kafka.start`), before a lane takes any of them up. Whoever
//! takes up a partition later finds a watermark, as of one that was landed; a partition without one begins at its beginning.
//!
//! Why: `docs/decisions/01`.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use deadpool_postgres::Pool;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, StartAt};
use crate::kafka::first_look::{UnreadPartition, UnreadTopic, look_at_topics};
use crate::kafka::topics::Topics;
use crate::ledger::first_starts::{
    AskedFor, FirstStart, MetTopics, enter_first_starts, find_first_start, uncommitted_message,
};
use crate::ledger::resume::LogState;
use crate::locked::Locked;
use crate::pipeline::ask_kafka::ask_kafka;
use crate::pipeline::run_error::RunError;
use crate::pipeline::waiting::Waiting;
use crate::postgres::connection::connect;
use crate::verdict::{Failure, Verdict};
use crate::watch::health::Health;

/// By their names.
type UnreadTopics = BTreeMap<String, UnreadTopic>;

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
    let waiting = Waiting::of_first_starts(stop.clone(), pool.clone(), health.clone(), config);
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
    loop {
        if let Some(known) = try_to_settle(config, topics, pool).await? {
            return Ok(known);
        }
    }
}

/// `None`: another process has done it meanwhile, and it is to be looked at anew.
async fn try_to_settle(
    config: &Arc<Config>,
    topics: &Topics,
    pool: &Pool,
) -> Result<Option<usize>, Failure> {
    let (schema, kafka) = (&config.postgres.schema, &config.kafka);
    let client = connect(pool).await?;
    let met = MetTopics::read_met(&client, schema, &kafka.group, kafka.start).await?;
    drop(client); // others need it while Kafka is asked
    let is_take_over = kafka.start == StartAt::Group && met.is_take_over();
    let known = met.count_known(|topic| config.subscribes_to(topic));
    let before = met.asked_before().cloned();
    let wanted = {
        let config = config.clone();
        move |topic: &str| config.subscribes_to(topic) && met.is_met_first(topic)
    };
    let unread = look_at(config, topics, wanted).await?;
    if is_take_over {
        refuse_uncommitted(&kafka.group, &unread)?;
    }
    // a group of which nothing was there to be settled is still to be taken over
    let is_settled = kafka.start == StartAt::Latest || !unread.is_empty();
    let now = kafka.topics.iter().map(|topic| topic.as_str().to_owned());
    let asked_for = is_settled.then(|| AskedFor {
        now: now.collect(),
        before,
    });
    let entered = enter(config, pool, &unread, asked_for.as_ref()).await?;
    Ok(entered.then_some(known))
}

async fn look_at(
    config: &Arc<Config>,
    topics: &Topics,
    wanted: impl Fn(&str) -> bool + Send + 'static,
) -> Result<UnreadTopics, Failure> {
    let (config, topics) = (config.clone(), topics.clone());
    ask_kafka(move || look_at_topics(&config.kafka, &topics, wanted)).await
}

/// Enters where these topics begin, and tells it. Returns whether it could be, as nobody else has meanwhile.
async fn enter(
    config: &Config,
    pool: &Pool,
    unread: &UnreadTopics,
    asked_for: Option<&AskedFor>,
) -> Result<bool, Failure> {
    let (schema, kafka) = (&config.postgres.schema, &config.kafka);
    let planned = unread.iter();
    let starts: Vec<FirstStart> = planned
        .map(|(name, topic)| plan_start(kafka.start, name, topic))
        .collect();
    let mut client = connect(pool).await?;
    let entered = enter_first_starts(&mut client, schema, &kafka.group, &starts, asked_for);
    let Some(entered) = entered.await? else {
        return Ok(false);
    };
    for start in starts.iter().filter(|it| entered.contains(&it.topic)) {
        if let Some(topic) = unread.get(&start.topic) {
            tell_start(kafka.start, &kafka.group, start, &topic.partitions);
        }
    }
    Ok(true)
}

/// `kafka.start = "group"` for topics that nobody could see at the start, as we had no right to, or as they weren't there yet: where
/// the group has committed offsets of one, somebody has landed it up to these. (`latest` can't tell a topic that was there from one
/// that is new, and leaves nothing out that may be.)
#[derive(Clone)]
pub(super) struct LateTopics(Arc<LateStarts>);

struct LateStarts {
    config: Arc<Config>,
    topics: Topics,
    pool: Pool,
    /// Those that the ledger knows, for certain.
    settled: Locked<HashSet<Arc<str>>>,
}

impl LateTopics {
    /// `None`: `kafka.start` has nothing to say of them.
    pub fn new(config: &Config, topics: &Topics, pool: &Pool) -> Option<Self> {
        (config.kafka.start == StartAt::Group).then(|| {
            Self(Arc::new(LateStarts {
                config: Arc::new(config.clone()),
                topics: topics.clone(),
                pool: pool.clone(),
                settled: Locked::default(),
            }))
        })
    }

    /// Settles where a topic begins, before any partition of it is taken up.
    ///
    /// # Errors
    /// Kafka or Postgres can't be asked; that of Kafka may be about this topic alone.
    pub async fn settle_topic(&self, topic: &Arc<str>) -> Result<(), Failure> {
        let LateStarts {
            config,
            topics,
            pool,
            settled,
        } = &*self.0;
        if settled.lock().contains(topic) {
            return Ok(());
        }
        let (schema, kafka) = (&config.postgres.schema, &config.kafka);
        let client = connect(pool).await?;
        let met = MetTopics::read_met(&client, schema, &kafka.group, kafka.start).await?;
        drop(client); // others need it while Kafka is asked
        if met.is_met_first(topic) {
            let wanted = topic.clone();
            let unread = look_at(config, topics, move |it| it == &*wanted).await?;
            require_told(topic, &unread)?;
            enter(config, pool, &unread, None).await?;
        }
        settled.lock().insert(topic.clone());
        Ok(())
    }
}

/// The topic was there a moment ago. A broker that hasn't heard of it, or not of all its partitions, tells nothing of where
/// these begin: taken for an answer, they would begin at their beginning, and that for good.
fn require_told(topic: &str, unread: &UnreadTopics) -> Result<(), Failure> {
    if unread.get(topic).is_some_and(UnreadTopic::is_whole) {
        return Ok(());
    }
    let message = format!("Kafka doesn't tell of all partitions of {topic} now");
    Err(Failure::of_kafka(Verdict::Unavailable, message))
}

/// A wrong group, or one whose offsets have expired, would have everything read from the beginning, and that for good.
fn refuse_uncommitted(group: &str, unread: &UnreadTopics) -> Result<(), Failure> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::topic_ids::TopicId;

    #[test]
    fn a_topic_of_which_no_broker_tells_or_not_of_all_partitions_is_asked_about_again() {
        let log = UnreadPartition {
            low: 0,
            high: 9,
            committed: Some(4),
            is_own: false,
        };
        let told = |partitions: &[i32]| {
            let topic = UnreadTopic {
                id: TopicId::Untold,
                count: 2,
                partitions: partitions.iter().map(|number| (*number, log)).collect(),
            };
            require_told("t", &UnreadTopics::from([("t".to_owned(), topic)]))
        };
        assert_eq!(told(&[0, 1]), Ok(()));
        for untold in [
            told(&[1]),
            told(&[]),
            require_told("t", &UnreadTopics::new()),
        ] {
            let failure = untold.expect_err("nobody knows where it begins");
            assert!(failure.of_kafka && failure.verdict == Verdict::Unavailable);
        }
    }
}
