//! Questions to Kafka. They block their thread, so they are asked on one of their own.

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::config::Config;
use crate::kafka;
use crate::kafka::topics::Topics;
use crate::record::TopicPartition;
use crate::verdict::{Failure, Verdict};

/// So many questions are asked at once beside what lanes do: each has a thread of its own, for ten seconds and more where
/// a broker hangs, and that may be the leader of hundreds of partitions. Those of other leaders wait behind them, so it isn't few.
const MOST_AT_ONCE: usize = 64;
static TURNS: Semaphore = Semaphore::const_new(MOST_AT_ONCE);

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

/// Waits until one more question may be asked beside what lanes do. The turn lasts until what is given back is dropped.
pub async fn wait_for_turn() -> Option<SemaphorePermit<'static>> {
    TURNS.acquire().await.ok() // it is never closed
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

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_question_too_many_waits_until_another_one_is_answered() {
        let mut turns = Vec::new();
        for _ in 0..MOST_AT_ONCE {
            turns.push(wait_for_turn().await);
        }
        assert!(wait_for_turn().now_or_never().is_none());
        turns.pop();
        assert!(wait_for_turn().now_or_never().is_some());
    }
}
