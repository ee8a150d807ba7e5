//! A producer that goes on after librdkafka has given it up.
//!
//! An idempotent producer asks the brokers for an id. A user who may write to no topic is given none, and librdkafka's client takes
//! nothing more for good, whatever the user may do later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::future_producer::Delivery;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};

use crate::kafka::client::{ClientProperties, LoggingContext};
use crate::kafka::login::LiveClient;
use crate::locked::Locked;

type Producer = LiveClient<FutureProducer<LoggingContext>>;

/// Is made anew once its client can't go on.
pub(super) struct LastingProducer(Arc<Renewable>);

struct Renewable {
    properties: ClientProperties,
    client: Locked<Arc<Producer>>,
    is_renewed_now: AtomicBool,
}

impl LastingProducer {
    /// Connects to nothing yet. May block its thread, as each client that is made.
    ///
    /// # Errors
    /// A property that librdkafka refuses, or a secret that can't be read.
    pub(super) fn new(properties: &ClientProperties) -> KafkaResult<Self> {
        Ok(Self(Arc::new(Renewable {
            client: Locked::new(Arc::new(properties.create(LoggingContext)?)),
            properties: properties.clone(),
            is_renewed_now: AtomicBool::new(false),
        })))
    }

    /// Sends a record, and waits until it is safe; for a place in the queue, `timeout` at most.
    ///
    /// # Errors
    /// Kafka didn't take it. Of a client that was given up: what it was given up for; there is another one soon, which a batch
    /// with its locks doesn't wait for.
    pub(super) async fn send(
        &self,
        record: FutureRecord<'_, [u8], [u8]>,
        timeout: Duration,
    ) -> KafkaResult<Delivery> {
        let client = self.0.client.lock().clone();
        let sent = client.send(record, timeout).await;
        sent.map_err(|(error, _)| match find_end(&client) {
            Some(end) => {
                self.renew();
                KafkaError::MessageProduction(end)
            }
            None => error,
        })
    }

    fn renew(&self) {
        let renewable = self.0.clone();
        if renewable.is_renewed_now.swap(true, Ordering::AcqRel) {
            return;
        }
        // it may run a command for a secret, and ending the other one can take a while
        drop(tokio::task::spawn_blocking(move || {
            let is_given_up = find_end(&renewable.client.lock()).is_some();
            match is_given_up.then(|| renewable.properties.create(LoggingContext)) {
                Some(Ok(made)) => {
                    let given_up = std::mem::replace(&mut *renewable.client.lock(), Arc::new(made));
                    renewable.is_renewed_now.store(false, Ordering::Release);
                    drop(given_up);
                }
                Some(Err(error)) => {
                    // whoever sends the next record tries again
                    tracing::debug!(%error, "a producer can't be made anew");
                    renewable.is_renewed_now.store(false, Ordering::Release);
                }
                None => renewable.is_renewed_now.store(false, Ordering::Release),
            }
        }));
    }
}

/// Why a client takes nothing more, if it doesn't.
fn find_end(client: &Producer) -> Option<RDKafkaErrorCode> {
    client.client().fatal_error().map(|(code, _)| code)
}

#[cfg(test)]
#[path = "lasting_producer_tests.rs"]
mod tests;
