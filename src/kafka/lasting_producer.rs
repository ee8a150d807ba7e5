//! A producer that goes on after librdkafka has given it up.
//!
//! An idempotent producer asks the brokers for an id. A user who may write to no topic is given none, and librdkafka's client takes
//! nothing more for good, whatever the user may do later.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::future_producer::Delivery;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use tokio::sync::Mutex;

use crate::kafka::client::{ClientProperties, LoggingContext};
use crate::kafka::login::LiveClient;

type Producer = LiveClient<FutureProducer<LoggingContext>>;

/// Is made anew once its client can't go on.
pub(super) struct LastingProducer {
    properties: ClientProperties,
    client: Mutex<Arc<Producer>>,
}

impl LastingProducer {
    /// Connects to nothing yet. May block its thread, as each client that is made.
    ///
    /// # Errors
    /// A property that librdkafka refuses, or a secret that can't be read.
    pub(super) fn new(properties: &ClientProperties) -> KafkaResult<Self> {
        Ok(Self {
            client: Mutex::new(Arc::new(properties.create(LoggingContext)?)),
            properties: properties.clone(),
        })
    }

    /// Sends a record, and waits until it is safe; for a place in the queue, `timeout` at most.
    ///
    /// # Errors
    /// Kafka didn't take it. Of a client that was given up: what it was given up for.
    pub(super) async fn send(
        &self,
        record: FutureRecord<'_, [u8], [u8]>,
        timeout: Duration,
    ) -> KafkaResult<Delivery> {
        let client = self.usable_client().await?;
        let sent = client.send(record, timeout).await;
        sent.map_err(|(error, _)| match find_end(&client) {
            Some(end) => KafkaError::MessageProduction(end),
            None => error,
        })
    }

    async fn usable_client(&self) -> KafkaResult<Arc<Producer>> {
        let mut client = self.client.lock().await;
        if find_end(&client).is_some() {
            let properties = self.properties.clone();
            // it may run a command for a secret
            let made = tokio::task::spawn_blocking(move || properties.create(LoggingContext));
            let made = made.await.map_err(|_| KafkaError::Canceled)??;
            let given_up = std::mem::replace(&mut *client, Arc::new(made));
            // ending one can take a while, and nobody waits for it
            drop(tokio::task::spawn_blocking(move || drop(given_up)));
        }
        Ok(client.clone())
    }
}

/// Why a client takes nothing more, if it doesn't.
fn find_end(client: &Producer) -> Option<RDKafkaErrorCode> {
    client.client().fatal_error().map(|(code, _)| code)
}

#[cfg(test)]
#[path = "lasting_producer_tests.rs"]
mod tests;
