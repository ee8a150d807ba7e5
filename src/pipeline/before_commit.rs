//! What a batch needs of Kafka before COMMIT: its rejects delivered, its topics still the same.

use std::sync::Arc;

use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::kafka::dead_letters::DeadLetters;
use crate::kafka::topic_ids::TopicId;
use crate::kafka::topics::Topics;
use crate::ledger::resume::{Gap, gap_message};
use crate::pipeline::attempt_outcome::AttemptOutcome;
use crate::pipeline::batch::Batch;
use crate::pipeline::deliver::deliver_rejects;
use crate::record::TopicPartition;
use crate::verdict::{Failure, Verdict};

/// Whom a batch waits for between its rows and COMMIT.
pub struct BeforeCommit {
    pub letters: Arc<DeadLetters>,
    pub topics: Topics,
    /// The quoted name of the bookkeeping schema.
    pub schema: String,
}

impl BeforeCommit {
    /// Delivers the batch's rejects to the dead letter topic; returns once they are safe there.
    ///
    /// # Errors
    /// The dead letter topic doesn't take them now.
    pub async fn deliver_rejects(&self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        deliver_rejects(&self.letters, batch).await
    }

    /// Asks whether the records are, without a gap, of the topics that the lane took up; if not, the
    /// answer is how the attempt ends.
    pub fn ask_about_topics(&self, batch: &Batch<'_>) -> Asked {
        let (kafka, schema) = (self.topics.clone(), self.schema.clone());
        let partitions: Vec<Partition> = batch
            .advances
            .iter()
            .map(|a| Partition {
                source: a.source.clone(),
                held: a.held.topic_id,
                first_offset: a.first_offset,
                gap: a.gap,
            })
            .collect();
        // the question blocks its thread
        Asked(tokio::task::spawn_blocking(move || {
            confirm(&kafka, &schema, &partitions)
        }))
    }
}

/// A question that Kafka has been asked.
pub struct Asked(JoinHandle<Result<Option<AttemptOutcome>, String>>);

impl Asked {
    /// How the attempt ends, if its topics aren't as they were.
    ///
    /// # Errors
    /// Kafka can't be asked now.
    pub async fn answer(self) -> Result<Option<AttemptOutcome>, Failure> {
        match self.0.await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(error)) => Err(Failure::of_kafka(Verdict::Unavailable, error)),
            Err(error) => Err(Failure::of_kafka(Verdict::Unavailable, error.to_string())),
        }
    }
}

struct Partition {
    source: TopicPartition,
    held: Option<Uuid>,
    first_offset: i64,
    gap: Option<i64>,
}

/// The ids are asked for after the records were received, so an id that is still the same was the
/// same when they were. Where it is another one, records at offsets that the new topic doesn't have
/// must be the old topic's, and are landed; others may be the new one's and are read again in order.
fn confirm(
    kafka: &Topics,
    schema: &str,
    asked: &[Partition],
) -> Result<Option<AttemptOutcome>, String> {
    let mut topics: Vec<&str> = asked.iter().map(|a| &*a.source.topic).collect();
    topics.sort_unstable();
    topics.dedup();
    let ids = kafka.ids(&topics)?;
    for Partition {
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
        let (low, high) = kafka.log_ends(source)?;
        if recreated && *first_offset < high {
            return Ok(Some(AttemptOutcome::Recreated));
        }
        // offsets may be missing by compaction; they are lost if the log begins only after them
        if let Some(next_offset) = gap.filter(|expected| !recreated && *expected < low) {
            return Ok(Some(AttemptOutcome::Overtaken(gap_message(
                source,
                Gap { next_offset, low },
                schema,
            ))));
        }
    }
    Ok(None)
}
