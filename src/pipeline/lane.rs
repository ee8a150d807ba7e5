//! A lane: its partitions, and its one batch in flight.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream;

use crate::clock::now_ms;
use crate::kafka::inbox::Inbox;
use crate::pipeline::batch::Batch;
use crate::pipeline::before_commit::BeforeCommit;
use crate::pipeline::breaker::Breaker;
use crate::pipeline::count::count_outcomes;
use crate::pipeline::destination::Destination;
use crate::pipeline::dropped_fetches::DroppedFetches;
use crate::pipeline::lane_decoder::LaneDecoder;
use crate::pipeline::lane_partitions::LanePartitions;
use crate::pipeline::latency::record_latencies;
use crate::pipeline::learn_feeds::FeedLearner;
use crate::pipeline::lock_patience::LockPatience;
use crate::pipeline::note_flows::NotedFlows;
use crate::pipeline::positioning::{Positions, TakenUp};
use crate::pipeline::set_aside::AsidePartitions;
use crate::pipeline::trial::Trial;
use crate::pipeline::waiting::Waiting;
use crate::rate_limit::{Allowance, RateLimit};
use crate::record::{Record, TopicPartition};
use crate::rows::statement::Conflicts;
use crate::watch::metrics::{self, BatchOutcome};

/// How many partitions a lane takes up at a time; each needs a connection for a moment.
const CONCURRENT_TAKE_UPS: usize = 4;

/// For how many batches conflicts are expected after one: it is seldom the only one, be it that
/// events are sent again, or a snapshot over a filled table.
const CONFLICT_BATCHES: u32 = 50;

/// Batches of so many events aren't bounded any more, until they are too much again.
const FREE_BATCH_EVENTS: usize = 10_000;

/// When to ask again for a topic that isn't there.
const MISSING_TOPIC_DELAY: Duration = Duration::from_secs(1);

/// What a lane consists of.
pub struct Lane {
    /// Which lane it is, in the log and in `/readyz`.
    pub(super) number: usize,
    /// Where the poll thread puts its records.
    pub(super) inbox: Arc<Inbox>,
    /// What it knows of its partitions.
    pub(super) partitions: LanePartitions,
    /// Those that can't go on now.
    pub(super) aside: AsidePartitions,
    /// Those of which something was fetched and never brought.
    pub(super) dropped_fetches: DroppedFetches,
    /// Turns records into changes.
    pub(super) decoder: LaneDecoder,
    /// Where its batches go.
    pub(super) destination: Destination,
    /// What is asked of Kafka before COMMIT.
    pub(super) before_commit: BeforeCommit,
    /// Tells where a partition is to be read from.
    pub(super) positions: Positions,
    /// How it waits for what can't be had.
    pub(super) waiting: Waiting,
    /// Learns where topics lead.
    pub(super) feeds: Arc<FeedLearner>,
    /// What it has told of where topics lead, to those who follow lineage.
    pub(super) noted_flows: NotedFlows,
    /// Whether too many events were refused.
    pub(super) breaker: Breaker,
    /// For how many more batches conflicts are expected.
    pub(super) conflicts_expected_for: u32,
    /// How long its batches wait for locks.
    pub(super) lock_patience: LockPatience,
    /// So many events are landed at once at most, if more were too much for Postgres; it grows again.
    pub(super) most_events: Option<usize>,
    /// How many rows a second the process may write, if there is a bound.
    pub(super) rate_limit: Option<Arc<RateLimit>>,
    /// Rows that it may write of what is in flight.
    pub(super) allowance: Allowance,
    /// Postgres is away, and events go to the dead letter topic.
    pub(super) diverting: bool,
}

impl Lane {
    /// Takes up partitions, waiting for Kafka and Postgres as long as it takes.
    pub async fn take_up(&mut self, partitions: Vec<TopicPartition>) {
        self.position_partitions(partitions).await;
        self.inbox.finish_take_up();
        self.waiting.tell_going_on();
    }

