//! What follows a failed attempt at a batch: how the next attempt is made, how often there is one, and
//! how long it is waited for.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::{RetryConfig, WhenUnavailable};
use crate::pipeline::batch::{Awaiting, Batch};
use crate::pipeline::divert::OWED_LETTERS_LIMIT;
use crate::pipeline::in_flight::Deferred;
use crate::pipeline::lane::Lane;
use crate::pipeline::trial::Approach;
use crate::record::{Coordinates, TopicPartition};
use crate::retry::Delays;
use crate::table_name::TableName;
use crate::verdict::{Concern, Failure, Verdict};
use crate::watch::metrics;

/// A parent may come at any moment, so it is looked for at least this often.
const PARENT_PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// So often a batch is begun anew at once because of its tables; somebody who goes on altering them is
/// given time.
const ALTERATIONS_AT_ONCE: u32 = 3;

/// How to go on after a failed attempt.
#[derive(Debug)]
pub enum NextStep {
    /// The same batch is tried again.
    Again,
    /// The batch is tried again with what its partitions have brought meanwhile.
    Grow,
    /// First what lies before these offsets, the first of each partition that wait for a parent.
    Divide(HashMap<TopicPartition, i64>),
    /// The batch is landed in parts, of half as many events.
    Split,
    /// Partitions that can't go on are set aside, and the rest is tried again.
    SetAside(Vec<Concerned>),
    /// Postgres is away for too long: the events go to the dead letter topic.
    Divert(Failure),
    /// Somebody needs the lane.
    LetGo,
}

/// Partitions that can't go on, each from an offset on, and why.
#[derive(Debug)]
pub struct Concerned {
    /// The offsets of the first records that can't be landed.
    pub from: HashMap<TopicPartition, i64>,
    /// What they met.
    pub failure: Failure,
}

/// What a failure calls for, as the approach and the verdict tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaction {
    /// At once, another way.
    TryAs(Approach),
    /// A parent may still come.
    WaitForParents,
    /// Soon, and a limited number of times.
    RetrySoon,
    /// When a person has mended the set-up.
    WaitForRepair,
    /// At once, in smaller parts.
    Split,
    /// When whoever holds the lock has let go of it.
    WaitForLock,
    /// When Postgres or Kafka is back, or else the events are diverted.
    WaitForServer,
    /// The batch was refused, and yet no event of it was: nothing that dead letters could mend.
    WaitForChange,
}

/// The whole policy: a line for each approach and verdict.
fn reaction_to(verdict: Verdict, approach: Approach) -> Reaction {
    match (approach, verdict) {
        // an early verdict may only mean the order within the batch, which the search sets right
        (Approach::Whole, Verdict::Reject(_) | Verdict::Early) => {
            Reaction::TryAs(Approach::ISOLATE)
        }
        (Approach::Isolate { .. }, Verdict::Early) => Reaction::WaitForParents,
        (Approach::Isolate { .. }, Verdict::Reject(_)) => {
            if approach.has_constraints_immediate() {
                Reaction::WaitForChange
            } else {
                // a second refusal came at COMMIT, which doesn't tell whose it is
                Reaction::TryAs(approach.with_constraints_immediate())
            }
        }
        (_, Verdict::Retry) => Reaction::RetrySoon,
        (_, Verdict::Systemic) => Reaction::WaitForRepair,
        (_, Verdict::Locked) => Reaction::WaitForLock,
        (_, Verdict::TooMuch) => Reaction::Split,
        (_, Verdict::Unavailable) => Reaction::WaitForServer,
    }
}

/// How long records have been tried, and how long to wait before the next attempt.
pub struct RetryState {
    delays: Delays,
    parent_delays: Delays,
    alteration_delays: Delays,
    /// Attempts that found their tables altered.
    alterations: u32,
    since: Instant,
    /// Attempts that ended with a verdict of `retry`.
    retries: u32,
    /// Attempts that found Postgres away.
    away: u32,
    /// The first that a foreign key had at COMMIT, which doesn't tell to what.
    objection: Option<Objection>,
    /// Since when records are known to have no parent.
    orphans: HashMap<Coordinates, Instant>,
}

/// A foreign key's objection at COMMIT: to something of the batch as it was then.
struct Objection {
    at: Instant,
    /// The last record of each partition.
    until: HashMap<TopicPartition, i64>,
}

