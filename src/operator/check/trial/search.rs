//! Finds the events of a sample that Postgres refuses: what is refused is halved, under savepoints, until the culprits
//! stand alone. Bounded in time, as the transaction may hold up others.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use deadpool_postgres::Transaction;

use crate::operator::check::trial::Refusal;
use crate::operator::check::trial::blamed_column::find_column;
use crate::operator::check::trial::held_rows::HeldRows;
use crate::postgres::moving::MovingWriter;
use crate::rows::row_change::RowChange;
use crate::rows::statement::Conflicts;
use crate::verdict::{Failure, Reason, Verdict, sqlstate};

/// How long a trial may take, its last statement apart.
pub const TRIAL_TIME: Duration = Duration::from_secs(5);

/// What a search came to.
#[derive(Default)]
pub struct SearchOutcome {
    /// How many changes were written, or found to be refused.
    pub settled: usize,
    /// The changes that Postgres refused.
    pub refusals: Vec<Refusal>,
    /// Why not all were tried.
    pub obstacle: Option<Failure>,
}

struct TrialSearch<'s, 'r> {
    tx: &'s Transaction<'s>,
    writer: MovingWriter<'s, HeldRows>,
    changes: &'s [(usize, RowChange<'r>)],
    /// By positions in the changes.
    refused: BTreeMap<usize, Failure>,
    settled: usize,
    deadline: Instant,
}

/// Tries the changes, given in arrival order, in a transaction that the caller rolls back.
pub async fn search_refusals(
    tx: &Transaction<'_>,
    changes: &[(usize, RowChange<'_>)],
    time: Duration,
) -> SearchOutcome {
    let keeper = HeldRows::default();
    let mut search = TrialSearch {
        tx,
        writer: MovingWriter {
            tx,
            keeper: &keeper,
        },
        changes,
        refused: BTreeMap::new(),
        settled: 0,
        deadline: Instant::now() + time,
    };
    let mut found = SearchOutcome::default();
    let all: Vec<usize> = (0..changes.len()).collect();
    let mut obstacle = search.write_halving(&all).await.err();
    found.settled = search.settled;
    if obstacle.is_none() {
        obstacle = search.try_again().await.err();
    }
    search.forgive_followers();
    if obstacle.is_none() {
        found.refusals = search.blame_columns().await;
    } else {
        found.refusals = search.list_refusals();
    }
    found.obstacle = obstacle;
    found
}

/// Whether it may only have come in the wrong order, or of others of the sample.
fn may_be_order(failure: &Failure) -> bool {
    let codes = &[sqlstate::UNIQUE_VIOLATION, sqlstate::EXCLUSION_VIOLATION];
    failure.verdict == Verdict::Early || failure.has_sqlstate(codes)
}

impl<'r> TrialSearch<'_, 'r> {
    /// Writes these changes, given by their positions, halving what is refused.
    ///
    /// # Errors
    /// What isn't said of a change, such as a lock that is in the way.
    async fn write_halving(&mut self, sequence: &[usize]) -> Result<(), Failure> {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        // the next range to try is the last
        ranges.push(0..sequence.len());
        while let Some(range) = ranges.pop() {
            let Some(part) = sequence.get(range.clone()).filter(|part| !part.is_empty()) else {
                continue;
            };
            if Instant::now() >= self.deadline {
                let why =
                    format!("a trial is ended after {TRIAL_TIME:?}, so that nobody waits for it");
                return Err(Failure::new(Verdict::Retry, why));
            }
            let Some(failure) = self.try_part(part).await? else {
                self.settled += part.len();
                continue;
            };
            match part {
                [alone] => {
                    self.settled += 1;
                    let ends = failure.verdict == Verdict::Systemic;
                    self.refused.insert(*alone, failure);
                    if ends {
                        return Ok(()); // a worker stops there as well
                    }
                }
                _ => {
                    let middle = range.start + range.len() / 2;
                    ranges.push(middle..range.end);
                    ranges.push(range.start..middle);
                }
            }
        }
        Ok(())
    }

    /// Writes a part under a savepoint, and has everything checked that is checked at COMMIT otherwise. Returns what
    /// was said of its changes; it is as if they had not been tried then.
    async fn try_part(&mut self, part: &[usize]) -> Result<Option<Failure>, Failure> {
        let changes = part.iter().filter_map(|at| Some(&self.changes.get(*at)?.1));
        let changes: Vec<&RowChange<'_>> = changes.collect();
        self.tx.batch_execute("SAVEPOINT part").await?;
        let mut written = self.writer.write_rows(&changes, Conflicts::Possible).await;
        if written.is_ok() {
            let checked = self.tx.batch_execute("SET CONSTRAINTS ALL IMMEDIATE");
            written = checked.await.map_err(Failure::from);
        }
        let Err(failure) = written else {
            self.tx.batch_execute("RELEASE SAVEPOINT part").await?;
            return Ok(None);
        };
        match failure.verdict {
            Verdict::Reject(_) | Verdict::Early | Verdict::Systemic => {}
            Verdict::Retry | Verdict::Locked | Verdict::TooMuch | Verdict::Unavailable => {
                return Err(failure);
            }
        }
        let undo = "ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part";
        self.tx.batch_execute(undo).await?;
        Ok(Some(failure))
    }

    /// Tries those once more that may only have come in the wrong order: all the others are in.
    async fn try_again(&mut self) -> Result<(), Failure> {
        let again: Vec<usize> = self
            .refused
            .iter()
            .filter(|(_, failure)| may_be_order(failure))
            .map(|(at, _)| *at)
            .collect();
        if again.is_empty() {
            return Ok(());
        }
        self.refused.retain(|_, failure| !may_be_order(failure));
        self.write_halving(&again).await
    }

    /// What carries only part of a row that an event before it didn't bring waits behind that event.
    fn forgive_followers(&mut self) {
        let row = |at: usize| self.changes.get(at).map(|(_, change)| change);
        let is_behind = |at: usize, before: usize| {
            let rows = row(at).zip(row(before));
            rows.is_some_and(|(row, earlier)| {
                row.own_key().row_texts() == earlier.own_key().row_texts()
            })
        };
        let incomplete = |failure: &Failure| failure.verdict == Verdict::Reject(Reason::Incomplete);
        let behind: Vec<usize> = self
            .refused
            .iter()
            .filter(|(_, failure)| incomplete(failure))
            .map(|(at, _)| *at)
            .filter(|at| {
                self.refused
                    .range(..at)
                    .any(|(before, _)| is_behind(*at, *before))
            })
            .collect();
        self.refused.retain(|at, _| !behind.contains(at));
    }

    fn list_refusals(&self) -> Vec<Refusal> {
        let refusal = |(at, failure): (&usize, &Failure)| {
            let (entry, _) = self.changes.get(*at)?;
            Some(Refusal {
                at: *entry,
                failure: failure.clone(),
                column: None,
                by_postgres: true,
            })
        };
        self.refused.iter().filter_map(refusal).collect()
    }

    /// The refusals, each with the column that it is about, where that can be told.
    async fn blame_columns(&self) -> Vec<Refusal> {
        let mut refusals = self.list_refusals();
        for (refusal, at) in refusals.iter_mut().zip(self.refused.keys()) {
            if Instant::now() >= self.deadline {
                break;
            }
            if let Some((_, change)) = self.changes.get(*at) {
                // a column that can't be told is no reason to tell nothing
                refusal.column = find_column(self.tx, change, &refusal.failure)
                    .await
                    .unwrap_or_default();
            }
        }
        refusals
    }
}