    /// Looks again at partitions that stand still, while a batch waits: it may be what they bring that it waits for.
    pub async fn take_up_standing(&mut self) {
        let standing = self
            .positions
            .consumer()
            .group()
            .health
            .standing_partitions();
        let due = self.inbox.take_up_requests(|p| standing.contains_key(p));
        if !due.is_empty() {
            self.position_partitions(due).await;
        }
    }

    /// Adds what is there to records in hand that wait for more.
    pub fn add_more(&self, records: &mut Vec<Record>) {
        let mut more = self.inbox.take_more(records);
        self.aside.leave_out(&mut more);
        records.append(&mut more);
    }

    async fn position_partitions(&mut self, partitions: Vec<TopicPartition>) {
        let assignment = &self.positions.consumer().group().assignment;
        for source in &partitions {
            self.partitions.forget_partition(source);
            self.partitions
                .forget_old_jumps(source, assignment.epoch_of(source));
            self.aside.forget_partition(source);
        }
        let lane = &*self;
        let taken: Vec<_> = stream::iter(partitions)
            .map(|source| async move {
                let taken = lane.take_up_one(&source).await;
                (source, taken)
            })
            .buffer_unordered(CONCURRENT_TAKE_UPS)
            .collect()
            .await;
        for (source, taken) in taken {
            let tells_nothing_more = match &taken {
                TakenUp::Owned(partition) => partition.is_at_end,
                TakenUp::NotOurs | TakenUp::NoTopic | TakenUp::Untold(_) => true,
                TakenUp::StandsStill(_) | TakenUp::GivenUp => false,
            };
            if tells_nothing_more {
                self.aside.rereads.remove(&source);
            }
            match taken {
                TakenUp::Owned(partition) => {
                    self.tell_taken_up(&source);
                    self.partitions.note_taken_up(source, *partition);
                }
                TakenUp::GivenUp => {}
                TakenUp::NotOurs => self.forget_standing(&source),
                // until a rebalance takes it away, or the topic is there
                TakenUp::NoTopic => self.take_up_later(source, MISSING_TOPIC_DELAY),
                TakenUp::StandsStill(standing) => self.stand_still(source, standing),
                TakenUp::Untold(unanswered) => self.await_answer(source, unanswered),
            }
        }
        self.record_standstills().await;
    }

    async fn take_up_one(&self, source: &TopicPartition) -> TakenUp {
        let (positions, lane) = (&self.positions, self.number);
        let jumps = self.partitions.jumped.get(source).copied();
        let attempt = || positions.take_up(source, lane, &self.destination, jumps);
        let Some(taken) = self.waiting.until(attempt).await else {
            // whoever needs the lane may take other partitions than this one
            self.inbox.take_up([source.clone()]);
            return TakenUp::GivenUp;
        };
        taken
    }

    /// Looks whether an operator let a partition be read again (`landfall forget`). A batch that comes is
    /// fenced by itself then; a lane to which none comes has to look.
    pub async fn take_up_moved_partitions(&mut self) {
        let moved = self
            .destination
            .find_moved_partitions(&self.partitions.owned);
        // Postgres' troubles are told by the next batch
        let Some(Ok(moved)) = self.waiting.unless_needed(moved).await else {
            return;
        };
        for source in &moved {
            tracing::debug!(lane = self.number, partition = %source, "moved by somebody else: positioned anew");
        }
        if !moved.is_empty() {
            self.partitions.take_up_again(moved);
        }
    }

    /// How a batch is tried, by what the lane has met lately.
    pub fn prepare_trial(&self, trial: &mut Trial) {
        if self.conflicts_expected_for > 0 {
            trial.conflicts = Conflicts::Possible;
        }
        if !trial.is_probe {
            let partitions = self.partitions.owned.len();
            let patience = self.lock_patience.patience_now(partitions, Instant::now());
            trial.patience = patience;
        }
    }

