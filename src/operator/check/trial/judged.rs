//! What a trial's outcome means for whoever runs the check.

use crate::config::PostgresConfig;
use crate::operator::check::causes::weigh_finding;
use crate::operator::check::destination::explain_unreachable;
use crate::operator::check::finding::{AboutEvent, Finding};
use crate::operator::check::observe::{Place, TableSample};
use crate::operator::check::report::TopicLine;
use crate::operator::check::trial::refused_sample::{AlreadyTold, RefusedSample};
use crate::operator::check::trial::{Refusal, TrialOutcome};
use crate::table_name::TableName;
use crate::verdict::{Failure, Verdict, sqlstate};

/// Read-only servers are told of by the server's own findings.
const READ_ONLY: &[&str] = &["25006"];

/// What the rest of the check knows of a sample.
pub struct Known<'k> {
    /// The destination, to name it.
    pub postgres: &'k PostgresConfig,
    /// The sample's table.
    pub table: &'k TableName,
    /// The events.
    pub sample: &'k TableSample<'k>,
    /// Whether an event is in the destination already, so that its row may have changed since.
    pub is_landed: &'k dyn Fn(Place) -> bool,
    /// Whether it was told already that a value of an event isn't one of its column's.
    pub is_told: &'k dyn Fn(usize) -> bool,
}

/// Events whose row in another table isn't there yet.
#[derive(Clone, Debug)]
pub struct AwaitedParents {
    table: TableName,
    why: String,
    about: AboutEvent,
    relatives: Vec<TableName>,
}

/// Adds what the trial found to what was found by the columns alone, and takes back what the trial has shown to be
/// otherwise. Returns the events that wait for rows of other tables.
pub fn judge_trial(
    outcome: &TrialOutcome,
    known: &Known<'_>,
    findings: &mut Vec<Finding>,
) -> Option<AwaitedParents> {
    let of_nulls = |finding: &Finding| ["nulls", "required_columns"].contains(&finding.code);
    let refuses_nulls = |one: &Refusal| one.failure.has_sqlstate(&[sqlstate::NOT_NULL_VIOLATION]);
    let is_complete = outcome.obstacle.is_none() && outcome.far_trigger.is_none();
    let all_written = outcome.refusals.iter().all(|one| one.by_postgres);
    if is_complete && all_written && !outcome.refusals.iter().any(refuses_nulls) {
        findings.retain(|finding| !of_nulls(finding)); // a trigger fills them in
    }
    let already = AlreadyTold {
        of_nulls: findings.iter().any(of_nulls),
        has_problem: findings.iter().any(Finding::is_problem),
    };
    let refused = RefusedSample::of_outcome(outcome, known, already);
    findings.extend(refused.to_findings(known));
    if refused.makes_letters_of_all {
        // none of several causes may be all there is
        findings.iter_mut().for_each(Finding::weigh_letters);
    }
    findings.extend(explain_obstacle(outcome, known));
    findings.extend(outcome.altered_key.as_ref().map(|failure| {
        let remedy = "or give the key its former type; as it is, `run` lets the partitions of its topics stand still";
        Finding::problem("key_altered", failure.to_string(), remedy)
    }));
    let awaited = refused.awaited.iter().next()?;
    Some(AwaitedParents {
        table: known.table.clone(),
        why: awaited.first.failure.log_line.clone(),
        about: refused.tell_first(awaited, known)?,
        relatives: outcome.relatives.clone(),
    })
}

/// Events that wait for rows which no topic brings, one finding a table: a problem where all do. Rows that another topic brings may well
/// come, as a sample isn't all of it.
pub fn judge_awaited(lines: &[TopicLine]) -> Vec<Finding> {
    let fed: Vec<&str> = lines.iter().filter_map(|l| l.table.as_deref()).collect();
    let awaited = lines
        .iter()
        .filter_map(|line| Some((line, line.awaited.as_ref()?)));
    let lone = awaited.filter(|(_, awaited)| {
        let mut relatives = awaited.relatives.iter().map(ToString::to_string);
        !relatives.any(|name| fed.contains(&name.as_str()))
    });
    lone.map(|(line, awaited)| {
        let AwaitedParents { table, why, about, .. } = awaited;
        let AboutEvent { count, reached, .. } = about;
        weigh_finding(
            "parents_missing",
            format!("{count} of {reached} sampled events of {table} refer to rows that aren't there, of a table that none of the topics leads to: {why}; {about}"),
            "bring the other table's rows, by its topic or by other means; as it is, `run` waits for them (retry.parent_wait) and then puts such an event aside as a dead letter (constraint)",
            count >= reached,
        )
        .of_topic(&line.topic)
        .of_table(table)
        .of_event(awaited.about.clone())
    })
    .collect()
}

/// What is to be done about what `run` stops for.
pub fn mend_stop(failure: &Failure) -> String {
    let is_denied = failure.has_sqlstate(&[sqlstate::INSUFFICIENT_PRIVILEGE]);
    let mend = match is_denied {
        true => {
            "GRANT the role what is denied it; where it is a trigger that needs it, its function can be SECURITY DEFINER instead"
        }
        false => "mend what it says",
    };
    format!(
        "{mend}; as it is, `run` stops the partition there until it is mended, and puts nothing aside"
    )
}

/// That not all was tried.
fn explain_obstacle(outcome: &TrialOutcome, known: &Known<'_>) -> Option<Finding> {
    let table = known.table;
    if let Some(trigger) = &outcome.far_trigger {
        return Some(Finding::warning(
            "not_tried",
            format!(
                "its sampled events weren't tried on {table}: the trigger {trigger} may reach beyond Postgres, where nothing is rolled back"
            ),
            "nothing, if the events are known to fit; `landfall check --trial always` tries them all the same",
        ));
    }
    let failure = outcome.obstacle.as_ref()?;
    match failure.verdict {
        Verdict::Unavailable if failure.has_sqlstate(READ_ONLY) => None,
        Verdict::Unavailable => Some(explain_unreachable(known.postgres, failure)),
        Verdict::Systemic => Some(Finding::problem(
            "event_stops",
            format!("the sampled events can't be written to {table}: {failure}"),
            mend_stop(failure),
        )),
        _ => {
            let locks = &[
                sqlstate::LOCK_NOT_AVAILABLE,
                sqlstate::QUERY_CANCELED,
                sqlstate::DEADLOCK_DETECTED,
            ];
            let why = if failure.has_sqlstate(locks) {
                "a lock stood in the way, or a statement took too long"
            } else {
                "it came to no end"
            };
            Some(Finding::warning(
                "not_tried",
                format!("not all of its sampled events were tried on {table}: {why}: {failure}"),
                "see who holds a lock on the table or its rows (pg_locks, pg_blocking_pids), and check again; `run` waits for it",
            ))
        }
    }
}
