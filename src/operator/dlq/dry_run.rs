//! A dry run's transactions: one for letters that depend on one another, which is rolled back, so that
//! each letter meets what the letters before it would leave.

use std::collections::{BTreeSet, HashMap};

use deadpool_postgres::Transaction;
use uuid::Uuid;

use crate::operator::command_error::CommandError;
use crate::operator::dlq::apply_letter::LetterApplier;
use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::commit_each::MAX_ALTERATIONS;
use crate::operator::dlq::letter_store::{Fetched, LetterStore};
use crate::operator::dlq::outcome::ReplayOutcome;
use crate::operator::dlq::refusal::Refusal;
use crate::operator::dlq::walk::{Attempt, LetterTransactions};
use crate::postgres::catalogue::TablesAre;
use crate::record::{Record, TopicPartition};
use crate::verdict::{Failure, Verdict};

/// Letters whose order among themselves counts.
#[derive(PartialEq, Eq, Hash)]
enum Kin {
    Key(i64),
    /// Of letters without a row.
    Partition(TopicPartition),
}

/// The letters that depend on one another together, each group in its order.
pub fn group_letters(letters: Vec<Candidate>) -> Vec<Vec<Candidate>> {
    let mut groups: Vec<Vec<Candidate>> = Vec::new();
    let mut places: HashMap<Kin, usize> = HashMap::new();
    for letter in letters {
        let kin: Vec<Kin> = match (letter.row, letter.key_hashes) {
            (Some(_), Some(keys)) => keys.iter_hashes().map(Kin::Key).collect(),
            (Some(_), None) => Vec::new(),
            (None, _) => vec![Kin::Partition(letter.source.clone())],
        };
        let known: BTreeSet<usize> = kin.iter().filter_map(|k| places.get(k).copied()).collect();
        let place = known.first().copied().unwrap_or(groups.len());
        // a letter of two keys makes one group of two
        let mut joined = Vec::new();
        for other in known.into_iter().filter(|other| *other != place) {
            joined.extend(
                groups
                    .get_mut(other)
                    .map(std::mem::take)
                    .unwrap_or_default(),
            );
            let moved = places.values_mut().filter(|p| **p == other);
            moved.for_each(|p| *p = place);
        }
        places.extend(kin.into_iter().map(|kin| (kin, place)));
        match groups.get_mut(place) {
            Some(group) if joined.is_empty() => group.push(letter),
            Some(group) => {
                group.extend(joined);
                group.sort_by_key(|letter| letter.row);
                group.push(letter);
            }
            None => groups.push(vec![letter]),
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}

/// What a letter is tried with.
enum Prepared {
    /// Its schemas are known.
    Record(Record),
    /// There is nothing to try: the record is lost, or its schemas can't be had.
    Settled(ReplayOutcome),
}

/// The chosen letters' records by their event ids, read before the transaction.
pub struct PreparedRecords(HashMap<Uuid, Prepared>);

impl PreparedRecords {
    /// Reads the records of a group and learns their schemas: the transaction is not to wait for Kafka
    /// or the registry.
    ///
    /// # Errors
    /// Kafka can't be asked.
    pub async fn read_group(
        store: &mut LetterStore<'_>,
        applier: &mut LetterApplier,
        group: &[Candidate],
    ) -> Result<Self, CommandError> {
        let mut records = HashMap::with_capacity(group.len());
        for letter in group.iter().filter(|letter| letter.chosen) {
            let prepared = match store.fetch_record(letter)? {
                Fetched::Lost(why) => Prepared::Settled(ReplayOutcome::Missing(why)),
                Fetched::Record(record) => match applier.learn_schemas(&record).await {
                    Ok(()) => Prepared::Record(record),
                    Err(failure) => Prepared::Settled(fail_letter(failure.into(), letter)),
                },
            };
            records.insert(letter.event_id, prepared);
        }
        Ok(Self(records))
    }
}

/// Tries letters, and leaves everything as it was.
pub struct RollBackGroup<'t> {
    tx: Transaction<'t>,
    applier: &'t mut LetterApplier,
    records: PreparedRecords,
}

impl<'t> RollBackGroup<'t> {
    /// Begins the group's transaction.
    ///
    /// # Errors
    /// Postgres can't be asked.
    pub async fn begin(
        store: &'t mut LetterStore<'_>,
        applier: &'t mut LetterApplier,
        records: PreparedRecords,
    ) -> Result<Self, Failure> {
        let tx = store.begin_transaction().await?;
        // so that what is checked at COMMIT is seen too
        tx.batch_execute("SET CONSTRAINTS ALL IMMEDIATE").await?;
        Ok(Self {
            tx,
            applier,
            records,
        })
    }

    /// Ends the group's transaction.
    ///
    /// # Errors
    /// Postgres can't be asked.
    pub async fn roll_back(self) -> Result<(), Failure> {
        Ok(self.tx.rollback().await?)
    }

    async fn try_record(
        &mut self,
        letter: &Candidate,
        record: &Record,
    ) -> Result<ReplayOutcome, Failure> {
        let mut alterations = 0;
        let refusal = loop {
            self.tx.batch_execute("SAVEPOINT letter").await?;
            let refusal = match self.applier.apply_letter(&self.tx, letter, record).await {
                Ok(outcome) => return Ok(outcome),
                Err(Refusal::Failure(f)) if f.verdict == Verdict::Unavailable => return Err(f),
                Err(refusal) => refusal,
            };
            self.tx
                .batch_execute("ROLLBACK TO SAVEPOINT letter")
                .await?;
            let altered = self.applier.verify_table(&*self.tx).await? == TablesAre::Altered
                || matches!(refusal, Refusal::TableAltered);
            if !altered || alterations == MAX_ALTERATIONS {
                break refusal;
            }
            alterations += 1;
        };
        let explained = self.applier.explain_denial(&self.tx, refusal, letter);
        Ok(fail_letter(explained.await, letter))
    }
}

impl LetterTransactions for RollBackGroup<'_> {
    /// What changes nothing needn't be gentle.
    async fn wait_for_turn(&mut self) {}

    async fn holds_up_followers(&mut self, letter: &Candidate) -> Result<bool, CommandError> {
        let eligibility = self.applier.judge_unrecorded(&self.tx, letter).await?;
        Ok(eligibility.holds_up_followers())
    }

    /// There is one round: what lacks a parent would fail, as far as a dry run can tell.
    async fn try_letter(&mut self, letter: &Candidate, _: bool) -> Result<Attempt, CommandError> {
        let outcome = match self.records.0.remove(&letter.event_id) {
            Some(Prepared::Record(record)) => self.try_record(letter, &record).await?,
            Some(Prepared::Settled(outcome)) => outcome,
            None => ReplayOutcome::Missing("it was not read".to_owned()), // it is tried once only
        };
        Ok(Attempt::Done(outcome))
    }
}

fn fail_letter(refusal: Refusal, letter: &Candidate) -> ReplayOutcome {
    ReplayOutcome::Failed(refusal.into_cause(letter))
}

#[cfg(test)]
#[path = "dry_run_tests.rs"]
mod tests;
