//! The walk over letters that a replay and a dry run have in common: their order, who waits for whom,
//! what is told. How the transactions are made, and how they end, is the walker's: [`CommitEach`] of a
//! replay has one for each letter, and commits it; [`RollBackGroup`] of a dry run has one for letters
//! that depend on one another, and rolls it back.
//!
//! [`CommitEach`]: crate::operator::dlq::commit_each::CommitEach
//! [`RollBackGroup`]: crate::operator::dlq::dry_run::RollBackGroup

use std::collections::BTreeSet;

use crate::operator::command_error::CommandError;
use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::outcome::ReplayOutcome;
use crate::operator::dlq::partition_order::PartitionOrder;

/// What an attempt at a letter came to.
pub enum Attempt {
    /// This became of the letter.
    Done(ReplayOutcome),
    /// A row that the letter's foreign key names isn't there, and may come with a later letter.
    LacksParent,
}

/// The transactions in which letters are applied.
pub trait LetterTransactions {
    /// Waits until the next letter may be tried.
    async fn wait_for_turn(&mut self);

    /// Whether a letter without a row, that isn't chosen, keeps the letters behind it waiting.
    ///
    /// # Errors
    /// Postgres can't be asked.
    async fn holds_up_followers(&mut self, letter: &Candidate) -> Result<bool, CommandError>;

    /// Applies a letter. `last_round`: no other letter will bring the row that a foreign key names.
    ///
    /// # Errors
    /// Kafka or Postgres can't be asked.
    async fn try_letter(
        &mut self,
        letter: &Candidate,
        last_round: bool,
    ) -> Result<Attempt, CommandError>;
}

/// Goes over the letters once, in their order, and tells what became of each chosen one. Returns the
/// letters that the next round is about: those that lack a parent, those that wait behind them, and those
/// that aren't chosen, which keep their place in the order.
///
/// # Errors
/// Kafka or Postgres can't be asked.
pub async fn walk_letters<'l>(
    transactions: &mut impl LetterTransactions,
    letters: &[&'l Candidate],
    last_round: bool,
    tell: &mut impl FnMut(&Candidate, ReplayOutcome),
) -> Result<Vec<&'l Candidate>, CommandError> {
    let mut deferred = Vec::new();
    let mut waiting: BTreeSet<String> = BTreeSet::new();
    let mut order = PartitionOrder::default();
    for &letter in letters {
        if !letter.chosen {
            if transactions.holds_up_followers(letter).await? {
                order.stop_at(letter);
            }
            deferred.push(letter);
            continue;
        }
        transactions.wait_for_turn().await;
        let attempt = match order.find_stop(letter) {
            Some(first) => Attempt::Done(ReplayOutcome::Behind(first.clone())),
            None => transactions.try_letter(letter, last_round).await?,
        };
        match attempt {
            Attempt::LacksParent => order.stop_at(letter),
            Attempt::Done(ReplayOutcome::Behind(first)) if waiting.contains(&first) => {}
            Attempt::Done(outcome) => {
                order.stop_unless_done(letter, &outcome);
                tell(letter, outcome);
                continue;
            }
        }
        waiting.insert(letter.name());
        deferred.push(letter);
    }
    Ok(deferred)
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
