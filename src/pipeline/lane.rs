//! A lane: its partitions, its one batch in flight, and what it does about failures.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;

use crate::config::RetryConfig;
use crate::format::decode::Decoder;
use crate::format::registry::Registry;
use crate::kafka::commit::Committer;
use crate::kafka::inbox::Inbox;
use crate::pipeline::apply::Destination;
use crate::pipeline::batch::Batch;
use crate::pipeline::before_commit::BeforeCommit;
use crate::pipeline::breaker::Breaker;
use crate::pipeline::count::count;
use crate::pipeline::owned_partition::OwnedPartitions;
use crate::pipeline::positioning::{Positions, TakenUp};
use crate::record::TopicPartition;
use crate::retry::Delays;
use crate::rows::statement::Conflicts;
use crate::verdict::{Failure, Verdict};
use crate::watch::health::Health;
use crate::watch::metrics::{self, BatchOutcome};
use crate::watch::progress::Progress;

/// How many partitions a lane takes up at a time; each needs a connection for a moment.
const AT_A_TIME: usize = 4;

/// One conflict is seldom the only one: events that are sent again, or a snapshot over a filled table.
const WARY: u32 = 50;

/// When to ask again for a topic that isn't there.
const NO_TOPIC: Duration = Duration::from_secs(1);

/// Why a lane ends before its inbox does: an operator must decide.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    #[error("{0}")]
    Gap(String),
}

pub struct Lane {
    pub number: usize,
    pub inbox: Arc<Inbox>,
    pub owned_partitions: OwnedPartitions,
    pub decoder: Decoder,
    /// Where schemas are, if the encoding has any.
    pub registry: Option<Arc<Registry>>,
    pub destination: Destination,
    pub before_commit: BeforeCommit,
    pub committer: Committer,
    pub positions: Positions,
    pub progress: Arc<Progress>,
    pub health: Arc<Health>,
    pub retry: RetryConfig,
    pub breaker: Breaker,
    /// Between two probes while the breaker is open.
    pub breaker_open: Duration,
    /// For how many more batches conflicts are expected.
    pub wary: u32,
    /// Postgres is away, and events go to the dead letter topic.
    pub diverting: bool,
}

impl Lane {
    /// Takes up partitions, waiting for Kafka and Postgres as long as it takes.
    ///
    /// # Errors
    /// Kafka no longer has what comes next.
    pub async fn take_up(&mut self, partitions: Vec<TopicPartition>) -> Result<(), Stopped> {
        for source in &partitions {
            self.owned_partitions.remove(source);
        }
        let lane = &*self;
        let taken: Vec<_> = stream::iter(partitions)
            .map(|source| async move {
                let taken = lane.take_up_one(&source).await;
                (source, taken)
            })
            .buffer_unordered(AT_A_TIME)
            .collect()
            .await;
        for (source, taken) in taken {
            match taken {
                TakenUp::Owned(partition) => {
                    self.owned_partitions.insert(source, partition);
                }
                TakenUp::NotOurs => {}
                // until a rebalance takes it away, or the topic is there
                TakenUp::NoTopic => {
                    let inbox = self.inbox.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(NO_TOPIC).await;
                        inbox.take_up([source]);
                    });
                }
                TakenUp::Gap(message) => return Err(Stopped::Gap(message)),
            }
        }
        self.inbox.taken_up();
        self.tell_going_on();
        Ok(())
    }

    async fn take_up_one(&self, source: &TopicPartition) -> TakenUp {
        let mut delays = Delays::new(&self.retry);
        loop {
            let (positions, lane) = (&self.positions, self.number);
            let failure = match positions.take_up(source, lane, &self.destination).await {
                Ok(taken) => return taken,
                Err(failure) => failure,
            };
            self.tell_waiting(&failure);
            let pause = self.pause(failure.verdict, &mut delays);
            if !self.sleep(pause).await {
                // whoever waits for the lane may take other partitions than this one
                self.inbox.take_up([source.clone()]);
                return TakenUp::NotOurs;
            }
        }
    }

    /// One line when it changes, however often it is tried.
    pub(super) fn tell_waiting(&self, failure: &Failure) {
        self.destination.forget_sessions();
        if self
            .health
            .waits(self.number, failure.verdict, &failure.log_line)
        {
            return;
        }
        match failure.verdict {
            Verdict::Systemic => {
                tracing::error!(lane = self.number, error = %failure, "breaker open: stopped taking in until this is mended; nothing is dead-lettered; `landfall check` says more; probing every {:?}", self.breaker_open)
            }
            _ => {
                tracing::warn!(lane = self.number, error = %failure, "waiting; nothing is lost or dead-lettered meanwhile")
            }
        }
    }

    pub(super) fn tell_going_on(&self) {
        if self.health.goes_on(self.number) {
            tracing::info!(lane = self.number, "going on");
        }
    }

    /// How long to wait before it is tried again.
    pub(super) fn pause(&self, verdict: Verdict, delays: &mut Delays) -> Duration {
        match verdict {
            Verdict::Systemic => self.breaker_open,
            _ => delays.next_delay(),
        }
    }

    /// Returns whether the time passed without the lane being asked to let go.
    pub(super) async fn sleep(&self, delay: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(delay) => true,
            () = self.inbox.asked_to_drain() => false,
        }
    }

    /// The batch is in: notes it everywhere and commits its offsets.
    pub fn settle(&mut self, batch: Batch<'_>, took: Duration) {
        self.tell_going_on();
        metrics::batch(BatchOutcome::Committed);
        if batch.moves() {
            metrics::landed(batch.entries.len(), took.as_secs_f64());
        }
        count(&batch);
        self.breaker.note_batch(&batch);
        self.diverting = false;
        self.wary = match (batch.conflicts, self.wary) {
            (Conflicts::Possible, 0) => WARY,
            (_, batches) => batches.saturating_sub(1),
        };
        let mut offsets = Vec::with_capacity(batch.advances.len());
        for advance in batch.advances {
            offsets.push((advance.source.clone(), advance.next_offset));
            if advance.jumped_back {
                self.owned_partitions.remove(&advance.source);
                self.inbox.take_up([advance.source]);
                continue;
            }
            self.progress.read(&advance.source, advance.next_offset);
            let Some(partition) = self.owned_partitions.get_mut(&advance.source) else {
                continue;
            };
            partition.read_to = Some(advance.next_offset);
            if advance.moves() {
                partition.next_offset = advance.watermark();
                partition.batch = batch.id;
                partition.open_deletes = advance.open_deletes;
                partition.owed = Arc::default();
                self.progress
                    .applied(&advance.source, partition.next_offset);
            }
        }
        self.committer.commit(offsets);
    }

    /// Postgres or Kafka says something else than we thought: positions are read again, and the
    /// batch's records with them.
    pub fn reposition(&mut self, batch: &Batch<'_>, why: BatchOutcome) {
        metrics::batch(why);
        tracing::info!(
            lane = self.number,
            why = why.name(),
            "batch dropped; its partitions are positioned anew"
        );
        self.take_up_again(batch);
    }

    /// The batch can't be landed now and somebody waits for the lane.
    pub fn abandon(&mut self, batch: &Batch<'_>) {
        metrics::batch(BatchOutcome::Abandoned);
        self.take_up_again(batch);
    }

    fn take_up_again(&mut self, batch: &Batch<'_>) {
        for advance in &batch.advances {
            self.owned_partitions.remove(&advance.source);
        }
        self.inbox
            .take_up(batch.advances.iter().map(|a| a.source.clone()));
    }
}
