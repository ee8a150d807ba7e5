//! Landing what a lane has read: batch after batch, until all of it is in. What follows a failed attempt
//! is decided in `retry_policy`.

use std::collections::HashMap;
use std::time::Instant;

use bumpalo::Bump;
use tracing::Instrument as _;

use crate::pipeline::attempt_once;
use crate::pipeline::attempt_outcome::AttemptOutcome;
use crate::pipeline::batch::Batch;
use crate::pipeline::divert::divert_batch;
use crate::pipeline::in_flight::{Deferred, InFlight};
use crate::pipeline::lane::Lane;
use crate::pipeline::lane_decoder::Learned;
use crate::pipeline::partition_order::decide_starts;
use crate::pipeline::retry_policy::{Concerned, NextStep, RetryState};
use crate::pipeline::set_aside::Probe;
use crate::pipeline::topic_look::look_at_topics;
use crate::pipeline::trial::{PublishedRejects, Trial};
use crate::postgres::catalogue::TablesAre;
use crate::rate_limit::Allowance;
use crate::record::{Record, TopicPartition};
use crate::rows::statement::Conflicts;
use crate::verdict::{Failure, Verdict, sqlstate};
use crate::watch::metrics::{BatchOutcome, Stage};
use crate::watch::spans;

/// Lands what was read: tries until it is in, or until it turns out to be somebody else's. Partitions that can't go on
/// are set aside.
pub async fn land_records(lane: &mut Lane, records: Vec<Record>, arena: &mut Bump) {
    land_tried(lane, records, Trial::default(), arena).await;
}

/// Tries to land the first records of a partition that is set aside, in so much time; it is set aside again, if that
/// can't be.
pub async fn land_probe(lane: &mut Lane, probe: Probe, arena: &mut Bump) {
    let trial = Trial {
        is_probe: true,
        knew_table: probe.knew_table,
        patience: probe.patience,
        checks_tables: probe.checks_tables,
        ..Trial::default()
    };
    land_tried(lane, probe.records, trial, arena).await;
}

/// Lands the records, and leaves with the lane what was published of those that aren't landed.
async fn land_tried(lane: &mut Lane, records: Vec<Record>, trial: Trial, arena: &mut Bump) {
    let allowance = match trial.is_probe {
        true => Some(lane.borrow_allowance(records.len())),
        false => lane.await_allowance(records.len()).await,
    };
    let Some(allowance) = allowance else {
        return give_back(lane, InFlight::new(records), arena);
    };
    lane.allowance = allowance;
    lane.decoder.decoder.forget_refused_schemas();
    let mut published = lane.aside.take_published();
    let span = spans::process_records(lane.number, &records);
    let landed = land_in_parts(lane, records, trial, &mut published, arena);
    landed.instrument(span).await;
    lane.keep_published(published);
    lane.allowance = Allowance::default(); // the rest is given back
}

async fn land_in_parts(
    lane: &mut Lane,
    records: Vec<Record>,
    mut trial: Trial,
    published: &mut PublishedRejects,
    arena: &mut Bump,
) {
    let mut in_flight = InFlight::new(records);
    let mut retry = RetryState::new(lane.waiting.retry());
    let mut deferred_trial = trial.clone();
    let mut others_wait = false;
    loop {
        arena.reset();
        if !leave_readable(lane, &mut in_flight).await {
            return give_back(lane, in_flight, arena);
        }
        let batch = gather_batch(lane, &in_flight, arena);
        if batch.is_empty() {
            match in_flight.next_deferred() {
                true => continue,
                false => return,
            }
        }
        if trial.knew_table && batch.has_unplaced() {
            note_reread(lane, batch); // it is named behind the few records that are tried
            return give_back(lane, in_flight, arena);
        }
        if let Some(from) = cut_batch(lane, &batch, others_wait) {
            drop(batch);
            deferred_trial = trial.clone();
            in_flight.defer_from(&from);
            continue;
        }
        let deferred = find_deferred(lane, &in_flight, &batch);
        let batch = batch.resume_trial(trial, published);
        match land_batch(lane, batch, &mut retry, deferred, published).await {
            AfterBatch::Done => {
                (others_wait, trial) = (false, deferred_trial.clone());
                if !in_flight.note_landed() {
                    return;
                }
            }
            AfterBatch::DecodeAnew(so_far) | AfterBatch::Split(so_far) => trial = so_far,
            AfterBatch::Grow(so_far) => {
                (others_wait, trial) = (true, so_far);
                grow_records(lane, &mut in_flight).await;
            }
            AfterBatch::Divide(first_waiting, so_far) => {
                deferred_trial = so_far.clone();
                trial = so_far;
                in_flight.defer_waiting(first_waiting, deferred);
            }
            AfterBatch::SetAside(all, so_far) => {
                trial = so_far;
                set_tried_aside(lane, &mut in_flight, all, &trial).await;
            }
            AfterBatch::LetGo => return give_back(lane, in_flight, arena),
        }
    }
}