impl Objection {
    fn to(batch: &Batch<'_>) -> Self {
        let records = batch.entries.iter().map(|e| e.record.coordinates());
        Self {
            at: Instant::now(),
            until: records.collect(),
        }
    }

    /// Not to what was added to the batch later, which waits its own time.
    fn may_be_to(&self, (source, offset): &Coordinates) -> bool {
        self.until.get(source).is_some_and(|until| offset <= until)
    }
}

impl RetryState {
    /// Of records that are tried from now on.
    pub fn new(config: &RetryConfig) -> Self {
        let often = RetryConfig {
            max_delay: config.max_delay.min(PARENT_PROBE_INTERVAL),
            initial_delay: config.initial_delay.min(PARENT_PROBE_INTERVAL),
            ..config.clone()
        };
        Self {
            delays: Delays::new(config),
            parent_delays: Delays::new(&often),
            alteration_delays: Delays::new(&often),
            alterations: 0,
            since: Instant::now(),
            retries: 0,
            away: 0,
            objection: None,
            orphans: HashMap::new(),
        }
    }

    /// How long the records have been tried.
    pub fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    /// Decides how to go on after a failed attempt, and waits before it. `deferred`: what is read and not of the batch.
    pub async fn step_after(
        &mut self,
        failure: Failure,
        lane: &Lane,
        batch: &mut Batch<'_>,
        deferred: Deferred,
    ) -> NextStep {
        let step = self.find_step(failure, lane, batch, deferred).await;
        if matches!(step, NextStep::SetAside(_)) {
            // the others begin anew
            (self.retries, self.delays) = (0, Delays::new(lane.waiting.retry()));
        }
        step
    }

    async fn find_step(
        &mut self,
        mut failure: Failure,
        lane: &Lane,
        batch: &mut Batch<'_>,
        deferred: Deferred,
    ) -> NextStep {
        let waiting = &lane.waiting;
        batch.trial.count_failure();
        metrics::count_failed_attempt(&failure);
        let reaction = reaction_to(failure.verdict, batch.trial.approach);
        match reaction {
            Reaction::TryAs(approach) => {
                batch.trial.approach = approach;
                return NextStep::Again;
            }
            Reaction::WaitForParents => {
                return self.wait_for_parents(&failure, lane, batch, deferred).await;
            }
            // a probe has fewer the next time, and nothing is known of others
            Reaction::Split if batch.entries.len() > 1 && !batch.trial.is_probe => {
                return NextStep::Split;
            }
            Reaction::Split => failure.verdict = Verdict::Systemic, // no part is smaller
            Reaction::RetrySoon | Reaction::WaitForLock => self.retries += 1,
            Reaction::WaitForRepair => failure = waiting.explain_denial(failure, Some(batch)).await,
            Reaction::WaitForServer | Reaction::WaitForChange => {}
        }
        let is_untold = failure.is_of_unknown_table() && !batch.trial.checks_tables;
        if is_untold && self.is_told_by_tables(reaction, lane, batch) {
            batch.trial.checks_tables = true;
            return NextStep::Again;
        }
        if let Some(step) = self.leave_out(reaction, &failure, lane, batch).await {
            return step;
        }
        match reaction {
            Reaction::RetrySoon | Reaction::WaitForLock => self.tell_retry(&failure, lane, batch),
            _ => lane.waiting.tell_failure(&failure),
        }
        if failure.verdict == Verdict::Systemic {
            batch.revive_unpublished(); // what was refused may be mended with the rest
        }
        if failure.means_postgres_is_away() {
            self.away += 1;
            if self.is_to_divert(lane) {
                return NextStep::Divert(failure);
            }
        }
        let pause = lane.waiting.pause_after(failure.verdict, &mut self.delays);
        pause_then(NextStep::Again, pause, lane).await
    }

    /// Goes on after an attempt that found its tables altered, or more known of them than the batch was decoded by. It
    /// failed by nobody's fault, and isn't counted.
    pub async fn step_after_alteration(&mut self, lane: &Lane) -> NextStep {
        self.alterations += 1;
        if self.alterations <= ALTERATIONS_AT_ONCE {
            return NextStep::Again;
        }
        let pause = self.alteration_delays.next_delay();
        pause_then(NextStep::Again, pause, lane).await
    }

