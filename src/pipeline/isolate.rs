//! Finding the culprits of a refused batch: it is halved, under savepoints, until they stand alone,
//! with O(k log n) statements for k culprits. The halves are applied in arrival order, so the rest
//! lands as it would have, and an event is blamed only where it stands; but tables that refer to
//! each other go parents first. Whoever was refused for what may only have come in the wrong order
//! is tried again once all the others are in.
//!
//! Why: `docs/decisions/09`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ledger::moved_rows::MovedRows;
use crate::pipeline::arrange::{arrange_changes, divide_range, group_changes, groups_reversed};
use crate::pipeline::batch::{Batch, WaitingEntry};
use crate::pipeline::order::{Order, OrderedEvent};
use crate::postgres::moving::MovingWriter;
use crate::rows::row_change::RowChange;
use crate::rows::statement::Conflicts;
use crate::verdict::{Failure, Reason, Verdict};

/// While parents may still come, this many events without one are looked for; what else lacks one
/// is put off as it stands,
const MAX_ORPHANS_SOUGHT: usize = 10;
/// and tried again so many times at most, each time after whatever could be written.
const MAX_REORDER_ROUNDS: usize = 8;

/// What the search came to.
pub struct IsolationOutcome {
    /// Entries of the batch, with what was said of them.
    pub refused: BTreeMap<usize, Failure>,
    /// Entries whose parents may still come, or that need a unique value which may still be freed.
    pub waiting: Vec<WaitingEntry>,
    /// Savepoints and all.
    pub statements: usize,
}

/// What became of a part of the batch.
enum PartOutcome {
    /// The part is written.
    Written,
    /// It is as if the part had not been tried.
    Refused(Failure),
}

struct CulpritSearch<'s, 'r> {
    writer: MovingWriter<'s, MovedRows>,
    changes: &'s [(usize, RowChange<'r>)],
    events: &'s [OrderedEvent],
    /// By position: the first change that it hangs together with.
    groups: &'s [usize],
    order: &'s mut Order,
    found: IsolationOutcome,
    /// Positions that wait for parents together with others of their part, all changes of a group.
    put_off: Vec<usize>,
    /// What the last part met that was put off.
    put_off_for: Option<Arc<Failure>>,
    /// By position: whether its parent was waited for in vain.
    given_up: Vec<bool>,
    /// By position: whether another partition may be about to free a unique value that it needs.
    may_be_freed: Vec<bool>,
    /// Some of them were: all that are to be put aside have to be found.
    to_the_end: bool,
}

