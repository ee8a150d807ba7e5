//! A lane: its partitions, its one batch in flight, and what it does about failures.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures::StreamExt as _;
use futures::stream;

use crate::config::RetryConfig;
use crate::health::Health;
use crate::message::TopicPartition;
use crate::metrics::{self, Outcome};
use crate::pipeline::apply::Destination;
use crate::pipeline::batch::{Batch, Holdings, State};
use crate::pipeline::commit::Committer;
use crate::pipeline::confirm::Edges;
use crate::pipeline::decode::Decoder;
use crate::pipeline::inbox::Inbox;
use crate::pipeline::take_up::{Positions, TakenUp};
use crate::progress::Progress;
use crate::retry::Delays;
use crate::verdict::{Failure, Verdict};

/// How many partitions a lane takes up at a time; each needs a connection for a moment.
const AT_A_TIME: usize = 4;

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
    pub holdings: Holdings,
    pub decoder: Decoder,
    pub destination: Destination,
    pub edges: Edges,
    pub committer: Committer,
    pub positions: Positions,
    pub progress: Arc<Progress>,
    pub health: Arc<Health>,
    pub retry: RetryConfig,
}

/// How long a batch has been tried, and how long to wait before the next attempt.
pub struct Patience {
    delays: Delays,
    since: Instant,
    /// Attempts that ended with a verdict of `retry`.
    retries: u32,
}

impl Patience {
    pub fn new(config: &RetryConfig) -> Self {
        Self {
            delays: Delays::new(config),
            since: Instant::now(),
            retries: 0,
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }
}

impl Lane {
    /// Takes up partitions, waiting for Kafka and Postgres as long as it takes.
    ///
    /// # Errors
    /// Kafka no longer has what comes next.
    pub async fn take_up(&mut self, partitions: Vec<TopicPartition>) -> Result<(), Stopped> {
        for source in &partitions {
            self.holdings.remove(source);
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
                TakenUp::Holding(holding) => {
                    self.holdings.insert(source, holding);
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
            match positions.take_up(source, lane, &self.destination).await {
                Ok(taken) => return taken,
                Err(failure) => self.tell_waiting(&failure),
            }
            if !self.sleep(delays.next_delay()).await {
                // whoever waits for the lane may take other partitions than this one
                self.inbox.take_up([source.clone()]);
                return TakenUp::NotOurs;
            }
        }
    }

    /// What to do after a failed attempt. Returns whether to try again; not, if the lane is asked to
    /// let go of its batch.
    pub async fn wait_before_retry(
        &self,
        batch: &mut Batch<'_>,
        failure: Failure,
        patience: &mut Patience,
    ) -> bool {
        batch.attempts += 1;
        batch.first_failed_at.get_or_insert_with(SystemTime::now);
        metrics::failed_attempt(failure.verdict.to_string());
        match failure.verdict {
            Verdict::Reject(_) if !batch.constraints_immediate => {
                // a second refusal came at COMMIT: look at constraints right away to see whose it is
                batch.constraints_immediate = batch.isolate;
                batch.isolate = true;
                return true;
            }
            // refused, and yet no event of it was: nothing that dead letters could mend
            Verdict::Reject(_) => self.tell_waiting(&failure),
            Verdict::Retry => {
                patience.retries += 1;
                tracing::info!(lane = self.number, attempt = batch.attempts, error = %failure, "batch will be tried again");
                if patience.retries == self.retry.max_attempts {
                    batch.isolate = true;
                    batch.out_of_attempts = true;
                    tracing::warn!(
                        lane = self.number,
                        attempts = patience.retries,
                        "retries exhausted: looking for the events that are in the way"
                    );
                }
            }
            Verdict::Unavailable | Verdict::Systemic => self.tell_waiting(&failure),
        }
        self.sleep(patience.delays.next_delay()).await
    }

    /// One line when it changes, however often it is tried.
    fn tell_waiting(&self, failure: &Failure) {
        if self
            .health
            .waits(self.number, failure.verdict, &failure.log_line)
        {
            return;
        }
        match failure.verdict {
            Verdict::Systemic => {
                tracing::error!(lane = self.number, error = %failure, "stopped taking in until this is mended; probing")
            }
            _ => {
                tracing::warn!(lane = self.number, error = %failure, "waiting; nothing is lost or dead-lettered meanwhile")
            }
        }
    }

    fn tell_going_on(&self) {
        if self.health.goes_on(self.number) {
            tracing::info!(lane = self.number, "going on");
        }
    }

    /// Returns whether the time passed without the lane being asked to let go.
    async fn sleep(&self, delay: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(delay) => true,
            () = self.inbox.asked_to_drain() => false,
        }
    }

