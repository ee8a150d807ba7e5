//! Before a batch is decoded the schemas of its records must be known. Decoding itself asks nobody.

use crate::pipeline::lane::Lane;
use crate::record::Record;
use crate::retry::Delays;
use crate::watch::metrics;

impl Lane {
    /// Learns the schemas of these records, and waits for a registry that can't be asked. Returns
    /// whether they are known now; if not, somebody waits for the lane.
    pub async fn learn_schemas(&mut self, records: &[Record]) -> bool {
        let Some(registry) = self.registry.clone() else {
            return true;
        };
        let mut delays = Delays::new(&self.retry);
        let mut has_waited = false;
        loop {
            let unknown = self.decoder.unknown_schemas(records);
            if unknown.is_empty() {
                break;
            }
            let answer = tokio::select! {
                answer = registry.fetch_schemas(unknown) => answer,
                () = self.inbox.asked_to_drain() => return false,
            };
            let failure = match answer {
                Ok(known) => {
                    self.decoder.learn_schemas(known);
                    break;
                }
                Err(failure) => failure,
            };
            metrics::failed_attempt(failure.verdict);
            self.tell_waiting(&failure);
            has_waited = true;
            let pause = self.pause(failure.verdict, &mut delays);
            if !self.sleep(pause).await {
                return false;
            }
        }
        if has_waited {
            self.tell_going_on();
        }
        true
    }
}
