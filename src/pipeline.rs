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
pub mod batch;
pub mod caught_up;
pub mod client;
pub mod commit;
pub mod confirm;
pub mod consume;
mod count;
pub mod dead_letter;
pub mod dead_letter_topic;
pub mod decode;
mod divert;
pub mod entry;
pub mod group;
mod idle;
pub mod inbox;
mod isolate;
pub mod lane;
pub mod ledger;
pub mod ledger_days;
pub mod letters;
pub mod order;
mod patience;
pub mod rows;
pub mod run;
pub mod take_up;
pub mod topic;
pub mod topic_id;
pub mod watermark;

use crate::message::Record;
use crate::pipeline::apply::Landing;
use crate::pipeline::batch::Batch;
use crate::pipeline::inbox::Work;
use crate::pipeline::lane::{Lane, Stopped};
use crate::pipeline::patience::{Next, Patience};

/// Runs a lane until its inbox ends.
///
/// # Errors
/// What an operator must decide: see [`Stopped`].
pub async fn run_lane(mut lane: Lane) -> Result<(), Stopped> {
    loop {
        match lane.inbox.next().await {
            Work::TakeUp(partitions) => lane.take_up(partitions).await?,
            Work::Records(records, _busy) => land(&mut lane, records).await?,
            Work::Idle => match lane.owed_letters() {
                0 => lane.look_at_rows().await,
                _ => land(&mut lane, Vec::new()).await?,
            },
            Work::End => break,
        }
    }
    lane.committer.finish().await;
    Ok(())
}

/// Lands one batch: tries until it is in, or until it turns out to be somebody else's.
async fn land(lane: &mut Lane, mut records: Vec<Record>) -> Result<(), Stopped> {
    let mut batch = Batch::gather(&records, &lane.holdings, &mut lane.decoder);
    if batch.is_empty() {
        return Ok(());
    }
    let mut patience = Patience::new(&lane.retry);
    let landing = loop {
        let (edges, breaker) = (&lane.edges, &lane.breaker);
        let failure = match lane.destination.land(&mut batch, edges, breaker).await {
            Ok(landing) => break landing,
            Err(failure) => failure,
        };
        match lane.after_failure(&mut batch, failure, &mut patience).await {
            Next::Again => {}
            Next::Grow => {
                let progress = batch.progress();
                lane.inbox.add_more(&mut records);
                batch = Batch::gather(&records, &lane.holdings, &mut lane.decoder).resume(progress);
            }
            Next::Divert(failure) => {
                lane.divert(batch, &failure).await;
                return Ok(());
            }
            Next::LetGo => {
                lane.abandon(&batch);
                return Ok(());
            }
        }
        // a COMMIT whose answer got lost may be in all the same
        if let Ok(true) = lane.destination.is_in(&batch).await {
            break Landing::Committed;
        }
    };
    match landing {
        Landing::Committed => lane.settle(batch, patience.elapsed()).await,
        Landing::Fenced => lane.reposition(&batch, "fenced"),
        Landing::Recreated => lane.reposition(&batch, "recreated"),
        Landing::Overtaken(message) => return Err(Stopped::Gap(message)),
    }
    Ok(())
}