/// Writes all that can be written and says who was refused; `order` knows who was put behind whom.
/// `changes` in arrival order, with an event for each.
///
/// # Errors
/// Whatever isn't a refusal of a row. Events whose parent may still come are none: they are in
/// [`IsolationOutcome::waiting`].
pub async fn write_isolating(
    writer: MovingWriter<'_, MovedRows>,
    batch: &Batch<'_>,
    changes: &[(usize, RowChange<'_>)],
    events: &[OrderedEvent],
    order: &mut Order,
) -> Result<IsolationOutcome, Failure> {
    let groups = group_changes(changes);
    let mut search = CulpritSearch {
        writer,
        changes,
        events,
        groups: &groups,
        order,
        found: IsolationOutcome {
            refused: BTreeMap::new(),
            waiting: Vec::new(),
            statements: 0,
        },
        put_off: Vec::new(),
        put_off_for: None,
        given_up: changes
            .iter()
            .map(|(at, _)| batch.has_given_up(*at))
            .collect(),
        may_be_freed: changes
            .iter()
            .map(|(at, _)| batch.shares_rows(*at))
            .collect(),
        to_the_end: !batch.trial.given_up.is_empty(),
    };
    if batch.trial.approach.has_constraints_immediate() {
        search
            .execute_counted("SET CONSTRAINTS ALL IMMEDIATE")
            .await?;
    }
    let sequence = arrange_changes(changes, &groups);
    search.write_halving(&sequence).await?;
    search.try_again(&sequence).await?;
    let waiting = search.waiting_entries();
    Ok(IsolationOutcome {
        waiting,
        ..search.found
    })
}

impl CulpritSearch<'_, '_> {
    /// Those that may only have come in the wrong order, until nothing more is gained.
    async fn try_again(&mut self, sequence: &[usize]) -> Result<(), Failure> {
        for round in 1.. {
            let again = self.wrongly_ordered();
            if again.is_empty() && self.put_off.is_empty() {
                return Ok(());
            }
            let entries = self.with_those_behind(&again);
            let is_tried = |event: &OrderedEvent| entries.contains(&event.entry);
            // what was put off may be what the others wait for, and its last what its first does
            let before = self.found.refused.len() + self.put_off.len();
            let mut tried = groups_reversed(&std::mem::take(&mut self.put_off), self.groups);
            let event = |at: &usize| self.events.get(*at);
            let refused = sequence
                .iter()
                .filter(|at| event(at).is_some_and(is_tried))
                .copied();
            tried.extend(refused);
            let entries = tried.iter().filter_map(|at| Some(event(at)?.entry));
            let entries: BTreeSet<usize> = entries.collect();
            self.found
                .refused
                .retain(|entry, _| !entries.contains(entry));
            self.order.take_back(&entries);
            self.write_halving(&tried).await?;
            let gained = self.found.refused.len() + self.put_off.len() < before;
            if !gained || round == MAX_REORDER_ROUNDS && !self.to_the_end {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The entries of these events, and of those that were put behind them: by a key of theirs, or behind
    /// one that was.
    fn with_those_behind(&self, again: &[OrderedEvent]) -> BTreeSet<usize> {
        let mut entries: BTreeSet<usize> = again.iter().map(|event| event.entry).collect();
        let hashes = again.iter().flat_map(|event| event.keys.iter_hashes());
        let mut keys: BTreeSet<i64> = hashes.collect();
        for event in self.events {
            let is_behind = event.keys.iter_hashes().any(|key| keys.contains(&key))
                && self.order.parked_entries().contains(&event.entry)
                && !self.order.is_superseded(event.keys.key, event.entry);
            if is_behind {
                entries.insert(event.entry);
                keys.extend(event.keys.iter_hashes());
            }
        }
        entries
    }

    /// Entries that were put off, or refused for a parent that hasn't been waited for in vain.
    fn waiting_entries(&self) -> Vec<WaitingEntry> {
        let put_off = |at: &usize| {
            Some(WaitingEntry {
                entry: self.events.get(*at)?.entry,
                met: self.put_off_for.clone()?,
                is_put_off: true,
            })
        };
        let waits = |((event, given_up), may_be_freed): ((&OrderedEvent, &bool), &bool)| {
            let refusal = self.found.refused.get(&event.entry);
            let early = refusal.filter(|f| {
                f.verdict == Verdict::Early || *may_be_freed && f.means_unique_conflict()
            });
            let met = early.filter(|_| !given_up)?;
            Some(WaitingEntry {
                entry: event.entry,
                met: Arc::new(met.clone()),
                is_put_off: false,
            })
        };
        let events = self.events.iter().zip(&self.given_up);
        let refused = events.zip(&self.may_be_freed).filter_map(waits);
        self.put_off
            .iter()
            .filter_map(put_off)
            .chain(refused)
            .collect()
    }

    fn wrongly_ordered(&self) -> Vec<OrderedEvent> {
        let may_be = |event: &&OrderedEvent| {
            let refusal = self.found.refused.get(&event.entry);
            refusal.is_some_and(|f| f.verdict == Verdict::Early || f.means_unique_conflict())
                && !self.order.is_superseded(event.keys.key, event.entry)
        };
        self.events.iter().filter(may_be).copied().collect()
    }

    /// Applies these changes, given by their positions, halving what is refused.
    async fn write_halving(&mut self, sequence: &[usize]) -> Result<(), Failure> {
        let mut orphans = 0;
        // the next range to try is the last; later ranges lie below it
        let mut ranges = Vec::new();
        ranges.push(0..sequence.len());
        while let Some(range) = ranges.pop() {
            let Some(part) = sequence.get(range.clone()).filter(|part| !part.is_empty()) else {
                continue;
            };
            let PartOutcome::Refused(refusal) = self.try_part(part).await? else {
                continue;
            };
            let early = refusal.verdict == Verdict::Early && !self.to_the_end;
            if let [at] = part {
                orphans += usize::from(early);
                if refusal.verdict == Verdict::Early {
                    self.keep_moved_row(*at).await?;
                }
                self.note_refusal(*at, refusal);
                continue;
            }
            let (middle, several) = divide_range(sequence, &range, self.groups, self.changes);
            if early && several && orphans >= MAX_ORPHANS_SOUGHT {
                self.put_off.extend(part);
                self.put_off_for = Some(Arc::new(refusal));
            } else {
                ranges.push(middle..range.end);
                ranges.push(range.start..middle);
            }
        }
        Ok(())
    }

    /// Writes a part under a savepoint.
    async fn try_part(&mut self, part: &[usize]) -> Result<PartOutcome, Failure> {
        let events = part.iter().filter_map(|at| self.events.get(*at)).copied();
        let sifted = self.order.sift_part(events);
        let changes: Vec<&RowChange<'_>> = sifted
            .write
            .iter()
            .filter_map(|at| Some(&self.changes.get(*part.get(*at)?)?.1))
            .collect();
        if !changes.is_empty() {
            self.execute_counted("SAVEPOINT part").await?;
            self.found.statements += 1;
            if let Err(refusal) = self.writer.write_rows(&changes, Conflicts::Possible).await {
                match refusal.verdict {
                    Verdict::Reject(_) | Verdict::Early => {}
                    _ => return Err(refusal),
                }
                self.execute_counted("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part")
                    .await?;
                return Ok(PartOutcome::Refused(refusal));
            }
            self.execute_counted("RELEASE SAVEPOINT part").await?;
        }
        self.order.note_written(sifted);
        Ok(PartOutcome::Written)
    }

    fn note_refusal(&mut self, at: usize, mut refusal: Failure) {
        let Some(event) = self.events.get(at) else {
            return;
        };
        let given_up = self.given_up.get(at).is_some_and(|given_up| *given_up);
        if event.by_source && !given_up && refusal.verdict == Verdict::Reject(Reason::Incomplete) {
            // the change that made the row may be on its way through another partition
            refusal.verdict = Verdict::Early;
        }
        self.order.add_entry(event.keys, event.entry);
        self.found.refused.insert(event.entry, refusal);
    }

    /// A row that can't go yet, for others refer to it, may be what lets them follow it: what it has is known.
    async fn keep_moved_row(&self, at: usize) -> Result<(), Failure> {
        match self.changes.get(at) {
            Some((_, change)) => self.writer.keep_row(change).await,
            None => Ok(()),
        }
    }

    async fn execute_counted(&mut self, sql: &str) -> Result<(), Failure> {
        self.found.statements += 1;
        self.writer
            .tx
            .batch_execute(sql)
            .await
            .map_err(Failure::from)
    }
}