    /// Sets those partitions aside that alone have to do with the failure. `None`: the batch is tried again as it is.
    async fn leave_out(
        &self,
        reaction: Reaction,
        failure: &Failure,
        lane: &Lane,
        batch: &Batch<'_>,
    ) -> Option<NextStep> {
        match reaction {
            Reaction::WaitForLock => set_locked_aside(failure, lane, batch).await,
            Reaction::RetrySoon if !self.is_tried_enough(lane, batch) => None,
            // only the letters' partitions wait for Kafka to take them; and what stands still already waits for Postgres as
            // it waits for all else: beside the others, which may be sent elsewhere meanwhile
            Reaction::WaitForServer if !failure.of_kafka && !batch.trial.is_probe => None,
            Reaction::WaitForServer if batch.trial.is_probe => {
                // whatever it was about to do just then
                let concern = None;
                let failure = failure.clone();
                set_aside(&Failure { concern, ..failure }, batch)
            }
            _ => set_aside(failure, batch),
        }
    }

    /// Whether the failure, which may come of constraints that are checked at COMMIT, tells its table if they are checked
    /// before.
    fn is_told_by_tables(&self, reaction: Reaction, lane: &Lane, batch: &Batch<'_>) -> bool {
        match reaction {
            Reaction::WaitForLock | Reaction::WaitForRepair => true,
            Reaction::RetrySoon => self.is_tried_enough(lane, batch),
            _ => false,
        }
    }

    fn tell_retry(&self, failure: &Failure, lane: &Lane, batch: &Batch<'_>) {
        tracing::info!(lane = lane.number, attempt = batch.trial.attempts, error = %failure, "batch will be tried again");
        if self.is_tried_enough(lane, batch) {
            lane.waiting.tell_failure(failure);
        }
    }

    /// Whether it isn't believed any more that the next attempt goes through.
    fn is_tried_enough(&self, lane: &Lane, batch: &Batch<'_>) -> bool {
        batch.trial.is_probe || self.retries >= lane.waiting.retry().max_attempts
    }

    /// Once it is known that Postgres is away, each further batch is tried once.
    fn is_to_divert(&self, lane: &Lane) -> bool {
        let retry = lane.waiting.retry();
        let enough = if lane.diverting {
            1
        } else {
            retry.max_attempts
        };
        retry.when_unavailable == WhenUnavailable::DeadLetter
            && lane.partitions.count_owed_letters() < OWED_LETTERS_LIMIT
            && self.away >= enough
    }

    /// The row that a foreign key names may lie behind in this lane, or come through another one,
    /// which may wait for rows of this batch in turn: what doesn't wait is landed first.
    async fn wait_for_parents(
        &mut self,
        failure: &Failure,
        lane: &Lane,
        batch: &mut Batch<'_>,
        deferred: Deferred,
    ) -> NextStep {
        let all = batch.list_awaiting(failure);
        let tables = all.iter().flat_map(|awaiting| &awaiting.tables);
        let tables: BTreeSet<TableName> = tables.cloned().collect();
        lane.waiting.tell_awaited(&tables, &batch.waiting_topics());
        let may_be_letters = deferred == Deferred::Nothing && self.any_waits_for_long(lane, batch);
        let asks_others = batch.trial.is_probe || may_be_letters;
        let can_be_found =
            !batch.waiting.is_empty() || !batch.trial.approach.has_constraints_immediate();
        if can_be_found && let Some(held) = find_held_up(lane, batch, all, asks_others).await {
            return set_aside_waiting(batch, held);
        }
        if self.orphans.is_empty() && self.objection.is_none() {
            let (what, wait) = (describe_wait(failure), lane.waiting.retry().parent_wait);
            tracing::info!(lane = lane.number, error = %failure, ?wait, "{what}");
        }
        if batch.trial.is_probe && (batch.waiting.is_empty() || batch.first_waiting().is_none()) {
            // the parent may lie behind the few records that are tried, and comes with the others of the partition
            return NextStep::LetGo;
        }
        let left = self.note_orphans(lane, batch, deferred);
        if deferred == Deferred::Others {
            return NextStep::Divide(batch.may_be_waiting());
        }
        if batch.waiting.is_empty() {
            return self.wait_at_commit(failure, lane, batch).await;
        }
        if deferred == Deferred::Nothing && left.is_zero() {
            return NextStep::Again;
        }
        match batch.first_waiting() {
            Some(first) => NextStep::Divide(first),
            None => self.pause_before_more(lane, batch, left).await,
        }
    }

