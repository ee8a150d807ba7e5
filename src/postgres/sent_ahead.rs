//! Statements that are sent one behind the other, without waiting for each one's answer: of a batch with hundreds of tables
//! each has a statement of a few rows, and a round trip takes longer than it does.

use std::collections::VecDeque;
use std::task::Poll;

use futures::future::BoxFuture;
use futures::poll;

use crate::verdict::Failure;

/// Once so much text is on its way, in bytes, the first answer is waited for before more is sent.
const MOST_BYTES: usize = 256 << 10;

/// Statements without an answer yet, in the order in which they were sent, with how much text they have.
#[derive(Default)]
pub struct SentAhead<'s> {
    statements: VecDeque<(BoxFuture<'s, Result<(), Failure>>, usize)>,
    bytes: usize,
}

impl<'s> SentAhead<'s> {
    /// Sends a statement, which tokio-postgres does when its future is first polled. The future must wait for nothing but
    /// its own answer, which comes before those of others: nobody reads these meanwhile.
    ///
    /// # Errors
    /// What one before it met, or the statement itself. In a transaction those behind it meet nothing but that it was
    /// aborted, so that nobody need hear of them.
    pub async fn send(
        &mut self,
        statement: impl Future<Output = Result<(), Failure>> + Send + 's,
        bytes: usize,
    ) -> Result<(), Failure> {
        while self.bytes + bytes > MOST_BYTES && !self.statements.is_empty() {
            self.await_first().await?;
        }
        let mut statement: BoxFuture<'s, _> = Box::pin(statement);
        match poll!(&mut statement) {
            Poll::Ready(answer) => {
                self.await_all().await?;
                answer
            }
            Poll::Pending => {
                self.bytes += bytes;
                self.statements.push_back((statement, bytes));
                Ok(())
            }
        }
    }

    /// Waits for all answers.
    ///
    /// # Errors
    /// The first of them.
    pub async fn await_all(&mut self) -> Result<(), Failure> {
        while !self.statements.is_empty() {
            self.await_first().await?;
        }
        Ok(())
    }

    async fn await_first(&mut self) -> Result<(), Failure> {
        // it stays the first as long as it is waited for
        let Some((first, bytes)) = self.statements.front_mut() else {
            return Ok(());
        };
        let answer = first.await;
        self.bytes -= *bytes;
        self.statements.pop_front();
        if answer.is_err() {
            // their answers are read by nobody, and mustn't be waited for by those of others
            self.statements.clear();
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::FutureExt as _;
    use tokio::sync::Notify;

    use super::*;
    use crate::locked::Locked;
    use crate::verdict::Verdict;

    /// Notes when it is sent, and is answered once it is let go.
    struct Postgres {
        sent: Locked<Vec<usize>>,
        lets_go: Vec<Notify>,
    }

    impl Postgres {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                sent: Locked::default(),
                lets_go: (0..9).map(|_| Notify::new()).collect(),
            })
        }

        async fn answer(
            self: Arc<Self>,
            number: usize,
            answer: Result<(), Failure>,
        ) -> Result<(), Failure> {
            self.sent.lock().push(number);
            self.lets_go[number].notified().await;
            answer
        }
    }

    fn refusal(why: &str) -> Result<(), Failure> {
        Err(Failure::new(Verdict::Systemic, why))
    }

    #[tokio::test]
    async fn statements_are_sent_in_order_while_none_is_answered() {
        let (postgres, mut sent) = (Postgres::new(), SentAhead::default());
        for number in 0..5 {
            let statement = postgres.clone().answer(number, Ok(()));
            sent.send(statement, 1_000).await.unwrap();
        }
        assert_eq!(*postgres.sent.lock(), [0, 1, 2, 3, 4]);
        assert!(sent.await_all().now_or_never().is_none());
        postgres.lets_go[..5].iter().for_each(Notify::notify_one);
        sent.await_all().await.unwrap();
    }

    #[tokio::test]
    async fn much_text_waits_for_what_is_on_its_way() {
        let (postgres, mut sent) = (Postgres::new(), SentAhead::default());
        let large = |number| postgres.clone().answer(number, Ok(()));
        sent.send(large(0), MOST_BYTES * 2).await.unwrap();
        assert!(sent.send(large(1), 1).now_or_never().is_none());
        postgres.lets_go[0].notify_one();
        sent.send(large(2), 1).await.unwrap();
        assert_eq!(*postgres.sent.lock(), [0, 2]);
    }

    #[tokio::test]
    async fn what_the_first_one_met_is_told_and_not_that_those_behind_it_were_aborted() {
        let (postgres, mut sent) = (Postgres::new(), SentAhead::default());
        for (number, answer) in [Ok(()), refusal("a lock"), refusal("aborted")]
            .into_iter()
            .enumerate()
        {
            let statement = postgres.clone().answer(number, answer);
            sent.send(statement, 1).await.unwrap();
        }
        postgres.lets_go[..3].iter().for_each(Notify::notify_one);
        let at_once = async { refusal("the connection is gone") };
        let failure = sent.send(at_once, 1).await.unwrap_err();
        assert_eq!(failure.message, "a lock");
    }
}
