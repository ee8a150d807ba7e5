//! What a batch needs of Kafka before COMMIT: its rejects delivered, its topics still the same.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::config::Config;
use crate::kafka;
use crate::kafka::dead_letters::DeadLetters;
use crate::kafka::topic_ids::TopicId;
use crate::kafka::topics::Topics;
use crate::pipeline::ask_kafka::{Question, ask_kafka, list_partitions};
use crate::pipeline::attempt_outcome::AttemptOutcome;
use crate::pipeline::batch::Batch;
use crate::pipeline::deliver::deliver_rejects;
use crate::record::TopicPartition;
use crate::verdict::Failure;

/// Whom a batch waits for between its rows and COMMIT.
pub struct BeforeCommit {
    /// Takes the rejects.
    pub letters: Arc<DeadLetters>,
    /// Tells whether topics are as they were.
    pub topics: Topics,
    /// Tells which topics lead to which table.
    pub config: Arc<Config>,
}

impl BeforeCommit {
    /// Delivers the batch's rejects to the dead letter topic; returns once they are safe there.
    ///
    /// # Errors
    /// The dead letter topic doesn't take them now.
    pub async fn deliver_rejects(&self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        deliver_rejects(&self.letters, batch).await
    }

    /// Asks Kafka whether the topics are as the batch takes them to be, and waits for the answer. `None`: they
    /// are.
    ///
    /// # Errors
    /// Kafka can't be asked now.
    pub async fn confirm_topics(
        &self,
        batch: &Batch<'_>,
    ) -> Result<Option<AttemptOutcome>, Failure> {
        self.ask_about_topics(batch).wait_for_answer().await
    }

    /// Whether one of the topics is another one than that with the id.
    ///
    /// # Errors
    /// Kafka can't be asked now.
    pub async fn any_recreated<'s>(
        &self,
        held: impl Iterator<Item = (&'s TopicPartition, Option<Uuid>)>,
    ) -> Result<bool, Failure> {
        let topics = self.topics.clone();
        let held: HashMap<Arc<str>, Option<Uuid>> = held
            .map(|(source, id)| (source.topic.clone(), id))
            .collect();
        ask_kafka(move || {
            let names: Vec<&str> = held.keys().map(|name| &**name).collect();
            let ids = topics.ids(&names)?;
            let now = |name: &str| ids.get(name).copied().and_then(TopicId::known);
            let other = |(name, id): (&Arc<str>, &Option<Uuid>)| {
                now(name).is_some_and(|now| id.is_some_and(|id| id != now))
            };
            Ok(held.iter().any(other))
        })
        .await
    }

    /// The partitions of all topics that are asked for.
    ///
    /// # Errors
    /// Kafka can't be asked now.
    pub async fn list_partitions(&self) -> Result<Vec<TopicPartition>, Failure> {
        list_partitions(&self.topics, &self.config).await
    }

    /// Asks whether the records are, without a gap, of the topics that the lane took up; if not, the
    /// answer is how the attempt ends.
    pub fn ask_about_topics(&self, batch: &Batch<'_>) -> Question<Option<AttemptOutcome>> {
        let topics = self.topics.clone();
        let partitions: Vec<AskedPartition> = batch
            .advances
            .iter()
            .map(|a| AskedPartition {
                source: a.source.clone(),
                held: a.held.topic_id,
                first_offset: a.first_offset,
                gap: a.gap,
            })
            .collect();
        Question::ask(move || find_changed_topic(&topics, &partitions))
    }
}

/// What Kafka is asked about a partition.
struct AskedPartition {
    source: TopicPartition,
    /// The id of the topic that the lane took up.
    held: Option<Uuid>,
    first_offset: i64,
    gap: Option<i64>,
}

/// The ids are asked for after the records were received, so an id that is still the same was the
/// same when they were. Where it is another one, records at offsets that the new topic doesn't have
/// must be the old topic's, and are landed; others may be the new one's and are read again in order.
fn find_changed_topic(
    topics: &Topics,
    asked: &[AskedPartition],
) -> Result<Option<AttemptOutcome>, kafka::Error> {
    let mut names: Vec<&str> = asked.iter().map(|a| &*a.source.topic).collect();
    names.sort_unstable();
    names.dedup();
    let ids = topics.ids(&names)?;
    for AskedPartition {
        source,
        held,
        first_offset,
        gap,
    } in asked
    {
        let now = ids.get(&*source.topic).copied().unwrap_or(TopicId::Untold);
        let recreated = matches!((held, now), (Some(held), TopicId::Known(now)) if *held != now);
        if now == TopicId::Gone || (!recreated && gap.is_none()) {
            continue;
        }
        let (low, high) = topics.log_ends(source)?;
        if recreated && *first_offset < high {
            return Ok(Some(AttemptOutcome::Recreated));
        }
        // offsets may be missing by compaction; they are lost if the log begins only after them
        if gap.is_some_and(|expected| !recreated && expected < low) {
            return Ok(Some(AttemptOutcome::Overtaken));
        }
    }
    Ok(None)
}