    /// What is awaited may be in what has come meanwhile: as long as there are whole batches of it, there is no pause.
    async fn pause_before_more(
        &mut self,
        lane: &Lane,
        batch: &Batch<'_>,
        left: Duration,
    ) -> NextStep {
        let bytes = batch.entries.iter().map(|e| e.record.memory_size()).sum();
        let pause = match lane.inbox.has_a_batch_for(batch.entries.len(), bytes) {
            true => Duration::ZERO,
            false => self.parent_delays.next_delay().min(left),
        };
        pause_then(NextStep::Grow, pause, lane).await
    }

    /// Whether anything of the batch has waited as long as it may.
    fn any_waits_for_long(&self, lane: &Lane, batch: &Batch<'_>) -> bool {
        let parent_wait = lane.waiting.retry().parent_wait;
        let is_over = |since: &Instant| since.elapsed() >= parent_wait;
        let mut waiting = batch.waiting_records().into_iter();
        waiting.any(|orphan| self.orphans.get(&orphan).is_some_and(is_over))
            || self.objection.as_ref().is_some_and(|it| is_over(&it.at))
    }

    /// Notes since when what waits has done so; what has waited for too long is given up, unless its parent may be
    /// among what is deferred. Returns how long the first of it may wait yet.
    fn note_orphans(&mut self, lane: &Lane, batch: &mut Batch<'_>, deferred: Deferred) -> Duration {
        let parent_wait = lane.waiting.retry().parent_wait;
        let mut left = parent_wait;
        for orphan in batch.waiting_records() {
            let objection = self.objection.as_ref();
            let objected = objection.filter(|it| it.may_be_to(&orphan));
            let since = objected.map_or_else(Instant::now, |it| it.at);
            let since = *self.orphans.entry(orphan.clone()).or_insert(since);
            let its_left = parent_wait.saturating_sub(since.elapsed());
            if its_left.is_zero() && deferred == Deferred::Nothing {
                batch.trial.given_up.insert(orphan);
            }
            left = left.min(its_left);
        }
        left
    }

    /// A foreign key objected at COMMIT: whose it is isn't known before constraints are checked at once.
    async fn wait_at_commit(
        &mut self,
        failure: &Failure,
        lane: &Lane,
        batch: &mut Batch<'_>,
    ) -> NextStep {
        let objection = self.objection.get_or_insert_with(|| Objection::to(batch));
        let parent_wait = lane.waiting.retry().parent_wait;
        let left = parent_wait.saturating_sub(objection.at.elapsed());
        if !left.is_zero() {
            let pause = self.parent_delays.next_delay().min(left);
            return pause_then(NextStep::Grow, pause, lane).await;
        }
        if !batch.trial.approach.has_constraints_immediate() {
            batch.trial.approach = batch.trial.approach.with_constraints_immediate();
            return NextStep::Again;
        }
        lane.waiting.tell_failure(failure);
        let pause = self.delays.next_delay();
        pause_then(NextStep::Again, pause, lane).await
    }
}

/// What waits for changes which may come through partitions that stand still, if anything does. `asks_others`: also through
/// those of other processes.
async fn find_held_up(
    lane: &Lane,
    batch: &Batch<'_>,
    all: Vec<Awaiting>,
    asks_others: bool,
) -> Option<Vec<Awaiting>> {
    let own = batch.waiting_sources();
    let is_held = |awaiting: &Awaiting| is_held_up(lane, &own, &awaiting.tables);
    let (mut held, others): (Vec<_>, Vec<_>) = all.into_iter().partition(is_held);
    if asks_others && !others.is_empty() {
        let elsewhere = list_standing_elsewhere(lane).await;
        let merged = lane.feeds.merged_tables();
        let is_held = |awaiting: &Awaiting| {
            let brings =
                |topic: &Arc<str>| awaiting.tables.iter().any(|t| merged.may_lead_to(topic, t));
            elsewhere.iter().any(brings)
        };
        held.extend(others.into_iter().filter(is_held));
    }
    (!held.is_empty()).then_some(held)
}

/// Whether changes of these tables may come through partitions that stand still, other than `own`.
fn is_held_up(lane: &Lane, own: &HashSet<TopicPartition>, tables: &BTreeSet<TableName>) -> bool {
    let (health, merged) = (
        &lane.positions.consumer().group().health,
        lane.feeds.merged_tables(),
    );
    health.holds_up_any(tables, own, |topic| merged.find_only_table(topic))
}