    /// The batch is in: notes it everywhere and commits its offsets.
    pub async fn settle(&mut self, batch: Batch<'_>, took: Duration) {
        self.tell_going_on();
        metrics::batch("committed");
        if batch.moves() {
            metrics::landed(batch.entries.len(), took.as_secs_f64());
        }
        self.count(&batch);
        let mut offsets = Vec::with_capacity(batch.advances.len());
        for advance in batch.advances {
            offsets.push((advance.source.clone(), advance.next_offset));
            if advance.jumped_back {
                self.holdings.remove(&advance.source);
                self.inbox.take_up([advance.source]);
                continue;
            }
            self.progress.read(&advance.source, advance.next_offset);
            let Some(holding) = self.holdings.get_mut(&advance.source) else {
                continue;
            };
            holding.read_to = Some(advance.next_offset);
            if advance.moves() {
                holding.next_offset = advance.watermark();
                holding.batch = batch.id;
                holding.open_deletes = advance.open_deletes;
                self.progress.applied(&advance.source, holding.next_offset);
            }
        }
        self.committer.commit(offsets).await;
    }

    fn count(&self, batch: &Batch<'_>) {
        let mut counts: std::collections::HashMap<(&str, String, &'static str, Outcome), u64> =
            std::collections::HashMap::new();
        let mut count = |topic, table, operation, outcome, n| {
            *counts
                .entry((topic, table, operation, outcome))
                .or_default() += n
        };
        for advance in batch.advances.iter().filter(|a| a.below_floor > 0) {
            count(
                &advance.source.topic,
                String::new(),
                "",
                Outcome::Duplicate,
                advance.below_floor,
            );
        }
        for entry in &batch.entries {
            let (operation, outcome) = match &entry.state {
                State::Nothing(what) => (*what, Outcome::Skipped),
                State::Rejected(_) => (
                    entry.operation.map_or("", |o| o.name()),
                    Outcome::DeadLettered,
                ),
                State::Pending(_) if entry.duplicate => {
                    (entry.operation.map_or("", |o| o.name()), Outcome::Duplicate)
                }
                State::Pending(_) => (entry.operation.map_or("", |o| o.name()), Outcome::Applied),
            };
            let table = entry
                .table
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            count(&entry.record.source.topic, table, operation, outcome, 1);
        }
        for ((topic, table, operation, outcome), n) in counts {
            metrics::events(topic, &table, operation, outcome, n);
        }
    }

    /// Postgres or Kafka says something else than we thought: positions are read again, and the
    /// batch's records with them.
    pub fn reposition(&mut self, batch: &Batch<'_>, why: &'static str) {
        metrics::batch(why);
        tracing::info!(
            lane = self.number,
            why,
            "batch dropped; its partitions are positioned anew"
        );
        self.take_up_again(batch);
    }

    /// The batch can't be landed now and somebody waits for the lane.
    pub fn abandon(&mut self, batch: &Batch<'_>) {
        metrics::batch("abandoned");
        self.take_up_again(batch);
    }

    fn take_up_again(&mut self, batch: &Batch<'_>) {
        for advance in &batch.advances {
            self.holdings.remove(&advance.source);
        }
        self.inbox
            .take_up(batch.advances.iter().map(|a| a.source.clone()));
    }
}
