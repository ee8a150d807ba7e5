//! What is needed to put letters in: their records, a connection, and a way to publish them again.

use std::time::SystemTime;

use deadpool_postgres::Object;

use crate::config::{Config, RetryConfig};
use crate::dlq::attempt::{Attempts, Refusal};
use crate::dlq::candidate::Candidate;
use crate::dlq::outcome::Outcome;
use crate::dlq::reader::Reader;
use crate::dlq::select::Chosen;
use crate::dlq::strays;
use crate::failpoint;
use crate::letter::{Cause, Posted};
use crate::message::{Record, TopicPartition};
use crate::pipeline::dead_letter::DeadLetters;
use crate::postgres::failure;
use crate::retry::Delays;
use crate::verdict::{Failure, Reason, Verdict, means_catalogue_is_stale};

pub struct Workshop<'c> {
    retry: &'c RetryConfig,
    client: Object,
    reader: Reader,
    letters: DeadLetters,
    attempts: Attempts,
}

pub enum Tried {
    Done(Outcome),
    /// A row that its foreign key names isn't there, and may come with a later letter.
    Orphan,
}

impl<'c> Workshop<'c> {
    /// # Errors
    /// A property that librdkafka refuses.
    pub fn new(config: &'c Config, client: Object, force: bool) -> Result<Self, String> {
        Ok(Self {
            retry: &config.retry,
            client,
            reader: Reader::new(config)?,
            letters: DeadLetters::new(config)?,
            attempts: Attempts::new(config, force),
        })
    }

    pub fn client(&self) -> &Object {
        &self.client
    }

    pub fn reader(&mut self) -> &mut Reader {
        &mut self.reader
    }

    /// # Errors
    /// As for [`strays::find`].
    pub async fn strays(
        &mut self,
        config: &Config,
        chosen: &Chosen,
        progress: impl Fn(),
    ) -> Result<Vec<Candidate>, String> {
        strays::find(config, &self.client, &mut self.reader, chosen, progress).await
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
        let same = |r: &Record| r.timestamp == found.timestamp && r.size() as i64 == bytes;
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
                _ => {
                    attempt == 1
                        && failure
                            .sqlstate
                            .as_deref()
                            .is_some_and(means_catalogue_is_stale)
                }
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
        let (cause, is_its_own) = cause_of(refusal, letter);
        if is_its_own {
            self.note_failure(letter, &record, &cause).await?;
        }
        Ok(Tried::Done(Outcome::Failed(cause)))
    }

    async fn once(&mut self, letter: &Candidate, record: &Record) -> Result<Outcome, Refusal> {
        let refused = |e| Refusal::Failure(failure(&e));
        let tx = self.client.transaction().await.map_err(refused)?;
        let outcome = self.attempts.put_in(&tx, letter, record, &[]).await?;
        failpoint::reach("replay_before_commit");
        tx.commit().await.map_err(refused)?;
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
        let place = self
            .letters
            .publish(record, letter.event_id, table, cause)
            .await
            .map_err(|f| f.to_string())?;
        self.attempts
            .note_failure(&self.client, id, cause, &place)
            .await
            .map_err(|f| f.to_string())
    }

    /// What would become of these letters of one key, oldest first: in one transaction that is rolled
    /// back, so that each meets what those before it would leave.
    ///
    /// # Errors
    /// Kafka or Postgres can't be asked.
    pub async fn look(&mut self, key: &[Candidate]) -> Result<Vec<Outcome>, String> {
        let mut records = Vec::with_capacity(key.len());
        for letter in key {
            records.push(self.record(letter)?);
        }
        let told = |e| failure(&e).to_string();
        let tx = self.client.transaction().await.map_err(told)?;
        let mut passed = Vec::new();
        let mut outcomes = Vec::with_capacity(key.len());
        for (letter, record) in key.iter().zip(records) {
            let record = match record {
                Ok(record) => record,
                Err(why) => {
                    outcomes.push(Outcome::Missing(why));
                    continue;
                }
            };
            tx.batch_execute("SAVEPOINT letter").await.map_err(told)?;
            let outcome = match self.attempts.put_in(&tx, letter, &record, &passed).await {
                Ok(outcome) => outcome,
                Err(Refusal::Failure(f)) if f.verdict == Verdict::Unavailable => {
                    return Err(f.to_string());
                }
                Err(refusal) => {
                    tx.batch_execute("ROLLBACK TO SAVEPOINT letter")
                        .await
                        .map_err(told)?;
                    Outcome::Failed(cause_of(refusal, letter).0)
                }
            };
            if matches!(
                outcome,
                Outcome::Applied | Outcome::Forced(_) | Outcome::InAlready
            ) {
                passed.extend(letter.row);
            }
            outcomes.push(outcome);
        }
        tx.rollback().await.map_err(told)?;
        Ok(outcomes)
    }
}

/// What the letter's headers and row are to say, and whether it is the letter's own fault.
fn cause_of(refusal: Refusal, letter: &Candidate) -> (Cause, bool) {
    let (reason, stage, sqlstate, message, own) = match refusal {
        Refusal::Undecodable(u) => (u.reason, u.stage, None, u.message, true),
        Refusal::Failure(f) => {
            let (reason, own) = match f.verdict {
                Verdict::Reject(reason) => (reason, true),
                Verdict::Early => (Reason::Constraint, true),
                Verdict::Retry => (Reason::Contention, false),
                Verdict::Unavailable | Verdict::Systemic => (Reason::Unavailable, false),
            };
            (reason, "TASK_PUT", f.sqlstate, f.message, own)
        }
    };
    let cause = Cause {
        reason: reason.name(),
        stage,
        sqlstate,
        message,
        attempts: letter.attempts.saturating_add(1),
        first_failed_at: letter.first_failed_at,
        last_failed_at: SystemTime::now(),
    };
    (cause, own)
}
