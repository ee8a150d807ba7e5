//! A batch's rejects on their way to the dead letter topic.

use futures::future::join_all;
use tracing::Instrument as _;

use crate::kafka::dead_letters::DeadLetters;
use crate::letter::UnpublishedLetter;
use crate::pipeline::batch::{Batch, Unpublished};
use crate::verdict::Failure;
use crate::watch::{metrics, spans};

/// Publishes those of the batch's rejects that aren't published yet, and returns once they are safe.
///
/// # Errors
/// Unavailable: Kafka didn't take them. What was taken is marked and not sent again.
pub async fn deliver_rejects(letters: &DeadLetters, batch: &mut Batch<'_>) -> Result<(), Failure> {
    let rejects: Vec<_> = batch.unpublished_rejects().collect();
    let deliveries = rejects.into_iter().map(|unpublished| async move {
        let Unpublished {
            record,
            id,
            table,
            reject,
        } = unpublished;
        let letter = UnpublishedLetter {
            record,
            event_id: id,
            table: &table,
            cause: &reject.cause,
        };
        let place = letters.publish(&letter).await?;
        metrics::count_dead_letter(&table, reject.cause.reason);
        tracing::warn!(partition = %record.source, offset = record.offset, event = %id, table, reason = reject.cause.reason.name(),
            sqlstate = reject.cause.sqlstate, left_out_bytes = place.left_out, "record put aside as a dead letter");
        reject.published = Some(place);
        Ok(())
    });
    let deliveries: Vec<_> = deliveries.collect();
    if deliveries.is_empty() {
        return Ok(());
    }
    let span = spans::send_letters(deliveries.len());
    let delivered = join_all(deliveries).instrument(span).await;
    delivered.into_iter().collect()
}