/// The batch's partitions are read again, to see whether they can go on.
fn note_reread(lane: &mut Lane, batch: Batch<'_>) {
    lane.aside.rereads.extend(batch.sources());
}

/// Learns the schemas of the records, and sets those aside whose schemas can't be had. Returns whether the lane isn't
/// needed meanwhile.
async fn leave_readable(lane: &mut Lane, in_flight: &mut InFlight) -> bool {
    loop {
        let records = &in_flight.records;
        match lane.decoder.learn_schemas(records, &lane.waiting).await {
            Learned::All => return true,
            Learned::Some(unreadable) => set_all_aside(lane, in_flight, unreadable, false).await,
            Learned::LetGo => return false,
        }
    }
}

/// Adds what has come meanwhile.
async fn grow_records(lane: &mut Lane, in_flight: &mut InFlight) {
    in_flight.restore_deferred();
    in_flight.forget_waiting();
    lane.add_more(&mut in_flight.records);
    lane.take_up_standing().await;
    decide_starts(lane, &in_flight.records).await;
}

/// Sets aside what an attempt has found.
async fn set_tried_aside(
    lane: &mut Lane,
    in_flight: &mut InFlight,
    all: Vec<Concerned>,
    trial: &Trial,
) {
    lane.aside.checks_tables |= trial.checks_tables;
    if trial.is_probe {
        lane.aside.note_met(&all);
    }
    set_all_aside(lane, in_flight, all, !trial.is_probe).await;
}

/// `soon`: some of the partitions may be able to go on by themselves.
async fn set_all_aside(lane: &mut Lane, in_flight: &mut InFlight, all: Vec<Concerned>, soon: bool) {
    if soon && all.iter().any(|it| it.failure.verdict == Verdict::Locked) {
        lane.lock_patience.note_locked(Instant::now());
    }
    for Concerned { from, failure } in all {
        if soon && failure.has_sqlstate(&[sqlstate::OUT_OF_MEMORY]) {
            lane.most_events = None; // one of its events was too much, and the others' needn't be
        }
        let cut = in_flight.cut_from(&from);
        lane.set_aside(cut, &failure, soon);
    }
    lane.record_standstills().await;
}

fn gather_batch<'r>(lane: &mut Lane, in_flight: &'r InFlight, arena: &'r Bump) -> Batch<'r> {
    let owned = &lane.partitions.owned;
    let known = lane.feeds.merged_tables().version();
    let records = &in_flight.records;
    let decoder = &mut lane.decoder.decoder;
    let gather = || Batch::gather_records(records, arena, owned, decoder);
    let mut batch = Stage::Decode.time_now(gather);
    batch.merged_version = known;
    if in_flight.is_whole() {
        batch.pass_ends();
    }
    lane.partitions.progress.note_in_hand(batch.first_events());
    batch
}

/// From where on each partition's records come later, if it isn't all landed at once.
fn cut_batch(
    lane: &Lane,
    batch: &Batch<'_>,
    others_wait: bool,
) -> Option<HashMap<TopicPartition, i64>> {
    let cut = batch.cut_at_truncates(others_wait);
    cut.or_else(|| batch.cut_at_size(lane.most_events?))
}

fn find_deferred(lane: &Lane, in_flight: &InFlight, batch: &Batch<'_>) -> Deferred {
    match lane.most_events {
        // what lies behind a truncate can't be what it waits for
        _ if in_flight.is_whole() || batch.truncates().next().is_some() => Deferred::Nothing,
        Some(_) => in_flight.find_others(),
        None => Deferred::Behind,
    }
}

/// Somebody needs the lane: what is in flight is read again by whoever has its partitions then.
fn give_back(lane: &mut Lane, mut in_flight: InFlight, arena: &Bump) {
    in_flight.restore_deferred();
    let all = gather_batch(lane, &in_flight, arena);
    lane.abandon_batch(&all);
}

/// What is to be done after a batch.
enum AfterBatch {
    /// What was deferred is next.
    Done,
    /// It is to be decoded again, and its tables looked up again, by what is known now.
    DecodeAnew(Trial),
    /// It is to be tried again with more.
    Grow(Trial),
    /// Each partition's records before this offset are to be tried by themselves first.
    Divide(HashMap<TopicPartition, i64>, Trial),
    /// It was too much at once.
    Split(Trial),
    /// These partitions can't go on, the others can.
    SetAside(Vec<Concerned>, Trial),
    /// Somebody needs the lane.
    LetGo,
}

