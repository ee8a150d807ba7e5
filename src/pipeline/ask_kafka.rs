//! Questions to Kafka. They block their thread, so they are asked on one of their own.

use std::sync::Arc;

use tokio::task::{JoinHandle, spawn_blocking};

use crate::config::Config;
use crate::kafka;
use crate::kafka::topics::Topics;
use crate::record::TopicPartition;
use crate::verdict::{Failure, Verdict};

/// A question that Kafka has been asked.
pub struct Question<T>(JoinHandle<Result<T, kafka::Error>>);

impl<T: Send + 'static> Question<T> {
    /// Asks, and goes on meanwhile.
    pub fn ask(question: impl FnOnce() -> Result<T, kafka::Error> + Send + 'static) -> Self {
        Self(spawn_blocking(question))
    }

    /// Waits for the answer.
    ///
    /// # Errors
    /// Kafka can't be asked now.
    pub async fn wait_for_answer(self) -> Result<T, Failure> {
        let unavailable = |error: String| Failure::of_kafka(Verdict::Unavailable, error);
        match self.0.await {
            Ok(answer) => answer.map_err(|error| unavailable(error.to_string())),
            Err(error) => Err(unavailable(error.to_string())),
        }
    }
}

/// Asks Kafka, and waits for the answer.
///
/// # Errors
/// Kafka can't be asked now.
pub async fn ask_kafka<T: Send + 'static>(
    question: impl FnOnce() -> Result<T, kafka::Error> + Send + 'static,
) -> Result<T, Failure> {
    Question::ask(question).wait_for_answer().await
}

/// The partitions of all topics that `kafka.topics` asks for.
///
/// # Errors
/// Kafka can't be asked now.
pub async fn list_partitions(
    topics: &Topics,
    config: &Arc<Config>,
) -> Result<Vec<TopicPartition>, Failure> {
    let (topics, config) = (topics.clone(), config.clone());
    ask_kafka(move || topics.partitions(|topic| config.subscribes_to(topic))).await
}
