//! What a trial's outcome means for whoever runs the check.

use crate::config::PostgresConfig;
use crate::operator::check::destination::explain_unreachable;
use crate::operator::check::finding::{AboutEvent, Finding};
use crate::operator::check::observe::Place;
use crate::operator::check::report::TopicLine;
use crate::operator::check::trial::{Refusal, TrialOutcome};
use crate::table_name::TableName;
use crate::verdict::{Failure, Reason, Verdict, sqlstate};

/// Read-only servers are told of by the server's own findings.
const READ_ONLY: &[&str] = &["25006"];

/// What the rest of the check knows of a sample.
pub struct Known<'k> {
    /// The destination, to name it.
    pub postgres: &'k PostgresConfig,
    /// The sample's table.
    pub table: &'k TableName,
    /// Where each event of the sample was read.
    pub places: &'k [Place],
    /// Whether an event is in the destination already, so that its row may have changed since.
    pub is_landed: &'k dyn Fn(Place) -> bool,
    /// Whether it was told already that a value of an event isn't one of its column's.
    pub is_told: &'k dyn Fn(usize) -> bool,
}

/// Events whose row in another table isn't there yet.
#[derive(Clone, Debug)]
pub struct AwaitedParents {
    table: TableName,
    count: usize,
    tried: usize,
    why: String,
    about: AboutEvent,
    relatives: Vec<TableName>,
}

/// Refusals that say the same.
struct Alike<'o> {
    first: &'o Refusal,
    count: usize,
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
    let nulls_told = findings.iter().any(of_nulls);
    let has_problem = findings.iter().any(Finding::is_problem);
    let (mut alike, mut awaited): (Vec<Alike<'_>>, Option<Alike<'_>>) = Default::default();
    for refusal in &outcome.refusals {
        let Some(place) = known.places.get(refusal.at) else {
            continue;
        };
        let failure = &refusal.failure;
        let is_old = depends_on_rows(failure) && (known.is_landed)(*place);
        let is_told = match failure.verdict {
            Verdict::Systemic => !refusal.by_postgres && has_problem,
            Verdict::Reject(_) if refusal.by_postgres => nulls_told && refuses_nulls(refusal),
            _ => (known.is_told)(refusal.at),
        };
        // the event that takes a row from its old key may have been landed long ago
        let is_moved = failure.verdict == Verdict::Early && failure.sqlstate.is_none();
        if is_old || is_told || is_moved {
            continue;
        }
        let known_one = if failure.verdict == Verdict::Early {
            awaited.as_mut()
        } else {
            alike.iter_mut().find(|one| one.first.says_same(refusal))
        };
        match known_one {
            Some(one) => one.count += 1,
            None if failure.verdict == Verdict::Early => awaited = Some(Alike::of_one(refusal)),
            None => alike.push(Alike::of_one(refusal)),
        }
    }
    let tried = outcome.tried;
    findings.extend(alike.iter().filter_map(|one| one.to_finding(tried, known)));
    findings.extend(explain_obstacle(outcome, known));
    findings.extend(outcome.altered_key.as_ref().map(|failure| {
        let remedy = "or give the key its former type; as it is, `run` lets the partitions of its topics stand still";
        Finding::problem("key_altered", failure.to_string(), remedy)
    }));
    let one = awaited?;
    Some(AwaitedParents {
        table: known.table.clone(),
        count: one.count,
        tried,
        why: one.first.failure.log_line.clone(),
        about: one.about_first(known)?,
        relatives: outcome.relatives.clone(),
    })
}

/// Events that wait for rows which no topic brings: a warning for each table. Rows that another topic brings may well
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
        let AwaitedParents { table, count, tried, why, .. } = awaited;
        Finding::warning(
            "parents_missing",
            format!("{count} of {tried} sampled events of {table} refer to rows that aren't there, of a table that none of the topics leads to: {why}; {}", awaited.about),
            "bring the other table's rows, by its topic or by other means; as it is, `run` waits for them (retry.parent_wait) and then puts such an event aside as a dead letter",
        )
        .of_topic(&line.topic)
        .of_table(table)
        .of_event(awaited.about.clone())
    })
    .collect()
}

