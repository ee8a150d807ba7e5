//! The worker's loop. A lane owns some partitions, and lands their events batch by batch:
//!
//! ```text
//! collect batch ──► Postgres transaction ──────────► DLQ delivery ──► COMMIT ──► Kafka offset commit
//!                   watermark, ids, rows             of its rejects
//! ```
//!
//! A crash between any two steps leaves a state from which a restart converges.
//!
//! A partition that can't go on is set aside ([`set_aside`]), and the lane's others go on.

mod advance;
mod advances;
mod arrange;
mod ask_kafka;
mod attempt_outcome;
mod await_answer;
mod awaited_ends;
mod batch;
mod before_commit;
pub mod bookkeeping_schema;
mod breaker;
mod caught_up;
mod count;
mod cut_logs;
mod deliver;
mod denied;
mod destination;
mod divert;
mod dropped_fetches;
mod duplicates;
mod entry;
mod event_place;
mod evolve;
mod find_start;
mod first_starts;
mod hold_back;
mod idle_routes;
mod in_flight;
mod isolate;
mod jumps;
mod landed_log;
mod landing;
mod lane;
mod lane_decoder;
mod lane_partitions;
mod last_events;
mod latency;
mod learn_feeds;
mod leave_pauses;
mod lock_patience;
mod note_flows;
mod order;
mod owned_partition;
mod partition_order;
mod pass_ends;
mod place_entries;
mod positioning;
mod resolve;
mod retry_policy;
pub mod run;
pub mod run_error;
mod session_watch;
mod set_aside;
mod stand_still;
mod start_worker;
mod stuck;
mod topic_look;
mod topic_looks;
mod topic_watch;
mod transaction;
mod trial;
mod truncate;
mod unanswered;
mod untold_ends;
mod waiting;
mod worker;
mod write_in_order;

use bumpalo::Bump;

use crate::failpoint;
use crate::kafka::inbox::Work;
use crate::ledger::watermarks::Fence;
use crate::pipeline::attempt_outcome::AttemptOutcome;
use crate::pipeline::batch::Batch;
use crate::pipeline::duplicates::LedgerKnows;
use crate::pipeline::landing::land_records;
use crate::pipeline::lane::Lane;
use crate::pipeline::partition_order::decide_starts;
use crate::pipeline::pass_ends::{note_positions, pass_ends, pass_last_ends};
use crate::postgres::catalogue::TablesAre;
use crate::verdict::Failure;
use crate::watch::metrics::Stage;

/// Runs a lane until its inbox ends: takes up partitions, and lands what is read of them.
async fn run_lane(mut lane: Lane) {
    let mut arena = Bump::new(); // what a batch decodes to; used again for the next
    loop {
        match lane.inbox.next(lane.aside.next_due()).await {
            Work::TakeUp(partitions) => {
                lane.renew_dropped_fetches();
                lane.take_up(partitions).await;
            }
            Work::Records(mut records, positions, _busy) => {
                lane.aside.leave_out(&mut records);
                note_positions(&mut lane, positions);
                if !records.is_empty() {
                    decide_starts(&mut lane, &records).await;
                    land_records(&mut lane, records, &mut arena).await;
                }
                pass_ends(&mut lane).await;
                lane.renew_dropped_fetches();
            }
            Work::Due(_busy) => lane.probe_aside(&mut arena).await,
            Work::Idle => match lane.partitions.count_owed_letters() {
                0 => {
                    pass_ends(&mut lane).await;
                    lane.take_up_moved_partitions().await;
                    lane.renew_dropped_fetches();
                }
                _ => land_records(&mut lane, Vec::new(), &mut arena).await,
            },
            Work::End => break,
        }
    }
    pass_last_ends(&mut lane).await;
    lane.partitions.committer.finish_commits().await;
}

