//! The events of a sample that a worker would refuse, by why: one finding for each cause.

use crate::operator::check::causes::{Alike, Causes, ChangeKind, tell_letter, weigh_finding};
use crate::operator::check::finding::{AboutEvent, Finding};
use crate::operator::check::trial::judged::{Known, mend_stop};
use crate::operator::check::trial::{Refusal, TrialOutcome};
use crate::verdict::{Failure, Reason, Verdict, sqlstate};

/// So many refused events of a kind tell of their kind: one alone may be odd.
const TELL_OF_KIND: usize = 2;

/// What is told already without a trial.
#[derive(Clone, Copy)]
pub struct AlreadyTold {
    /// Columns that take no null.
    pub of_nulls: bool,
    /// Anything that `run` doesn't get along with.
    pub has_problem: bool,
}

/// What is the same for all refusals of one cause; no value is part of it.
#[derive(PartialEq)]
struct Cause<'o> {
    verdict: Verdict,
    sqlstate: Option<&'o str>,
    column: Option<&'o str>,
    words: &'o str,
}

/// The refused events of a sample.
pub struct RefusedSample<'o> {
    causes: Causes<Cause<'o>, &'o Refusal>,
    /// Those that wait for rows of other tables.
    pub awaited: Causes<(), &'o Refusal>,
    /// How many of the sample's events got as far as being tried and aren't told of otherwise, in all
    reached: usize,
    /// and by what they do.
    reached_by_kind: Vec<ChangeKind>,
    refused_by_kind: Vec<ChangeKind>,
    /// All that was tried would become dead letters, for whatever causes, those that are told already among them.
    pub makes_letters_of_all: bool,
}

impl<'o> RefusedSample<'o> {
    /// Leaves out what is told already, and what is in already and may have become otherwise since.
    pub fn of_outcome(outcome: &'o TrialOutcome, known: &Known<'_>, told: AlreadyTold) -> Self {
        let changes = &known.sample.changes;
        let kind_at = |at: usize| ChangeKind::of_change(changes.get(at)?);
        let (mut left_out, mut refused) = (Vec::new(), Vec::new());
        let (mut causes, mut awaited) = (Causes::default(), Causes::default());
        for refusal in &outcome.refusals {
            let kind = kind_at(refusal.at);
            if is_left_out(refusal, known, told) {
                left_out.push(refusal.at);
            } else if refusal.failure.verdict == Verdict::Early {
                awaited.note_sample((), refusal, kind);
            } else {
                refused.extend(kind);
                causes.note_sample(Cause::of_refusal(refusal), refusal, kind);
            }
        }
        let reached = (0..changes.len()).filter(|at| !left_out.contains(at));
        let becomes_letter = |refusal: &&Refusal| {
            matches!(refusal.failure.verdict, Verdict::Reject(_)) && !is_old(refusal, known)
        };
        let letters = outcome.refusals.iter().filter(becomes_letter).count();
        Self {
            causes,
            awaited,
            reached: outcome.tried.saturating_sub(left_out.len()),
            reached_by_kind: reached.filter_map(kind_at).collect(),
            refused_by_kind: refused,
            makes_letters_of_all: letters > 0 && letters >= outcome.tried,
        }
    }

    /// One for each cause.
    pub fn to_findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let findings = self.causes.iter();
        findings
            .filter_map(|alike| self.to_finding(alike, known))
            .collect()
    }

    /// The first of those that are alike, and how many they are.
    pub fn tell_first<C>(
        &self,
        alike: &Alike<C, &'o Refusal>,
        known: &Known<'_>,
    ) -> Option<AboutEvent> {
        let place = known.sample.places.get(alike.first.at)?;
        let failure = &alike.first.failure;
        let becomes_letter = matches!(failure.verdict, Verdict::Reject(_) | Verdict::Early);
        Some(AboutEvent {
            partition: place.partition,
            offset: place.offset,
            column: alike.first.column.clone(),
            sqlstate: failure.sqlstate.clone(),
            verdict: failure.verdict.name(),
            reason: becomes_letter.then(|| Reason::of(failure.verdict).name()),
            count: alike.count,
            reached: self.reached,
        })
    }

    fn to_finding(
        &self,
        alike: &Alike<Cause<'o>, &'o Refusal>,
        known: &Known<'_>,
    ) -> Option<Finding> {
        let (failure, table) = (&alike.first.failure, known.table);
        let about = self.tell_first(alike, known)?;
        let said = &failure.log_line;
        let Verdict::Reject(reason) = failure.verdict else {
            // the others weren't looked at
            let found = format!("sampled events can't be written to {table}: {said}; {about}");
            return Some(
                Finding::problem("event_stops", found, mend_stop(failure)).of_event(about),
            );
        };
        let (count, reached) = (alike.count, self.reached);
        // one of several causes may still be all there is
        let is_all = self.causes.count_samples() >= reached;
        let kinds = self.list_refused_kinds(alike);
        let throughout = match kinds.as_slice() {
            [] => String::new(),
            _ if is_all => String::new(),
            kinds => format!(" (and all {} are refused)", kinds.join(" and ")),
        };
        let column = alike.first.column.as_deref();
        let column = column.map(|name| format!(", for the value of column {name}"));
        let found = format!(
            "{count} of {reached} sampled events can't be written to {table}{throughout}: {said}{}; {about}",
            column.unwrap_or_default()
        );
        let remedy = format!(
            "{}; {}",
            suggest_remedy(failure, reason),
            tell_letter(reason)
        );
        let finding = weigh_finding("event_refused", found, &remedy, is_all || !kinds.is_empty());
        Some(finding.of_event(about))
    }

    /// The kinds of these events of which all are refused. What is said of the rows that are there may be otherwise
    /// when the events come, so that only a whole sample tells of it.
    fn list_refused_kinds<C>(&self, alike: &Alike<C, &'o Refusal>) -> Vec<&'static str> {
        if depends_on_rows(&alike.first.failure) {
            return Vec::new();
        }
        let count = |kinds: &[ChangeKind], kind| kinds.iter().filter(|k| **k == kind).count();
        let kinds = alike.kinds.iter().filter(|kind| {
            let refused = count(&self.refused_by_kind, **kind);
            refused >= TELL_OF_KIND && refused >= count(&self.reached_by_kind, **kind)
        });
        kinds.map(|kind| kind.plural()).collect()
    }
}

