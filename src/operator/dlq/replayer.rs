//! What is needed to put letters in: their records, a connection, and a way to publish them again.

use deadpool_postgres::Object;

use crate::config::{Config, RetryConfig};
use crate::failpoint;
use crate::kafka::dead_letters::DeadLetters;
use crate::kafka::reader::Reader;
use crate::letter::{Cause, Posted, UnpublishedLetter};
use crate::operator::bookkeeping::open_bookkeeping;
use crate::operator::dlq::apply::Attempts;
use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::filter::Chosen;
use crate::operator::dlq::outcome::Outcome;
use crate::operator::dlq::refusal::Refusal;
use crate::operator::dlq::unrecorded;
use crate::record::{Record, TopicPartition};
use crate::retry::Delays;
use crate::verdict::{Failure, Verdict};

pub struct Workshop<'c> {
    config: &'c Config,
    retry: &'c RetryConfig,
    pub(super) client: Object,
    reader: Reader,
    letters: DeadLetters,
    pub(super) attempts: Attempts,
}

pub enum Tried {
    Done(Outcome),
    /// A row that its foreign key names isn't there, and may come with a later letter.
    Orphan,
}

impl<'c> Workshop<'c> {
    /// # Errors
    /// A property that librdkafka refuses, a file for TLS that can't be used.
    pub fn new(config: &'c Config, client: Object, force: bool) -> Result<Self, String> {
        Ok(Self {
            config,
            retry: &config.retry,
            client,
            reader: Reader::new(config)?,
            letters: DeadLetters::new(config)?,
            attempts: Attempts::new(config, force)?,
        })
    }

    pub fn client(&self) -> &Object {
        &self.client
    }

    pub fn reader(&mut self) -> &mut Reader {
        &mut self.reader
    }

    /// # Errors
    /// As for [`unrecorded::find`].
    pub async fn strays(
        &mut self,
        chosen: &Chosen,
        progress: impl Fn(),
    ) -> Result<Vec<Candidate>, String> {
        unrecorded::find(
            self.config,
            &self.client,
            &mut self.reader,
            chosen,
            progress,
        )
        .await
    }

    /// The record as it was read from its source; the inner error says why there is none.
    ///
    /// # Errors
    /// Kafka can't be asked.
    pub fn record(&mut self, letter: &Candidate) -> Result<Result<Record, String>, String> {
        let (place, reader) = (&letter.place, &mut self.reader);
        let source = TopicPartition {
            topic: place.topic.clone(),
            partition: place.partition,
        };
        let at = format!("{source}, offset {}", place.offset);
        let found = tokio::task::block_in_place(|| reader.read(&source, place.offset))?;
        let posted = found.as_ref().and_then(Posted::read);
        let (Some(found), Some(posted)) = (found, posted) else {
            return Ok(Err(format!(
                "the dead letter topic no longer holds it ({at})"
            )));
        };
        if posted.event_id != letter.event_id {
            return Ok(Err(format!(
                "another letter lies at its place ({at}): was the topic created again?"
            )));
        }
        let Some(bytes) = place.left_out else {
            return Ok(Ok(posted.original(&found)));
        };
        // too large for its topic: only where it came from there is a whole one
        let (source, offset) = (&letter.source, letter.offset);
        let whole = tokio::task::block_in_place(|| reader.read(source, offset))?;
        let same = |r: &Record| r.timestamp == found.timestamp && r.bytes() as i64 == bytes;
        Ok(whole.filter(same).ok_or_else(|| {
            format!("its {bytes} bytes were too many for the dead letter topic, and {source} no longer holds it at offset {offset}")
        }))
    }

    /// Puts one letter in, or notes that it failed again. `last`: no other letter will bring the row
    /// that a foreign key names.
    ///
    /// # Errors
    /// Kafka or Postgres can't be had; the letter is as it was.
    pub async fn deliver(&mut self, letter: &Candidate, last: bool) -> Result<Tried, String> {
        let record = match self.record(letter)? {
            Ok(record) => record,
            Err(why) => return Ok(Tried::Done(Outcome::Missing(why))),
        };
        let mut delays = Delays::new(self.retry);
        let mut attempt = 1;
        let refusal = loop {
            let failure = match self.once(letter, &record).await {
                Ok(outcome) => return Ok(Tried::Done(outcome)),
                Err(Refusal::Failure(failure)) => failure,
                Err(undecodable) => break undecodable,
            };
            let again = match failure.verdict {
                Verdict::Retry | Verdict::Unavailable => attempt < self.retry.max_attempts,
                _ => attempt == 1 && failure.means_catalogue_is_stale(),
            };
            if !again && failure.verdict == Verdict::Unavailable {
                return Err(format!("{}: {failure}", letter.title()));
            }
            if !again {
                break Refusal::Failure(failure);
            }
            attempt += 1;
            self.attempts.forget_tables();
            if matches!(failure.verdict, Verdict::Retry | Verdict::Unavailable) {
                tokio::time::sleep(delays.next_delay()).await;
                self.connect_again().await;
            }
        };
        if let Refusal::Failure(Failure {
            verdict: Verdict::Early,
            ..
        }) = &refusal
            && !last
        {
            return Ok(Tried::Orphan);
        }
        let is_of_record = refusal.is_of_record();
        let cause = refusal.into_cause(letter);
        if is_of_record {
            self.note_failure(letter, &record, &cause).await?;
        }
        Ok(Tried::Done(Outcome::Failed(cause)))
    }

    /// A key or a value as JSON, if it is in Avro and can be read.
    pub fn readable(&self, message: Option<&[u8]>) -> Option<String> {
        self.attempts.decoder.message_as_json(message?)
    }

    /// If the session has ended. Without success the next attempt says why.
    async fn connect_again(&mut self) {
        if self.client.is_closed()
            && let Ok(client) = open_bookkeeping(self.config).await
        {
            self.client = client;
        }
    }

    /// Whether a letter without a row, that isn't chosen, keeps those behind it waiting.
    ///
    /// # Errors
    /// Postgres can't be asked.
    pub async fn holds_up(&mut self, letter: &Candidate) -> Result<bool, String> {
        let told = |e| Failure::from(e).to_string();
        let tx = self.client.transaction().await.map_err(told)?;
        let may = self.attempts.without_row(&tx, letter).await;
        let may = may.map_err(|refusal| refusal.into_cause(letter).message)?;
        Ok(may.holds_up())
    }

    async fn once(&mut self, letter: &Candidate, record: &Record) -> Result<Outcome, Refusal> {
        // before the transaction, which is not to wait for the registry
        self.attempts.learn_schemas(record).await?;
        let tx = self.client.transaction().await?;
        let outcome = self.attempts.put_in(&tx, letter, record).await?;
        failpoint::reach("replay_before_commit");
        tx.commit().await?;
        failpoint::reach("replay_after_commit");
        Ok(outcome)
    }

    /// A new copy with new headers, which replace the old ones; the row points to it.
    async fn note_failure(
        &self,
        letter: &Candidate,
        record: &Record,
        cause: &Cause,
    ) -> Result<(), String> {
        let Some(id) = letter.row else {
            return Ok(()); // the worker will meet its event, and enter it
        };
        let table = letter.table.as_deref().unwrap_or_default();
        let unpublished = UnpublishedLetter {
            record,
            event_id: letter.event_id,
            table,
            cause,
        };
        let place = self.letters.publish(&unpublished).await;
        let place = place.map_err(|f| f.to_string())?;
        self.attempts
            .note_failure(&self.client, id, cause, &place)
            .await
            .map_err(|f| f.to_string())
    }
}
