//! A question about a partition that Kafka didn't answer, kept to be asked again: that others are answered tells nothing.

use std::sync::Arc;

use crate::kafka;
use crate::pipeline::ask_kafka::ask_kafka;
use crate::verdict::{Failure, Verdict};

/// A question that wasn't answered, and why.
pub struct Unanswered {
    /// Why.
    pub failure: Failure,
    question: Arc<dyn Fn() -> Result<(), kafka::Error> + Send + Sync>,
}

impl Unanswered {
    /// The question was asked, and this came of it.
    pub fn new<T>(
        error: &kafka::Error,
        question: impl Fn() -> Result<T, kafka::Error> + Send + Sync + 'static,
    ) -> Self {
        let failure = Failure::of_kafka(Verdict::Unavailable, error.to_string());
        Self::keep(failure, question)
    }

    fn keep<T>(
        failure: Failure,
        question: impl Fn() -> Result<T, kafka::Error> + Send + Sync + 'static,
    ) -> Self {
        let question = Arc::new(move || question().map(drop));
        Self { failure, question }
    }

    /// Asks again. Whatever the answer is, it may be had.
    ///
    /// # Errors
    /// Still none.
    pub async fn ask_again(&self) -> Result<(), Failure> {
        let question = self.question.clone();
        ask_kafka(move || question()).await
    }
}

/// Asks Kafka, and waits for the answer. The question is kept if there is none.
///
/// # Errors
/// Kafka can't be asked this now.
pub async fn ask_or_keep<T: Send + 'static>(
    question: impl Fn() -> Result<T, kafka::Error> + Send + Sync + 'static,
) -> Result<T, Unanswered> {
    let question = Arc::new(question);
    let asked = question.clone();
    let answer = ask_kafka(move || asked()).await;
    answer.map_err(|failure| Unanswered::keep(failure, move || question()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn the_question_that_failed_is_the_one_that_is_asked_again() {
        let asked = Arc::new(AtomicUsize::new(0));
        let question = {
            let asked = asked.clone();
            move || match asked.fetch_add(1, Ordering::Relaxed) {
                0 | 1 => Err(kafka::Error::TopicIdsUnanswered),
                times => Ok(times),
            }
        };
        let unanswered = ask_or_keep(question).await.expect_err("no answer");
        assert_eq!(unanswered.failure.verdict, Verdict::Unavailable);
        assert!(unanswered.ask_again().await.is_err());
        assert!(unanswered.ask_again().await.is_ok());
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }
}
