//! Events that go to the dead letter topic because Postgres is away (`retry.when_unavailable =
//! "dead_letter"`), in order.
//!
//! Their rows in `dead_letters` are owed until Postgres is back, and then written by the partition's
//! next batch, together with its watermark. Whoever takes the partition over before that goes by
//! the watermark, and reads these events again.
//!
//! Why: `docs/decisions/12`.

use crate::pipeline::batch::Batch;
use crate::pipeline::count::count_outcomes;
use crate::pipeline::duplicates::mark_twins;
use crate::pipeline::lane::Lane;
use crate::verdict::{Failure, Verdict};

/// Some 100 MB of letters. Beyond it the lane waits, as it does with `wait`.
pub const OWED_LETTERS_LIMIT: usize = 250_000;

/// Publishes what is pending of the batch and commits its offsets; gives the batch up if somebody
/// needs the lane and Kafka doesn't take the letters either.
pub async fn divert_batch(lane: &mut Lane, mut batch: Batch<'_>, failure: &Failure) {
    let unavailable = Failure {
        verdict: Verdict::Unavailable,
        ..failure.clone()
    };
    let (attempts, since) = (batch.trial.attempts, batch.trial.first_failed_at);
    for entry in batch.entries.iter_mut().filter(|e| e.is_fresh()) {
        entry.reject_for(&unavailable, attempts, since);
    }
    mark_twins(&mut batch.entries);
    let mut delays = lane.waiting.start_delays();
    while let Err(failure) = lane.before_commit.deliver_rejects(&mut batch).await {
        if !lane.waiting.wait_after(&failure, &mut delays).await {
            return lane.abandon_batch(&batch);
        }
    }
    if !lane.diverting && !batch.entries.is_empty() {
        lane.diverting = true;
        tracing::warn!(
            lane = lane.number,
            "Postgres is away for too long: events go to the dead letter topic until it is back"
        );
    }
    count_outcomes(&batch);
    let letters = batch.published_letters().collect();
    lane.partitions.note_diverted(batch.advances, letters);
}
