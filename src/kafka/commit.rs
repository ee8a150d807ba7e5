//! Committing offsets to Kafka: by hand, last, always. Postgres is the authority on position, so a
//! commit that fails costs duplicates to count after a restart, and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use tokio::task::JoinHandle;
use tracing::Span;

use crate::failpoint;
use crate::kafka::commit_mark::COMMIT_MARK;
use crate::kafka::group_consumer::GroupConsumer;
use crate::locked::Locked;
use crate::record::TopicPartition;
use crate::watch::metrics::Stage;
use crate::watch::spans;

/// Commits offsets while the lane works on; never two commits at a time, so that offsets only rise. A
/// lane doesn't wait for Kafka: what it adds meanwhile goes into the next commit together.
pub struct Committer {
    consumer: GroupConsumer,
    waiting: Arc<Locked<UncommittedOffsets>>,
    at_work: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct UncommittedOffsets {
    /// The next ones to read.
    offsets: BTreeMap<TopicPartition, i64>,
    /// Somebody takes them.
    taken: bool,
}

impl Committer {
    /// Commits for the group whose member `consumer` is.
    pub fn new(consumer: GroupConsumer) -> Self {
        Self {
            consumer,
            waiting: Arc::default(),
            at_work: None,
        }
    }

    /// Commits these offsets, the next ones to read, beside the lane's work.
    pub fn commit(&mut self, offsets: impl IntoIterator<Item = (TopicPartition, i64)>) {
        let mut waiting = self.waiting.lock();
        waiting.offsets.extend(offsets);
        if waiting.taken || waiting.offsets.is_empty() {
            return;
        }
        waiting.taken = true;
        let span = spans::commit_offsets(waiting.offsets.keys());
        drop(waiting);
        let (consumer, waiting) = (self.consumer.clone(), self.waiting.clone());
        // a synchronous commit blocks its thread
        self.at_work = Some(tokio::task::spawn_blocking(move || {
            let mut span = Some(span); // of the batch that these offsets are of, and no later one
            while let Some(offsets) = take_waiting(&waiting) {
                let _committing = span.take().map(Span::entered);
                commit_assigned(&consumer, offsets);
            }
        }));
    }

    /// Waits until everything is committed.
    pub async fn finish_commits(&mut self) {
        if let Some(commits) = self.at_work.take() {
            let _ = commits.await;
        }
    }
}

/// What has been added since; nobody is at it any more if that is nothing.
fn take_waiting(waiting: &Locked<UncommittedOffsets>) -> Option<BTreeMap<TopicPartition, i64>> {
    let mut waiting = waiting.lock();
    let offsets = std::mem::take(&mut waiting.offsets);
    waiting.taken = !offsets.is_empty();
    waiting.taken.then_some(offsets)
}

fn commit_assigned(consumer: &GroupConsumer, offsets: BTreeMap<TopicPartition, i64>) {
    let mut list = TopicPartitionList::new();
    for (source, next) in &offsets {
        // of what has been given up meanwhile somebody else says how far it is
        if !consumer.group().assignment.has_partition(source) {
            continue;
        }
        let offset = Offset::Offset(*next);
        if let Err(error) = list.add_partition_offset(&source.topic, source.partition, offset) {
            tracing::warn!(partition = %source, %error, "can't commit an offset");
        }
    }
    if list.count() == 0 {
        return;
    }
    for mut element in list.elements() {
        element.set_metadata(COMMIT_MARK);
    }
    match Stage::OffsetCommit.time_now(|| consumer.commit_offsets(&list)) {
        Ok(()) => failpoint::reach("after_offset_commit"),
        // rows are landed all the same, and the watermark says how far
        Err(error) if consumer.group().refusals.tell(&error) => {}
        Err(error) => log_failed_commit(&error),
    }
}

fn log_failed_commit(error: &rdkafka::error::KafkaError) {
    use RDKafkaErrorCode::*;
    match error.rdkafka_error_code() {
        // the topic has just vanished, or the group is rebalancing: whoever comes next goes by Postgres
        Some(
            UnknownTopicOrPartition
            | UnknownPartition
            | UnknownTopic
            | RebalanceInProgress
            | UnknownMemberId
            | IllegalGeneration
            | NoOffset,
        ) => {
            tracing::debug!(%error, "offset commit skipped");
        }
        code => {
            if let Some(code) = code {
                spans::note_failure(&format!("{code:?}"));
            }
            tracing::warn!(%error, "offset commit failed; after a restart these events are read again and counted as duplicates")
        }
    }
}