impl<'o> Cause<'o> {
    fn of_refusal(refusal: &'o Refusal) -> Self {
        let failure = &refusal.failure;
        Self {
            verdict: failure.verdict,
            sqlstate: failure.sqlstate.as_deref(),
            column: refusal.column.as_deref(),
            words: &failure.log_line,
        }
    }
}

/// Whether it is told otherwise, or is no wonder.
fn is_left_out(refusal: &Refusal, known: &Known<'_>, told: AlreadyTold) -> bool {
    let failure = &refusal.failure;
    let refuses_nulls = failure.has_sqlstate(&[sqlstate::NOT_NULL_VIOLATION]);
    let is_told = match failure.verdict {
        Verdict::Systemic => !refusal.by_postgres && told.has_problem,
        Verdict::Reject(_) if refusal.by_postgres => told.of_nulls && refuses_nulls,
        _ => (known.is_told)(refusal.at),
    };
    // the event that takes a row from its old key may have been landed long ago
    let is_moved = failure.verdict == Verdict::Early && failure.sqlstate.is_none();
    is_told || is_moved || is_old(refusal, known)
}

/// Whether it is said of rows as they are now, and the event is in already.
fn is_old(refusal: &Refusal, known: &Known<'_>) -> bool {
    let place = known.sample.places.get(refusal.at);
    depends_on_rows(&refusal.failure) && place.is_some_and(|place| (known.is_landed)(*place))
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

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::*;
    use crate::config::Config;
    use crate::format::decode::Decoder;
    use crate::operator::check::observe::observe_records;
    use crate::operator::check::testing::event;
    use crate::operator::check::trial::judged::judge_trial;
    use crate::record::Record;
    use crate::table_name::TableName;

    /// What is found of events of these operations, of which Postgres has refused these, each for the value of another
    /// column; the others fail as `told`.
    fn judge(operations: &[&str], refused: &[usize], told: &[usize]) -> Vec<Finding> {
        let key = |at: usize| format!(r#"{{"id":{at}}}"#);
        let records: Vec<_> = (operations.iter().enumerate())
            .map(|(at, op)| Record {
                offset: at as i64,
                ..event(op, &key(at), &key(at))
            })
            .collect();
        let arena = Bump::new();
        let mut observed = observe_records(Decoder::new(Vec::new().into(), true), &records, &arena);
        let (table, sample) = observed.tables.pop_first().expect("a table");
        let refusal = |at: usize, by_postgres| Refusal {
            at,
            failure: Failure::new(Verdict::Reject(Reason::Value), format!("odd {at}")),
            column: Some(format!("c{at}")),
            by_postgres,
        };
        let by_postgres = refused.iter().map(|at| refusal(*at, true));
        let outcome = TrialOutcome {
            tried: operations.len(),
            refusals: by_postgres
                .chain(told.iter().map(|at| refusal(*at, false)))
                .collect(),
            ..TrialOutcome::default()
        };
        let config = "[kafka]\nbrokers = \"k:1\"\ntopics = [\"t\"]\n[postgres]\nurl = \"postgres://a@b/c\"\n";
        let config = Config::parse(config).expect("a configuration");
        let known = Known {
            postgres: &config.postgres,
            table: &table,
            sample: &sample,
            is_landed: &|_| false,
            is_told: &|at| told.contains(&at),
        };
        let about = sample.tell_first(0, Reason::Value, 1, operations.len());
        let of_columns = Finding::warning("values_unfit", "told", "mend it").of_event(about);
        let mut findings = Vec::from_iter((!told.is_empty()).then_some(of_columns));
        judge_trial(&outcome, &known, &mut findings);
        assert_eq!(table, TableName::new("public", "orders"));
        findings
    }

    fn problems(findings: &[Finding]) -> usize {
        findings.iter().filter(|it| it.is_problem()).count()
    }

    #[test]
    fn one_odd_event_tells_nothing_of_its_kind_and_several_without_any_other_do() {
        let findings = judge(&["c", "c", "c", "u"], &[3], &[]);
        assert_eq!((findings.len(), problems(&findings)), (1, 0));
        assert!(!findings[0].found.contains("all updates"), "{findings:?}");
        let findings = judge(&["c", "c", "u", "u"], &[2, 3], &[]);
        assert_eq!((findings.len(), problems(&findings)), (2, 2));
        assert!(findings[0].found.contains("all updates"), "{findings:?}");
        let findings = judge(&["c", "u", "u", "u"], &[2, 3], &[]);
        assert_eq!((findings.len(), problems(&findings)), (2, 0));
    }

    #[test]
    fn causes_that_together_make_letters_of_all_are_problems_those_told_of_the_columns_among_them()
    {
        let findings = judge(&["c", "c", "c"], &[0, 1], &[2]);
        assert_eq!((findings.len(), problems(&findings)), (3, 3));
        let findings = judge(&["c", "c", "c", "c"], &[0, 1], &[2]);
        assert_eq!((findings.len(), problems(&findings)), (3, 0));
    }
}
