//! The whole loop. A lane owns some partitions, and lands their events batch by batch:
//!
//! ```text
//! collect batch ──► Postgres transaction ──────────► DLQ delivery ──► COMMIT ──► Kafka offset commit
//!                   watermark, ids, rows             of its rejects
//! ```
//!
//! A crash between any two steps leaves a state from which a restart converges.

pub mod advance;
pub mod apply;
mod arrange;
pub mod attempt_outcome;
pub mod batch;
pub mod before_commit;
mod breaker;
pub mod caught_up;
mod count;
mod deliver;
mod divert;
pub mod entry;
mod idle;
mod in_flight;
mod isolate;
pub mod lane;
mod learn;
pub mod order;
pub mod owned_partition;
pub mod positioning;
mod retry_policy;
pub mod run;
mod trial;
pub mod write_in_order;

use std::collections::HashMap;

use bumpalo::Bump;

use crate::kafka::inbox::Work;
use crate::pipeline::attempt_outcome::AttemptOutcome;
use crate::pipeline::batch::Batch;
use crate::pipeline::in_flight::Hand;
use crate::pipeline::lane::{Lane, Stopped};
use crate::pipeline::retry_policy::{Next, Patience};
use crate::pipeline::trial::Progress;
use crate::record::{Record, TopicPartition};
use crate::rows::statement::Conflicts;
use crate::watch::metrics::BatchOutcome;

/// Runs a lane until its inbox ends.
///
/// # Errors
/// What an operator must decide: see [`Stopped`].
pub async fn run_lane(mut lane: Lane) -> Result<(), Stopped> {
    let mut arena = Bump::new(); // what a batch decodes to; used again for the next
    loop {
        match lane.inbox.next().await {
            Work::TakeUp(partitions) => lane.take_up(partitions).await?,
            Work::Records(records, _busy) => land(&mut lane, records, &mut arena).await?,
            Work::Idle => match lane.owed_letters() {
                0 => lane.look_at_rows().await,
                _ => land(&mut lane, Vec::new(), &mut arena).await?,
            },
            Work::End => break,
        }
    }
    lane.committer.finish().await;
    Ok(())
}

/// Lands what was read: tries until it is in, or until it turns out to be somebody else's.
async fn land(lane: &mut Lane, records: Vec<Record>, arena: &mut Bump) -> Result<(), Stopped> {
    let mut hand = Hand::new(records);
    let mut patience = Patience::new(&lane.retry);
    let (mut progress, mut behind) = (Progress::default(), Progress::default());
    lane.decoder.forget_refused_schemas();
    loop {
        arena.reset();
        if !lane.learn_schemas(&hand.records).await {
            let_go(lane, hand, arena);
            return Ok(());
        }
        let batch = Batch::gather(
            &hand.records,
            arena,
            &lane.owned_partitions,
            &mut lane.decoder,
        );
        if batch.is_empty() {
            match hand.next() {
                true => continue,
                false => return Ok(()),
            }
        }
        let whole = hand.is_whole();
        match land_batch(lane, batch.resume(progress), &mut patience, whole).await? {
            Landed::Done => {
                progress = std::mem::take(&mut behind);
                if !hand.next() {
                    return Ok(());
                }
            }
            Landed::Grow(so_far) => {
                progress = so_far;
                hand.take_all();
                lane.inbox.add_more(&mut hand.records);
            }
            Landed::Divide(first_waiting, so_far) => {
                behind = so_far.clone();
                progress = so_far;
                hand.put_behind(&first_waiting);
            }
            Landed::LetGo => {
                let_go(lane, hand, arena);
                return Ok(());
            }
        }
    }
}

/// Somebody waits for the lane: what it has in hand is read again by whoever has its partitions then.
fn let_go(lane: &mut Lane, mut hand: Hand, arena: &Bump) {
    hand.take_all();
    let all = Batch::gather(
        &hand.records,
        arena,
        &lane.owned_partitions,
        &mut lane.decoder,
    );
    lane.abandon(&all);
}

/// What became of a batch.
enum Landed {
    Done,
    /// It is to be tried again with more,
    Grow(Progress),
    /// or each partition's records before this offset by themselves.
    Divide(HashMap<TopicPartition, i64>, Progress),
    LetGo,
}

/// Tries a batch until it is in, or must be another one.
async fn land_batch(
    lane: &mut Lane,
    mut batch: Batch<'_>,
    patience: &mut Patience,
    whole: bool,
) -> Result<Landed, Stopped> {
    if lane.wary > 0 {
        batch.conflicts = Conflicts::Possible;
    }
    let outcome = loop {
        let (before_commit, breaker) = (&lane.before_commit, &lane.breaker);
        let failure = match lane
            .destination
            .land(&mut batch, before_commit, breaker)
            .await
        {
            Ok(outcome) => break outcome,
            Err(failure) => failure,
        };
        let next = lane.after_failure(&mut batch, failure, patience, whole);
        match next.await {
            Next::Again => {}
            Next::Grow => return Ok(Landed::Grow(batch.progress())),
            Next::Divide(first) => return Ok(Landed::Divide(first, batch.progress())),
            Next::Divert(failure) => {
                lane.divert(batch, &failure).await;
                return Ok(Landed::Done);
            }
            Next::LetGo => return Ok(Landed::LetGo),
        }
        // a COMMIT whose answer got lost may be in all the same
        if let Ok(true) = lane.destination.is_in(&batch).await {
            break AttemptOutcome::Committed;
        }
    };
    match outcome {
        AttemptOutcome::Committed => lane.settle(batch, patience.elapsed()),
        AttemptOutcome::Fenced => lane.reposition(&batch, BatchOutcome::Fenced),
        AttemptOutcome::Recreated => lane.reposition(&batch, BatchOutcome::Recreated),
        AttemptOutcome::Overtaken(message) => return Err(Stopped::Gap(message)),
    }
    Ok(Landed::Done)
}
