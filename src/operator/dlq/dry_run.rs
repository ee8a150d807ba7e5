//! A dry run: what would become of letters, without changing anything.

use std::collections::HashMap;

use crate::operator::dlq::candidate::Candidate;
use crate::operator::dlq::outcome::Outcome;
use crate::operator::dlq::partition_order::Line;
use crate::operator::dlq::refusal::Refusal;
use crate::operator::dlq::replayer::Workshop;
use crate::record::{Record, TopicPartition};
use crate::verdict::{Failure, Verdict};

/// Letters whose order among themselves counts.
#[derive(PartialEq, Eq, Hash)]
enum Kin {
    Key(i64),
    /// Of those without a row.
    Partition(TopicPartition),
}

/// Those that depend on one another together, each group in its order.
pub fn groups(letters: Vec<Candidate>) -> Vec<Vec<Candidate>> {
    let mut groups: Vec<Vec<Candidate>> = Vec::new();
    let mut places = HashMap::new();
    for letter in letters {
        let kin = match letter.row {
            Some(_) => letter.key_hash.map(Kin::Key),
            None => Some(Kin::Partition(letter.source.clone())),
        };
        let place = kin.map(|kin| *places.entry(kin).or_insert(groups.len()));
        match place.and_then(|at| groups.get_mut(at)) {
            Some(group) => group.push(letter),
            None => groups.push(vec![letter]),
        }
    }
    groups
}

impl Workshop<'_> {
    /// What would become of the chosen ones of a group, oldest first: in one transaction that is rolled
    /// back, so that each meets what those before it would leave. One outcome for each chosen letter.
    ///
    /// # Errors
    /// Kafka or Postgres can't be asked.
    pub async fn look(&mut self, group: &[Candidate]) -> Result<Vec<Outcome>, String> {
        // before the transaction, which is not to wait for Kafka or the registry
        let mut records = Vec::with_capacity(group.len());
        for letter in group {
            records.push(match letter.chosen {
                true => Some(self.learned(letter).await?),
                false => None,
            });
        }
        let told = |e| Failure::from(e).to_string();
        let tx = self.client.transaction().await.map_err(told)?;
        // so that what is checked at COMMIT is seen too
        let immediate = "SET CONSTRAINTS ALL IMMEDIATE";
        tx.batch_execute(immediate).await.map_err(told)?;
        let (mut line, mut outcomes) = (Line::default(), Vec::new());
        for (letter, record) in group.iter().zip(records) {
            let outcome = match (line.before(letter), record) {
                (_, None) => {
                    let may = self.attempts.without_row(&tx, letter).await;
                    let may = may.map_err(|refusal| refusal.into_cause(letter).message)?;
                    if may.holds_up() {
                        line.stop_at(letter);
                    }
                    continue;
                }
                (Some(behind), _) => behind,
                (None, Some(Err(outcome))) => outcome,
                (None, Some(Ok(record))) => {
                    tx.batch_execute("SAVEPOINT letter").await.map_err(told)?;
                    match self.attempts.put_in(&tx, letter, &record).await {
                        Ok(outcome) => outcome,
                        Err(Refusal::Failure(f)) if f.verdict == Verdict::Unavailable => {
                            return Err(f.to_string());
                        }
                        Err(refusal) => {
                            let back = "ROLLBACK TO SAVEPOINT letter";
                            tx.batch_execute(back).await.map_err(told)?;
                            Outcome::Failed(refusal.into_cause(letter))
                        }
                    }
                }
            };
            line.note(letter, &outcome);
            outcomes.push(outcome);
        }
        tx.rollback().await.map_err(told)?;
        Ok(outcomes)
    }

    /// The letter's record, with its schemas known, or what became of it without.
    async fn learned(&mut self, letter: &Candidate) -> Result<Result<Record, Outcome>, String> {
        let record = match self.record(letter)? {
            Ok(record) => record,
            Err(why) => return Ok(Err(Outcome::Missing(why))),
        };
        Ok(match self.attempts.learn_schemas(&record).await {
            Ok(()) => Ok(record),
            Err(failure) => Err(Outcome::Failed(Refusal::from(failure).into_cause(letter))),
        })
    }
}