/// Attempts to land the batch; once more, if it met ids or rows that it didn't expect to be there. An error
/// that may come of tables that were altered is one only if they weren't.
async fn attempt_batch(lane: &Lane, batch: &mut Batch<'_>) -> Result<AttemptOutcome, Failure> {
    let mut outcome = attempt_once(lane, batch).await;
    let conflict = outcome.as_ref().is_err_and(Failure::means_conflict);
    if conflict && batch.trial.conflicts == Conflicts::Unexpected {
        batch.trial.conflicts = Conflicts::Possible;
        outcome = attempt_once(lane, batch).await;
    }
    let Some(failure) = outcome.as_ref().err().filter(|f| f.hangs_on_tables()) else {
        return outcome;
    };
    tracing::debug!(lane = lane.number, error = %failure, "looking whether a table was altered");
    match lane.destination.verify_tables(batch).await? {
        TablesAre::AsKnown => outcome,
        TablesAre::Altered => Ok(AttemptOutcome::TablesAltered),
    }
}

/// Tries a batch until it is in, or must be another one: then what was sent to the dead letter topic of it is kept.
async fn land_batch(
    lane: &mut Lane,
    mut batch: Batch<'_>,
    retry: &mut RetryState,
    deferred: Deferred,
    sent: &mut PublishedRejects,
) -> AfterBatch {
    lane.prepare_trial(&mut batch.trial);
    let outcome = loop {
        let failure = match attempt_batch(lane, &mut batch).await {
            Ok(outcome) => break outcome,
            Err(failure) => failure,
        };
        match retry.step_after(failure, lane, &mut batch, deferred).await {
            NextStep::Again => {}
            NextStep::Grow => return AfterBatch::Grow(batch.into_trial(sent)),
            NextStep::Divide(first) => return AfterBatch::Divide(first, batch.into_trial(sent)),
            NextStep::Split => {
                lane.split_batches(&batch);
                return AfterBatch::Split(batch.into_trial(sent));
            }
            NextStep::SetAside(all) => return AfterBatch::SetAside(all, batch.into_trial(sent)),
            NextStep::Divert(failure) => {
                divert_batch(lane, batch, &failure).await;
                return AfterBatch::Done;
            }
            NextStep::LetGo => {
                batch.into_trial(sent);
                return AfterBatch::LetGo;
            }
        }
        // a COMMIT whose answer got lost may be in all the same
        if let Ok(true) = lane.destination.is_in(&batch).await {
            break AttemptOutcome::Committed;
        }
        // whoever has one of its partitions by now would wait for us, and we for them
        if !lane.holds_all(&batch) {
            break AttemptOutcome::Fenced;
        }
    };
    end_attempts(lane, batch, outcome, retry, sent).await
}

/// What follows an attempt that didn't fail.
async fn end_attempts(
    lane: &mut Lane,
    mut batch: Batch<'_>,
    outcome: AttemptOutcome,
    retry: &mut RetryState,
    sent: &mut PublishedRejects,
) -> AfterBatch {
    match outcome {
        AttemptOutcome::Committed => lane.settle_batch(batch, retry.elapsed()),
        AttemptOutcome::Fenced => lane.reposition_batch(&batch, BatchOutcome::Fenced),
        AttemptOutcome::Recreated => lane.reposition_batch(&batch, BatchOutcome::Recreated),
        AttemptOutcome::DecodeAnew | AttemptOutcome::TablesAltered => {
            let step = retry.step_after_alteration(lane).await;
            let so_far = batch.into_trial(sent);
            return match step {
                NextStep::LetGo => AfterBatch::LetGo,
                _ => AfterBatch::DecodeAnew(so_far),
            };
        }
        AttemptOutcome::LookAround(doubtful) => {
            let topics = doubtful.iter().map(|record| record.topic.clone());
            batch.trial.looked.extend(topics);
            let so_far = batch.into_trial(sent);
            return match look_at_topics(lane, doubtful).await {
                true => AfterBatch::DecodeAnew(so_far),
                false => AfterBatch::LetGo,
            };
        }
        AttemptOutcome::SourceGoneBack => {
            lane.apply_again(&batch);
            batch.trial.conflicts = Conflicts::Possible;
            return AfterBatch::DecodeAnew(batch.into_trial(sent));
        }
        // the partition concerned stands still when it is taken up
        AttemptOutcome::Overtaken => lane.reposition_batch(&batch, BatchOutcome::Overtaken),
    }
    AfterBatch::Done
}
