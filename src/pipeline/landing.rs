//! Landing what a lane has read: batch after batch, until all of it is in. What follows a failed attempt
//! is decided in `retry_policy`.

use std::collections::HashMap;
use std::mem::take;

use bumpalo::Bump;

use crate::pipeline::attempt_once;
use crate::pipeline::attempt_outcome::AttemptOutcome;
use crate::pipeline::batch::Batch;
use crate::pipeline::divert::divert_batch;
use crate::pipeline::in_flight::InFlight;
use crate::pipeline::lane::Lane;
use crate::pipeline::partition_order::decide_starts;
use crate::pipeline::retry_policy::{NextStep, RetryState};
use crate::pipeline::trial::Trial;
use crate::postgres::catalogue::TablesAre;
use crate::record::{Record, TopicPartition};
use crate::rows::statement::Conflicts;
use crate::verdict::Failure;
use crate::watch::metrics::BatchOutcome;

/// Lands what was read: tries until it is in, or until it turns out to be somebody else's.
pub async fn land_records(lane: &mut Lane, records: Vec<Record>, arena: &mut Bump) {
    let mut in_flight = InFlight::new(records);
    let mut retry = RetryState::new(lane.waiting.retry());
    let (mut trial, mut deferred_trial) = (Trial::default(), Trial::default());
    let mut others_wait = false;
    lane.decoder.decoder.forget_refused_schemas();
    loop {
        arena.reset();
        let records = &in_flight.records;
        if !lane.decoder.learn_schemas(records, &lane.waiting).await {
            give_back(lane, in_flight, arena);
            return;
        }
        let mut batch = gather_batch(lane, records, arena);
        if in_flight.is_whole() {
            batch.pass_ends();
        }
        if batch.is_empty() {
            if in_flight.next_deferred() {
                continue;
            }
            return;
        }
        if let Some(from) = batch.cut_at_truncates(others_wait) {
            drop(batch);
            deferred_trial = trial.clone();
            in_flight.defer_from(&from);
            continue;
        }
        // what lies behind a truncate can't be what it waits for
        let whole = in_flight.is_whole() || batch.truncates().next().is_some();
        match land_batch(lane, batch.resume_trial(trial), &mut retry, whole).await {
            AfterBatch::Done => {
                others_wait = false;
                trial = take(&mut deferred_trial);
                if !in_flight.next_deferred() {
                    return;
                }
            }
            AfterBatch::DecodeAnew(so_far) => trial = so_far,
            AfterBatch::Grow(so_far) => {
                others_wait = true;
                trial = so_far;
                in_flight.restore_deferred();
                lane.inbox.add_more(&mut in_flight.records);
                lane.take_up_standing().await;
                decide_starts(lane, &in_flight.records).await;
            }
            AfterBatch::Divide(first_waiting, so_far) => {
                deferred_trial = so_far.clone();
                trial = so_far;
                in_flight.defer_from(&first_waiting);
            }
            AfterBatch::LetGo => {
                give_back(lane, in_flight, arena);
                return;
            }
        }
    }
}

fn gather_batch<'r>(lane: &mut Lane, records: &'r [Record], arena: &'r Bump) -> Batch<'r> {
    let owned = &lane.partitions.owned;
    let known = lane.feeds.merged_tables().version();
    let batch = Batch::gather_records(records, arena, owned, &mut lane.decoder.decoder);
    Batch {
        merged_version: known,
        ..batch
    }
}

/// Somebody needs the lane: what is in flight is read again by whoever has its partitions then.
fn give_back(lane: &mut Lane, mut in_flight: InFlight, arena: &Bump) {
    in_flight.restore_deferred();
    let all = gather_batch(lane, &in_flight.records, arena);
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

/// Tries a batch until it is in, or must be another one.
async fn land_batch(
    lane: &mut Lane,
    mut batch: Batch<'_>,
    retry: &mut RetryState,
    whole: bool,
) -> AfterBatch {
    if lane.conflicts_expected_for > 0 {
        batch.trial.conflicts = Conflicts::Possible;
    }
    let outcome = loop {
        let failure = match attempt_batch(lane, &mut batch).await {
            Ok(outcome) => break outcome,
            Err(failure) => failure,
        };
        match retry.step_after(failure, lane, &mut batch, whole).await {
            NextStep::Again => {}
            NextStep::Grow => return AfterBatch::Grow(batch.into_trial()),
            NextStep::Divide(first) => return AfterBatch::Divide(first, batch.into_trial()),
            NextStep::Divert(failure) => {
                divert_batch(lane, batch, &failure).await;
                return AfterBatch::Done;
            }
            NextStep::LetGo => return AfterBatch::LetGo,
        }
        // a COMMIT whose answer got lost may be in all the same
        if let Ok(true) = lane.destination.is_in(&batch).await {
            break AttemptOutcome::Committed;
        }
    };
    match outcome {
        AttemptOutcome::Committed => lane.settle_batch(batch, retry.elapsed()),
        AttemptOutcome::Fenced => lane.reposition_batch(&batch, BatchOutcome::Fenced),
        AttemptOutcome::Recreated => lane.reposition_batch(&batch, BatchOutcome::Recreated),
        AttemptOutcome::DecodeAnew | AttemptOutcome::TablesAltered => {
            return match retry.step_after_alteration(lane).await {
                NextStep::LetGo => AfterBatch::LetGo,
                _ => AfterBatch::DecodeAnew(batch.into_trial()),
            };
        }
        AttemptOutcome::SourceGoneBack => {
            lane.apply_again(&batch);
            batch.trial.conflicts = Conflicts::Possible;
            return AfterBatch::DecodeAnew(batch.into_trial());
        }
        // the partition concerned stands still when it is taken up
        AttemptOutcome::Overtaken => lane.reposition_batch(&batch, BatchOutcome::Overtaken),
    }
    AfterBatch::Done
}
