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
pub mod bookkeeping_schema;
mod breaker;
pub mod caught_up;
mod count;
mod deliver;
mod divert;
mod duplicates;
pub mod entry;
mod in_flight;
mod isolate;
mod landing;
pub mod lane;
mod lane_decoder;
mod lane_partitions;
pub mod order;
pub mod owned_partition;
pub mod positioning;
mod resolve;
mod retry_policy;
pub mod run;
mod transaction;
mod trial;
mod waiting;
mod worker;
pub mod write_in_order;

use bumpalo::Bump;

use crate::kafka::inbox::Work;
use crate::pipeline::landing::land_records;
use crate::pipeline::lane::{Lane, OperatorNeeded};

/// Runs a lane until its inbox ends.
///
/// # Errors
/// What an operator must decide: see [`OperatorNeeded`].
pub async fn run_lane(mut lane: Lane) -> Result<(), OperatorNeeded> {
    let mut arena = Bump::new(); // what a batch decodes to; used again for the next
    loop {
        match lane.inbox.next().await {
            Work::TakeUp(partitions) => lane.take_up(partitions).await?,
            Work::Records(records, _busy) => land_records(&mut lane, records, &mut arena).await?,
            Work::Idle => match lane.partitions.count_owed_letters() {
                0 => lane.take_up_moved_partitions().await,
                _ => land_records(&mut lane, Vec::new(), &mut arena).await?,
            },
            Work::End => break,
        }
    }
    lane.partitions.committer.finish_commits().await;
    Ok(())
}
