//! A table's sampled events, written as a worker would write them: with its mapping, its statements and its settings,
//! in a transaction that is always rolled back. What a check can't foresee from columns alone (constraints, triggers,
//! lengths, words of an enum, keys of deletes), Postgres says itself.

mod blamed_column;
mod held_rows;
mod judged;
mod refused_sample;
mod search;
mod triggers;

use std::borrow::Cow;
use std::sync::Arc;

use deadpool_postgres::Object;

pub use self::judged::{AwaitedParents, Known, judge_awaited, judge_trial};

use crate::cli::Trial;
use crate::format::change::Change;
use crate::ledger::row_identities::RowIdentities;
use crate::operator::check::destination::answer_in_time;
use crate::operator::check::observe::TableSample;
use crate::operator::check::trial::search::{TRIAL_TIME, search_refusals};
use crate::operator::check::trial::triggers::find_far_trigger;
use crate::postgres::catalogue::Catalogue;
use crate::postgres::key_identities::{Asker, identify_keys};
use crate::postgres::settings::begin_pinned;
use crate::rows::key_recipe::describe_identity;
use crate::rows::mapping::Mappings;
use crate::rows::row_change::RowChange;
use crate::rows::row_move::settle_moves;
use crate::rows::value::Reading;
use crate::table_name::TableName;
use crate::verdict::{Failure, sqlstate};

/// A worker waits for locks for 10 s. A check that holds one, or waits for one, is done before that.
const TIMEOUTS: &str = "SET LOCAL lock_timeout = '1s'; SET LOCAL statement_timeout = '3s'";

/// An event of the sample that would not be landed.
pub struct Refusal {
    /// Its place in the sample.
    pub at: usize,
    /// What was said of it.
    pub failure: Failure,
    /// The column whose value it is about, where that can be told.
    pub column: Option<String>,
    /// Postgres said so, and not the mapping of the event to its table.
    pub by_postgres: bool,
}

/// How a sample is tried.
#[derive(Clone, Copy)]
pub struct TrialPlan<'p> {
    /// Whether also tables with triggers that may reach beyond Postgres.
    pub when: Trial,
    /// Whether deletes are applied; those that aren't are left out.
    pub deletes: bool,
    /// The bookkeeping schema, if it is there.
    pub ledger: Option<&'p str>,
}

/// What a trial came to.
#[derive(Default)]
pub struct TrialOutcome {
    /// How many events were tried, those that were refused included.
    pub tried: usize,
    /// Those that were refused, in the sample's order.
    pub refusals: Vec<Refusal>,
    /// Why not all were tried.
    pub obstacle: Option<Failure>,
    /// The tables at the other ends of the table's foreign keys.
    pub relatives: Vec<TableName>,
    /// Rows of the table have positions in the ledger, which wouldn't be found: its key was altered.
    pub altered_key: Option<Failure>,
    /// A trigger that may reach beyond Postgres, for which nothing was tried.
    pub far_trigger: Option<String>,
}

/// Tries the sample.
pub async fn try_sample(
    client: &mut Object,
    reading: &Arc<Reading>,
    sample: &TableSample<'_>,
    plan: TrialPlan<'_>,
) -> TrialOutcome {
    let mut outcome = TrialOutcome::default();
    let tried = map_and_try(client, reading, sample, plan, &mut outcome);
    if let Err(failure) = answer_in_time(tried).await {
        outcome.obstacle = Some(failure);
    }
    outcome.refusals.sort_by_key(|refusal| refusal.at);
    outcome
}

/// # Errors
/// Postgres can't be asked.
async fn map_and_try(
    client: &mut Object,
    reading: &Arc<Reading>,
    sample: &TableSample<'_>,
    plan: TrialPlan<'_>,
    outcome: &mut TrialOutcome,
) -> Result<(), Failure> {
    let Some(first) = sample.changes.first() else {
        return Ok(());
    };
    let catalogue = Catalogue::default();
    let table = catalogue.find_table_apart(client, &first.table).await?;
    outcome.relatives = table.relatives.clone();
    let mut mappings = Mappings::new(reading.clone());
    let mut changes: Vec<(usize, RowChange<'_>)> = Vec::new();
    for (at, change) in sample.changes.iter().enumerate() {
        if change.operation.removes_row() && !plan.deletes {
            continue;
        }
        let change = if plan.deletes {
            Cow::Borrowed(change)
        } else {
            Cow::Owned(keep_former_row(change))
        };
        let mapping = mappings.mapping_for(&change, &table);
        match mapping.and_then(|mapping| mapping.map_change(&change)) {
            Ok(row) => changes.push((at, row)),
            Err(failure) => outcome.refusals.push(Refusal {
                at,
                failure,
                column: None,
                by_postgres: false,
            }),
        }
    }
    outcome.tried = outcome.refusals.len();
    if changes.is_empty() {
        return Ok(());
    }
    if let Some(ledger) = plan.ledger {
        outcome.altered_key = find_altered_key(client, ledger, &changes).await?;
    }
    if plan.when == Trial::Careful {
        outcome.far_trigger = find_far_trigger(client, &table.name).await?;
        if outcome.far_trigger.is_some() {
            return Ok(());
        }
    }
    let rows = changes.iter_mut().map(|(_, row)| row);
    identify_keys(Asker::Outside(client), rows).await?;
    settle_moves(&mut changes);
    let tx = begin_pinned(client).await?;
    tx.batch_execute(TIMEOUTS).await?;
    let found = search_refusals(&tx, &changes, TRIAL_TIME).await;
    tx.rollback().await?;
    outcome.tried += found.settled;
    outcome.refusals.extend(found.refusals);
    outcome.obstacle = found.obstacle;
    Ok(())
}

/// The change where deletes aren't applied: nor is the row of a former key removed then, whichever that is.
fn keep_former_row<'r>(change: &Change<'r>) -> Change<'r> {
    Change {
        old_key: None,
        hides_key: false,
        ..change.clone()
    }
}

/// Why the positions that are recorded of the table's rows wouldn't be found, if its key was altered since.
async fn find_altered_key(
    client: &mut Object,
    ledger: &str,
    changes: &[(usize, RowChange<'_>)],
) -> Result<Option<Failure>, Failure> {
    let mut identities = Vec::new();
    for (_, change) in changes.iter().filter(|(_, change)| !change.is_appended()) {
        let identity = describe_identity(&change.layout);
        if !identities.contains(&identity) {
            identities.push(identity);
        }
    }
    // dropped, it is rolled back: nothing was done in it
    let tx = begin_pinned(client).await?;
    match RowIdentities::new(ledger)
        .find_change(&tx, &identities)
        .await
    {
        // what our role lacks on the bookkeeping is told elsewhere
        Err(failure) if failure.has_sqlstate(&[sqlstate::INSUFFICIENT_PRIVILEGE]) => Ok(None),
        found => found,
    }
}
