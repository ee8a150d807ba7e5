//! What a lane decodes records with. Decoding itself asks nobody: before a batch is decoded, the schemas
//! of its records must be known.

use std::sync::Arc;

use crate::format::decode::Decoder;
use crate::format::registry::Registry;
use crate::pipeline::waiting::Waiting;
use crate::record::Record;
use crate::watch::metrics;

/// A decoder, and whom it learns schemas from.
pub struct LaneDecoder {
    /// Knows the schemas that were learnt so far.
    pub decoder: Decoder,
    /// Where schemas are, if the encoding has any.
    pub registry: Option<Arc<Registry>>,
}

impl LaneDecoder {
    /// Learns the schemas of these records, and waits for a registry that can't be asked. Returns
    /// whether they are known now; if not, somebody needs the lane.
    pub async fn learn_schemas(&mut self, records: &[Record], waiting: &Waiting) -> bool {
        let Some(registry) = &self.registry else {
            return true;
        };
        let unknown = self.decoder.unknown_schemas(records);
        if unknown.is_empty() {
            return true;
        }
        let mut delays = waiting.start_delays();
        let mut has_waited = false;
        loop {
            let question = registry.fetch_schemas(unknown.clone());
            let failure = match waiting.unless_needed(question).await {
                Some(Ok(known)) => {
                    self.decoder.learn_schemas(known);
                    break;
                }
                Some(Err(failure)) => failure,
                None => return false,
            };
            metrics::count_failed_attempt(failure.verdict);
            has_waited = true;
            if !waiting.wait_after(&failure, &mut delays).await {
                return false;
            }
        }
        if has_waited {
            waiting.tell_going_on();
        }
        true
    }
}