/// Whether it is said of the rows that are there, and not of the event alone.
fn depends_on_rows(failure: &Failure) -> bool {
    let codes = &[sqlstate::UNIQUE_VIOLATION, sqlstate::EXCLUSION_VIOLATION];
    failure.has_sqlstate(codes)
        || matches!(
            failure.verdict,
            Verdict::Early | Verdict::Reject(Reason::Incomplete)
        )
}

impl Refusal {
    fn says_same(&self, other: &Refusal) -> bool {
        let said = |one: &Refusal| {
            (
                one.failure.verdict,
                one.failure.log_line.clone(),
                one.column.clone(),
            )
        };
        said(self) == said(other)
    }
}

impl<'o> Alike<'o> {
    fn of_one(first: &'o Refusal) -> Self {
        Self { first, count: 1 }
    }

    fn about_first(&self, known: &Known<'_>) -> Option<AboutEvent> {
        let place = known.places.get(self.first.at)?;
        let failure = &self.first.failure;
        Some(AboutEvent {
            partition: place.partition,
            offset: place.offset,
            column: self.first.column.clone(),
            sqlstate: failure.sqlstate.clone(),
            verdict: failure.verdict.name(),
        })
    }

    fn to_finding(&self, tried: usize, known: &Known<'_>) -> Option<Finding> {
        let (failure, count) = (&self.first.failure, self.count);
        let about = self.about_first(known)?;
        let column = self.first.column.as_deref();
        let column = column.map(|name| format!(", for the value of column {name}"));
        let found = format!(
            "{count} of {tried} sampled events can't be written to {}: {}{}; {about}",
            known.table,
            failure.log_line,
            column.unwrap_or_default()
        );
        let finding = match failure.verdict {
            Verdict::Reject(reason) => {
                let remedy = format!(
                    "{}; as it is, `run` puts such an event aside as a dead letter ({})",
                    suggest_remedy(failure, reason),
                    reason.name()
                );
                if count >= tried && !depends_on_rows(failure) {
                    Finding::problem("event_refused", found, remedy)
                } else {
                    Finding::warning("event_refused", found, remedy)
                }
            }
            // the others weren't looked at
            _ => {
                let (table, said) = (known.table, &failure.log_line);
                let found = format!("sampled events can't be written to {table}: {said}; {about}");
                Finding::problem("event_stops", found, STOPS)
            }
        };
        Some(finding.of_event(about))
    }
}

const STOPS: &str = "mend what it says; as it is, `run` stops the partition there until it is mended, and puts nothing aside";

fn suggest_remedy(failure: &Failure, reason: Reason) -> &'static str {
    match (failure.sqlstate.as_deref(), reason) {
        (Some(sqlstate::STRING_TOO_LONG), _) => {
            "make the column as wide as the source's (ALTER TABLE … ALTER COLUMN … TYPE …)"
        }
        (Some(sqlstate::INVALID_TEXT), _) => {
            "give the column a type that reads the source's values (an enum: ALTER TYPE … ADD VALUE …)"
        }
        (Some(sqlstate::UNIQUE_VIOLATION | sqlstate::EXCLUSION_VIOLATION), _) => {
            "another row has the value: see whether the source has this constraint too; nothing, if a later event of the topic frees it"
        }
        (_, Reason::Incomplete) => {
            "have the source send its rows once more (a snapshot), or start where it has sent them"
        }
        (_, Reason::MissingKey) => "see that the source's events have a key without nulls",
        (_, Reason::Constraint) => {
            "drop or loosen the constraint or trigger that it names, or mend these rows at the source"
        }
        _ => "give the column a type that fits the source's",
    }
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
            STOPS,
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
