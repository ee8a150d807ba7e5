//! A replay's transactions: one for each letter, which also marks it, and is committed.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};

use crate::config::RetryConfig;
use crate::failpoint;
use crate::operator::command_error::CommandError;
use crate::operator::dlq::apply_letter::LetterApplier;
use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::letter_store::{Fetched, LetterStore};
use crate::operator::dlq::outcome::ReplayOutcome;
use crate::operator::dlq::refusal::Refusal;
use crate::operator::dlq::walk::{Attempt, LetterTransactions};
use crate::postgres::catalogue::TablesAre;
use crate::record::Record;
use crate::retry::Delays;
use crate::verdict::{Failure, Verdict};

/// So often a letter is tried again at once because its table was altered meanwhile.
pub const MAX_ALTERATIONS: u32 = 3;

/// Ticks so many times a second at most. What took longer isn't caught up: the next ones would come all at once.
fn pace_of(rate: u32) -> Interval {
    let mut pace = tokio::time::interval(Duration::from_secs_f64(1.0 / f64::from(rate.max(1))));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

/// Puts letters in for good.
pub struct CommitEach<'r, 'c> {
    store: &'r mut LetterStore<'c>,
    applier: &'r mut LetterApplier,
    retry: &'c RetryConfig,
    pace: Option<Interval>,
}

impl<'r, 'c> CommitEach<'r, 'c> {
    /// `rate`: at most so many letters a second.
    pub fn new(
        store: &'r mut LetterStore<'c>,
        applier: &'r mut LetterApplier,
        retry: &'c RetryConfig,
        rate: Option<u32>,
    ) -> Self {
        Self {
            store,
            applier,
            retry,
            pace: rate.map(pace_of),
        }
    }

    /// Applies the letter and commits, again and again as long as that may help.
    ///
    /// # Errors
    /// The last refusal. If its verdict is unavailable, nobody can say what is to become of the letter.
    async fn retry_commit(
        &mut self,
        letter: &Candidate,
        record: &Record,
    ) -> Result<ReplayOutcome, Refusal> {
        let mut delays = Delays::new(self.retry);
        let mut attempt = 1;
        let mut alterations = 0;
        loop {
            let failure = match self.commit_letter(letter, record).await {
                Ok(outcome) => return Ok(outcome),
                Err(Refusal::Failure(failure)) => failure,
                Err(Refusal::TableAltered) if alterations < MAX_ALTERATIONS => {
                    alterations += 1;
                    continue;
                }
                Err(refusal) => return Err(refusal),
            };
            let again = match failure.verdict {
                Verdict::Retry | Verdict::Locked | Verdict::TooMuch | Verdict::Unavailable => {
                    attempt < self.retry.max_attempts
                }
                _ => attempt == 1 && failure.means_catalogue_is_stale(),
            };
            if !again {
                return Err(Refusal::Failure(failure));
            }
            attempt += 1;
            self.applier.forget_tables();
            if matches!(
                failure.verdict,
                Verdict::Retry | Verdict::Locked | Verdict::TooMuch | Verdict::Unavailable
            ) {
                tokio::time::sleep(delays.next_delay()).await;
                self.store.reconnect_if_closed().await;
            }
        }
    }

    async fn commit_letter(
        &mut self,
        letter: &Candidate,
        record: &Record,
    ) -> Result<ReplayOutcome, Refusal> {
        // before the transaction, which is not to wait for the registry
        self.applier.learn_schemas(record).await?;
        let tx = self.store.begin_transaction().await?;
        let outcome = match self.applier.apply_letter(&tx, letter, record).await {
            Err(Refusal::Failure(failure)) if failure.hangs_on_tables() => {
                tx.rollback().await?;
                return Err(self.refuse(failure).await?);
            }
            outcome => outcome?,
        };
        failpoint::reach("replay_before_commit");
        tx.commit().await?;
        failpoint::reach("replay_after_commit");
        Ok(outcome)
    }
}

impl CommitEach<'_, '_> {
    /// What a failure says of the letter: nothing, if its table was altered.
    async fn refuse(&self, failure: Failure) -> Result<Refusal, Failure> {
        let client: &tokio_postgres::Client = self.store.client();
        Ok(match self.applier.verify_table(client).await? {
            TablesAre::AsKnown => Refusal::Failure(failure),
            TablesAre::Altered => Refusal::TableAltered,
        })
    }
}

impl LetterTransactions for CommitEach<'_, '_> {
    async fn wait_for_turn(&mut self) {
        if let Some(pace) = &mut self.pace {
            pace.tick().await;
        }
    }

    async fn holds_up_followers(&mut self, letter: &Candidate) -> Result<bool, CommandError> {
        let tx = self.store.begin_transaction().await?;
        let eligibility = self.applier.judge_unrecorded(&tx, letter).await?;
        Ok(eligibility.holds_up_followers())
    }

    async fn try_letter(
        &mut self,
        letter: &Candidate,
        last_round: bool,
    ) -> Result<Attempt, CommandError> {
        let record = match self.store.fetch_record(letter)? {
            Fetched::Record(record) => record,
            Fetched::Lost(why) => return Ok(Attempt::Done(ReplayOutcome::Missing(why))),
        };
        let refusal = match self.retry_commit(letter, &record).await {
            Ok(outcome) => return Ok(Attempt::Done(outcome)),
            Err(Refusal::Failure(failure)) if failure.verdict == Verdict::Unavailable => {
                let letter = letter.title();
                return Err(CommandError::Letter { letter, failure });
            }
            Err(refusal) => refusal,
        };
        let client = self.store.client();
        let refusal = self.applier.explain_denial(client, refusal, letter).await;
        if !last_round && refusal.may_lack_parent() {
            return Ok(Attempt::LacksParent);
        }
        let is_of_record = refusal.is_of_record();
        let cause = refusal.into_cause(letter);
        if is_of_record {
            self.store.record_failure(letter, &record, &cause).await?;
        }
        Ok(Attempt::Done(ReplayOutcome::Failed(cause)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn a_letter_that_took_long_lets_none_behind_it_come_faster() {
        let mut pace = pace_of(50);
        pace.tick().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        pace.tick().await;
        let since = Instant::now();
        pace.tick().await;
        assert!(since.elapsed() >= Duration::from_millis(15), "{since:?}");
    }
}
