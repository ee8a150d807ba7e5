//! A batch's rejects on their way to the dead letter topic.

use std::collections::BTreeMap;
use std::sync::Arc;

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
    let mut by_topic: BTreeMap<Arc<str>, Vec<Unpublished<'_, '_>>> = BTreeMap::new();
    for unpublished in batch.unpublished_rejects() {
        let topic = letters.topic_for(unpublished.record);
        by_topic.entry(topic).or_default().push(unpublished);
    }
    let sent = by_topic.into_iter().map(|(topic, rejects)| {
        let span = spans::send_letters(&topic, rejects.len());
        let deliveries = rejects.into_iter().map(|reject| publish(letters, reject));
        join_all(deliveries).instrument(span)
    });
    let sent = join_all(sent).await;
    sent.into_iter().flatten().collect()
}

async fn publish(letters: &DeadLetters, unpublished: Unpublished<'_, '_>) -> Result<(), Failure> {
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
    // a field called `event` would hide the message from who looks at the span in Jaeger
    tracing::warn!(partition = %record.source, offset = record.offset, event_id = %id, table, reason = reject.cause.reason.name(),
        sqlstate = reject.cause.sqlstate, left_out_bytes = place.left_out, "record put aside as a dead letter");
    reject.published = Some(place);
    Ok(())
}
