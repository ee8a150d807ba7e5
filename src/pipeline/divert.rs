//! Events that go to the dead letter topic because Postgres is away (`retry.when_unavailable =
//! "dead_letter"`), in order.
//!
//! Their rows in `dead_letters` are owed until Postgres is back, and then written by the partition's
//! next batch, together with its watermark. Whoever takes the partition over before that goes by
//! the watermark, and reads these events again.

use std::sync::Arc;

use crate::letter::Letter;
use crate::pipeline::batch::Batch;
use crate::pipeline::count::count;
use crate::pipeline::lane::Lane;
use crate::retry::Delays;
use crate::verdict::{Failure, Verdict};

/// Some 100 MB of letters. Beyond it the lane waits, as it does with `wait`.
pub const MOST_OWED: usize = 250_000;

impl Lane {
    /// Publishes what is pending of the batch and commits its offsets; gives the batch up if somebody
    /// waits for the lane and Kafka doesn't take the letters either.
    pub async fn divert(&mut self, mut batch: Batch<'_>, failure: &Failure) {
        let unavailable = Failure {
            verdict: Verdict::Unavailable,
            ..failure.clone()
        };
        let (attempts, since) = (batch.attempts, batch.first_failed_at);
        for entry in batch.entries.iter_mut().filter(|e| e.is_fresh()) {
            entry.reject(&unavailable, attempts, since);
        }
        batch.mark_twins();
        let mut delays = Delays::new(&self.retry);
        while let Err(failure) = self.before_commit.deliver_rejects(&mut batch).await {
            self.tell_waiting(&failure);
            let pause = self.pause(failure.verdict, &mut delays);
            if !self.sleep(pause).await {
                return self.abandon(&batch);
            }
        }
        if !self.diverting && !batch.entries.is_empty() {
            self.diverting = true;
            tracing::warn!(
                lane = self.number,
                "Postgres is away for too long: events go to the dead letter topic until it is back"
            );
        }
        count(&batch);
        let letters: Vec<Letter> = batch.letters().collect();
        let mut offsets = Vec::with_capacity(batch.advances.len());
        for advance in batch.advances {
            offsets.push((advance.source.clone(), advance.next_offset));
            if advance.jumped_back {
                self.owned_partitions.remove(&advance.source);
                self.inbox.take_up([advance.source]);
                continue;
            }
            self.progress.diverted(&advance.source);
            if let Some(partition) = self.owned_partitions.get_mut(&advance.source) {
                partition.read_to = Some(advance.next_offset);
                partition.open_deletes = advance.open_deletes;
            }
        }
        for letter in letters {
            if let Some(partition) = self.owned_partitions.get_mut(&letter.source) {
                Arc::make_mut(&mut partition.owed).push(letter);
            }
        }
        self.committer.commit(offsets);
    }

    /// How many rows are to be written once Postgres is back.
    pub fn owed_letters(&self) -> usize {
        self.owned_partitions
            .values()
            .map(|held| held.owed.len())
            .sum()
    }
}