/// The topics of which partitions of other processes stand still, as the ledger says: not those that wait for rows
/// themselves, as nothing tells for whose.
async fn list_standing_elsewhere(lane: &Lane) -> BTreeSet<Arc<str>> {
    let ledger = &lane.destination.ledger;
    let asked = async {
        let client = lane.destination.connect().await?;
        let standstills = &ledger.standstills;
        standstills.list_standstills(&client, ledger.group()).await
    };
    let standing = asked.await.unwrap_or_else(|error| {
        tracing::debug!(%error, "can't ask which partitions stand still elsewhere");
        Vec::new()
    });
    let assignment = &lane.positions.consumer().group().assignment;
    let waits = format!("({})", Verdict::Early);
    let others = standing.into_iter().filter(|(source, why)| {
        let is_others = !assignment.has_partition(source);
        is_others && !why.starts_with(&waits)
    });
    let topics: BTreeSet<Arc<str>> = others.map(|(source, _)| source.topic).collect();
    if topics.is_empty() {
        return topics;
    }
    if let Err(error) = lane.feeds.list_topics_again().await {
        tracing::debug!(%error, "can't ask which topics there are");
        return topics;
    }
    // what is noted of a topic that is gone is never mended
    let merged = lane.feeds.merged_tables();
    let there = topics.into_iter().filter(|topic| merged.is_there(topic));
    there.collect()
}

/// Sets aside what waits for changes that are held up: each partition from the first such record on.
fn set_aside_waiting(batch: &mut Batch<'_>, held: Vec<Awaiting>) -> NextStep {
    if batch.waiting.is_empty() {
        // a foreign key objected at COMMIT, which doesn't tell whose it is
        batch.trial.approach = batch.trial.approach.with_constraints_immediate();
        return NextStep::Again;
    }
    let mut first: HashMap<TopicPartition, i64> = HashMap::new();
    for (source, offset) in held.iter().flat_map(|awaiting| &awaiting.from) {
        let first = first.entry(source.clone()).or_insert(*offset);
        *first = (*first).min(*offset);
    }
    let concerned = held.into_iter().filter_map(|mut awaiting| {
        let from = &mut awaiting.from;
        from.retain(|source, offset| first.get(source) == Some(offset));
        let failure = Failure {
            verdict: Verdict::Early,
            concern: Some(Box::new(Concern::Awaits(awaiting.tables))),
            ..awaiting.failure
        };
        let from = awaiting.from;
        (!from.is_empty()).then_some(Concerned { from, failure })
    });
    NextStep::SetAside(concerned.collect())
}

/// Sets those partitions aside that have to do with a failure. `None`: all of the batch has, or nobody knows.
fn set_aside(failure: &Failure, batch: &Batch<'_>) -> Option<NextStep> {
    let from = batch.find_concerned(failure);
    let concerned = Concerned {
        from,
        failure: failure.clone(),
    };
    (!concerned.from.is_empty()).then(|| NextStep::SetAside(vec![concerned]))
}

/// The same for a lock; whoever has locked other tables of the batch is found out on that occasion.
async fn set_locked_aside(failure: &Failure, lane: &Lane, batch: &Batch<'_>) -> Option<NextStep> {
    let mut all = Vec::new();
    for failure in lane.destination.explain_locks(batch, failure).await {
        let from = batch.find_concerned(&failure);
        if !from.is_empty() {
            all.push(Concerned { from, failure });
        }
    }
    (!all.is_empty()).then_some(NextStep::SetAside(all))
}

fn describe_wait(failure: &Failure) -> &'static str {
    match &failure.sqlstate {
        Some(_) if failure.means_unique_conflict() => {
            "waiting for a unique value that another row still has"
        }
        Some(_) => "waiting for the row that a foreign key names",
        None => "waiting for the event that makes a row, or takes it away from its old key",
    }
}

async fn pause_then(step: NextStep, pause: Duration, lane: &Lane) -> NextStep {
    if lane.waiting.sleep_unless_needed(pause).await {
        step
    } else {
        NextStep::LetGo
    }
}

#[cfg(test)]
#[path = "retry_policy_tests.rs"]
mod tests;
