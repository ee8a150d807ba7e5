//! Replays letters, or tries what a replay would do.

use deadpool_postgres::Object;

use crate::config::{Config, RetryConfig};
use crate::operator::command_error::CommandError;
use crate::operator::dlq::apply_letter::LetterApplier;
use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::commit_each::CommitEach;
use crate::operator::dlq::dry_run::{PreparedRecords, RollBackGroup};
use crate::operator::dlq::letter_store::LetterStore;
use crate::operator::dlq::outcome::ReplayOutcome;
use crate::operator::dlq::walk::walk_letters;

/// What a replay needs: where the letters are, and what applies them.
pub struct Replayer<'c> {
    /// Finds letters and their records.
    pub store: LetterStore<'c>,
    /// Applies a letter in a transaction.
    pub applier: LetterApplier,
    retry: &'c RetryConfig,
    /// `apply.rate`: a letter is a row.
    rate: Option<u32>,
}

impl<'c> Replayer<'c> {
    /// `force`: also letters that could overwrite newer data.
    ///
    /// # Errors
    /// A property that librdkafka refuses, a file for TLS that can't be used.
    pub fn new(config: &'c Config, client: Object, force: bool) -> Result<Self, CommandError> {
        Ok(Self {
            store: LetterStore::new(config, client)?,
            applier: LetterApplier::new(config, force)?,
            retry: &config.retry,
            rate: config.apply.rate,
        })
    }

    /// Puts the chosen letters in, at most `rate` a second, nor more than `apply.rate`, and tells what became of each. In rounds,
    /// since a letter may need the row of one that comes later: until nothing more is gained.
    ///
    /// # Errors
    /// Kafka or Postgres can't be asked; the letters that weren't told of are as they were.
    pub async fn replay_letters(
        &mut self,
        letters: &[Candidate],
        rate: Option<u32>,
        mut tell: impl FnMut(&Candidate, ReplayOutcome),
    ) -> Result<(), CommandError> {
        let (store, applier) = (&mut self.store, &mut self.applier);
        let rate = rate.into_iter().chain(self.rate).min();
        let mut transactions = CommitEach::new(store, applier, self.retry, rate);
        let mut letters: Vec<&Candidate> = letters.iter().collect();
        let mut last_round = false;
        while letters.iter().any(|letter| letter.chosen) {
            let deferred = walk_letters(&mut transactions, &letters, last_round, &mut tell).await?;
            last_round = deferred.len() == letters.len();
            letters = deferred;
        }
        Ok(())
    }

    /// What would become of the chosen letters of a group that depend on one another, oldest first: one
    /// outcome for each chosen letter.
    ///
    /// # Errors
    /// Kafka or Postgres can't be asked.
    pub async fn dry_run_group(
        &mut self,
        group: &[Candidate],
    ) -> Result<Vec<ReplayOutcome>, CommandError> {
        let (store, applier) = (&mut self.store, &mut self.applier);
        let records = PreparedRecords::read_group(store, applier, group).await?;
        let mut transaction = RollBackGroup::begin(store, applier, records).await?;
        let letters: Vec<&Candidate> = group.iter().collect();
        let mut outcomes = Vec::with_capacity(group.len());
        let mut tell = |_: &Candidate, outcome| outcomes.push(outcome);
        walk_letters(&mut transaction, &letters, true, &mut tell).await?;
        transaction.roll_back().await?;
        Ok(outcomes)
    }
}
