//! What a lane does when there is nothing to land.

use crate::pipeline::lane::Lane;

impl Lane {
    /// A batch that comes is fenced by itself if an operator let a partition be read again
    /// (`landfall forget`); a lane to which none comes has to look.
    pub async fn look_at_rows(&mut self) {
        let moved = tokio::select! {
            moved = self.destination.moved(&self.owned_partitions) => moved,
            () = self.inbox.asked_to_drain() => return,
        };
        // Postgres' troubles are told by the next batch
        let Ok(moved) = moved else { return };
        for source in &moved {
            tracing::debug!(lane = self.number, partition = %source, "moved by somebody else: positioned anew");
            self.owned_partitions.remove(source);
        }
        if !moved.is_empty() {
            self.inbox.take_up(moved);
        }
    }
}
