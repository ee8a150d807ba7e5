//! Asks Kafka and Postgres how everything is: once for `landfall status`, again and again for whoever watches.

use std::pin::Pin;
use std::time::Duration;

use crate::config::Config;
use crate::operator::status::bookkeeping::{Bookkeeping, BookkeepingReader};
use crate::operator::status::kafka::{KafkaAnswers, KafkaAsker};
use crate::operator::status::line::put_together;
use crate::status::{Side, Status};
use crate::watch::page::keeper::AskStatus;

/// How long a person at a terminal waits for a statement to end.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long a statement may take whose answer is on a page that many may look at.
pub const PAGE_PATIENCE: Duration = Duration::from_secs(10);

/// Keeps its connections from one question to the next.
pub struct Gatherer {
    config: Config,
    bookkeeping: BookkeepingReader,
    /// `None` while a thread has it.
    kafka: Option<KafkaAsker>,
}

impl Gatherer {
    /// Connects to nothing yet. `patience`: how long a statement of Postgres may take.
    pub fn new(config: &Config, patience: Duration) -> Self {
        Self {
            config: config.clone(),
            bookkeeping: BookkeepingReader::new(config, patience),
            kafka: None,
        }
    }

    /// Asks both sides. Who doesn't answer is waited for for less than a minute, and is among the problems.
    pub async fn gather(&mut self) -> Status {
        let (bookkeeping, of_postgres) = match self.bookkeeping.read().await {
            Ok(bookkeeping) => (Some(bookkeeping), None),
            Err(problem) => (None, Some(problem.to_string())),
        };
        let kafka = self.ask_kafka(bookkeeping.as_ref()).await;
        let mut status = Status {
            partitions: put_together(&self.config, bookkeeping.as_ref(), &kafka),
            ..Status::default()
        };
        status.note_problems(Side::Postgres, of_postgres);
        if let Some(bookkeeping) = bookkeeping {
            status.versions.ledger_schema = Some(bookkeeping.schema_version);
            status.versions.postgres = Some(bookkeeping.server_version);
            match bookkeeping.letters {
                Ok(letters) => status.dead_letters = Some(letters),
                Err(problem) => status.note_problems(Side::Postgres, [problem.to_string()]),
            }
        }
        status.note_problems(Side::Kafka, kafka.problems);
        status
    }

    /// Ends its connections, until it is asked again.
    pub async fn rest(&mut self) {
        self.bookkeeping.rest();
        if let Some(asker) = self.kafka.take() {
            // it may take a while
            let _ = tokio::task::spawn_blocking(move || asker.close()).await;
        }
    }

    async fn ask_kafka(&mut self, bookkeeping: Option<&Bookkeeping>) -> KafkaAnswers {
        let applied: Vec<String> = bookkeeping
            .map(Bookkeeping::list_topics)
            .unwrap_or_default();
        let kept = self.kafka.take();
        let mut asker = kept.unwrap_or_else(|| KafkaAsker::new(&self.config));
        let asked = tokio::task::spawn_blocking(move || {
            let answers = asker.ask(&applied);
            (asker, answers)
        });
        match asked.await {
            Ok((asker, answers)) => {
                self.kafka = Some(asker);
                answers
            }
            Err(error) => KafkaAnswers {
                problems: vec![format!("Kafka can't be looked at: {error}")],
                ..KafkaAnswers::default()
            },
        }
    }
}

impl AskStatus for Gatherer {
    fn ask(&mut self) -> Pin<Box<dyn Future<Output = Status> + Send + '_>> {
        Box::pin(self.gather())
    }

    fn rest(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(Gatherer::rest(self))
    }
}