/// Attempts once to land a batch: a transaction of eight steps, on whose order exactly once rests.
/// [`land_records`] gathers the batch before, and goes on after a failure as [`retry_policy`] decides. Once the
/// batch is in, [`lane_partitions`] commits its offsets to Kafka, last.
///
/// # Errors
/// With its verdict; systemic, if more of the batch was refused than the lane's breaker allows. Nothing of
/// the batch is in then, unless COMMIT failed and its answer was lost.
async fn attempt_once(lane: &Lane, batch: &mut Batch<'_>) -> Result<AttemptOutcome, Failure> {
    let (destination, before_commit) = (&lane.destination, &lane.before_commit);
    if lane.feeds.learn_new(batch).await? {
        return Ok(AttemptOutcome::DecodeAnew);
    }
    if batch.has_gaps() {
        // asked before anything can make the batch wait: retention that passes it meanwhile has deleted nothing unseen
        if let Some(outcome) = before_commit.confirm_topics(batch).await? {
            return Ok(outcome);
        }
        batch.accept_gaps();
    }
    if !batch.moves_watermarks() {
        let outcome = before_commit.confirm_topics(batch).await?;
        return Ok(outcome.unwrap_or(AttemptOutcome::Committed));
    }
    let mut client = destination.connect().await?;
    truncate::require_order(&client, &destination.ledger, before_commit, batch).await?;
    let resolved = destination.resolve_changes(&mut client, batch);
    let changes = Stage::Resolve.time(resolved).await?;
    if lane.feeds.learn_tables(batch) {
        return Ok(AttemptOutcome::DecodeAnew);
    }
    destination.prepare_days(&client, batch).await?;
    failpoint::reach("before_transaction");

    // Kafka's answer is waited for last: its round trip is as long as all of Postgres' together
    let topics = before_commit.ask_about_topics(batch);
    let tx = destination.begin_transaction(&mut client).await?;
    // 1. The watermarks move, and fence: of two writers of a partition only one goes on.
    let moved = Stage::Watermarks.time(tx.move_watermarks(batch)).await?;
    let Fence::Held { letters, overtaken } = moved else {
        return Ok(AttemptOutcome::Fenced);
    };
    let overtaken = batch.topics_of(&overtaken);
    overtaken.for_each(|topic| _ = lane.feeds.merged_tables().note_gave_way(topic));
    // 2. Letters that were published while Postgres was away get their rows.
    let letters = tx.insert_owed_letters(batch, letters).await?;
    // 3. Ids are entered, which tells fresh events from duplicates.
    let ledger = Stage::EventIds.time(tx.insert_event_ids(batch, letters));
    if ledger.await? == LedgerKnows::APart {
        return Ok(AttemptOutcome::SourceGoneBack);
    }
    // 4. The rows of fresh events are written, and their tables verified. What Postgres refuses becomes a reject.
    let written = tx.write_fresh_rows(batch, changes, letters);
    let written = Stage::Rows.time(written).await;
    if written.inspect_err(|failure| destination.forget_if_stale(batch, failure))?
        == TablesAre::Altered
    {
        return Ok(AttemptOutcome::TablesAltered);
    }
    // whoever goes before its turn from now on waits for these rows until COMMIT
    if lane.feeds.is_outdated(batch) {
        return Ok(AttemptOutcome::DecodeAnew);
    }
    if let Some(look_around) = lane.breaker.judge_batch(batch)? {
        return Ok(look_around);
    }
    // 5. Rejects are delivered to the dead letter topic,
    let delivered = before_commit.deliver_rejects(batch);
    Stage::Delivery.time(delivered).await?;
    // 6. and get their rows.
    Stage::Letters.time(tx.insert_letters(batch)).await?;
    // 7. The topics are confirmed to be those that the lane took up.
    if let Some(outcome) = Stage::TopicCheck.time(topics.wait_for_answer()).await? {
        return Ok(outcome);
    }
    // 8. All of it is in, or nothing.
    Stage::Commit.time(tx.commit()).await?;
    Ok(AttemptOutcome::Committed)
}