    /// The batch is in: notes it everywhere and commits its offsets.
    pub fn settle_batch(&mut self, batch: Batch<'_>, took: Duration) {
        self.waiting.tell_going_on();
        metrics::count_batch(BatchOutcome::Committed);
        if batch.moves_watermarks() {
            metrics::record_landed_batch(batch.entries.len(), took);
        }
        // what waited for somebody else tells nothing of the destination
        if batch.trial.attempts == 0
            && let Some(rows) = self.inbox.note_pace(batch.entries.len(), took)
        {
            tracing::info!(
                lane = self.number,
                rows,
                ?took,
                "a batch took long: the next ones have fewer rows, until they are landed quickly again"
            );
        }
        self.allowance.spend(count_outcomes(&batch));
        self.noted_flows.note_batch(&batch);
        record_latencies(&batch, now_ms());
        if self.destination.ledger.event_ids.are_kept() {
            tell_new_doubts(&batch);
        }
        self.breaker.note_batch(&batch);
        for source in batch.sources() {
            let refusals = self.breaker.refusals_of(&source);
            self.partitions.progress.note_refusals(&source, refusals);
        }
        self.diverting = false;
        let grown = self.most_events.map(|most| most + most / 10 + 1);
        self.most_events = grown.filter(|most| *most < FREE_BATCH_EVENTS);
        self.conflicts_expected_for = match (batch.trial.conflicts, self.conflicts_expected_for) {
            (Conflicts::Possible, 0) => CONFLICT_BATCHES,
            (_, batches) => batches.saturating_sub(1),
        };
        self.tell_landed(batch.sources());
        self.partitions.note_landed(batch.advances, batch.id);
    }

    /// The batch was too much for one transaction: the next ones have half as many events.
    pub fn split_batches(&mut self, batch: &Batch<'_>) {
        let most = batch.entries.len() / 2;
        if self.most_events.is_none() {
            tracing::info!(
                lane = self.number,
                events = batch.entries.len(),
                tables = batch.tables.len(),
                most,
                "Postgres has no room for so much in one transaction: smaller ones"
            );
        }
        self.most_events = Some(most.max(1));
    }

    /// Postgres or Kafka says something else than the lane thought: positions are read again, and the
    /// batch's records with them.
    pub fn reposition_batch(&mut self, batch: &Batch<'_>, why: BatchOutcome) {
        metrics::count_batch(why);
        let health = &self.positions.consumer().group().health;
        if why == BatchOutcome::Fenced && health.kafka.has_rivals() {
            // the cause is told, and each of thousands of batches tells nothing more
            tracing::debug!(
                lane = self.number,
                "batch dropped: another group has written its partitions"
            );
        } else {
            tracing::info!(
                lane = self.number,
                why = why.name(),
                "batch dropped; its partitions are positioned anew"
            );
        }
        self.partitions.take_up_again(batch.sources());
    }

    /// Whether the group gives us all of the batch's partitions still.
    pub fn holds_all(&self, batch: &Batch<'_>) -> bool {
        let assignment = &self.positions.consumer().group().assignment;
        let mut sources = batch.sources();
        sources.all(|source| assignment.is_held_by(&source, self.number))
    }

    /// Sources of the batch have gone back, and the ledger knows a part of what they send again. So all of it is
    /// applied again, from the first such event in hand on.
    pub fn apply_again(&mut self, batch: &Batch<'_>) {
        for (partition, stream, offset) in batch.streams_gone_back() {
            if let Some(held) = self.partitions.owned.get_mut(partition) {
                held.memory.stream_ends.apply_again(stream, offset);
            }
            tracing::warn!(
                %partition,
                offset,
                "a source has gone back, and a part of what it sends again isn't known any more: all of it is applied again, in order"
            );
        }
    }

    /// The batch can't be landed now and somebody needs the lane.
    pub fn abandon_batch(&mut self, batch: &Batch<'_>) {
        metrics::count_batch(BatchOutcome::Abandoned);
        self.partitions.take_up_again(batch.sources());
    }
}

/// Says once of a partition that its events aren't known by their positions any more.
fn tell_new_doubts(batch: &Batch<'_>) {
    for advance in &batch.advances {
        let doubt = advance.memory.positions.doubt;
        if let (Some(doubt), None) = (doubt, advance.held.memory.positions.doubt) {
            tracing::warn!(
                partition = %advance.source,
                why = doubt.describe(),
                "positions don't tell events apart: they are known by their offsets in Kafka from here on, and what the source sends again is applied again; set provide.transaction.metadata=true at the connector"
            );
        }
    }
}
